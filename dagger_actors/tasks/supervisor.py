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

import msgspec
from pykka._envelope import Envelope  # pykka exports no public name for what its mailboxes hold

from dagger_actors.actors.actor import Actor
from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.bodies.error_detail import detail_of
from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.messages import AttemptEnded, Failed, Progressed, decode_from_body
from dagger_actors.core.protocols import Now
from dagger_actors.core.retry import RetryPolicy
from dagger_actors.core.task_leases import Claimed
from dagger_actors.errors import UnitRejected
from dagger_actors.tasks.aside import Aside
from dagger_actors.tasks.batch import Batch, Part
from dagger_actors.tasks.handover import Services
from dagger_actors.tasks.hands import Hand, Hands
from dagger_actors.tasks.machine.events import (
    Answered,
    ArmStuck,
    Decision,
    Detached,
    Effect,
    Event,
    Flushed,
    Grant,
    Started,
    StopBody,
    Stopped,
    Stuck,
    TaskRef,
    Unanswered,
    Woken,
)
from dagger_actors.tasks.machine.machine import TaskMachine
from dagger_actors.tasks.orders import Adopt, Again, Denied, Detach, GiveUp, Late, Reopen, ShiftEnds, Stops
from dagger_actors.tasks.uncommitted import Uncommitted
from dagger_actors.tasks.verdicts import ended, refused, timed_out

__all__ = ["TaskSupervisor"]

logger = logging.getLogger("dagger_actors.tasks")

TURN = 128
"""Messages after which the journal is given what has been decided, so that it can write while we go on."""

FLUSH_US = 50_000
"""How long ``running`` may go unwritten; most attempts are over by then and need no row for it."""

