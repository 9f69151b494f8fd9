"""The bodies of one worker's tasks: begun, timed, told to stop, and kept until their ends are committed.

A hand is taken with the grant and given up on the journal's thread, with the commit of its attempt's end; or when its lease
is lost. In between the supervisor's turns alone decide about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from dagger_actors.actors.gate import Gate, Ticket
from dagger_actors.bodies.body import BodyActor
from dagger_actors.core.messages import Progressed
from dagger_actors.core.tasks import Claimed
from dagger_actors.tasks.handover import Services
from dagger_actors.tasks.machine.events import Grant, TaskRef
from dagger_actors.tasks.orders import Late

__all__ = ["Hand", "Hands"]


class Hand:
    """One attempt in hand.

    Attributes:
        task: As it was leased.
        attempt: Its number.
        actor: Its body.
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

    def __len__(self) -> int:
        return len(self._hands)

    def __iter__(self) -> Iterator[tuple[TaskRef, Hand]]:
        return iter(list(self._hands.items()))

    def get(self, ref: TaskRef) -> Hand | None:
        """The hand of a lease; None when it has none any more."""
        return self._hands.get(ref)

    # --- they begin

    def begin(self, grants: Iterable[Grant]) -> list[tuple[Grant, Exception]]:
        """Make the bodies of committed leases, and let them wait for their places.

        Returns:
            Those that cannot be made, and why: no worker process can be started, for one.
        """
        offers: dict[str, list[Ticket]] = {}
        failed: list[tuple[Grant, Exception]] = []
        for grant in grants:
            task = grant.task
            try:
                actor = self._services.prepare(grant, self._tell, self._arm_time_out)
            except Exception as error:  # noqa: BLE001 - its attempt has failed with that, and the others begin
                failed.append((grant, error))
                continue
            self._hands[task.task_key, task.epoch] = Hand(task, grant.attempt, actor)
            offers.setdefault(task.agent, []).append(actor.ticket)
        for agent, tickets in offers.items():
            self._services.gate_of(agent).offer(tickets)
        return failed

    def take_started(self) -> tuple[tuple[int, int, int], ...]:
        """Ids, epochs and starts (wall microseconds) of those that have passed their gate since the last call."""
        started = [ticket for gate in self._gates() for ticket in gate.take_started()]
        return tuple((ticket.run_key, ticket.item, ticket.started_us) for ticket in started)

    def drain(self) -> None:
        """Give up what waits for its place: it never begins."""
        self.drop([ticket for gate in self._gates() for ticket in gate.drain()])

    def drop(self, tickets: Iterable[Ticket]) -> None:
        """Give up hands whose bodies never begin."""
        for ticket in tickets:
            self._hands.pop((ticket.run_key, ticket.item), None)

    def drop_queued(self) -> None:
        """Give up all that waits for a place at a gate that has been drained, or was never offered to one."""
        self.drop([hand.actor.ticket for _, hand in self if hand.actor.ticket.state == "queued"])

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
        gate = self._gate(hand)
        gate.abandon(hand.actor.ticket)
        hand.actor.cancel()
        if not is_waited_for:
            gate.forget(hand.actor.ticket)
            self._hands.pop(ref, None)

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
