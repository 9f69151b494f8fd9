"""What a death does to attempts that had begun, to those that only had a place, and to those that had neither."""

from __future__ import annotations

import msgspec

from dagger_actors.core.messages import Inline, Succeeded
from dagger_actors.core.protocols import Now
from dagger_actors.flow.definition import FlowDefinition, FromInput, MapSpec, NodeDefinition
from dagger_actors.flow.machine.decisions import Decision, Grant
from dagger_actors.flow.machine.events import BodyKey, Ended, Opened, RetryDue
from dagger_actors.flow.machine.invocations import RunIdentity, StoredNode
from dagger_actors.flow.machine.machine import FlowMachine
from dagger_actors.flow.machine.opening import CRASH_CAP
from dagger_actors.flow.stored.restore import restore

NOW = Now(1_000_000, 0)
FIRST: BodyKey = (0, -1, 1)
CHANGES = ("state", "try_no", "crash_no", "due_at", "reason")


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


def parked(item: int) -> StoredNode:
    return StoredNode(
        node=0,
        item=item,
        attempt=4 if item >= 0 else 1,
        state="waiting" if item >= 0 else "running",
        try_no=1,
        crash_no=CRASH_CAP if item >= 0 else 0,
        output=None,
        output_artifact=None,
        size=None if item >= 0 else 2,
        due_at=None,
        started_at=None,
        reason="poison" if item >= 0 else None,
    )


def test_what_a_retry_releases_is_released_though_its_turn_comes_after_a_death() -> None:
    """Law: the release is in the file at once, not only that of the item which the limit of the map lets in."""
    mapped = MapSpec(over=FromInput("x"), item="item", limit=1)
    definition = FlowDefinition(name="f", nodes=(NodeDefinition(id="n", action="a", map=mapped),))
    identity = RunIdentity(run_key=1, run_id="r", owner=2, epoch=2)
    machine = FlowMachine(definition, identity, status="paused")
    restore(machine, [parked(-1), parked(0), parked(1)], "retry")
    decision = machine.apply(Opened(mode="retry"), NOW)
    assert grants(decision) == [Grant(0, 0, 4)]
    rows = {row.item: row for row in decision.rows}
    assert [(row.state, row.crash_no) for row in rows.values()] == [("ready", 0), ("waiting", 0)]
    later = [
        msgspec.structs.replace(parked(item), **{name: getattr(row, name) for name in CHANGES})
        for item, row in rows.items()
    ]
    machine = FlowMachine(definition, identity, status="running")
    restore(machine, [parked(-1), *later], "recover")
    assert grants(machine.apply(Opened(mode="recover"), NOW)) == [Grant(0, 0, 4)]
    machine.apply(RetryDue(0, 1, 4), NOW)
    assert grants(machine.apply(Ended(0, 0, 4, 0, 0, Succeeded(Inline(b"1"))), NOW)) == [Grant(0, 1, 4)]
