"""Who goes next in a run: each gets its turn, once, however often it was woken, or what it waited for was told."""

from __future__ import annotations

import pytest

from dagger_actors.core.awaits import Wanted
from dagger_actors.core.messages import ErrorDetail, Inline, Succeeded
from dagger_actors.core.protocols import Now
from dagger_actors.flow.definition import (
    AwaitMessage,
    Comparison,
    FlowConfig,
    FlowDefinition,
    FromInput,
    Hook,
    MapSpec,
    NodeDefinition,
    SubFlow,
)
from dagger_actors.flow.machine.decisions import FOREVER, Await, Decision, Grant
from dagger_actors.flow.machine.events import (
    Answer,
    Ended,
    Event,
    Expanded,
    ExpansionFailed,
    Judged,
    Opened,
    Ordered,
    Prepared,
    Rested,
    Started,
    WaitOver,
    Woken,
)
from dagger_actors.flow.machine.invocations import RunIdentity
from dagger_actors.flow.machine.machine import FlowMachine
from dagger_actors.flow.machine.orders import Pause, Resume

GOOD = Succeeded(Inline(b"1"))
ERROR = ErrorDetail("builtins.ValueError", "no")
INSIDE = Wanted("flow", "{}")
WHEN = Comparison(FromInput("x"), "eq", "1")


def machine_of(*nodes: NodeDefinition, hooks: tuple[Hook, ...] = ()) -> FlowMachine:
    definition = FlowDefinition(name="f", nodes=nodes, config=FlowConfig(), hooks=hooks)
    machine = FlowMachine(definition, RunIdentity(run_key=1, run_id="r", owner=2, epoch=2))
    machine.apply(Opened(mode="start"), Now(0, 0))
    return machine


def tell(machine: FlowMachine, *events: Event) -> Decision:
    """The last decision."""
    return [machine.apply(event, Now(1, 1)) for event in events][-1]


def resting(count: int) -> FlowMachine:
    """A map of so many flows and one more, one at once: the last goes on, in the others people are asked."""
    mapped = MapSpec(over=FromInput("x"), item="item", limit=1)
    machine = machine_of(
        NodeDefinition(
            id="m", flow=SubFlow(name="inner", definition_id="1"), map=mapped, timeout_s=60, on_failure="continue"
        )
    )
    tell(machine, Expanded(0, count + 1))
    for item in range(count):
        tell(machine, Prepared(0, INSIDE, item), Rested(0, item, 1, FOREVER))
    tell(machine, Prepared(0, INSIDE, count))
    return machine


def test_who_was_woken_twice_takes_one_turn() -> None:
    """Law: of a map with a limit the next flow goes on when one has ended, however often others were woken."""
    machine = resting(2)
    tell(machine, Woken(0, 0, 1), Woken(0, 0, 1), Woken(0, 1, 1))
    assert Await(0, 0, 1) in tell(machine, Answer(0, 2, 1, GOOD)).effects
    assert Await(0, 1, 1) in tell(machine, Answer(0, 0, 1, GOOD)).effects


def test_whose_time_is_up_before_its_turn_leaves_it_to_the_next() -> None:
    """Law: a flow that was woken, and timed out before it could go on, keeps nobody waiting."""
    machine = resting(2)
    tell(machine, Woken(0, 0, 1), Woken(0, 1, 1), WaitOver(0, 0, 1))
    assert Await(0, 1, 1) in tell(machine, Answer(0, 2, 1, GOOD)).effects


@pytest.mark.parametrize(
    ("node", "event"),
    [
        (NodeDefinition(id="n", action="a", when=WHEN), Judged(0, verdict=True)),
        (NodeDefinition(id="n", action="a", when=WHEN, on_failure="pause"), Judged(0, ERROR)),
        (NodeDefinition(id="n", awaits=AwaitMessage(channel="c")), Prepared(0, Wanted("message", "{}", "c"))),
        (NodeDefinition(id="n", awaits=AwaitMessage(channel="c"), on_failure="pause"), Prepared(0, ERROR)),
        (
            NodeDefinition(id="n", action="a", map=MapSpec(over=FromInput("x"), item="i"), on_failure="pause"),
            ExpansionFailed(0, ERROR),
        ),
    ],
)
def test_what_is_told_twice_counts_once(node: NodeDefinition, event: Event) -> None:
    """Law: what was read of a node is told again when its supervisor was rebuilt meanwhile: it begins, or fails, once."""
    machine = machine_of(node, NodeDefinition(id="other", action="a"))
    first = tell(machine, Started(((1, -1, 1, 0),)), event)
    assert first.rows
    again = tell(machine, event)
    assert (again.rows, again.effects) == ((), ())


def test_a_node_whose_start_is_being_heard_begins_once_though_a_pause_is_called_off() -> None:
    """Law: its ``when`` has been judged before its hook was called: it is not judged anew, nor granted twice for that."""
    hook = Hook(event="node_start", action="hear")
    machine = machine_of(NodeDefinition(id="n", action="a", when=WHEN), hooks=(hook,))
    tell(machine, Judged(0, verdict=True))
    assert not machine.book.asking
    tell(machine, Ordered(Pause()), Ordered(Resume()))
    assert not machine.book.asking
    decision = tell(machine, Ended(1, -1, 1, 0, 0, GOOD))
    assert Grant(0, -1, 1) in decision.effects
    assert Grant(0, -1, 1) not in tell(machine, Judged(0, verdict=True)).effects
