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
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from pykka._envelope import Envelope  # pykka exports no public name for what its mailboxes hold

from dagger_actors.actors.actor import Actor
from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.core.channel_rows import RANGES
from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.messages import Progressed
from dagger_actors.core.protocols import Now
from dagger_actors.core.turns import decode_told
from dagger_actors.errors import UnitRejected
from dagger_actors.pubsub.machine.events import Retire, Settle, Ticked, Undone
from dagger_actors.pubsub.machine.machine import MemberMachine
from dagger_actors.pubsub.members.aftermath import Aftermath
from dagger_actors.pubsub.members.batch import FENCE, Batch
from dagger_actors.pubsub.members.deciding import Deciding
from dagger_actors.pubsub.members.file_news import FileNews
from dagger_actors.pubsub.members.handover import MemberServices
from dagger_actors.pubsub.members.holdings import Holdings
from dagger_actors.pubsub.members.intake import Cursor, Intake
from dagger_actors.pubsub.members.orders import (
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
from dagger_actors.pubsub.members.redoing import FULL_US, Redoing
from dagger_actors.pubsub.members.settling import Settling
from dagger_actors.pubsub.members.shifts import Shifts
from dagger_actors.pubsub.members.uncommitted import Uncommitted

__all__ = ["MemberSupervisor"]

logger = logging.getLogger("dagger_actors.pubsub")

TURN = 64
"""Messages after which the journal is given what has been decided, so that it can write while we go on."""

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
        self._ask_rebuild = ask_rebuild
        self._has_crashed = False
        self._is_leaving = False
        self._has_left = False
        self._idle: list[Any] = []
        self._intake = Intake(services.readers, services.subscriptions)
        self._holdings = Holdings(services.readers, services.place.group_key)
        self._shifts = Shifts(services.starter, clock=services.clock, timers=services.timers, tell=self.tell)
        self._redoing = Redoing(services.subscriptions, services.outlets.waits, services.bridges)
        self._settling = Settling(services.clock, services.timers, lambda: self.tell(Wake(is_settling=True)))
        self._deciding = Deciding(
            services, make, intake=self._intake, holdings=self._holdings, shifts=self._shifts, tell=self.tell
        )
        self._news = FileNews(
            self._deciding,
            intake=self._intake,
            holdings=self._holdings,
            redoing=self._redoing,
            activations=services.activations,
        )
        self._uncommitted = Uncommitted(
            services.journal,
            clock=services.clock,
            outlets=services.outlets,
            committed=self._committed,
            let_out=self._go_on,
            denied=lambda batch, error: self.tell(Denied(batch, error)),
        )
        self._aftermath = Aftermath(services, self._intake, self._holdings, tell=self.tell, hold=self._uncommitted.hold)

    # --- from any thread

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is in hand and nothing is left to do at once; retries that wait are something to do."""
        return self._is_idle and self._news.has_shared and self._deciding.machine.is_at_rest

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
        if self._idle and self._is_idle and not self._deciding.machine.in_hand:
            self._tell_idle()  # who leaves does not wait for what is unread
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
        self._redoing.clear()
        self._deciding.give_up()
        self._ask_rebuild(self, error)

    def _reopened(self, cursors: Sequence[Cursor]) -> None:
        if self._has_left:
            return
        self._has_crashed = False
        self._intake.clear()
        self._services.activations.drop_ranges(range(RANGES))
        self._settling.woken()  # else what was asked for is waited for, which may have come while nothing was told
        self._news.begin_anew(cursors)
        self._deciding.begin_anew()
        if self._is_leaving:
            self._deciding.apply(Retire())
        self._deciding.batch.is_sharing = True

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
                    self._deciding.shift_done(*late, now)
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
                self._news.grown(channel_key, next_offset)
            case Sharing(answer=answer):
                self._news.share(answer)
            case New(cursors=cursors):
                self._news.add(cursors)
            case Share():
                self._deciding.batch.is_sharing = not self._is_leaving
            case Pauses(subscriptions=subscriptions):
                self._deciding.pause(subscriptions)
            case _:
                raise AssertionError(f"nobody tells the supervisor of a member {message!r}")

    def _wake(self, *, is_settling: bool) -> None:
        self._redoing.is_waiting = False
        if self._has_left:
            return
        if is_settling:
            self._settling.woken()
            self._services.activations.sweep()
        self._deciding.apply(Settle() if is_settling else Ticked())

    def _told_by_body(self, data: bytes, now: Now) -> None:
        told = decode_told(data)
        if isinstance(told, Progressed):
            self._services.progress(told)
            return
        shift = self._shifts.end(told)
        if shift is not None:
            self._deciding.shift_done(shift, told.ends, now)

    def _detach(self, envelope: Envelope[Any], now: Now, *, is_now: bool) -> None:
        self._is_leaving = True
        if not self._has_crashed:
            self._deciding.apply(Retire())
            for shift, ends in self._shifts.give_up() if is_now else self._shifts.withdraw():
                self._deciding.shift_done(shift, ends, now)
            if is_now:
                while not self._deciding.machine.is_settled:
                    self._deciding.apply(Settle())
        if is_now:
            self._has_left = True
            self._deciding.batch.is_leaving = True
            self._deciding.batch.replies.append(envelope.reply_to)
        else:
            self._idle.append(envelope.reply_to)

    def _tell_idle(self) -> None:
        idle, self._idle = self._idle, []
        for reply in idle:
            reply.set_once(None)

    # --- committing

    def _hand_over(self) -> None:
        """Let the journal have what this turn decided; a turn that is told again goes in a unit of its own."""
        self._submit()
        redone = self._redoing.next()
        while redone is not None:
            if self._deciding.redo(redone):
                self._deciding.batch.is_redone = True
                self._submit(is_alone=True)
                return
            self._redoing.done()  # it is taken again, behind what failed before it
            redone = self._redoing.next()

    def _submit(self, *, is_alone: bool = False) -> None:
        batch = self._deciding.take_batch()
        if batch.is_dirty:
            self._uncommitted.submit(batch, is_alone=is_alone)
        self._arm_settling()

    def _arm_settling(self) -> None:
        """See to it, once it has been quiet, that floors are written, and that keys leave the memory."""
        is_settled = self._deciding.machine.is_settled
        if not self._has_left and (len(self._services.activations) or not is_settled):
            self._settling.arm(is_settled=is_settled)

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
            self._deciding.apply(Undone(tuple(end.turn for end in ends)))
        for one in batches:
            self._deciding.batch.take_rest(one)
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
