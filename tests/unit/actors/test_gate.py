"""The gate: its laws against a model with few slots, few threads and several runs; then each law by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dagger_actors.actors.gate import Gate
from dagger_actors.actors.gates import Gates
from dagger_actors.actors.ticket import Ticket
from dagger_actors.core.protocols import Now, Runnable
from dagger_actors.errors import SystemClosed

TOO_LARGE = b"x" * 100


class TickingClock:
    def __init__(self) -> None:
        self.us = 0

    def now(self) -> Now:
        self.us += 1
        return Now(self.us, self.us)


class FewSlots:
    """Records that remember which attempt they hold."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.held: dict[int, tuple[int, ...]] = {}
        self.ended: dict[int, bytes] = {}

    def start(self, run_key: int, node: int, item: int, attempt: int, started_us: int) -> int:
        for slot in range(self.capacity):
            if slot not in self.held:
                self.held[slot] = (run_key, node, item, attempt)
                return slot
        return -1

    def mark(
        self, slot: int, run_key: int, item: int, attempt: int | None = None, started_us: int | None = None
    ) -> None:
        _, node, _, before = self.held[slot]
        self.held[slot] = (run_key, node, item, before if attempt is None else attempt)

    def end(self, slot: int, payload: bytes) -> bool:
        assert slot in self.held
        assert slot not in self.ended
        if len(payload) >= len(TOO_LARGE):
            return False
        self.ended[slot] = payload
        return True

    def free(self, slot: int) -> None:
        del self.held[slot]
        self.ended.pop(slot, None)


class Body:
    """A body actor's mailbox that never runs; it knows its ticket."""

    def __init__(self) -> None:
        self.ticket: Any = None

    def run_turn(self) -> bool:
        raise AssertionError("the tests end bodies by hand")


class Recording:
    """A dispatcher that only remembers."""

    def __init__(self, seen: list[tuple[Ticket, bool]]) -> None:
        self.seen = seen

    def schedule(self, runnable: Runnable, *, here: bool = False) -> None:
        assert isinstance(runnable, Body)
        self.seen.append((runnable.ticket, here))


class World:
    """Gates with little of everything."""

    def __init__(self, *, slots: int = 100, threads: int = 100, abandoned_limit: int = 32, processes: int = 1) -> None:
        self.slots = FewSlots(slots)
        self.scheduled: list[tuple[Ticket, bool]] = []
        self.pool, self.loop = Recording(self.scheduled), Recording(self.scheduled)
        self.gates = Gates(
            slots=self.slots,
            clock=TickingClock(),
            threads=threads,
            abandoned_limit=abandoned_limit,
            processes=processes,
        )
        self.nodes = 0
        self.woken: list[int] = []

    def open(self, run_key: int = 1, *, limit: int = 4) -> Gate:
        return self.gates.open(run_key, limit=limit, on_started=lambda: self.woken.append(run_key))

    def ticket(
        self, run_key: int = 1, *, is_thread: bool = True, is_process: bool = False, priority: int = 0, **options: Any
    ) -> Ticket:
        self.nodes += 1
        body = Body()
        body.ticket = Ticket(
            run_key=run_key,
            node=self.nodes,
            item=-1,
            attempt=1,
            priority=priority,
            runnable=body,
            dispatcher=self.pool if is_thread or is_process else self.loop,
            is_thread=is_thread and not is_process,
            is_process=is_process,
            **options,
        )
        ticket: Ticket = body.ticket
        return ticket

    def tickets(self, count: int, run_key: int = 1, **options: Any) -> list[Ticket]:
        return [self.ticket(run_key, **options) for _ in range(count)]

    def started(self) -> list[Ticket]:
        return [ticket for ticket, _ in self.scheduled]


KINDS = st.sampled_from(["thread", "loop", "process"])


def kind(ticket: Ticket) -> str:
    return "thread" if ticket.is_thread else "process" if ticket.is_process else "loop"


