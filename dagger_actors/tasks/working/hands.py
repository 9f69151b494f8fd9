"""The bodies of one worker's tasks: begun, timed, told to stop, and kept until their ends are committed.

A hand is taken with the grant and given up on the journal's thread, with the commit of its attempt's end; or when its lease
is lost. In between the supervisor's turns alone decide about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from dagger_actors.actors.gate import Gate
from dagger_actors.actors.ticket import Ticket
from dagger_actors.bodies.body import BodyActor
from dagger_actors.core.messages import Progressed
from dagger_actors.core.task_leases import Claimed
from dagger_actors.tasks.machine.events import Grant, TaskRef
from dagger_actors.tasks.working.handover import Services
from dagger_actors.tasks.working.orders import Late, ShiftEnds
from dagger_actors.tasks.working.shift import ShiftBody, in_shifts

__all__ = ["Hand", "Hands"]


class Hand:
    """One attempt in hand.

    Attributes:
        task: As it was leased.
        attempt: Its number.
        actor: Its body, or that of its shift.
        payload: Its encoded end, from when it is told until it is committed.
        progress: How far its body is, as that told last; None = it told nothing.
    """

    __slots__ = ("actor", "attempt", "payload", "progress", "task")

    def __init__(self, task: Claimed, attempt: int, actor: BodyActor) -> None:
        self.task = task
        self.attempt = attempt
        self.actor = actor
        self.payload: bytes | None = None
        self.progress: Progressed | None = None

    def captured(self) -> tuple[str, int] | None:
        """What the attempt has logged by now, and how many bytes of it were dropped; None = nothing."""
        actor = self.actor
        if isinstance(actor, ShiftBody):
            return actor.captured_of((self.task.task_key, self.task.epoch))
        return actor.captured()


class Hands:
    """All of them.

    Args:
        services: What the supervisor is made with.
        tell: Puts a message into its mailbox; any thread.
    """

    def __init__(self, services: Services, tell: Callable[[object], None]) -> None:
        self._services = services
        self._tell = tell
        self._hands: dict[TaskRef, Hand] = {}
        self._shifts: dict[Ticket, ShiftBody] = {}

    def __len__(self) -> int:
        return len(self._hands)

    def __iter__(self) -> Iterator[tuple[TaskRef, Hand]]:
        return iter(list(self._hands.items()))

    def get(self, ref: TaskRef) -> Hand | None:
        """The hand of a lease; None when it has none any more."""
        return self._hands.get(ref)

    # --- they begin

    def begin(
        self, grants: Iterable[Grant], shift_of: Callable[[str], int] = lambda _agent: 1
    ) -> list[tuple[Grant, Exception]]:
        """Make the bodies of committed leases, and let them wait for their places.

        Args:
            grants: The leases.
            shift_of: How many of an agent one body does on end, at most.

        Returns:
            Those that cannot be made, and why: no worker process can be started, for one.
        """
        offers: dict[str, list[Ticket]] = {}
        failed: list[tuple[Grant, Exception]] = []
        for part in in_shifts(grants, shift_of):
            tickets = offers.setdefault(part[0].task.agent, [])
            if len(part) > 1:
                tickets.append(self._shift(part))
            else:
                self._single(part[0], tickets, failed)
        for agent, tickets in offers.items():
            self._services.gate_of(agent).offer(tickets)
        return failed

    def _shift(self, grants: Sequence[Grant]) -> Ticket:
        shift = self._services.prepare_shift(grants, self._tell)
        self._shifts[shift.ticket] = shift
        for grant in grants:
            task = grant.task
            self._hands[task.task_key, task.epoch] = Hand(task, grant.attempt, shift)
        return shift.ticket

    def _single(self, grant: Grant, tickets: list[Ticket], failed: list[tuple[Grant, Exception]]) -> None:
        task = grant.task
        try:
            actor = self._services.prepare(grant, self._tell, self._arm_time_out)
        except Exception as error:  # noqa: BLE001 - its attempt has failed with that, and the others begin
            failed.append((grant, error))
        else:
            self._hands[task.task_key, task.epoch] = Hand(task, grant.attempt, actor)
            tickets.append(actor.ticket)

    def take_started(self) -> tuple[tuple[int, int, int], ...]:
        """Ids, epochs and starts (wall microseconds) of those that have passed their gate since the last call.

        Of a shift it is what it does now and has nothing behind it, told again each time.
        """
        started = [ticket for gate in self._gates() for ticket in gate.take_started()]
        alone = [(ticket.run_key, ticket.item, ticket.started_us) for ticket in started if ticket not in self._shifts]
        last = (shift.running_last for shift in self._going())
        return (*alone, *((*one[0], one[1]) for one in last if one is not None))

    def drain(self) -> None:
        """Give up what waits for its place: it never begins."""
        for gate in self._gates():
            for ticket in gate.drain():
                shift = self._shifts.pop(ticket, None)
                self._drop([(ticket.run_key, ticket.item)] if shift is None else shift.held())

    def drop_queued(self) -> None:
        """Give up all that waits for a place at a gate that has been drained, or was never offered to one, or in a shift."""
        for shift in list(self._shifts.values()):
            ends = shift.curtail().ends
            if ends:
                self._tell(ShiftEnds(ends))
        for ref, hand in self:
            actor = hand.actor
            if actor.ticket.state == "queued" or (isinstance(actor, ShiftBody) and ref not in actor.begun()):
                self._drop([ref])

    def _drop(self, refs: Iterable[TaskRef]) -> None:
        """Give up hands whose bodies never begin."""
        for ref in refs:
            hand = self._hands.pop(ref, None)
            if hand is not None:
                self._out_of_shift(hand, ref)

    # --- shifts

    def leave_shifts(self, *, is_now: bool) -> tuple[tuple[bytes, ...], tuple[tuple[int, int, int], ...]]:
        """Begin nothing more of what is in shifts.

        Args:
            is_now: Whether they end at once, whatever their bodies do.

        Returns:
            The ends that are not told, and what has begun of them: ids, epochs and starts.
        """
        ends: list[bytes] = []
        begun: list[tuple[int, int, int]] = []
        for ticket, shift in list(self._shifts.items()):
            left = shift.break_off() if is_now else shift.curtail()
            ends += left.ends
            begun += [(*ref, started_us) for ref, started_us in shift.begun().items()]
            self._drop(left.rest)
            if is_now and ticket in self._shifts:
                self._services.gate_of(shift.agent).abandon(ticket)
                shift.cancel()
        return tuple(ends), tuple(begun)

    def relieve(self, before_us: int) -> list[ShiftEnds]:
        """Take what a slow task holds up out of its shift.

        Args:
            before_us: Slow is what began before this, wall microseconds, and still runs.
        """
        going = [(shift, shift.running) for shift in self._going()]
        return [shift.curtail() for shift, at in going if at is not None and at[1] <= before_us]

    def has_shifts(self) -> bool:
        """Whether a shift is being done."""
        return next(self._going(), None) is not None

    def move(self, refs: Iterable[TaskRef]) -> list[tuple[Grant, Exception]]:
        """Do what was taken out of shifts, each by a body of its own; gives what ``begin`` does."""
        grants = []
        for ref in refs:
            hand = self._hands.get(ref)
            if hand is not None:  # else it was stopped meanwhile
                self._out_of_shift(hand, ref)
                grants.append(Grant(hand.task, hand.attempt))
        return self.begin(grants)

    def give_back(self, refs: Iterable[TaskRef]) -> None:
        """Give up what was taken out of shifts and does not begin any more."""
        self._drop(refs)

    def _going(self) -> Iterator[ShiftBody]:
        return (shift for ticket, shift in list(self._shifts.items()) if ticket.state == "admitted")

    def _out_of_shift(self, hand: Hand, *refs: TaskRef) -> None:
        actor = hand.actor
        if isinstance(actor, ShiftBody) and actor.release(refs):
            self._shifts.pop(actor.ticket, None)
            gate = self._gate(hand)
            gate.abandon(actor.ticket)
            gate.forget(actor.ticket)

    def note_progress(self, message: Progressed) -> None:
        """A body has told how far it is; nothing of it is stored."""
        hand = self._hands.get((message.run_key, message.item))
        if hand is not None:
            hand.progress = message

    # --- they end

    def end(self, ref: TaskRef, payload: bytes) -> Hand | None:
        """A body has told its end, which is kept until it is committed; None when its lease was lost."""
        hand = self._hands.get(ref)
        if hand is not None:
            hand.payload = payload
            if hand.actor.timeout_us is not None:
                self._services.timers.cancel((id(self), "attempt", ref))
                self._services.timers.cancel((id(self), "stuck", ref))
        return hand

    def abandon(self, hand: Hand) -> bool:
        """End an attempt whose body goes on; False when that has ended already, and its message is on its way."""
        return self._gate(hand).abandon(hand.actor.ticket)

    def stop(self, ref: TaskRef, *, is_waited_for: bool) -> None:
        """Tell a body that its attempt is over.

        Args:
            ref: Its lease.
            is_waited_for: Whether the end of the body is still to be heard of; else its hand is given up.
        """
        hand = self._hands.get(ref)
        if hand is None:
            return  # its end is committed, and has stopped it
        if isinstance(hand.actor, ShiftBody):
            self._stop_in_shift(hand, hand.actor, ref)
            return
        gate = self._gate(hand)
        gate.abandon(hand.actor.ticket)
        hand.actor.cancel()
        if not is_waited_for:
            gate.forget(hand.actor.ticket)
            self._hands.pop(ref, None)

    def _stop_in_shift(self, hand: Hand, shift: ShiftBody, ref: TaskRef) -> None:
        self._hands.pop(ref, None)
        left = shift.strike(ref)
        if left is not None:
            self._gate(hand).abandon(shift.ticket)
            shift.cancel()
            self._tell(left)  # what was behind it goes on elsewhere
        self._out_of_shift(hand, ref)

    def give_up(self, refs: Iterable[TaskRef]) -> None:
        """The ends of these are committed; on the journal's thread."""
        done: dict[str, list[Ticket]] = {}
        for ref in refs:
            hand = self._hands.pop(ref, None)
            if hand is None:
                continue
            if hand.payload is None:  # it has not ended, it was cut off
                self._gate(hand).abandon(hand.actor.ticket)
                hand.actor.cancel()
            if isinstance(hand.actor, ShiftBody):
                self._out_of_shift(hand, ref)
                continue
            done.setdefault(hand.task.agent, []).append(hand.actor.ticket)
        for agent, tickets in done.items():
            self._services.gate_of(agent).forget(*tickets)

    def are_idle(self) -> bool:
        """Whether nothing runs, and no end waits for its commit."""
        return not any(hand.actor.ticket.state == "admitted" or hand.payload for _, hand in self)

    # --- their time

    def arm_stuck(self, ref: TaskRef) -> None:
        """Look after another time-out whether a late body has ended."""
        hand = self._hands.get(ref)
        if hand is not None and hand.actor.timeout_us is not None:
            self._arm("stuck", ref, hand.actor.timeout_us)

    def _arm_time_out(self, actor: BodyActor) -> None:
        """The gate has let an attempt through whose time is limited."""
        assert actor.timeout_us is not None
        self._arm("attempt", (actor.ticket.run_key, actor.ticket.item), actor.timeout_us)

    def _arm(self, kind: str, ref: TaskRef, delay_us: int) -> None:
        due = self._services.clock.now().mono_us + delay_us
        self._services.timers.set((id(self), kind, ref), due, partial(self._tell, Late(ref, kind == "stuck")))

    def _gate(self, hand: Hand) -> Gate:
        return self._services.gate_of(hand.task.agent)

    def _gates(self) -> list[Gate]:
        return [self._services.gate_of(name) for name in self._services.agents.names()]
