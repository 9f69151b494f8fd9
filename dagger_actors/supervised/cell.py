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

from dagger_actors.actors.reply import inside
from dagger_actors.errors import MessageRefused, MessageUnhandled
from dagger_actors.supervised.lifecycle import BATCH, Lifecycle
from dagger_actors.supervised.mailbox import IDLE, SCHEDULED
from dagger_actors.supervised.ref import StopLetter
from dagger_actors.supervised.tick import Tick
from dagger_actors.supervised.wire import Answer, Letter, copied, kind_of, plain

if TYPE_CHECKING:
    from dagger_actors.supervised.handlers import Handler

__all__ = ["Cell"]

TURN = 256
"""Messages in one turn; then others have theirs. From some ten upwards the cost of a turn is spread."""


class Cell(Lifecycle):
    """One actor of a system; what it does with its turns."""

    __slots__ = ()

    def run_turn(self) -> bool:
        """Take a turn; for the dispatcher alone."""
        turns, me = self.post.turns, get_ident()
        before = turns.get(me)
        inside.turn = turns[me] = self
        try:
            while self._work():
                if not self.orders:
                    return True
            return False
        finally:
            inside.turn = before
            if before is None:
                del turns[me]
            else:
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
        with self.lock:
            if self.state is not IDLE or self.lane or self.attention or self.actor is None:
                return None
            self.state = SCHEDULED
        turns, me = self.post.turns, get_ident()
        inside.turn = turns[me] = self
        turn = self.turn = object()
        decode, call = short
        try:
            message = decode(data)
            try:
                result = call(self.actor, message)
            except BaseException as error:
                self.failed(turn, error)
                raise
            if self.turn is turn:
                self.handled += 1
            return (copied(result),)
        finally:
            if self.turn is turn:
                if self.orders:
                    self._attend()  # it has failed: the next incarnation begins here, without another thread
                self.turn = None
                if self.settle() if self.is_up else self.pause():
                    self.schedule()
            inside.turn = None
            del turns[me]

    def _work(self) -> bool:  # noqa: PLR0911  the loop of all loops: each way out is one of its ends
        turn = self.turn = object()
        if (self.attention and not self._attend()) or (self.actor is None and not self._make()):
            return self._rest(turn)
        actor, short, lane = self.actor, self.traits.short, self.lane
        if lane is None:
            self.turn = None
            return self.settle()
        take = lane.popleft
        for _ in range(TURN):
            if self.attention:
                if not self._attend():
                    return self._rest(turn)
                actor = self.actor  # it may be another incarnation by now
            try:
                letter = take()
            except IndexError:
                self.turn = None
                return self.settle()
            kind, data, reply, _trace = letter
            try:
                decode, call = short[kind]
            except KeyError:
                if not self._take(turn, letter):
                    return self._rest(turn)
                continue
            try:
                message = decode(data)
            except msgspec.DecodeError as error:
                self._refuse_ill_typed(letter, error)
                continue
            if reply is not None:
                self.more().hand = (reply,)
            try:
                result = call(actor, message)
            except BaseException as error:  # noqa: BLE001  the thread belongs to all
                return self.failed(turn, error) or self._rest(turn)
            if self.turn is not turn:
                return False  # killed meanwhile
            self.handled += 1
            if reply is not None:
                self.answer(result)
        self.turn = None
        return True

    def _rest(self, turn: object) -> bool:
        if self.turn is not turn:
            return False
        self.turn = None
        return self.pause()

    def _attend(self) -> bool:
        """Do what was ordered; True when messages may be taken."""
        while self.orders:
            with self.lock:
                orders, self.orders = self.orders or [], None
            for at, order in enumerate(orders):
                order()
                if self.state is not SCHEDULED:  # it awaits, or is closed
                    with self.lock:
                        self.orders = [*orders[at + 1 :], *(self.orders or ())] or None
                    return False
        with self.lock:
            self.attention = bool(self.orders or self.waiting)
        if self.waiting:
            self.give_room()
        return self.is_up and self.parked_on is None and self.state is SCHEDULED

    def _take(self, turn: object, letter: Letter) -> bool:
        """Take a message the long way: its handler wants the context, is ``async``, takes batches, or is not there."""
        kind = letter[0]
        if isinstance(kind, Tick) or kind is StopLetter:
            return self._take_special(turn, letter)
        return self._take_as(turn, kind, letter)

    def _take_as(self, turn: object, kind: type, letter: Letter) -> bool:
        found = self.traits.handler_for(kind)
        if self.extra is not None and self.extra.batch is not None and self.extra.batch[0] is not found:
            self.put_back(letter)
            return self.flush()
        if found is None:
            return self._unhandled(turn, letter)
        try:
            message = found.decode(letter[1])
        except msgspec.DecodeError as error:
            self._refuse_ill_typed(letter, error)
            return True
        if found.batch:
            return self._gather(found, letter)
        return self._call(turn, found, message, (letter[2],))

    def _take_special(self, turn: object, letter: Letter) -> bool:
        """Take a stop, or the message of a timer; True when messages may be taken at once."""
        tick = letter[0]
        if isinstance(tick, Tick):
            timers = self.more().timers
            if timers.get(tick.key) != tick.number:
                return True  # cancelled or replaced since it was queued, or of an earlier incarnation
            if tick.interval_us is None:
                del timers[tick.key]
            else:
                self.post.rearm(self, tick, letter[1])
            return self._take_as(turn, tick.kind, letter)
        self.more().hand = (letter[2],)
        self.stop_now(self.incarnation, "normal")
        return False

    def _call(self, turn: object, found: Handler, message: object, replies: tuple[Answer | None, ...]) -> bool:
        """Call a handler and answer; True when messages may be taken at once."""
        self.more().hand = replies
        try:
            result = found.call(self.actor, message, *((self.context(),) if found.wants_context else ()))
        except BaseException as error:  # noqa: BLE001  the thread belongs to all
            return self.failed(turn, error)
        if found.is_async:
            self.wait_for(result, partial(self._came_back, len(replies)))
            return False
        if self.turn is not turn:
            return False
        self.handled += len(replies)
        self.answer(result)
        return True

    def _came_back(self, taken: int, result: object, error: BaseException | None) -> None:
        if error is not None:
            self.failed(self.turn, error, taken)
            return
        self.handled += taken
        self.answer(result)

    def _refuse_ill_typed(self, letter: Letter, error: Exception) -> None:
        self.refuse(letter, MessageRefused(kind_of(letter), f"{self.name} cannot read it: {error}"), "undecodable")

    def _unhandled(self, turn: object, letter: Letter) -> bool:
        known = sorted(kind.__name__ for kind in self.traits.table.by_class)
        self.refuse(letter, MessageUnhandled(self.name, kind_of(letter), tuple(known)), "unhandled")
        try:
            assert self.actor is not None
            result = self.actor.unhandled(plain(letter), self.context())
        except BaseException as error:  # noqa: BLE001  the thread belongs to all
            return self.failed(turn, error, 0)
        if result is not None and "unhandled" in self.traits.async_hooks:
            self.wait_for(result, lambda _result, error: None if error is None else self._fail_quietly(error))
            return False
        return True

    def _fail_quietly(self, error: BaseException) -> None:
        self.failed(self.turn, error, 0)

    def put_back(self, letter: Letter) -> None:
        """Put a letter back in front."""
        assert self.lane is not None
        self.lane.appendleft(letter)

    # --- batches

    def _gather(self, found: Handler, letter: Letter) -> bool:
        more = self.more()
        letters = more.batch[1] if more.batch is not None else []
        letters.append(letter)
        more.batch = (found, letters)
        if len(letters) >= found.batch or (not self.lane and not found.within_us):
            return self.flush()
        if len(letters) == 1 and found.within_us:
            self.post.set_due(self, BATCH, found.within_us, partial(self.order, self._flush_due))
        return True

    def go_on(
        self,
        incarnation: int,
        reply: Answer,
        error: BaseException | None,
        answered: Callable[[Any], object],
        failed: Callable[[BaseException], object] | None,
    ) -> None:
        """Hand over the answer to a question of this incarnation; in its turn, between two messages."""
        if self.incarnation != incarnation or not self.is_up:
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
            self.failed(self.turn, raised, 0)

    def _flush_due(self) -> None:
        if self.is_up and self.state is SCHEDULED:
            self.flush()

    def flush(self) -> bool:
        """Hand a gathered batch over, if there is one; True when messages may be taken at once."""
        more = self.more()
        if more.batch is None:
            return True
        (found, letters), more.batch = more.batch, None
        self.post.cancel_timer(self, BATCH)
        messages = [found.decode(letter[1]) for letter in letters]
        return self._call(self.turn, found, messages, tuple(letter[2] for letter in letters))

    def _make(self) -> bool:
        """Make the instance; False when that failed."""
        if not self.is_up:
            return False
        try:
            self.actor = self.traits.make(self)
        except BaseException as error:  # noqa: BLE001  the thread belongs to all
            return self.failed(self.turn, error, 0)
        return True
