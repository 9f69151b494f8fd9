"""The task supervisor of one worker: an actor around the machine, the bodies in its hand, and its timers.

A turn takes all that is queued and leaves one batch: the ends of many attempts, and the claim of the next ones, in one
unit. When the unit is refused, each end is handed over again by itself: one lost lease, or one body that wanted what the
transaction cannot take, is no other's business. Effects leave after the commit that records their cause.

When the machine crashes, the supervisor keeps its bodies, and asks the root for a new machine: leases in hand are adopted,
ends that were told and not committed are told again, and what never began is given back. All that the old machine has
handed to the journal is answered by then, so nothing of that is waited for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, assert_never

from pykka._envelope import Envelope  # pykka exports no public name for what its mailboxes hold

from dagger_actors.actors.actor import Actor
from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.messages import AttemptEnded
from dagger_actors.core.protocols import Now
from dagger_actors.errors import UnitRejected
from dagger_actors.tasks.machine.events import (
    Answered,
    ArmStuck,
    Decision,
    Detached,
    Effect,
    Flushed,
    Grant,
    StopBody,
    Stopped,
    TaskRef,
    Unanswered,
    Woken,
)
from dagger_actors.tasks.machine.machine import TaskMachine
from dagger_actors.tasks.working.aside import Aside
from dagger_actors.tasks.working.attempt_news import AttemptNews
from dagger_actors.tasks.working.batch import Batch, Part
from dagger_actors.tasks.working.deciding import Deciding
from dagger_actors.tasks.working.handover import Services
from dagger_actors.tasks.working.hands import Hand, Hands
from dagger_actors.tasks.working.orders import Adopt, Again, Denied, Detach, GiveUp, Late, Reopen, ShiftEnds, Stops
from dagger_actors.tasks.working.uncommitted import Uncommitted

__all__ = ["TaskSupervisor"]

logger = logging.getLogger("dagger_actors.tasks")

TURN = 128
"""Messages after which the journal is given what has been decided, so that it can write while we go on."""

FLUSH_US = 50_000
"""How long ``running`` may go unwritten; most attempts are over by then and need no row for it."""

FENCE = "tasks.end"
"""The statement that changes nothing when its lease was lost."""


class TaskSupervisor(Actor):
    """Decides about the tasks that this worker has leased.

    Args:
        services: See there.
        machine: Fresh.
        ask_rebuild: Told when the machine has crashed; answers with ``reopen``.
    """

    def __init__(
        self, services: Services, machine: TaskMachine, *, ask_rebuild: Callable[[BaseException], None]
    ) -> None:
        super().__init__()
        self._services = services
        self._owner = machine.owner
        self._ask_rebuild = ask_rebuild
        self._hands = Hands(services, self.tell)
        self._aside = Aside((Detach, Adopt, Stops, Late), self._note_told)
        self._leaving: Detached | None = None
        self._has_given_up = False
        self._idle: list[Any] = []
        self._flush_armed = False
        self._uncommitted = Uncommitted(
            services, self._hands, tell=self.tell, let_out=self._let_out, is_awaited=lambda: bool(self._idle)
        )
        self._deciding: Deciding | None = None  # while there is no machine
        self._news: AttemptNews
        self._begin_anew(machine)

    def _begin_anew(self, machine: TaskMachine) -> Deciding:
        deciding = self._deciding = Deciding(machine, self._hands, self._let_out)
        self._news = AttemptNews(self._services, deciding, self._hands, self._uncommitted)
        return deciding

    @property
    def in_hand(self) -> int:
        """Attempts that were granted and whose end is not committed; any thread."""
        return len(self._hands)

    def hands(self) -> list[Hand]:
        """The same, one by one, in the order they were granted; any thread."""
        return [hand for _ref, hand in self._hands]

    # --- from any thread

    def tell(self, message: object) -> None:
        """Put a message into this supervisor's own mailbox."""
        self.actor_inbox.put(Envelope(message))

    def ask(self, message: object) -> ReplyFuture[Any]:
        """Put a message into the mailbox that is answered."""
        future: ReplyFuture[Any] = ReplyFuture()
        self.actor_inbox.put(Envelope(message, reply_to=future))
        return future

    def on_started(self) -> None:
        """A gate let something through: it is written down a little later, if it still runs then."""
        if not self._flush_armed:
            self._flush_armed = True
            due = self._services.clock.now().mono_us + FLUSH_US
            self._services.timers.set((id(self), "flush"), due, partial(self.tell, Flushed()))

    # --- turns

    def receive_batch(self, envelopes: list[Envelope[Any]]) -> None:
        """Take all that is queued and leave one batch."""
        now = self._services.clock.now()
        for at, envelope in enumerate(envelopes):
            if self._deciding is None and not isinstance(envelope.message, Reopen | GiveUp):
                self._set_aside(envelope)
                continue
            if at and not at % TURN:
                self._hand_over(now)
                now = self._services.clock.now()
            self._receive(envelope, now)
        self._hand_over(now)
        if self._deciding is not None:
            if self._idle:
                self._tell_idle()
            if self._deciding.machine.has_plenty():
                # A turn for every end costs two thread switches and a commit each; the bodies lose nothing by our waiting.
                self._services.breathe()

    def on_crash(self, error: BaseException, envelopes: list[Envelope[Any]]) -> None:
        """Stop deciding; bodies go on, and what they tell is kept."""
        logger.error("the task supervisor crashed; it goes on from the file", exc_info=error)
        self._deciding = None
        put_off = self._uncommitted.take_put_off()
        self._aside.put_all(envelopes, [reply for batch in put_off for reply in batch.replies])
        self._ask_rebuild(error)

    def _set_aside(self, envelope: Envelope[Any]) -> None:
        if self._has_given_up:
            reply: Any = envelope.reply_to
            if reply is not None:  # nothing of it runs any more
                reply.set_once(None)
            return
        self._aside.put(envelope)

    def _note_told(self, ended: AttemptEnded, data: bytes) -> None:
        hand = self._hands.get((ended.run_key, ended.item))
        if hand is not None:
            hand.payload = data

    def reopen(self, machine: TaskMachine, owned: Sequence[TaskRef]) -> None:
        """Go on with a fresh machine, the gates having been drained; any thread.

        Args:
            machine: It.
            owned: All leases of this worker, as the file has them.
        """
        self.tell(Reopen(machine, tuple(owned)))

    def give_up(self) -> None:
        """Do no task any more, once all leases are given back; any thread."""
        self.tell(GiveUp())

    def _given_up(self) -> None:
        self._has_given_up = True
        for ref, _hand in self._hands:
            self._hands.stop(ref, is_waited_for=False)
        for reply in [*self._idle, *self._aside.replies]:
            reply.set_once(None)
        self._idle = []
        for envelope in self._aside.take():
            self._set_aside(envelope)

    def _reopened(self, message: Reopen, now: Now) -> None:
        deciding = self._begin_anew(message.machine)
        self._uncommitted.moot.clear()
        self._flush_armed = False
        self._hands.drop_queued()
        owned = set(message.owned)
        is_last = self._leaving is not None and self._leaving.is_last
        for ref, hand in self._hands:
            if ref not in owned:
                self._hands.stop(ref, is_waited_for=False)  # it was taken away meanwhile
                continue
            owned.discard(ref)
            self._news.take_up(hand, now, may_be_late=not is_last)
        told, self._uncommitted.adopted = self._uncommitted.adopted, {}
        adopted = [end for ref, end in told.items() if ref in owned]
        owned -= told.keys()
        self._news.adopt(adopted, now)
        if owned:  # leased, and not begun
            deciding.batch.add(Decision(released=tuple(sorted(owned))))
        deciding.batch.replies += self._aside.replies
        self._aside.replies = []
        if self._leaving is not None:
            deciding.apply(self._leaving, now)
        for envelope in self._aside.take():
            self._receive(envelope, now)
        self.on_started()

    def _receive(self, envelope: Envelope[Any], now: Now) -> None:
        match envelope.message:
            case Reopen() as message:
                self._reopened(message, now)
            case GiveUp():
                self._given_up()
            case message:
                assert self._deciding is not None
                self._told(self._deciding, envelope, message, now)

    def _told(self, deciding: Deciding, envelope: Envelope[Any], message: object, now: Now) -> None:
        match message:
            case bytes():
                self._news.told(message, now)
            case Answered():
                self._news.claimed(message, now)
            case Woken() | Unanswered():
                deciding.apply(message, now)
            case Flushed():
                self._flush(deciding, message, now)
            case ShiftEnds():
                self._news.shift_ended(message, now)
            case Late(ref=ref, is_stuck=is_stuck):
                self._news.late(ref, now, is_stuck=is_stuck)
            case Stops(leases=leases):
                deciding.apply(Stopped(leases), now)
                deciding.batch.stops += [(self._owner, *ref) for ref in leases]
            case Adopt(ends=ends):
                self._news.adopt(ends, now)
            case Denied(batch=batch, error=error):
                self._denied(deciding, batch, error, now)
            case Again():
                for batch in self._uncommitted.take_put_off():
                    self._uncommitted.submit(batch, now)
            case Detach(now=is_now):
                self._detach(deciding, envelope, now, is_now=is_now)
            case _:
                raise AssertionError(f"nobody tells a task supervisor {message!r}")

    def _flush(self, deciding: Deciding, flushed: Flushed, now: Now) -> None:
        """Write down what has begun and still runs, and have nobody wait behind what is slow."""
        self._flush_armed = False
        self._news.relieve(now)
        if self._hands.has_shifts():
            self.on_started()
        self._news.started(now)
        deciding.apply(flushed, now)

    # --- leaving

    def _detach(self, deciding: Deciding, envelope: Envelope[Any], now: Now, *, is_now: bool) -> None:
        self._news.leave(now, is_now=is_now)
        self._leaving = Detached(is_last=is_now, unbegun=self._cut_off() if is_now else frozenset())
        deciding.apply(self._leaving, now)
        reply = envelope.reply_to
        if is_now:
            deciding.batch.replies.append(reply)
        elif reply not in self._idle:  # received again after a crash
            self._idle.append(reply)

    def _cut_off(self) -> frozenset[TaskRef]:
        """End every attempt whose body goes on; gives those whose body has not begun, and never will."""
        cut_off = [ref for ref, hand in self._hands if hand.payload is None and self._hands.abandon(hand)]
        # Behind that: whoever has not written its beginning by now does not begin.
        return self._services.unbegun().intersection(cut_off)

    def _tell_idle(self) -> None:
        """Answer those who wait for the last body to end, once that is handed over too."""
        if self._hands.are_idle():
            idle, self._idle = self._idle, []
            for reply in idle:
                reply.set_once(None)

    # --- letting out, and committing

    def _let_out(self, effect: Effect) -> None:
        """Do what follows from a decision; any thread, never blocks."""
        match effect:
            case StopBody(task_key=task_key, epoch=epoch):
                self._stop_body((task_key, epoch))
            case ArmStuck(task_key=task_key, epoch=epoch):
                self._hands.arm_stuck((task_key, epoch))
            case Grant():
                raise AssertionError("grants are let out where they are answered")
            case _:
                assert_never(effect)

    def _stop_body(self, ref: TaskRef) -> None:
        deciding = self._deciding
        self._hands.stop(ref, is_waited_for=deciding is not None and deciding.machine.is_held(*ref))

    def _hand_over(self, now: Now) -> None:
        """Let the journal have what this turn decided, and what is wanted next."""
        deciding = self._deciding
        if deciding is None:
            return
        while self._uncommitted.moot:
            deciding.apply(self._uncommitted.moot.popleft(), now)
        if not self._uncommitted.is_put_off:
            self._want(deciding, now)
        batch = deciding.take_batch()
        if batch.is_dirty:
            self._uncommitted.submit(batch, now)

    def _want(self, deciding: Deciding, now: Now) -> None:
        """Ask for tasks for the places that are free, or look again when a rate allows more."""
        deciding.batch.claims = deciding.machine.wanted(now)
        again_us = None if deciding.batch.claims else deciding.machine.again_us(now)
        if again_us is not None:
            due = now.mono_us + max(0, again_us - now.wall_us)
            self._services.timers.set((id(self), "rate"), due, partial(self.tell, Woken(frozenset())))

    def _denied(self, deciding: Deciding, batch: Batch, error: Exception, now: Now) -> None:
        if not isinstance(error, UnitRejected):
            self._uncommitted.put_off(batch, error)
            return
        if batch.is_single:
            self._part_refused(batch.parts[0], error, now)
        elif batch.parts:
            for single in batch.split():
                if single.is_dirty:
                    self._uncommitted.submit(single, now)
            # What they make ready was looked for already, before they are written.
            deciding.apply(Woken(), now)
        elif batch.claims:
            logger.error("a claim was refused", exc_info=error)
            deciding.apply(Unanswered(batch.claims), now)

    def _part_refused(self, part: Part, error: UnitRejected, now: Now) -> None:
        if error.statement != FENCE and not part.is_bare:
            self._news.refused(part, error, now)
            return
        task = part.end.row.task_key
        fields = LogFields(task=task, reason=str(error))
        logger.warning("the lease of task %d was lost: its end is not stored", task, extra=fields)
        self._uncommitted.adopted.pop(part.ref, None)
        self._stop_body(part.ref)