class GateMachine(RuleBasedStateMachine):
    """Law: whatever happens in whatever order, the limits hold, nothing is lost, and nothing waits without a reason."""

    @initialize(
        limits=st.lists(st.integers(1, 4), min_size=1, max_size=3),
        threads=st.integers(1, 5),
        slots=st.integers(1, 8),
        processes=st.integers(1, 3),
    )
    def begin(self, limits: list[int], threads: int, slots: int, processes: int) -> None:
        self.world = World(slots=slots, threads=threads, abandoned_limit=2, processes=processes)
        self.processes = processes
        self.threads = threads
        self.limits = limits
        self.gates = [self.world.open(number, limit=limit) for number, limit in enumerate(limits)]
        self.holds = [0 for _ in limits]
        self.closed = [False for _ in limits]
        self.queued: list[list[Ticket]] = [[] for _ in limits]
        self.inside: list[Ticket] = []
        self.kept: set[Ticket] = set()
        self.failed: set[Ticket] = set()
        self.bodies: set[Ticket] = set()
        self.uncommitted: set[Ticket] = set()
        self.reported: list[Ticket] = []
        self.order: dict[Ticket, tuple[int, int]] = {}
        self.checked = 0
        self.offered = 0

    def observe(self) -> None:
        """Take over what was scheduled, checking that each start was allowed at that moment."""
        for ticket, _ in self.world.scheduled[self.checked :]:
            run = ticket.run_key
            assert ticket in self.queued[run], "started twice, or never offered"
            assert self.holds[run] == 0, "started while held"
            assert ticket.slot >= 0, "started before its record was written"
            assert self.world.slots.held[ticket.slot] == (run, ticket.node, -1, 1)
            assert ticket.state == "admitted"
            before = [t for t in self.queued[run] if self.order[t] < self.order[ticket]]
            assert not [t for t in before if kind(t) == kind(ticket)], "out of order"
            if kind(ticket) != "loop":
                assert not [t for t in before if kind(t) == "loop"], "a coroutine was overtaken"
            self.queued[run].remove(ticket)
            self.inside.append(ticket)
            self.bodies.add(ticket)
        self.checked = len(self.world.scheduled)

    def queue(self, run: int, tickets: Sequence[Ticket]) -> None:
        for ticket in tickets:
            self.offered += 1
            self.order[ticket] = (ticket.priority, self.offered)
            if ticket not in self.queued[run]:
                self.queued[run].append(ticket)

    def a_gate(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from(range(len(self.gates))))

    @rule(data=st.data(), offers=st.lists(st.tuples(KINDS, st.integers(0, 2)), min_size=1, max_size=6))
    def offer(self, data: st.DataObject, offers: Sequence[tuple[str, int]]) -> None:
        run = self.a_gate(data)
        tickets = [
            self.world.ticket(run, is_thread=what == "thread", is_process=what == "process", priority=priority)
            for what, priority in offers
        ]
        if self.closed[run]:
            with pytest.raises(SystemClosed):
                self.gates[run].offer(tickets)
            return
        self.queue(run, tickets)
        self.gates[run].offer(tickets)
        self.observe()

    @rule(data=st.data())
    def hold(self, data: st.DataObject) -> None:
        run = self.a_gate(data)
        self.holds[run] += 1
        self.gates[run].hold()
        self.observe()

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        run = self.a_gate(data)
        if self.holds[run]:
            count = data.draw(st.integers(1, self.holds[run]))
            self.holds[run] -= count
            self.gates[run].release(count)
            self.observe()

    @rule(data=st.data(), count=st.integers(0, 1))
    def reset_holds(self, data: st.DataObject, count: int) -> None:
        run = self.a_gate(data)
        mine = sorted((t for t in {*self.inside, *self.uncommitted} if t.run_key == run), key=lambda t: t.node)
        owed = data.draw(st.lists(st.sampled_from(mine), unique=True)) if mine else []
        # A body that has not ended holds nothing yet: it will, when it fails after this.
        self.holds[run] = count + len([t for t in owed if t in self.failed and t in self.uncommitted])
        self.gates[run].reset_holds(owed, count)
        self.observe()

    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        queued = [ticket for tickets in self.queued for ticket in tickets]
        if queued:
            ticket = data.draw(st.sampled_from(queued))
            self.queued[ticket.run_key].remove(ticket)
            assert not self.gates[ticket.run_key].abandon(ticket)
            self.gates[ticket.run_key].forget(ticket)
            self.observe()

    @rule(data=st.data(), success=st.booleans(), fits=st.booleans())
    @precondition(lambda self: self.bodies)
    def end(self, data: st.DataObject, *, success: bool, fits: bool) -> None:
        ticket = data.draw(st.sampled_from(sorted(self.bodies, key=lambda t: t.node)))
        run = ticket.run_key
        self.bodies.remove(ticket)
        if ticket in self.inside:
            self.inside.remove(ticket)
            self.uncommitted.add(ticket)
            if not fits and not self.closed[run]:
                self.kept.add(ticket)
            if not success:
                self.failed.add(ticket)
                self.holds[run] += 1
        self.gates[run].end(ticket, b"ok" if fits else TOO_LARGE, success=success)
        self.observe()

    @rule(data=st.data())
    @precondition(lambda self: self.bodies)
    def abandon(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(sorted(self.bodies, key=lambda t: t.node)))
        if ticket in self.inside:
            self.inside.remove(ticket)
            self.uncommitted.add(ticket)
        assert self.gates[ticket.run_key].abandon(ticket)
        self.observe()

    @rule(data=st.data())
    @precondition(lambda self: self.uncommitted)
    def forget(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(sorted(self.uncommitted, key=lambda t: t.node)))
        self.uncommitted.remove(ticket)
        self.kept.discard(ticket)
        for _ in range(data.draw(st.sampled_from([1, 2]))):
            self.gates[ticket.run_key].forget(ticket)
        self.observe()

    @rule(data=st.data())
    def drain_and_offer_again(self, data: st.DataObject) -> None:
        run = self.a_gate(data)
        drained = self.gates[run].drain()
        assert drained == sorted(self.queued[run], key=lambda ticket: self.order[ticket])
        if drained:
            self.queue(run, drained)
            self.gates[run].offer(drained)
            self.observe()

    @rule(data=st.data())
    def take_started(self, data: st.DataObject) -> None:
        self.reported += self.gates[self.a_gate(data)].take_started()

    @rule(data=st.data())
    @precondition(lambda self: len(self.order) > 12)
    def close(self, data: st.DataObject) -> None:
        run = self.a_gate(data)
        self.queued[run] = []
        self.closed[run] = True
        self.gates[run].close()
        self.observe()

    @invariant()
    def limits_hold(self) -> None:
        for run, limit in enumerate(self.limits):
            mine = [ticket for ticket in self.inside if ticket.run_key == run]
            assert sorted(self.gates[run].running(), key=id) == sorted(mine, key=id)
            assert len(mine) + len([ticket for ticket in self.kept if ticket.run_key == run]) <= limit
        assert len([ticket for ticket in self.inside if ticket.is_thread]) <= self.threads
        assert len([ticket for ticket in self.inside if ticket.is_process]) <= self.processes
        assert self.world.gates._line.queued_processes == sum(t.is_process for tickets in self.queued for t in tickets)
        abandoned = len([t for t in self.bodies if t.is_thread and t not in self.inside])
        assert self.world.gates.abandoned == abandoned
        assert self.world.gates.is_refusing() == (abandoned >= 2)

    @invariant()
    def records_are_exactly_those_that_a_crash_would_need(self) -> None:
        needed = {(t.run_key, t.node, -1, 1) for t in [*self.inside, *self.uncommitted]}
        assert sorted(self.world.slots.held.values()) == sorted(needed)

    @invariant()
    def nothing_waits_without_a_reason(self) -> None:
        if len(self.world.slots.held) == self.world.slots.capacity:
            return
        busy = len([ticket for ticket in self.inside if ticket.is_thread])
        for run, limit in enumerate(self.limits):
            mine = [t for t in [*self.inside, *self.kept] if t.run_key == run]
            if self.holds[run] or len(mine) >= limit:
                continue
            kinds = {kind(t) for t in self.queued[run]}
            assert "loop" not in kinds, "a coroutine waits for nothing"
            assert busy >= self.threads or "thread" not in kinds, "a thread body waits for nothing"
            busy_processes = len([ticket for ticket in self.inside if ticket.is_process])
            assert busy_processes >= self.processes or "process" not in kinds, "a process waits for nothing"

    def teardown(self) -> None:
        if hasattr(self, "gates"):
            for gate in self.gates:
                self.reported += gate.take_started()
            assert sorted(self.reported, key=id) == sorted(self.world.started(), key=id)


