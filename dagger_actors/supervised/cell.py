"""The cell of an actor: its mailbox, its incarnations, and the turns in which it takes messages.

Guarantees: at most one turn runs at a time, so an actor handles one message at a time. (A plain handler that was killed and
does not return is abandoned with its instance: it touches neither the mailbox nor what came after it.) One sender's
messages are taken in the order they were sent. Everything queued is either handled or told as undelivered.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import get_ident
from typing import TYPE_CHECKING, Any

import msgspec

from dagger_actors.actors.inside import inside
from dagger_actors.errors import ActorStopped, MessageRefused, MessageUnhandled
from dagger_actors.supervised.lifecycle import BATCH, Lifecycle
from dagger_actors.supervised.mailbox import SCHEDULED
from dagger_actors.supervised.tick import Notice, Tick
from dagger_actors.supervised.turn import Turn
from dagger_actors.supervised.wire import Answer, Letter, StopLetter, copied, kind_of, plain, text_of

if TYPE_CHECKING:
    from dagger_actors.supervised.handlers import Handler

__all__ = ["Cell"]

TURN = 256
"""Messages in one turn; then others have theirs. From some ten upwards the cost of a turn is spread."""


class Cell(Lifecycle):
    """One actor of a system; what it does with its turns."""

    __slots__ = ()

    def run_turn(self, turn: Turn | None = None) -> bool:
        """Take a turn; for the dispatcher alone. Or go on with one that is begun: after an await."""
        if turn is None and (turn := self.enter()) is None:
            return False
        turns, me = self.post.turns, get_ident()
        before = turns.get(me)
        inside.turn = self
        turns[me] = (self, turn)
        try:
            again = self._work(turn)
            while again and self.orders and (turn := self.enter()) is not None:
                turns[me] = (self, turn)
                again = self._work(turn)  # it has failed: the next incarnation begins without another thread
            return again
        finally:
            if before is None:
                inside.turn = None
                del turns[me]
            else:
                inside.turn = before[0]
                turns[me] = before

    def run_here(self, kind: type, data: bytes) -> tuple[Any] | None:
        """Handle one message in the calling thread, if nothing is queued and it may.

        Returns:
            The answer in a tuple; None when it has to be asked the long way.

        Raises:
            BaseException: What the handler raised.
        """
        short = self.traits.short.get(kind)
        if short is None:
            return None
        turn = self.take_over()
        if turn is None:
            return None
        turns, me = self.post.turns, get_ident()
        inside.turn = self
        turns[me] = (self, turn)
        decode, call = short
        try:
            if self.actor is None and not self._make(turn):
                return None  # and what follows from that is the same for a message that was queued
            try:
                message = decode(data)
            except BaseException as error:  # noqa: BLE001  the message's own class may raise
                letter = (kind, data, Answer(), None)
                self._refuse_ill_typed(letter, error)
                return (letter[2].get(timeout=0),)  # raises
            actor = self.actor
            if self.turn is not turn:
                return None  # killed meanwhile; asked the long way, it waits for the next incarnation or is refused
            self.handled += 1
            try:
                result = call(actor, message)
            except BaseException as error:
                self.failed(turn, error)
                raise
            return (copied(result),)
        finally:
            inside.turn = None
            del turns[me]
            again = self.settle(turn) if self.is_up else self.pause(turn)
            if again and self.orders:
                again = self.run_turn()  # it has failed: the next incarnation begins here
            if again:
                self.schedule()

    def _work(self, turn: Turn) -> bool:  # noqa: PLR0911  the loop of all loops: each way out is one of its ends
        if (
            (self.attention and not self._attend(turn))
            or not self.is_up
            or (self.actor is None and not self._make(turn))
        ):
            return self.pause(turn)
        actor, short, lane = self.actor, self.traits.short, self.lane
        if lane is None:
            return self.settle(turn)
        take, half = lane.popleft, self.capacity // 2  # who waits for room gets none before
        for _ in range(TURN):
            if self.attention and (len(lane) <= half or self.orders or self.parked_on is not None):
                if not self._attend(turn):
                    return self.pause(turn)
                actor = self.actor  # it may be another incarnation by now
            if not lane:  # as a rule the end of a turn; an exception would cost as much as a message
                return self.settle(turn)
            try:
                letter = take()
            except IndexError:  # a sender dropped the oldest, which was the last
                return self.settle(turn)
            kind, data, reply, _trace = letter
            entry = short.get(kind)
            if entry is None:
                if not self._take(turn, letter):
                    return self.pause(turn)
                continue
            decode, call = entry
            try:
                message = decode(data)
            except BaseException as error:  # noqa: BLE001  the message's own class may raise
                self._refuse_ill_typed(letter, error)
                continue
            if reply is not None:
                turn.hand = (reply,)
            if self.turn is not turn:
                return self._is_too_late(letter)
            self.handled += 1
            try:
                result = call(actor, message)
            except BaseException as error:  # noqa: BLE001  the thread belongs to all
                return self.failed(turn, error) or self.pause(turn)
            if self.turn is not turn:
                return False  # killed meanwhile
            if reply is not None:
                self.answer(turn, result)
        return self.interrupt(turn)

    def _is_too_late(self, *letters: Letter) -> bool:
        """It was killed when this turn had taken letters and not begun with them. Always False."""
        for letter in letters:
            self.refuse(letter, ActorStopped(self.name), "stopped")
        return False

    def _attend(self, turn: Turn) -> bool:
        """Do what was ordered; True when messages may be taken."""
        while True:
            with self.lock:
                if self.turn is not turn or self.state is not SCHEDULED:
                    return False  # killed, awaiting or closed
                if not self.orders:
                    self.orders = None
                    self.attention = bool(self.waiting)
                    break
                order = self.orders.popleft()
            order(turn)
        if self.waiting:
            self.give_room()
        return self.is_up and self.parked_on is None

    def _take(self, turn: Turn, letter: Letter) -> bool:
        """Take a message the long way: its handler wants the context, is ``async``, takes batches, or is not there."""
        kind = letter[0]
        is_special = type(kind) in (Tick, Notice)
        if is_special and not self._counts(kind):
            return True
        found = None if kind is StopLetter else self.traits.handler_for(kind.kind if is_special else kind)
        extra = self.extra
        batch = None if extra is None else extra.batch
        if batch is not None and batch[0] is not found:
            return self.put_back(turn, letter) and self.flush(turn)  # what came before is handled before
        if kind is StopLetter:
            return self._stop_for(turn, letter)
        if is_special:
            self._is_taken(kind, letter)
        return self._unhandled(turn, letter) if found is None else self._take_as(turn, found, letter)

    def _stop_for(self, turn: Turn, letter: Letter) -> bool:
        """Stop because a letter says so. Always False."""
        if not self.stop_now(self.incarnation, "normal", turn, (letter[2],)):
            self._is_too_late(letter)  # killed meanwhile: it has what it wants
        return False

    def _take_as(self, turn: Turn, found: Handler, letter: Letter) -> bool:
        try:
            message = found.decode(letter[1])
        except BaseException as error:  # noqa: BLE001  the message's own class may raise
            self._refuse_ill_typed(letter, error)
            return True
        if found.batch:
            return self._gather(turn, found, letter, message)
        return self._call(turn, found, message, (letter,))

    def _counts(self, kind: Tick | Notice) -> bool:
        """Tell whether the timer or the watch has not been cancelled or replaced, and is this incarnation's."""
        extra = self.extra
        if extra is None:
            return False
        if isinstance(kind, Tick):
            return extra.timers.get(kind.key) == kind.number
        return extra.watching.get(kind.watched) == kind.number

    def _is_taken(self, kind: Tick | Notice, letter: Letter) -> None:
        """The message of a timer or a watch is not to come again, or is to come again in time."""
        if isinstance(kind, Notice):
            self.post.watches.forget(self, kind.watched, kind.number)
        elif kind.interval_us is None:
            self.post.timing.is_rung(self, kind)
        else:
            self.post.timing.rearm(self, kind, letter[1])

    def _call(self, turn: Turn, found: Handler, message: object, letters: tuple[Letter, ...]) -> bool:
        """Call a handler and answer; True when messages may be taken at once."""
        turn.hand = tuple(letter[2] for letter in letters)
        actor, context = self.actor, (self.context(),) if found.wants_context else ()
        if self.turn is not turn:  # looked at last: else those two may be of the next incarnation
            return self._is_too_late(*letters)
        self.handled += len(letters)
        try:
            result = found.call(actor, message, *context)
        except BaseException as error:  # noqa: BLE001  the thread belongs to all
            return self.failed(turn, error)
        if found.is_async:
            self.wait_for(turn, result, self._came_back, partial(self._did_not_begin, letters), letters)
            return False
        if self.turn is not turn:
            return False
        self.answer(turn, result)
        return True

    def _did_not_begin(self, letters: tuple[Letter, ...]) -> None:
        self.handled -= len(letters)
        self._is_too_late(*letters)

    def _came_back(self, turn: Turn, result: object, error: BaseException | None) -> None:
        if error is not None:
            self.failed(turn, error)
        else:
            self.answer(turn, result)

    def _refuse_ill_typed(self, letter: Letter, error: BaseException) -> None:
        if getattr(error, "is_death", False):
            raise error
        detail = str(error) if isinstance(error, msgspec.DecodeError) else text_of(error)
        self.refuse(letter, MessageRefused(kind_of(letter), f"{self.name} cannot read it: {detail}"), "undecodable")

    def _unhandled(self, turn: Turn, letter: Letter) -> bool:
        known = sorted(kind.__name__ for kind in self.traits.table.by_class)
        self.refuse(letter, MessageUnhandled(self.name, kind_of(letter), tuple(known)), "unhandled")
        if "unhandled" not in self.traits.hooks:
            return True
        try:
            message = plain(letter)
        except (msgspec.DecodeError, RecursionError):
            return True  # not even that; it has been told
        actor, context = self.actor, self.context()
        if actor is None or self.turn is not turn:
            return False
        try:
            result = actor.unhandled(message, context)
        except BaseException as error:  # noqa: BLE001  the thread belongs to all
            return self.failed(turn, error)
        if result is not None and "unhandled" in self.traits.async_hooks:
            self.wait_for(turn, result, self._came_back)
            return False
        return self.turn is turn

    def put_back(self, turn: Turn, letter: Letter) -> bool:
        """Put a letter back in front; False when this turn has been killed, and the letter is refused."""
        assert self.lane is not None
        with self.lock:
            if self.turn is turn:
                self.lane.appendleft(letter)
                return True
        return self._is_too_late(letter)

    # --- batches

    def _gather(self, turn: Turn, found: Handler, letter: Letter, message: object) -> bool:
        more = self.more()
        with self.lock:
            is_killed = self.turn is not turn
            if not is_killed:
                more.batch = more.batch or (found, [], [])
                _, letters, messages = more.batch
                letters.append(letter)
                messages.append(message)
        if is_killed:
            return self._is_too_late(letter)
        if len(letters) >= found.batch or (not self.lane and not found.within_us):
            return self.flush(turn)
        if len(letters) == 1 and found.within_us:
            self.post.timing.set_due(self, turn, BATCH, found.within_us, partial(self.order, self._flush_due))
        return True

    def _flush_due(self, turn: Turn) -> None:
        if self.is_up:
            self.flush(turn)

    def flush(self, turn: Turn) -> bool:
        """Hand a gathered batch over, if there is one; True when messages may be taken at once."""
        more = self.more()
        with self.lock:
            if self.turn is not turn:
                return False
            batch, more.batch = more.batch, None
            timer = more.timers.pop(BATCH, None)
        if timer is not None:
            self.post.timing.forget((self.number, timer))
        if batch is None:
            return True
        found, letters, messages = batch
        return self._call(turn, found, messages, tuple(letters))

    # --- what else a turn does

    def go_on(
        self,
        incarnation: int,
        reply: Answer,
        error: BaseException | None,
        answered: Callable[[Any], object],
        failed: Callable[[BaseException], object] | None,
        turn: Turn,
    ) -> None:
        """Hand over the answer to a question of this incarnation; in its turn, between two messages."""
        if self.incarnation != incarnation or not self.is_up or self.turn is not turn:
            return
        try:
            result = None
            if error is None:
                try:
                    result = reply.get(timeout=0)
                except BaseException as raised:  # noqa: BLE001  the answer
                    error = raised
            if error is None:
                answered(result)
            elif failed is not None:
                failed(error)
            else:
                raise error  # noqa: TRY301  it is the actor's own failure
        except BaseException as raised:  # noqa: BLE001  the thread belongs to all
            self.failed(turn, raised)

    def _make(self, turn: Turn) -> bool:
        """Make the instance; False when that failed."""
        try:
            actor = self.traits.make(self)
        except BaseException as error:  # noqa: BLE001  the thread belongs to all
            return self.failed(turn, error)
        with self.lock:
            if self.turn is not turn:
                return False
            self.actor = actor
        return True
