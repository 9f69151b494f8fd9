"""What a flow file says of people who are asked, and what a run's machine decides of them: the run rests, and goes on."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from dagger_actors import DefinitionError
from dagger_actors.core.awaits import Wanted
from dagger_actors.core.messages import Failed, Inline, Succeeded
from dagger_actors.core.protocols import Now
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.definition import Approval, FlowDefinition, NodeDefinition
from dagger_actors.flow.loading.approvals import NOT_OF_PEOPLE
from dagger_actors.flow.loading.json_schema import flow_schema
from dagger_actors.flow.loading.loader import load_flow
from dagger_actors.flow.machine.answers import outcome_of
from dagger_actors.flow.machine.decisions import FOREVER, Decision, Finish, Grant
from dagger_actors.flow.machine.events import Answer, Cancelled, Event, Opened, Prepared, WaitOver
from dagger_actors.flow.machine.invocations import RunIdentity, StoredNode
from dagger_actors.flow.machine.machine import FlowMachine
from dagger_actors.flow.stored.restore import restore

WANTED = Wanted("human", '{"type":"bool"}')
YES = outcome_of(Inline(b"true"), "ann", is_rejected=False)
NO = outcome_of(Inline(b"null"), "ann", "too dear", is_rejected=True)


def at(seconds: float) -> Now:
    return Now(round(seconds * 1e6), round(seconds * 1e6))


def of_file(approval: object, config: dict[str, object] | None = None, **keys: object) -> Approval:
    """The definition of a node with such an approval."""
    node = {"id": "ok", **({} if approval is None else {"approval": approval}), **keys}
    flow: dict[str, Any] = {"name": "f", "config": config or {}, "nodes": [node]}
    assert not list(jsonschema.Draft202012Validator(flow_schema()).iter_errors(flow))
    awaits = load_flow(flow, registry=ActionRegistry()).nodes[0].awaits
    assert isinstance(awaits, Approval)
    return awaits


def test_each_key_of_an_approval_says_something() -> None:
    """Law: what is left out is a yes-or-no question without a limit; each key that is written is in the definition."""
    assert of_file({}) == of_file(None, action="human_interrupt") == of_file({}, action="human_interrupt") == Approval()
    assert of_file({"message": "Ship?"}).message == "Ship?"
    assert of_file({"type": "int"}).type == "int"
    assert of_file({"timeout_s": 5}) == Approval(timeout_s=5)
    own = {"timeout_s": 5, "on_timeout": "autopilot", "default": True}
    assert of_file(own) == Approval(timeout_s=5, on_timeout="autopilot", default="true")


def test_what_a_node_says_beats_the_config_of_its_flow() -> None:
    """Law: human_wait_minutes and human_timeout_action are for approvals that say nothing themselves."""
    config: dict[str, object] = {"human_wait_minutes": 2, "human_timeout_action": "autopilot"}
    assert of_file({"default": False}, config) == Approval(timeout_s=120, on_timeout="autopilot", default="false")
    assert of_file({"timeout_s": 5, "on_timeout": "pause"}, config) == Approval(timeout_s=5)


BAD: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no default": (
        {"approval": {"timeout_s": 5, "on_timeout": "autopilot"}},
        {},
        "approval.default is missing: it is the answer of the autopilot",
    ),
    "no default for the config": (
        {"approval": {}},
        {"human_wait_minutes": 1, "human_timeout_action": "autopilot"},
        "approval.default is missing: it is the answer of the autopilot",
    ),
    "default of another type": (
        {"approval": {"type": "int", "timeout_s": 5, "on_timeout": "autopilot", "default": "x"}},
        {},
        "approval.default must be of type int, not the text 'x'",
    ),
    "default that is long": (
        {"approval": {"type": "str", "timeout_s": 5, "on_timeout": "autopilot", "default": "x" * 1023}},
        {},
        "approval.default has 1,025 characters, and 1,024 may be",
    ),
    "default that is never used": (
        {"approval": {"timeout_s": 5, "default": True}},
        {},
        "approval.default is the answer of the autopilot, and there is none",
    ),
    "policy without a limit": (
        {"approval": {"on_timeout": "pause"}},
        {},
        "approval.on_timeout never happens: nothing says how long it is waited for",
    ),
    "an action besides": (
        {"approval": {}, "action": "fetch"},
        {},
        "action is for nodes that run one, and this one asks a person",
    ),
    "no mapping": ({"approval": "Ship?"}, {}, "approval must be a mapping, not the text 'Ship?'"),
    "another type": (
        {"approval": {"type": "date"}},
        {},
        "approval.type must be one of int, float, str, bool, list, dict, any, not the text 'date'",
    ),
    "a long message": (
        {"approval": {"message": "x" * 4001}},
        {},
        "approval.message has 4,001 characters, and 4,000 may be",
    ),
    "a limit of nothing": (
        {"approval": {"timeout_s": 0}},
        {},
        "approval.timeout_s must be more than 0 and at most 316,224,000 seconds, not the number 0",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_an_approval_that_cannot_be_is_refused_with_advice(what: str) -> None:
    """Law: each mistake has its sentence, and says what to do."""
    node, config, message = BAD[what]
    with pytest.raises(DefinitionError) as caught:
        load_flow({"name": "f", "config": config, "nodes": [{"id": "ok", **node}]}, registry=ActionRegistry())
    assert any(message in problem.message and problem.advice for problem in caught.value.problems)


@pytest.mark.parametrize("key", NOT_OF_PEOPLE)
def test_a_key_that_says_how_an_action_is_run_is_refused_by_reader_and_schema(key: str) -> None:
    """Law: nothing is accepted and ignored."""
    values = {"inputs": {}, "outputs": ["a"], "map": {"over": "inputs.x", "item": "y"}, "isolation": "thread"}
    values |= {"await_message": {"channel": "c"}, "retry_strategy": "immediate", "durability": "at_most_once"}
    values |= {"cache": True, "onfailure": False}
    node = {"id": "ok", "approval": {}, key: values.get(key, 1)}
    flow = {"name": "f", "nodes": [node]}
    assert list(jsonschema.Draft202012Validator(flow_schema()).iter_errors(flow))
    with pytest.raises(DefinitionError) as caught:
        load_flow(flow, registry=ActionRegistry())
    assert any(f"{key} is for nodes that run an action, and this one asks" in str(one) for one in caught.value.problems)


# --- the machine


def machine_of(asks: Approval, *, status: str = "pending") -> FlowMachine:
    """A node that asks, one that needs it, and one that does not."""
    nodes = (
        NodeDefinition(id="ok", awaits=asks),
        NodeDefinition(id="then", action="a", dependencies=(0,)),
    )
    identity = RunIdentity(run_key=1, run_id="r", owner=2, epoch=2)
    return FlowMachine(FlowDefinition(name="f", nodes=nodes), identity, status=status)


def asked(asks: Approval) -> Decision:
    machine = machine_of(asks)
    machine.apply(Opened(mode="start"), at(0))
    return machine.apply(Prepared(0, WANTED), at(1))


def reopened(
    asks: Approval, event: Event, seconds: float, *, due_at: int | None = None
) -> tuple[FlowMachine, Decision]:
    machine = machine_of(asks, status="paused")
    row = StoredNode(
        node=0, item=-1, attempt=1, state="waiting", try_no=1, crash_no=0, output=None, output_artifact=None, size=None,
        due_at=due_at, started_at=1_000_000, reason="human",
    )  # fmt: skip
    restore(machine, [row], "recover")
    return machine, machine.apply(event, at(seconds))


def told(decision: Decision) -> list[tuple[str, str]]:
    return [(row.node_id, row.state) for row in decision.rows]


@pytest.mark.parametrize(("timeout_s", "until"), [(None, FOREVER), (60.0, 61_000_000)])
def test_a_run_that_only_people_hold_up_comes_to_rest_at_once(timeout_s: float | None, until: int) -> None:
    """Law: it is paused with the question in its row, and says when it is to be looked at again."""
    decision = asked(Approval(timeout_s=timeout_s))
    (row,) = decision.rows
    assert (row.state, row.reason, row.due_at) == ("waiting", "human", None if timeout_s is None else 61_000_000)
    assert decision.effects[-1] == Finish("paused", until)


def test_a_run_that_is_opened_for_an_answer_waits_until_it_is_told() -> None:
    """Law: it does not come to rest before; with the answer it goes on."""
    machine, decision = reopened(Approval(), Opened(mode="recover", answered=frozenset({(0, -1, 1)})), 5)
    assert not any(isinstance(effect, Finish) for effect in decision.effects)
    decision = machine.apply(Answer(0, -1, 1, YES), at(6))
    assert told(decision) == [("ok", "succeeded"), ("then", "ready")]
    assert Grant(1, -1, 1) in decision.effects
    assert machine.apply(Answer(0, -1, 1, NO), at(7)) == Decision()


def test_a_run_that_is_opened_without_an_answer_rests_again() -> None:
    """Law: nothing of it has changed."""
    _, decision = reopened(Approval(), Opened(mode="resume"), 5)
    assert (decision.rows, decision.effects[-1]) == ((), Finish("paused", FOREVER))


def test_a_rejection_fails_the_node() -> None:
    """Law: with who said no, and why; what depends on it is skipped."""
    machine, _ = reopened(Approval(), Opened(mode="recover", answered=frozenset({(0, -1, 1)})), 5)
    decision = machine.apply(Answer(0, -1, 1, NO), at(6))
    assert told(decision) == [("ok", "failed"), ("then", "skipped")]
    assert machine.book.run.error == "ok: Rejected: rejected by ann: too dear"


@pytest.mark.parametrize(
    ("default", "kind", "states"),
    [
        ("true", "bool", [("ok", "succeeded"), ("then", "ready")]),
        ("false", "bool", [("ok", "failed"), ("then", "skipped")]),
        ("false", "any", [("ok", "succeeded"), ("then", "ready")]),
    ],
)
def test_the_autopilot_answers_when_nobody_does(default: str, kind: Any, states: list[tuple[str, str]]) -> None:
    """Law: as a person would; a run that rested is opened for it, and does not rest before."""
    asks = Approval(type=kind, timeout_s=60, on_timeout="autopilot", default=default)
    machine, decision = reopened(asks, Opened(mode="recover"), 61, due_at=61_000_000)
    assert not any(isinstance(effect, Finish) for effect in decision.effects)
    assert told(machine.apply(WaitOver(0, -1, 1), at(61))) == states


def test_a_node_that_nobody_answers_is_parked_and_takes_an_answer_later() -> None:
    """Law: on_timeout: pause; it waits on without a limit, and whoever answers then is heard."""
    machine, _ = reopened(Approval(timeout_s=60), Opened(mode="recover"), 61, due_at=61_000_000)
    decision = machine.apply(WaitOver(0, -1, 1), at(61))
    (row,) = decision.rows
    assert (row.state, row.reason, row.due_at) == ("waiting", "human", None)
    assert decision.effects[-1] == Finish("paused", FOREVER)
    _, decision = reopened(Approval(timeout_s=60), Opened(mode="recover", answered=frozenset({(0, -1, 1)})), 99)
    assert not any(isinstance(effect, Finish) for effect in decision.effects)


def test_a_run_that_is_cancelled_while_it_asks_asks_no_more() -> None:
    """Law: the question is cancelled, and the run is not to be looked at again."""
    _, decision = reopened(Approval(), Cancelled(calls=False), 5)
    assert told(decision) == [("ok", "cancelled"), ("then", "skipped")]
    assert decision.effects[-1] == Finish("cancelled")


def test_an_answer_is_an_outcome_with_its_giver() -> None:
    """Law: who has said it is in the row of the node, whichever way it goes."""
    assert isinstance(YES, Succeeded)
    assert YES.turn.reason == "answered by ann"
    assert isinstance(NO, Failed)
    assert NO.error.message == "rejected by ann: too dear"