TestGate = GateMachine.TestCase
TestGate.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)


def test_a_gate_admits_up_to_its_limit_by_priority_then_by_order() -> None:
    """Law: lower priority numbers first, then first come, never more than the limit at once."""
    world = World()
    gate = world.open(limit=2)
    gate.hold()
    late, first, second = world.ticket(priority=1), world.ticket(), world.ticket()
    gate.offer([late, first])
    gate.offer([second])
    assert world.started() == []
    gate.release()
    assert world.started() == [first, second]
    gate.end(first, b"", success=True)
    assert world.started() == [first, second, late]


def test_no_start_follows_a_failure_until_the_supervisor_has_decided() -> None:
    """Law: an end that is no success holds the gate in the same step as it frees the place."""
    world = World()
    gate = world.open(limit=1)
    first, second = world.tickets(2)
    gate.offer([first, second])
    gate.end(first, b"", success=False)
    assert world.started() == [first]
    gate.release()
    assert world.started() == [first, second]


def test_a_rebuilt_supervisor_owes_one_release_for_each_failure_it_has_not_decided_about() -> None:
    """Law: a success holds nothing, a body that runs holds nothing yet, and a failure that is decided nothing any more."""
    world = World()
    gate = world.open(limit=4)
    failed, succeeded, runs, decided = tickets = world.tickets(4)
    gate.offer(tickets)
    gate.end(decided, b"", success=False)
    gate.forget(decided)
    gate.end(failed, b"", success=False)
    gate.end(succeeded, b"", success=True)
    gate.reset_holds(tickets)
    waiting = world.ticket()
    gate.offer([waiting])
    assert waiting.state == "queued"
    gate.release()
    assert waiting.state == "admitted"
    gate.end(runs, b"", success=False)
    gate.reset_holds([runs], 1)
    gate.release(2)
    with pytest.raises(AssertionError, match="more often"):
        gate.release()