SLOW_US = 20_000
"""A task of a shift that has run for so long is not waited for by those behind it."""

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
        self._machine: TaskMachine | None = machine
        self._owner = machine.owner
        self._ask_rebuild = ask_rebuild
        self._batch = Batch(self._owner)
        self._hands = Hands(services, self.tell)
        self._aside = Aside((Detach, Adopt, Stops, Late), self._note_told)
        self._leaving: Detached | None = None
        self._has_given_up = False
        self._idle: list[Any] = []
        self._flush_armed = False
        self._uncommitted = Uncommitted(
            services, self._hands, tell=self.tell, let_out=self._let_out, is_awaited=lambda: bool(self._idle)
        )

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
            if self._machine is None and not isinstance(envelope.message, Reopen | GiveUp):
                self._set_aside(envelope)
                continue
            if at and not at % TURN:
                self._hand_over(now)
                now = self._services.clock.now()
            self._receive(envelope, now)
        if self._machine is not None:
            self._hand_over(now)
            if self._idle:
                self._tell_idle()
            if self._machine.has_plenty():
                # A turn for every end costs two thread switches and a commit each; the bodies lose nothing by our waiting.
                self._services.breathe()

    def on_crash(self, error: BaseException, envelopes: list[Envelope[Any]]) -> None:
        """Stop deciding; bodies go on, and what they tell is kept."""
        logger.error("the task supervisor crashed; it goes on from the file", exc_info=error)
        self._machine, self._batch = None, Batch(self._owner)
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
        machine = self._machine = message.machine
        self._uncommitted.moot.clear()
        self._flush_armed = False
        self._hands.drop_queued()
        owned = set(message.owned)
        for ref, hand in self._hands:
            if ref not in owned:
                self._hands.stop(ref, is_waited_for=False)  # it was taken away meanwhile
                continue
            owned.discard(ref)
            self._take_up(machine, hand, now)
        told, self._uncommitted.adopted = self._uncommitted.adopted, {}
        adopted = [end for ref, end in told.items() if ref in owned]
        owned -= told.keys()
        self._adopt(adopted, now)
        if owned:  # leased, and not begun
            self._batch.add(Decision(released=tuple(sorted(owned))))
        self._batch.replies += self._aside.replies
        self._aside.replies = []
        if self._leaving is not None:
            self._apply(self._leaving, now)
        for envelope in self._aside.take():
            self._receive(envelope, now)
        self.on_started()

    def _take_up(self, machine: TaskMachine, hand: Hand, now: Now) -> None:
        """Go on with what is in hand; the old machine's word on it is lost if it is not in the file."""
        ticket = hand.actor.ticket
        machine.adopt(hand.task, hand.attempt, ticket.started_us)
        is_late = ticket.state == "abandoned" and hand.actor.timeout_us is not None
        if is_late and not (self._leaving is not None and self._leaving.is_last):
            self._apply(timed_out(self._policy(hand.task), hand.task), now)
        if hand.payload is not None:
            self._end(hand.payload, now)

    def ask(self, message: object) -> ReplyFuture[Any]:
        """Put a message into the mailbox that is answered."""
        future: ReplyFuture[Any] = ReplyFuture()
        self.actor_inbox.put(Envelope(message, reply_to=future))
        return future

    def _receive(self, envelope: Envelope[Any], now: Now) -> None:
        message = envelope.message
        match message:
            case bytes():
                self._told_by_body(message, now)
            case Answered():
                self._claimed(message, now)
            case Woken() | Unanswered():
                self._apply(message, now)
            case Flushed():
                self._flush_armed = False
                self._relieve(now)
                self._note_started(now)
                self._apply(message, now)
            case ShiftEnds():
                self._shift_ended(message, now)
            case Late(ref=ref, is_stuck=is_stuck):
                self._late(ref, now, is_stuck=is_stuck)
            case Stops(leases=leases):
                self._apply(Stopped(leases), now)
                self._batch.stops += [(self._owner, *ref) for ref in leases]
            case Adopt(ends=ends):
                self._adopt(ends, now)
            case Denied(batch=batch, error=error):
                self._denied(batch, error, now)
            case Again():
                for batch in self._uncommitted.take_put_off():
                    self._uncommitted.submit(batch, now)
            case Detach(now=is_now):
                self._detach(envelope, now, is_now=is_now)
            case Reopen():
                self._reopened(message, now)
            case GiveUp():
                self._given_up()
            case _:
                raise AssertionError(f"nobody tells a task supervisor {message!r}")

    # --- messages

    def _told_by_body(self, data: bytes, now: Now) -> None:
        message = decode_from_body(data)
        if isinstance(message, Progressed):
            self._hands.note_progress(message)
        else:
            self._end(data, now)

    def _end(self, data: bytes, now: Now) -> None:
        message = decode_from_body(data)
        assert isinstance(message, AttemptEnded), message
        hand = self._hands.end((message.run_key, message.item), data)
        if hand is not None:  # else its lease was lost, and it was told to stop
            self._apply(ended(self._policy(hand.task), hand.task, message), now)

    def _policy(self, task: Claimed) -> RetryPolicy:
        return self._services.agents.get(task.agent).options.retry_of(task.try_count)

    def _claimed(self, answered: Answered, now: Now) -> None:
        decision = self._decide(answered, now)
        self._batch.add(msgspec.structs.replace(decision, effects=()))
        # The leases are committed already: nothing is to be waited for.
        failed = self._hands.begin((effect for effect in decision.effects if isinstance(effect, Grant)), self._shift_of)
        self._not_made(failed, now)

    def _shift_of(self, agent: str) -> int:
        return 1 if self._machine is None else self._machine.shift_of(agent)

    def _not_made(self, failed: Sequence[tuple[Grant, Exception]], now: Now) -> None:
        for grant, error in failed:
            task = grant.task
            outcome = Failed(detail_of(error))
            told = AttemptEnded(task.task_key, -1, task.epoch, grant.attempt, now.wall_us, now.wall_us, outcome)
            self._apply(ended(self._policy(task), task, told), now)

    def _note_started(self, now: Now) -> None:
        started = self._hands.take_started()
        if started:
            self._apply(Started(started), now)

    def _shift_ended(self, message: ShiftEnds, now: Now) -> None:
        """Tasks of a shift have ended, and what is behind them there goes on by itself."""
        assert self._machine is not None
        for data in message.ends:
            self._end(data, now)
        if message.rest:
            rest = [ref for ref in message.rest if self._machine.is_held(*ref)]
            self._hands.give_back(set(message.rest).difference(rest))
            self._not_made(self._hands.move(rest), now)

    def _relieve(self, now: Now) -> None:
        """No task waits for long behind one that is slow."""
        for left in self._hands.relieve(now.wall_us - SLOW_US):
            self._shift_ended(left, now)
        if self._hands.has_shifts():
            self.on_started()

    def _late(self, ref: TaskRef, now: Now, *, is_stuck: bool) -> None:
        hand = self._hands.get(ref)
        if hand is None:
            return
        if is_stuck:
            self._apply(Stuck(*ref), now)
            return
        # The gate alone knows whether the body has ended: then its message is on its way, and the attempt is not late.
        if not self._hands.abandon(hand):
            return
        self._note_started(now)
        self._apply(timed_out(self._policy(hand.task), hand.task), now)

    def _adopt(self, ends: Sequence[tuple[Claimed, bytes]], now: Now) -> None:
        """Commit what a dead worker's bodies had done."""
        assert self._machine is not None
        for task, payload in ends:
            message = decode_from_body(payload)
            assert isinstance(message, AttemptEnded), message
            self._uncommitted.adopted[task.task_key, task.epoch] = task, payload
            self._machine.adopt(task, message.attempt, message.started_us)
            self._apply(ended(self._policy(task), task, message), now)

    def _detach(self, envelope: Envelope[Any], now: Now, *, is_now: bool) -> None:
        # First of all, or what is given back as unbegun might begin yet.
        self._hands.drain()
        self._note_started(now)
        ends, begun = self._hands.leave_shifts(is_now=is_now)
        for data in ends:
            self._end(data, now)
        self._apply(Started(begun), now)
        self._leaving = Detached(is_last=is_now, unbegun=self._cut_off() if is_now else frozenset())
        self._apply(self._leaving, now)
        reply = envelope.reply_to
        if is_now:
            self._batch.replies.append(reply)
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

    # --- deciding

    def _decide(self, event: Event, now: Now) -> Decision:
        assert self._machine is not None
        return self._machine.apply(event, now)

    def _apply(self, event: Event, now: Now) -> None:
        decision = self._decide(event, now)
        batch = self._batch
        for end in decision.ends:
            hand = self._hands.get((end.row.task_key, end.row.epoch))
            batch.parts.append(Part(end, hand.captured() if hand is not None else None))
        if decision.ends or decision.released or decision.runs:
            batch.add(decision)
            return
        for effect in decision.effects:  # what is caused by no change of ours
            self._let_out(effect)

    def _let_out(self, effect: Effect) -> None:
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
        machine = self._machine
        self._hands.stop(ref, is_waited_for=machine is not None and machine.is_held(*ref))

    # --- committing

    def _hand_over(self, now: Now) -> None:
        """Let the journal have what this turn decided, and what is wanted next."""
        assert self._machine is not None
        while self._uncommitted.moot:
            self._apply(self._uncommitted.moot.popleft(), now)
        if not self._uncommitted.is_put_off:
            self._batch.claims = self._machine.wanted(now)
            again_us = None if self._batch.claims else self._machine.again_us(now)
            if again_us is not None:
                due = now.mono_us + max(0, again_us - now.wall_us)
                self._services.timers.set((id(self), "rate"), due, partial(self.tell, Woken(frozenset())))
        batch, self._batch = self._batch, Batch(self._owner)
        if batch.is_dirty:
            self._uncommitted.submit(batch, now)

    def _denied(self, batch: Batch, error: Exception, now: Now) -> None:
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
            self._apply(Woken(), now)
        elif batch.claims:
            logger.error("a claim was refused", exc_info=error)
            self._apply(Unanswered(batch.claims), now)

    def _part_refused(self, part: Part, error: UnitRejected, now: Now) -> None:
        if error.statement != FENCE and not part.is_bare:
            self._apply(refused(self._policy(part.end.task), part.end, error), now)
            return
        task = part.end.row.task_key
        fields = LogFields(task=task, reason=str(error))
        logger.warning("the lease of task %d was lost: its end is not stored", task, extra=fields)
        self._uncommitted.adopted.pop(part.ref, None)
        self._stop_body(part.ref)
