"""The state tables are closed, and what is final stays so."""

from __future__ import annotations

from typing import get_args

import pytest

from dagger_actors.core.states import (
    FINAL_NODE,
    FINAL_RUN,
    NODE_TRANSITIONS,
    RUN_TRANSITIONS,
    NodeState,
    RunState,
    is_legal,
)

TABLES = [(RUN_TRANSITIONS, get_args(RunState)), (NODE_TRANSITIONS, get_args(NodeState))]


@pytest.mark.parametrize(("table", "states"), TABLES, ids=["run", "node"])
def test_a_table_names_every_state_and_no_other(table: dict[str, frozenset[str]], states: tuple[str, ...]) -> None:
    """A state without a row would raise KeyError where a transition is asked for."""
    assert set(table) == set(states)
    assert set().union(*table.values()) <= set(states)


@pytest.mark.parametrize(("table", "states"), TABLES, ids=["run", "node"])
def test_every_state_can_be_reached_from_the_first_and_leads_to_an_end(
    table: dict[str, frozenset[str]], states: tuple[str, ...]
) -> None:
    """Nothing is stranded."""
    ends = FINAL_RUN if table is RUN_TRANSITIONS else FINAL_NODE

    def reached(start: str) -> set[str]:
        found, path = {start}, [start]
        while path:
            for new in table[path.pop()] - found:
                found.add(new)
                path.append(new)
        return found

    assert reached("pending") == set(states)
    assert all(reached(state) & ends for state in states)


def test_an_attempt_that_has_ended_never_changes() -> None:
    """An attempt ends in exactly one final state."""
    for old in FINAL_NODE:
        for new in get_args(NodeState):
            assert is_legal(NODE_TRANSITIONS, old, new) == (old == new)


def test_a_run_that_has_ended_only_runs_again() -> None:
    """A retry opens it; nothing turns one end into another."""
    for old in FINAL_RUN:
        for new in get_args(RunState):
            assert is_legal(RUN_TRANSITIONS, old, new) == (new in (old, "running"))


def test_staying_is_legal_everywhere_and_the_rest_is_as_the_table_says() -> None:
    """An illegal transition is a missing pair."""
    for table, states in TABLES:
        for old in states:
            for new in states:
                assert is_legal(table, old, new) == (old == new or new in table[old])


def test_finals_of_runs_are_finals_of_nodes() -> None:
    """One vocabulary: a run's end is told in the words of its nodes."""
    assert FINAL_RUN <= FINAL_NODE