def test_of_what_was_dropped_only_what_fails_from_now_on_holds_the_gate() -> None:
    """Law: `has_failed` says that a hold is to be taken back for it; after a reset that is so only of what fails later."""
    world = World()
    gate = world.open(limit=4)
    over, runs = tickets = world.tickets(2)
    gate.offer(tickets)
    gate.end(over, b"", success=False)
    gate.reset_holds([], dropped=tickets)
    gate.end(runs, b"", success=False)
    assert [over.has_failed, runs.has_failed] == [False, True]
    gate.release()
    with pytest.raises(AssertionError, match="more often"):
        gate.release()


def test_a_success_lets_its_own_thread_take_the_next_body() -> None:
    """Law: `here` is said only for the dispatcher whose thread the ended body holds."""
    world = World()
    gate = world.open(limit=1)
    bodies = [*world.tickets(2), world.ticket(is_thread=False), world.ticket(is_thread=False)]
    gate.offer(bodies)
    for body in bodies:
        gate.end(body, b"", success=True)
    assert [here for _, here in world.scheduled] == [False, True, False, False]


def test_one_wide_run_does_not_starve_another() -> None:
    """Law: threads are given to the runs that wait for them in turns."""
    world = World(threads=4)
    wide, narrow, third = world.open(1, limit=50), world.open(2, limit=50), world.open(3, limit=50)
    wide.offer(world.tickets(40, 1))
    narrow.offer(world.tickets(5, 2))
    third.offer(world.tickets(5, 3))
    gates = {1: wide, 2: narrow, 3: third}
    for ticket in world.started()[:1]:
        gates[ticket.run_key].end(ticket, b"", success=True)
    ended = 1
    while ended < 16:
        ticket = world.started()[ended]
        gates[ticket.run_key].end(ticket, b"", success=True)
        ended += 1
    runs = [ticket.run_key for ticket in world.started()]
    assert runs[:4] == [1, 1, 1, 1]
    assert [sorted(runs[at : at + 3]) for at in range(4, 19, 3)] == [[1, 2, 3]] * 5


