"""What a death does to attempts that had begun, to those that only had a place, and to those that had neither."""

from __future__ import annotations

from dagger_actors.core.protocols import Now
from dagger_actors.flow.definition import FlowDefinition, NodeDefinition
from dagger_actors.flow.machine.decisions import Decision, Grant
from dagger_actors.flow.machine.events import BodyKey, Opened
from dagger_actors.flow.machine.invocations import RunIdentity, StoredNode
from dagger_actors.flow.machine.machine import FlowMachine
from dagger_actors.flow.machine.opening import CRASH_CAP
from dagger_actors.flow.restore import restore

NOW = Now(1_000_000, 0)
FIRST: BodyKey = (0, -1, 1)


def reopened(
    state: str = "ready",
    *,
    crash_no: int = 0,
    crashed: frozenset[BodyKey] = frozenset(),
    unbegun: frozenset[BodyKey] = frozenset(),
    is_forced: bool = False,
) -> Decision:
    definition = FlowDefinition(name="one", nodes=(NodeDefinition(id="n", action="a"),))
    identity = RunIdentity(run_key=1, run_id="r", owner=2, epoch=2)
    machine = FlowMachine(definition, identity, status="running")
    row = StoredNode(
        node=0,
        item=-1,
        attempt=1,
        state=state,
        try_no=1,
        crash_no=crash_no,
        output=None,
        output_artifact=None,
        size=None,
        due_at=None,
        started_at=None,
    )
    restore(machine, [row], "recover")
    return machine.apply(Opened(mode="recover", crashed=crashed, unbegun=unbegun, is_forced=is_forced), NOW)


def grants(decision: Decision) -> list[Grant]:
    return [effect for effect in decision.effects if isinstance(effect, Grant)]


def test_what_never_began_is_granted_again_under_its_own_number() -> None:
    """No body ran, so nothing is repeated and nothing counts."""
    for unbegun in (frozenset[BodyKey](), frozenset({FIRST})):
        decision = reopened(unbegun=unbegun)
        assert decision.rows == ()
        assert grants(decision) == [Grant(*FIRST)]


def test_what_had_begun_is_interrupted_and_made_again_under_a_new_number() -> None:
    """Exactly the begun attempts count against the cap on crashes."""
    decision = reopened(crashed=frozenset({FIRST}))
    assert [(row.attempt, row.state, row.crash_no) for row in decision.rows] == [(1, "interrupted", 0), (2, "ready", 1)]
    assert grants(decision) == [Grant(0, -1, 2)]


def test_a_place_alone_never_parks_work() -> None:
    """Three deaths right after the start must not park what never ran; three deaths under its body must."""
    innocent = reopened("running", crash_no=CRASH_CAP - 1, unbegun=frozenset({FIRST}))
    assert [(row.state, row.crash_no) for row in innocent.rows] == [("interrupted", 2), ("ready", 2)]
    guilty = reopened("running", crash_no=CRASH_CAP - 1, crashed=frozenset({FIRST}))
    assert [(row.state, row.crash_no, row.reason) for row in guilty.rows][1] == ("waiting", 3, "poison")


def test_a_stalled_owners_numbers_are_not_used_again() -> None:
    """It may wake up and begin what it was granted, so its grants are made anew; nothing counts as a crash."""
    decision = reopened(is_forced=True)
    assert [(row.attempt, row.state, row.crash_no) for row in decision.rows] == [(1, "interrupted", 0), (2, "ready", 0)]
