"""What becomes of attempts, as the machine is told it: they are leased, begin, end, are late, or were a dead worker's.

The machine is pure. So what it cannot know is found out here, and goes into the event: whether a body has ended, and what its
agent's policy says of one more try.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dagger_actors.bodies.error_detail import detail_of
from dagger_actors.core.messages import AttemptEnded, Failed, Progressed, decode_from_body
from dagger_actors.core.protocols import Now
from dagger_actors.core.retry import RetryPolicy
from dagger_actors.core.task_leases import Claimed
from dagger_actors.errors import UnitRejected
from dagger_actors.tasks.machine.events import Answered, Grant, Started, Stuck, TaskRef
from dagger_actors.tasks.working.batch import Part
from dagger_actors.tasks.working.deciding import Deciding
from dagger_actors.tasks.working.handover import Services
from dagger_actors.tasks.working.hands import Hand, Hands
from dagger_actors.tasks.working.orders import ShiftEnds
from dagger_actors.tasks.working.uncommitted import Uncommitted
from dagger_actors.tasks.working.verdicts import ended, refused, timed_out

__all__ = ["AttemptNews"]

SLOW_US = 20_000
"""A task of a shift that has run for so long is not waited for by those behind it."""


class AttemptNews:
    """Turns it into events; for the supervisor's thread.

    Args:
        services: What the supervisor is made with.
        deciding: Applies them.
        hands: The bodies.
        uncommitted: Knows what dead workers' bodies had done.
    """

    def __init__(self, services: Services, deciding: Deciding, hands: Hands, uncommitted: Uncommitted) -> None:
        self._services = services
        self._deciding = deciding
        self._machine = deciding.machine
        self._hands = hands
        self._uncommitted = uncommitted

    # --- they begin

    def claimed(self, answered: Answered, now: Now) -> None:
        """Tasks are leased."""
        granted = self._deciding.grant(answered, now)
        self._not_made(self._hands.begin(granted, self._machine.shift_of), now)

    def started(self, now: Now) -> None:
        """See what has passed the gates."""
        begun = self._hands.take_started()
        if begun:
            self._deciding.apply(Started(begun), now)

    def _not_made(self, failed: Iterable[tuple[Grant, Exception]], now: Now) -> None:
        """There is no body for these: they have failed with that."""
        for grant, error in failed:
            task = grant.task
            outcome = Failed(detail_of(error))
            told = AttemptEnded(task.task_key, -1, task.epoch, grant.attempt, now.wall_us, now.wall_us, outcome)
            self._deciding.apply(ended(self._policy(task), task, told), now)

    # --- they end

    def told(self, data: bytes, now: Now) -> None:
        """A body tells how far it is, or its end."""
        message = decode_from_body(data)
        if isinstance(message, Progressed):
            self._hands.note_progress(message)
            return
        hand = self._hands.end((message.run_key, message.item), data)
        if hand is not None:  # else its lease was lost, and it was told to stop
            self._deciding.apply(ended(self._policy(hand.task), hand.task, message), now)

    def refused(self, part: Part, error: UnitRejected, now: Now) -> None:
        """The transaction could not take an end, for what its body wanted written with it."""
        self._deciding.apply(refused(self._policy(part.end.task), part.end, error), now)

    def late(self, ref: TaskRef, now: Now, *, is_stuck: bool) -> None:
        """An attempt may have taken too long; or its body goes on for as long again."""
        hand = self._hands.get(ref)
        if hand is None:
            return
        if is_stuck:
            self._deciding.apply(Stuck(*ref), now)
            return
        # The gate alone knows whether the body has ended: then its message is on its way, and the attempt is not late.
        if not self._hands.abandon(hand):
            return
        self.started(now)
        self._timed_out(hand, now)

    def _timed_out(self, hand: Hand, now: Now) -> None:
        self._deciding.apply(timed_out(self._policy(hand.task), hand.task), now)

    # --- in shifts

    def shift_ended(self, message: ShiftEnds, now: Now) -> None:
        """Tasks of a shift have ended, and what is behind them there goes on by itself."""
        for data in message.ends:
            self.told(data, now)
        if message.rest:
            rest = [ref for ref in message.rest if self._machine.is_held(*ref)]
            self._hands.give_back(set(message.rest).difference(rest))
            self._not_made(self._hands.move(rest), now)

    def relieve(self, now: Now) -> None:
        """No task waits for long behind one that is slow."""
        for left in self._hands.relieve(now.wall_us - SLOW_US):
            self.shift_ended(left, now)

    def leave(self, now: Now, *, is_now: bool) -> None:
        """Nothing more begins of what waits at gates and in shifts; with ``is_now`` shifts end, whatever they do."""
        # First of all, or what is given back as unbegun might begin yet.
        self._hands.drain()
        self.started(now)
        ends, begun = self._hands.leave_shifts(is_now=is_now)
        for data in ends:
            self.told(data, now)
        self._deciding.apply(Started(begun), now)

    # --- others had them

    def adopt(self, ends: Sequence[tuple[Claimed, bytes]], now: Now) -> None:
        """Commit what a dead worker's bodies had done."""
        for task, payload in ends:
            message = decode_from_body(payload)
            assert isinstance(message, AttemptEnded), message
            self._uncommitted.adopted[task.task_key, task.epoch] = task, payload
            self._machine.adopt(task, message.attempt, message.started_us)
            self._deciding.apply(ended(self._policy(task), task, message), now)

    def take_up(self, hand: Hand, now: Now, *, may_be_late: bool) -> None:
        """Go on with what is in hand; the old machine's word on it is lost if it is not in the file."""
        ticket = hand.actor.ticket
        self._machine.adopt(hand.task, hand.attempt, ticket.started_us)
        if may_be_late and ticket.state == "abandoned" and hand.actor.timeout_us is not None:
            self._timed_out(hand, now)
        if hand.payload is not None:
            self.told(hand.payload, now)

    def _policy(self, task: Claimed) -> RetryPolicy:
        return self._services.agents.get(task.agent).options.retry_of(task.try_count)