def test_coroutines_start_though_all_threads_are_taken() -> None:
    """Law: a want of threads holds back thread bodies only."""
    world = World(threads=1)
    gate = world.open(limit=10)
    first, second, coroutine = world.ticket(), world.ticket(), world.ticket(is_thread=False)
    gate.offer([first, second, coroutine])
    assert world.started() == [first, coroutine]


def test_when_the_records_are_used_up_starts_wait_for_a_commit() -> None:
    """Law: nothing starts without a record; forget gives the next one its own, in turns."""
    world = World(slots=1)
    one, two = world.open(1), world.open(2)
    first, second = world.ticket(1), world.ticket(2)
    one.offer([first])
    two.offer([second])
    one.end(first, b"", success=True)
    assert world.started() == [first]
    one.forget(first)
    assert world.started() == [first, second]


def test_scarce_records_go_round() -> None:
    """Law: who comes away empty-handed keeps its turn."""
    world = World(slots=1)
    gates = {run: world.open(run) for run in (1, 2, 3)}
    for run, gate in gates.items():
        gate.offer(world.tickets(3, run))
    for at in range(8):
        ticket = world.started()[at]
        gates[ticket.run_key].end(ticket, b"", success=True)
        gates[ticket.run_key].forget(ticket)
    assert [ticket.run_key for ticket in world.started()] == [1, 1, 2, 3, 1, 2, 3, 2, 3]


def test_a_record_that_becomes_free_goes_to_a_waiting_coroutine_though_no_thread_is_free() -> None:
    """Law: who waited for a record is served by the commit that frees one, whatever else is short."""
    world = World(slots=2, threads=1)
    one, two = world.open(1), world.open(2)
    body, ended = world.ticket(1), world.ticket(1, is_thread=False)
    one.offer([body, ended])
    one.end(ended, b"", success=True)
    coroutine = world.ticket(2, is_thread=False)
    two.offer([coroutine])
    assert world.started() == [body, ended]
    one.forget(ended)
    assert world.started() == [body, ended, coroutine]


def test_an_end_that_does_not_fit_its_record_keeps_the_place_until_it_is_committed() -> None:
    """Law: a crash would repeat that attempt, so no other may have started in its place."""
    world = World()
    gate = world.open(limit=1)
    first, second = world.tickets(2)
    gate.offer([first, second])
    gate.end(first, TOO_LARGE, success=True)
    assert world.started() == [first]
    gate.forget(first)
    assert world.started() == [first, second]


def test_an_abandoned_body_frees_its_place_and_its_end_frees_its_thread() -> None:
    """Law: the late end of an abandoned body writes nothing and holds nothing; too many of them refuse new threads."""
    world = World(threads=1, abandoned_limit=1)
    gate = world.open(limit=1)
    first, second = world.tickets(2)
    gate.offer([first, second])
    assert gate.abandon(first)
    assert gate.abandon(first), "it goes on still"
    assert world.started() == [first, second]
    assert (world.gates.abandoned, world.gates.is_refusing()) == (1, True)
    gate.end(first, b"late", success=False)
    assert (world.gates.abandoned, world.gates.is_refusing()) == (0, False)
    assert world.slots.ended == {}
    assert not gate.abandon(first), "its body has ended"
    gate.end(second, b"", success=True)
    assert not gate.abandon(second)


def test_abandoning_what_has_not_started_takes_it_out_for_good() -> None:
    """Law: a cancel may meet a ticket that is queued or was drained; it never starts, and it costs nothing."""
    world = World()
    gate = world.open(limit=1)
    running, queued, drained, last = world.tickets(4)
    gate.offer([running, queued, last])
    assert not gate.abandon(queued)
    assert not gate.abandon(drained)
    gate.forget(queued)
    gate.end(running, b"", success=True)
    assert world.started() == [running, last]


