"""What a run's machine decides of nodes that await something outside: they hold nothing, and end once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dagger_actors.core.awaits import Wanted
from dagger_actors.core.messages import ErrorDetail, Failed, Inline, Succeeded
from dagger_actors.core.protocols import Now
from dagger_actors.core.states import FINAL_NODE, NODE_TRANSITIONS, is_legal
from dagger_actors.flow.definition import AwaitMessage, FlowDefinition, NodeDefinition, OnFailure
from dagger_actors.flow.machine.decisions import ArmTimer, Await, Decision, Finish, Grant, NodeRow, Prepare
from dagger_actors.flow.machine.events import Answer, Cancelled, Detached, Event, Opened, Prepared, TimeUp, WaitOver
from dagger_actors.flow.machine.invocations import RunIdentity, StoredNode
from dagger_actors.flow.machine.machine import FlowMachine
from dagger_actors.flow.stored.restore import restore

WANTED = Wanted("message", '{"order":7}', "payments")
GOT = Succeeded(Inline(b'{"order":7}'))
REFUSED = Failed(ErrorDetail("dagger_actors.Rejected", "no"))


def at(seconds: float) -> Now:
    return Now(round(seconds * 1e6), round(seconds * 1e6))


def machine_of(*, timeout_s: float | None = 60.0, on_failure: OnFailure = "stop") -> FlowMachine:
    """A node that awaits a message, and one that needs it."""
    waits = NodeDefinition(
        id="paid", awaits=AwaitMessage(channel="payments", timeout_s=timeout_s), on_failure=on_failure
    )
    then = NodeDefinition(id="then", action="a", dependencies=(0,))
    identity = RunIdentity(run_key=1, run_id="r", owner=2, epoch=2)
    return FlowMachine(FlowDefinition(name="f", nodes=(waits, then)), identity)


def waiting(**options: object) -> FlowMachine:
    machine = machine_of(**options)  # type: ignore[arg-type]
    machine.apply(Opened(mode="start"), at(0))
    machine.apply(Prepared(0, WANTED), at(1))
    return machine


def told(decision: Decision) -> list[tuple[str, str]]:
    return [(row.node_id, row.state) for row in decision.rows]


def test_a_node_begins_to_wait_when_what_it_awaits_is_put_together() -> None:
    """Law: one row, one wait, one timer; no place is taken, and the run goes on running."""
    machine = machine_of()
    decision = machine.apply(Opened(mode="start"), at(0))
    assert (decision.rows, decision.effects) == ((), (Prepare(0),))
    decision = machine.apply(Prepared(0, WANTED), at(1))
    (row,) = decision.rows
    assert (row.state, row.reason, row.attempt, row.due_at) == ("waiting", "message", 1, 61_000_000)
    assert decision.effects == (Await(0, -1, 1, WANTED), ArmTimer("await", 60_000_000, 0, -1, 1))
    assert machine.book.granted == 0
    assert machine.book.run.status == "running"


def test_what_cannot_be_put_together_fails_the_node() -> None:
    """Law: a reference that leads nowhere is the failure of its node, before it waits."""
    machine = machine_of()
    machine.apply(Opened(mode="start"), at(0))
    decision = machine.apply(Prepared(0, ErrorDetail("dagger_actors.AwaitFailed", "no such field")), at(1))
    assert told(decision) == [("paid", "failed"), ("then", "skipped")]


def test_the_first_answer_is_the_answer() -> None:
    """Law: it is the node's output, and what depends on it may start; another answer, or the end of its time, changes nothing."""
    machine = waiting()
    decision = machine.apply(Answer(0, -1, 1, GOT), at(2))
    assert told(decision) == [("paid", "succeeded"), ("then", "ready")]
    assert Grant(1, -1, 1) in decision.effects
    for late in (Answer(0, -1, 1, GOT), WaitOver(0, -1, 1), Answer(0, -1, 2, GOT)):
        assert machine.apply(late, at(3)) == Decision()


