"""The published truth table of trigger rules, exhaustively."""

from __future__ import annotations

import itertools

import pytest

from dagger_actors.core.graph import Tally
from dagger_actors.core.trigger import NEEDS_DEPENDENCIES, TRIGGERS, holds, why_not

ENDS = ("succeeded", "failed", "skipped", "cancelled", "timed_out")

ONE: dict[str, set[str]] = {
    "all_succeeded": {"succeeded"},
    "all_done": set(ENDS),
    "any_succeeded": {"succeeded"},
    "any_failed": {"failed", "timed_out"},
    "none_failed": {"succeeded", "skipped"},
}
"""For each rule: the ends of a single dependency under which it holds."""

NOBODY = {"all_succeeded": True, "all_done": True, "any_succeeded": False, "any_failed": False, "none_failed": True}


def tally(ends: tuple[str, ...]) -> Tally:
    return Tally(**{end: ends.count(end) for end in ENDS})


@pytest.mark.parametrize("rule", TRIGGERS)
def test_the_table_over_every_combination_of_up_to_four_ends(rule):
    """`all_` and `none_` rules ask it of each dependency, `any_` rules of one."""
    allowed = ONE[rule]
    for count in range(5):
        for ends in itertools.combinations_with_replacement(ENDS, count):
            if not ends:
                expected = NOBODY[rule]
            elif rule.startswith("any_"):
                expected = any(end in allowed for end in ends)
            else:
                expected = all(end in allowed for end in ends)
            assert holds(rule, tally(ends)) is expected, (rule, ends)


def test_the_rules_that_need_dependencies_are_those_that_never_hold_without_any():
    assert {rule for rule in TRIGGERS if not NOBODY[rule]} == NEEDS_DEPENDENCIES


@pytest.mark.parametrize("rule", TRIGGERS)
def test_the_reason_names_the_rule(rule):
    assert rule in why_not(rule)
