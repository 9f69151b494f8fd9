"""The supervisor of one member of a group: an actor around the machine, the shifts in its hand, and its timers.

A turn of it takes all that is queued and leaves one batch: the ends of many turns of handlers, in one unit. What is read
and what is begun needs no commit, for nobody else can see it. Effects leave with the commit that records their cause:
publications and timers are part of it, others hear of them behind it.

When a unit is refused, all that was decided since is taken back from the machine and told to it again, one turn a unit
(``Redoing``): one turn that wanted what the transaction cannot take is no other's business. When a lease was lost, what
it stood for is forgotten first.

When the machine crashes, what runs is given up, and a new machine goes on from the file: turns are taken at least once.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, assert_never

from pykka._envelope import Envelope  # pykka exports no public name for what its mailboxes hold

from dagger_actors.actors.actor import Actor
from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.bodies.error_detail import detail_of
from dagger_actors.core.channel_rows import RANGES
from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.messages import Progressed
from dagger_actors.core.protocols import Now
from dagger_actors.core.range_leases import Shared
from dagger_actors.core.turns import StartTurn, TurnEnded, TurnFailed, decode_told
from dagger_actors.errors import UnitRejected
from dagger_actors.pubsub.aftermath import Aftermath
from dagger_actors.pubsub.batch import FENCE, Batch
from dagger_actors.pubsub.handover import MemberServices
from dagger_actors.pubsub.holdings import Holdings
from dagger_actors.pubsub.intake import Cursor, Intake
from dagger_actors.pubsub.machine.events import (
    Begin,
    Decision,
    Effect,
    Event,
    Fetch,
    Gained,
    GiveBack,
    Grown,
    Lost,
    Paused,
    Retire,
    Settle,
    ShiftDone,
    Surplus,
    Ticked,
    Undone,
    WakeAt,
)
from dagger_actors.pubsub.machine.machine import MemberMachine
from dagger_actors.pubsub.orders import (
    Again,
    Committed,
    Denied,
    Detach,
    Head,
    Late,
    New,
    Pauses,
    Reopen,
    RestAsked,
    Share,
    Sharing,
    Wake,
)
from dagger_actors.pubsub.redoing import FULL_US, Redoing
from dagger_actors.pubsub.shifts import Shift, Shifts, spent_us, unreadable
from dagger_actors.pubsub.uncommitted import Uncommitted
from dagger_actors.pubsub.verdicts import verdict

__all__ = ["MemberSupervisor"]

logger = logging.getLogger("dagger_actors.pubsub")

TURN = 64
"""Messages after which the journal is given what has been decided, so that it can write while we go on."""

SETTLE_US = 100_000
"""How long it is quiet until the floors that lag behind are written."""

IDLE_US = 20_000_000
"""How often it is seen to that keys for which nothing comes leave the memory."""

AGAIN_US = 1_000_000
"""How long to wait before what the disk refused is handed to it again."""


class MemberSupervisor(Actor):
    """Decides about what one member has in hand.

    Args:
        services: See there.
        make: Makes a fresh machine.
        ask_rebuild: Told when the machine has crashed; answers with ``reopen``.
    """

    def __init__(
        self,
        services: MemberServices,
        make: Callable[[], MemberMachine],
        *,
        ask_rebuild: Callable[[MemberSupervisor, BaseException], None],
    ) -> None:
        super().__init__()
        self._services = services
        self._make = make
        self._machine = make()
        self._ask_rebuild = ask_rebuild
        self._has_crashed = False
        self._has_joined = False
        self._intake = Intake(services.readers, services.subscriptions)
        self._shifts = Shifts(services.starter, clock=services.clock, timers=services.timers, tell=self.tell)
        self._redoing = Redoing(services.subscriptions, services.outlets.waits, services.bridges)
        self._uncommitted = Uncommitted(
            services.journal,
            clock=services.clock,
            outlets=services.outlets,
            committed=self._committed,
            let_out=self._go_on,
            denied=lambda batch, error: self.tell(Denied(batch, error)),
        )
        self._batch = Batch(services.place)
        self._holdings = Holdings(services.readers, services.place.group_key)
        self._aftermath = Aftermath(services, self._intake, self._holdings, tell=self.tell, hold=self._uncommitted.hold)
        self._heads: dict[int, int] = {}
        self._surplus: tuple[int, ...] = ()
        self._paused: frozenset[str] = frozenset()
        self._idle: list[Any] = []
        self._is_leaving = False
        self._has_left = False
        self._effects: deque[Effect] = deque()
        self._settles_us: int | None = None

    # --- from any thread

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is in hand and nothing is left to do at once; retries that wait are something to do."""
        return self._is_idle and self._has_joined and self._machine.is_at_rest

    @property
    def _is_idle(self) -> bool:
        return not (self._shifts or self._uncommitted or self._redoing or self._has_crashed)

    def in_hand(self) -> dict[str, int]:
        """Turns that are being taken, by subscription; any thread."""
        found: dict[str, int] = {}
        for shift in self._shifts:
            found[shift.start.subscription] = found.get(shift.start.subscription, 0) + len(shift.start.turns)
        return found

    def tell(self, message: object) -> None:
        """Put a message into this supervisor's own mailbox."""
        self.actor_inbox.put(Envelope(message))

    def ask(self, message: object) -> ReplyFuture[Any]:
        """Put a message into the mailbox that is answered."""
        future: ReplyFuture[Any] = ReplyFuture()
        self.actor_inbox.put(Envelope(message, reply_to=future))
        return future

    # --- turns

    def receive_batch(self, envelopes: list[Envelope[Any]]) -> None:
        """Take all that is queued and leave one batch."""
        for at, envelope in enumerate(envelopes):
            if at and not at % TURN:
                self._hand_over()
            if self._has_crashed and not isinstance(envelope.message, Reopen | Detach | RestAsked):
                continue  # the file has it, or it is done again
            self._receive(envelope, self._services.clock.now())
        self._hand_over()
        if self._idle and self._is_idle and not self._machine.in_hand:  # who leaves does not wait for what is unread
            self._tell_idle()
        if self.is_at_rest and not all(isinstance(one.message, RestAsked) for one in envelopes):
            self._services.rested()  # not for having been asked: whoever asks would ask again

    def on_crash(self, error: BaseException, envelopes: list[Envelope[Any]]) -> None:
        """Stop deciding; what runs is given up, and is done again from the file."""
        logger.error(
            "the supervisor of group %r crashed; it goes on from the file", self._services.group, exc_info=error
        )
        self._has_crashed = True
        self._idle += [
            one.reply_to for one in envelopes if isinstance(one.message, Detach) and one.reply_to is not None
        ]
        self._shifts.forget()
        self._uncommitted.take_back()
        self._batch = Batch(self._services.place)
        self._ask_rebuild(self, error)

    def _reopened(self, cursors: Sequence[Cursor]) -> None:
        if self._has_left:
            return
        self._machine = self._make()
        self._has_crashed = False
        self._surplus = ()
        self._effects.clear()
        self._redoing.clear()
        self._intake.clear()
        self._services.activations.drop_ranges(range(RANGES))
        self._holdings.clear()
        self._holdings.add(cursors)
        for name in self._paused:
            self._apply(Paused(name, is_paused=True))
        if self._is_leaving:
            self._apply(Retire())
        self._batch.is_sharing = True

    def _receive(self, envelope: Envelope[Any], now: Now) -> None:
        message = envelope.message
        match message:
            case bytes():
                self._told_by_body(message, now)
            case Wake(is_settling=is_settling):
                self._wake(is_settling=is_settling)
            case Committed(batch=batch):
                if batch.is_redone:
                    self._redoing.done()
            case Late(shift=number):
                late = self._shifts.late(number)
                if late is not None:
                    self._shift_done(*late, now)
            case Denied(batch=batch, error=error):
                self._denied(batch, error, now)
            case Again():
                for batch in self._uncommitted.take_back():
                    self._uncommitted.submit(batch)
            case Detach(now=is_now):
                self._detach(envelope, now, is_now=is_now)
            case RestAsked():
                self._hand_over()
                assert envelope.reply_to is not None
                envelope.reply_to.set(self.is_at_rest)
            case Reopen(cursors=cursors):
                self._reopened(cursors)
            case _:
                self._told_of_file(message)

    def _told_of_file(self, message: object) -> None:
        """What others have written; nobody's business who has left."""
        if self._has_left:
            return
        match message:
            case Head(channel_key=channel_key, next_offset=next_offset):
                self._grown(channel_key, next_offset)
            case Sharing(answer=answer):
                self._share(answer)
            case New(cursors=cursors):
                self._add(cursors)
            case Share():
                self._batch.is_sharing = not self._is_leaving
            case Pauses(subscriptions=subscriptions):
                self._pause(subscriptions)
            case _:
                raise AssertionError(f"nobody tells the supervisor of a member {message!r}")

    def _wake(self, *, is_settling: bool) -> None:
        self._redoing.is_waiting = False
        if self._has_left:
            return
        if is_settling:
            self._settles_us = None
            self._services.activations.sweep()
        self._apply(Settle() if is_settling else Ticked())

    # --- what is read

    def _add(self, cursors: Sequence[Cursor]) -> None:
        states, waiting = self._holdings.read_new(cursors)
        self._apply(Gained((), states, waiting))
        for cursor in cursors:
            self._grown(cursor.channel_key, self._heads.get(cursor.channel_key, 0))

    def _grown(self, channel_key: int, next_offset: int) -> None:
        self._heads[channel_key] = max(next_offset, self._heads.get(channel_key, 0))
        for cursor in self._holdings.on(channel_key):
            self._apply(Grown(cursor.cursor_key, self._heads[channel_key]))

    def _share(self, answer: Shared) -> None:
        """See what this member holds, and go on with what is new to it from where the file says."""
        self._has_joined = True
        self._redoing.is_waiting = False
        lost = self._holdings.lost(answer.held)
        if lost:
            self._intake.lose(lost)
            self._services.activations.drop_ranges(lost)
            self._apply(Lost(tuple(lost)))
            self._redoing.lose(self._holdings.ranges)
        gained = self._holdings.gained(answer.held)
        if gained:
            states, waiting = self._holdings.read(gained)
            self._apply(Gained(gained, states, waiting))
            for channel_key, head in self._heads.items():
                self._grown(channel_key, head)
        if answer.surplus != self._surplus:
            self._surplus = answer.surplus
            self._apply(Surplus(answer.surplus))

    def _pause(self, subscriptions: frozenset[str]) -> None:
        for name in subscriptions ^ self._paused:
            if name in self._services.subscriptions:
                self._apply(Paused(name, is_paused=name in subscriptions))
        self._paused = subscriptions

    # --- what is begun, and ends

    def _told_by_body(self, data: bytes, now: Now) -> None:
        told = decode_told(data)
        if isinstance(told, Progressed):
            self._services.progress(told)
            return
        shift = self._shifts.end(told)
        if shift is not None:
            self._shift_done(shift, told.ends, now)

    def _begin(self, effect: Begin) -> None:
        turns = [
            StartTurn(
                key, tuple(self._intake.delivered(self._holdings.cursor(one), at, no) for one, at, no in messages)
            )
            for key, messages in effect.turns
        ]
        try:
            self._shifts.begin(effect.shift, effect.subscription, turns)
        except Exception as error:  # noqa: BLE001 - its turns have failed with that
            now_us = self._services.clock.now().wall_us
            failed = TurnEnded(now_us, now_us, TurnFailed(detail_of(error)))
            policy = self._services.subscriptions[effect.subscription].handler.options.retry
            verdicts = tuple(
                verdict(policy, max(one.try_no for one in turn.deliveries), failed.outcome, now_us) for turn in turns
            )
            self._apply(ShiftDone(effect.shift, verdicts))

    def _shift_done(self, shift: Shift, ends: Sequence[TurnEnded], now: Now) -> None:
        name = shift.start.subscription
        wrong = unreadable(ends)
        if wrong is not None and name not in self._paused:
            self._paused |= {name}
            self._batch.pauses.append((name, wrong.error.message))
            self._apply(Paused(name, is_paused=True))
        policy = self._services.subscriptions[name].handler.options.retry
        verdicts = tuple(
            verdict(policy, max(one.try_no for one in turn.deliveries), end.outcome, now.wall_us)
            for turn, end in zip(shift.start.turns, ends, strict=True)
        )
        self._apply(ShiftDone(shift.number, verdicts, spent_us(ends)))

    def _detach(self, envelope: Envelope[Any], now: Now, *, is_now: bool) -> None:
        self._is_leaving = True
        if not self._has_crashed:
            self._apply(Retire())
            for shift, ends in self._shifts.give_up() if is_now else self._shifts.withdraw():
                self._shift_done(shift, ends, now)
            if is_now:
                while not self._machine.is_settled:
                    self._apply(Settle())
        if is_now:
            self._has_left = True
            self._batch.is_leaving = True
            self._batch.replies.append(envelope.reply_to)
        else:
            self._idle.append(envelope.reply_to)

    def _tell_idle(self) -> None:
        idle, self._idle = self._idle, []
        for reply in idle:
            reply.set_once(None)

    # --- deciding

    def _apply(self, event: Event) -> None:
        self._follow(self._machine.apply(event, self._services.clock.now()))

    def _follow(self, decision: Decision) -> None:
        self._take(decision)
        while self._effects:
            self._let_out(self._effects.popleft())

    def _take(self, decision: Decision) -> None:
        self._batch.add(decision)
        self._effects += decision.effects

    def _let_out(self, effect: Effect) -> None:
        match effect:
            case Begin():
                self._begin(effect)
            case Fetch(cursor_key=cursor_key):
                cursor = self._holdings.cursor(cursor_key)
                self._apply(self._intake.fetch(cursor, effect, self._heads.get(cursor.channel_key, 0)))
            case GiveBack(ranges=ranges):
                self._batch.give_back += ranges
            case WakeAt(wall_us=wall_us):
                now = self._services.clock.now()
                due_us = now.mono_us + max(0, wall_us - now.wall_us)
                self._services.timers.set((id(self), "wake"), due_us, partial(self.tell, Wake()))
            case _:
                assert_never(effect)

    # --- committing

    def _hand_over(self) -> None:
        """Let the journal have what this turn decided; a turn that is told again goes in a unit of its own."""
        self._submit()
        redone = self._redoing.next()
        while redone is not None:
            decision = self._machine.apply(redone, self._services.clock.now())
            is_taken = any(end.turn.messages == redone.turn.messages for end in decision.ends)
            effects = redone.verdict.effects
            if is_taken and effects is not None and effects.state is not None:
                # Before anything is let out: the next turn of its key may begin on another thread at once, and not with
                # what is in the file, where this one is not yet.
                self._services.activations.redone(redone.turn.key, effects.state)
            self._follow(decision)
            if is_taken:
                self._batch.is_redone = True
                self._submit(is_alone=True)
                return
            self._redoing.done()  # it is taken again, behind what failed before it
            redone = self._redoing.next()

    def _submit(self, *, is_alone: bool = False) -> None:
        batch, self._batch = self._batch, Batch(self._services.place)
        if batch.is_dirty:
            self._uncommitted.submit(batch, is_alone=is_alone)
        self._arm_settling()

    def _arm_settling(self) -> None:
        """See to it, once it has been quiet, that floors are written, and that keys leave the memory."""
        is_settled = self._machine.is_settled
        if self._has_left or (is_settled and not len(self._services.activations)):
            return
        due_us = self._services.clock.now().mono_us + (IDLE_US if is_settled else SETTLE_US)
        if self._settles_us is None or due_us < self._settles_us - SETTLE_US:
            self._settles_us = due_us
            self._services.timers.set((id(self), "settle"), due_us, partial(self.tell, Wake(is_settling=True)))

    def _committed(self, batch: Batch, work: Sequence[Any], answers: Sequence[Any]) -> None:
        self._aftermath.of(batch, work, answers)

    def _go_on(self, batch: Batch) -> None:
        """See what is left to do; on the journal's thread, never blocks."""
        if self._redoing or not self._uncommitted:
            self.tell(Committed(batch))

    def _denied(self, batch: Batch, error: Exception, now: Now) -> None:
        if not isinstance(error, UnitRejected):
            fields = LogFields(reason=str(error))
            logger.error(
                "the turns of %r cannot be written; trying again: %s", self._services.group, error, extra=fields
            )
            self._services.timers.set((id(self), "disk"), now.mono_us + AGAIN_US, partial(self.tell, Again()))
            return
        self._submit()  # what this very turn has decided stands on it too
        batches = self._uncommitted.take_back()
        assert batches[0] is batch, "what is refused is the first that is not written"
        ends = [end for one in batches for end in one.ends]
        if ends:
            # First: what is begun from here on, in this very event, begins with what is in the file.
            self._services.activations.drop({end.turn.key for end in ends})
            self._apply(Undone(tuple(end.turn for end in ends)))
        for one in batches:
            self._batch.take_rest(one)
        if error.statement == FENCE:
            logger.warning("group %r: a range was lost; what was done of it is not stored", self._services.group)
            self._redoing.take(ends, None, now)
            self._redoing.is_waiting = True  # until it is known what is lost
            asking = Batch(self._services.place)
            asking.is_sharing = True
            self._uncommitted.submit(asking, is_alone=True)  # whatever stood with it might be refused again
            return
        self._redoing.take(ends, error if len(batch.ends) == 1 else None, now)
        if self._redoing.is_waiting:
            self._services.timers.set((id(self), "full"), now.mono_us + FULL_US, partial(self.tell, Wake()))