def test_an_answer_may_be_a_failure() -> None:
    """Law: who answers may refuse: the node fails, by its policy."""
    decision = waiting(on_failure="continue").apply(Answer(0, -1, 1, REFUSED), at(2))
    assert told(decision) == [("paid", "failed"), ("then", "skipped")]
    assert Finish("failed") in decision.effects


def test_a_wait_that_is_over_times_its_node_out_and_a_late_answer_changes_nothing() -> None:
    """Law: the end of its time is an end as any other."""
    machine = waiting(on_failure="continue")
    decision = machine.apply(WaitOver(0, -1, 1), at(61))
    assert told(decision) == [("paid", "timed_out"), ("then", "skipped")]
    assert machine.apply(Answer(0, -1, 1, GOT), at(62)) == Decision()


def test_a_run_that_ends_cancels_what_it_waits_for() -> None:
    """Law: it had begun, so it is cancelled, not skipped."""
    for event, state in ((Cancelled(), "cancelled"), (TimeUp(), "timed_out")):
        decision = waiting().apply(event, at(2))
        assert told(decision) == [("paid", "cancelled"), ("then", "skipped")]
        assert Finish(state) in decision.effects


def restored(due_at: int | None) -> FlowMachine:
    machine = machine_of()
    fresh = FlowMachine(machine.work.definition, machine.work.identity, status="running")
    row = StoredNode(
        node=0, item=-1, attempt=1, state="waiting", try_no=1, crash_no=0, output=None, output_artifact=None, size=None,
        due_at=due_at, started_at=1_000_000, reason="message",
    )  # fmt: skip
    restore(fresh, [row], "recover")
    return fresh


def test_a_wait_outlives_its_process() -> None:
    """Law: the same attempt goes on to wait until the same moment; what awaits it is written down already."""
    for now_s, left_us in ((11, 50_000_000), (600, 0)):
        decision = restored(61_000_000).apply(Opened(mode="recover"), at(now_s))
        assert decision.rows == ()
        assert decision.effects == (Await(0, -1, 1), ArmTimer("await", left_us, 0, -1, 1))
    assert restored(None).apply(Opened(mode="recover"), at(5)).effects == (Await(0, -1, 1),)


EVENTS = st.lists(
    st.sampled_from(
        [
            Prepared(0, WANTED),
            Prepared(0, ErrorDetail("dagger_actors.AwaitFailed", "nothing there")),
            Answer(0, -1, 1, GOT),
            Answer(0, -1, 1, REFUSED),
            Answer(0, -1, 2, GOT),
            WaitOver(0, -1, 1),
            Cancelled(),
            TimeUp(),
            Detached(),
        ]
    ),
    max_size=8,
)


@given(EVENTS, st.sampled_from(["stop", "continue", "pause"]))
def test_whatever_comes_in_whatever_order_a_wait_ends_once(events: list[Event], on_failure: OnFailure) -> None:
    """Law: every step of a row is legal, nothing follows a final state, and only what waits is ended by an answer."""
    machine = machine_of(on_failure=on_failure)
    machine.apply(Opened(mode="start"), at(0))
    states: dict[tuple[int, int], str] = {}

    def write(row: NodeRow) -> None:
        key = (row.node, row.attempt)
        before = states.get(key, "pending")
        assert before not in FINAL_NODE, (row, before)
        assert is_legal(NODE_TRANSITIONS, before, row.state), (before, row.state)
        states[key] = row.state

    for number, event in enumerate(events, 1):
        if isinstance(event, Prepared) and (
            number > 1 and any(isinstance(one, Prepared) for one in events[: number - 1])
        ):
            continue  # it is put together once for each time that it is asked for
        was = states.get((0, 1), "pending")
        decision = machine.apply(event, at(number))
        for row in decision.rows:
            write(row)
        if isinstance(event, Answer | WaitOver) and was != "waiting":
            assert states.get((0, 1), "pending") == was
        if any(isinstance(effect, Finish) for effect in decision.effects):
            break  # its owner lets go of a run that has come to rest
    ended = [state for (node, _), state in states.items() if node == 0 and state in FINAL_NODE]
    assert len(ended) <= 1