def test_abandoning_drained_bodies_of_processes_keeps_no_other_from_its_process() -> None:
    """Law: those that wait for a process are counted right, so that the next one gets it though no thread is free."""
    world = World(threads=1, processes=1)
    cancelled, other = world.open(1), world.open(2)
    running, *waiting = world.tickets(3, is_process=True)
    cancelled.offer([running, *waiting])
    for ticket in cancelled.drain():
        assert not cancelled.abandon(ticket)
    assert world.gates._line.queued_processes == 0
    thread, process = world.ticket(2), world.ticket(2, is_process=True)
    other.offer([thread, process])
    cancelled.end(running, b"", success=True)
    assert world.started() == [running, thread, process]


def test_an_admitted_ticket_lets_go_of_what_its_callback_holds() -> None:
    """Law: ticket, time-out and actor refer to one another; memory must not wait for the collector."""
    world = World()
    gate = world.open()
    ticket = world.ticket(on_admit=lambda _ticket: None)
    gate.offer([ticket])
    assert ticket.on_admit is None


def test_an_abandoned_coroutine_costs_no_thread() -> None:
    """Law: only threads are counted as abandoned."""
    world = World()
    gate = world.open()
    ticket = world.ticket(is_thread=False)
    gate.offer([ticket])
    assert gate.abandon(ticket)
    assert world.gates.abandoned == 0
    gate.end(ticket, b"", success=False)
    assert world.gates.abandoned == 0


def test_the_supervisor_is_woken_once_for_many_starts() -> None:
    """Law: on_started is called when take_started has something again, not for every start."""
    world = World()
    gate = world.open(limit=10)
    gate.offer(world.tickets(3))
    gate.offer(world.tickets(2))
    assert world.woken == [1]
    assert gate.take_started() == world.started()
    gate.offer(world.tickets(1))
    assert world.woken == [1, 1]


def test_on_admit_comes_before_the_body_can_run_and_its_failure_does_not_lose_the_body(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Law: a time-out is armed before the body can end; an admitted ticket always gets its turn."""
    world = World()
    gate = world.open()
    seen: list[tuple[str, int, int]] = []

    def arm(ticket: Ticket) -> None:
        seen.append((ticket.state, ticket.started_us, len(world.scheduled)))
        gate.running()  # the lock is not held
        raise RuntimeError("cannot arm")

    ticket = world.ticket(on_admit=arm)
    gate.offer([ticket])
    assert seen == [("admitted", 1, 0)]
    assert world.started() == [ticket]
    assert "after an admission" in caplog.text


def test_a_closed_gate_starts_nothing_writes_nothing_and_still_gives_back_what_is_shared() -> None:
    """Law: a run that was left does not keep the threads of the others."""
    world = World(threads=1)
    left, other = world.open(1), world.open(2)
    first, waiting = world.tickets(2, 1)
    theirs = world.ticket(2)
    left.offer([first, waiting])
    other.offer([theirs])
    left.close()
    with pytest.raises(SystemClosed):
        left.offer([world.ticket(1)])
    left.end(first, b"late", success=True)
    assert world.slots.ended == {}
    assert world.started() == [first, theirs]


def test_what_makes_no_sense_is_a_defect_at_once() -> None:
    """Law: a lost count or a ticket used twice is found where it happens."""
    world = World()
    gate = world.open(limit=1)
    running, queued = world.tickets(2)
    gate.offer([running, queued])
    for wrong in (
        gate.release,
        lambda: gate.offer([running]),
        lambda: gate.forget(running),
        lambda: gate.forget(queued),
        lambda: gate.end(queued, b"", success=True),
    ):
        with pytest.raises(AssertionError):
            wrong()


def test_a_body_marks_its_pieces_until_it_is_abandoned_and_of_a_closed_gate_nothing_is_written() -> None:
    """Law: the mark and the abandoning are one step each: once abandoned, its record is not touched, and no piece begins."""
    world = World()
    gate = world.open(1)
    first, second = world.ticket(), world.ticket()
    gate.offer([first, second])
    assert gate.mark(first, 7, 40)
    assert world.slots.held[first.slot][0::2] == (7, 40)
    gate.abandon(first)
    assert not gate.mark(first, 7, 41)
    assert world.slots.held[first.slot][0::2] == (7, 40)
    gate.close()
    assert gate.mark(second, 7, 42)
    assert world.slots.held[second.slot][0::2] == (1, -1)
