"""The cell of an actor: its mailbox, its place in the tree, and its turns; it stays while incarnations come and go.

Guarantees: at most one turn runs at a time, so an actor handles one message at a time. (A plain handler that was killed and
does not return is abandoned with its instance: it touches neither the mailbox nor what came after it.) One sender's
messages are taken in the order they were sent. Everything queued is either handled or told as undelivered.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from functools import partial
from threading import get_ident
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from dagger_actors.actors.reply import inside
from dagger_actors.errors import ActorStopped, MessageRefused, MessageUnhandled
from dagger_actors.supervised.mailbox import AWAITING, CLOSED, IDLE, SCHEDULED, SUSPENDED, Mailbox, Overflow, handling
from dagger_actors.supervised.ref import StopLetter
from dagger_actors.supervised.tick import Tick
from dagger_actors.supervised.wire import Answer, Letter, copied, kind_of, plain

if TYPE_CHECKING:
    from dagger_actors.supervised.actor import Actor
    from dagger_actors.supervised.context import ActorContext
    from dagger_actors.supervised.handlers import Handler
    from dagger_actors.supervised.house import House
    from dagger_actors.supervised.traits import Traits

__all__ = ["Cell", "ExitKind", "Parent"]

logger = logging.getLogger("dagger_actors.actors")

TURN = 256
"""Messages in one turn; then others have theirs. From some ten upwards the cost of a turn is spread."""

ExitKind = Literal["normal", "shutdown", "error"]

_numbers = itertools.count(1)


class Parent(Protocol):
    """Who hears how an incarnation begins and ends; called in the child's turn, must not block."""

    def child_started(self, cell: Cell, incarnation: int) -> None:
        """``started`` has returned."""
        ...

    def child_failed_to_start(self, cell: Cell, incarnation: int, error: BaseException) -> None:
        """It never came up."""
        ...

    def child_exited(self, cell: Cell, incarnation: int, kind: ExitKind, error: BaseException | None) -> None:
        """The incarnation is over; the cell waits for ``start`` or ``close``."""
        ...


class Extra:
    """What most actors never have; made when it is first wanted.

    Attributes:
        context: What its methods are given.
        task: What its ``async`` method runs as.
        batch: Letters gathered for a batch handler, and the handler.
        error: What its last incarnation failed with.
        timers: By key, the number of the timer that counts.
        watchers: Who is told when it has stopped for good.
        watching: Whose end it is told of.
        hand: Who waits for the answer of the message in hand.
        children: Whom it has spawned, who do not outlive the incarnation.
    """

    __slots__ = ("batch", "children", "context", "error", "hand", "task", "timers", "watchers", "watching")

    def __init__(self) -> None:
        self.context: ActorContext | None = None
        self.task: asyncio.Task[Any] | None = None
        self.batch: tuple[Handler, list[Letter]] | None = None
        self.error: BaseException | None = None
        self.timers: dict[object, int] = {}
        self.watchers: dict[Cell, None] = {}
        self.watching: dict[Cell, None] = {}
        self.hand: tuple[Answer | None, ...] = ()
        self.children: dict[Cell, None] = {}


class Cell(Mailbox):
    """One actor of a system.

    Attributes:
        actor: The incarnation; None before the first, between two, and after the last.
        incarnation: Counts them, from 1.
        handled: Messages taken so far, by all incarnations.
    """

    __slots__ = (
        "actor",
        "config",
        "extra",
        "given_name",
        "handled",
        "incarnation",
        "is_alive",
        "number",
        "parent",
        "traits",
        "turn",
    )

    post: House

    def __init__(
        self,
        traits: Traits,
        house: House,
        parent: Parent,
        *,
        config: object,
        name: str | None,
        capacity: int,
        overflow: Overflow,
    ) -> None:
        self.number = next(_numbers)
        super().__init__(
            house,
            house.dispatchers[traits.dispatcher],
            house.locks[self.number & 255],
            capacity=capacity,
            overflow=overflow,
        )
        self.traits = traits
        self.parent = parent
        self.config = config
        self.given_name = name
        self.incarnation = 0
        self.is_alive = False  # an incarnation has begun, and its end has not been told
        self.handled = 0
        self.actor: Actor | None = None
        self.extra: Extra | None = None
        self.turn: object = None

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """Its name in the system."""
        return self.given_name or f"{self.traits.cls.__name__}-{self.number}"

    def more(self) -> Extra:
        """Its extra, made if there is none."""
        if self.extra is None:
            self.extra = Extra()
        return self.extra

    def context(self) -> ActorContext:
        """What its methods are given."""
        more = self.more()
        if more.context is None:
            more.context = self.post.context_of(self)
        return more.context

    # --- its supervisor's part; any thread

    def begin_idle(self) -> None:
        """Be up without a turn: the instance is made with the first message; for one that has no ``started``."""
        self.incarnation = 1
        self.is_alive = self.is_up = True
        self.state = IDLE

    def start(self, incarnation: int) -> None:
        """Begin an incarnation: the first one, or the next after one has exited."""
        self.order(partial(self._begin, incarnation))

    def stop(self, incarnation: int, kind: ExitKind = "shutdown") -> None:
        """End an incarnation after the message in hand; it exits, and what is queued waits."""
        self.order(partial(self.stop_now, incarnation, kind))

    def kill(self, incarnation: int) -> None:
        """End an incarnation now: a coroutine is cancelled, a plain handler is abandoned in its thread."""
        with self.lock:
            if self.state is CLOSED or self.incarnation != incarnation or not self.is_alive:
                return
            was_running = self.turn is not None
            self.turn = self.orders = None
            self.is_up = False
            self.state = SUSPENDED
        if self.extra is not None:
            self._leave_hand()
            if self.extra.task is not None:
                self.extra.task.get_loop().call_soon_threadsafe(self.extra.task.cancel)
                self.extra.task = None
                was_running = False
        if was_running:
            self.post.abandoned(self)
        self._end("shutdown", None)

    def close(self) -> None:
        """Stop for good: what is queued and all that comes is undelivered, and who watches is told."""
        self.shut()
        self.actor = None
        self.post.has_closed(self)

    # --- turns

    def run_turn(self) -> bool:
        """Take a turn; for the dispatcher alone."""
        turns, me, before = self.post.turns, get_ident(), inside.turn
        inside.turn = turns[me] = self
        try:
            return self._work()
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
                self._failed(turn, error)
                raise
            if self.turn is turn:
                self.handled += 1
            return (copied(result),)
        finally:
            inside.turn = None
            del turns[me]
            if self.turn is turn:
                self.turn = None
                if self.settle() if self.is_up else self.pause():
                    self.schedule()

    def _work(self) -> bool:
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
                return self._failed(turn, error) or self._rest(turn)
            if self.turn is not turn:
                return False  # killed meanwhile
            self.handled += 1
            if reply is not None:
                self._answer(result)
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
            return self._failed(turn, error)
        if found.is_async:
            self.wait_for(result, partial(self._came_back, len(replies)))
            return False
        if self.turn is not turn:
            return False
        self.handled += len(replies)
        self._answer(result)
        return True

    def _came_back(self, taken: int, result: object, error: BaseException | None) -> None:
        if error is not None:
            self._failed(self.turn, error, taken)
            return
        self.handled += taken
        self._answer(result)

    def _answer(self, result: object) -> None:
        """Answer the asks in hand."""
        hand, self.more().hand = self.more().hand, ()
        for reply in hand:
            if reply is None or reply.is_done():
                continue
            try:
                reply.set(copied(result))
            except MessageRefused as error:
                reply.set_exception((MessageRefused, error, None))

    def _leave_hand(self, error: BaseException | None = None) -> None:
        error = ActorStopped(self.name) if error is None else error
        extra = self.extra
        hand: tuple[Answer | None, ...] = ()
        if extra is not None:
            hand, extra.hand = extra.hand, ()
        for reply in hand:
            if reply is not None and not reply.is_done():
                reply.set_exception((type(error), error, error.__traceback__))

    def _refuse_ill_typed(self, letter: Letter, error: Exception) -> None:
        self.refuse(letter, MessageRefused(kind_of(letter), f"{self.name} cannot read it: {error}"), "undecodable")

    def _unhandled(self, turn: object, letter: Letter) -> bool:
        known = sorted(kind.__name__ for kind in self.traits.table.by_class)
        self.refuse(letter, MessageUnhandled(self.name, kind_of(letter), tuple(known)), "unhandled")
        try:
            assert self.actor is not None
            result = self.actor.unhandled(plain(letter), self.context())
        except BaseException as error:  # noqa: BLE001  the thread belongs to all
            return self._failed(turn, error, 0)
        if result is not None and "unhandled" in self.traits.async_hooks:
            self.wait_for(result, lambda _result, error: None if error is None else self._fail_quietly(error))
            return False
        return True

    def _fail_quietly(self, error: BaseException) -> None:
        self._failed(self.turn, error, 0)

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
            self.post.timer(self, _BATCH, found.within_us, partial(self.order, self._flush_due))
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
                raise error
        except BaseException as raised:  # noqa: BLE001  the thread belongs to all
            self._failed(self.turn, raised, 0)

    def _flush_due(self) -> None:
        if self.is_up and self.state is SCHEDULED:
            self.flush()

    def flush(self) -> bool:
        """Hand a gathered batch over, if there is one; True when messages may be taken at once."""
        more = self.more()
        if more.batch is None:
            return True
        (found, letters), more.batch = more.batch, None
        self.post.cancel_timer(self, _BATCH)
        messages = [found.decode(letter[1]) for letter in letters]
        return self._call(self.turn, found, messages, tuple(letter[2] for letter in letters))

    # --- incarnations

    def _make(self) -> bool:
        """Make the instance; False when that failed."""
        if not self.is_up:
            return False
        try:
            self.actor = self.traits.make(self)
        except BaseException as error:  # noqa: BLE001  the thread belongs to all
            return self._failed(self.turn, error, 0)
        return True

    def _begin(self, incarnation: int) -> None:
        self.incarnation = incarnation
        self.is_alive = True
        old, extra = self.actor, self.extra
        if old is not None and extra is not None and extra.error is not None:
            self._hook(partial(old.pre_restart, extra.error, self.context()), "pre_restart", lambda: self._rise(incarnation))
        else:
            self._rise(incarnation)

    def _rise(self, incarnation: int) -> None:
        self.actor = None
        if self.extra is not None:
            self.extra.error = None
        try:
            actor = self.traits.make(self)
            result = actor.started(self.context()) if self.traits.has_started else None
        except BaseException as error:  # noqa: BLE001  the thread belongs to all
            self._did_not_rise(incarnation, error)
            return
        self.actor = actor
        if result is not None:
            self.wait_for(result, partial(self._has_risen, incarnation))
        else:
            self._has_risen(incarnation, None, None)

    def _has_risen(self, incarnation: int, _result: object, error: BaseException | None) -> None:
        if error is not None:
            self._did_not_rise(incarnation, error)
            return
        self.is_up = True
        self.parent.child_started(self, incarnation)

    def _did_not_rise(self, incarnation: int, error: BaseException) -> None:
        if getattr(error, "is_death", False):
            raise error
        self.actor = None
        logger.error("%s could not start", self, exc_info=error, extra={"actor": self.name})
        self._forget_incarnation()
        if self._is_told():
            return
        self.parent.child_failed_to_start(self, incarnation, error)

    def stop_now(self, incarnation: int, kind: ExitKind) -> None:
        """End an incarnation; in its turn, between two messages."""
        if self.incarnation != incarnation or not self.is_up:
            return  # its end has been told
        if self.actor is None:
            self._end(kind, None)
            return
        if self.extra is not None and self.extra.batch is not None and not self.flush():
            self.stop(incarnation, kind)  # when the batch has been handled
            return
        self.is_up = False
        self._hook(partial(self.actor.stopping, self.context()), "stopping", partial(self._end, kind, None))

    def _hook(self, call: Callable[[], object], name: str, then: Callable[[], None]) -> None:
        """Call a hook whose failure is only logged, and go on when it has returned."""

        def returned(_result: object, error: BaseException | None) -> None:
            if error is not None:
                if getattr(error, "is_death", False):
                    raise error
                logger.error("%s of %s failed", name, self, exc_info=error, extra={"actor": self.name})
            then()

        try:
            result = call()
        except BaseException as error:  # noqa: BLE001  the thread belongs to all
            returned(None, error)
            return
        if name in self.traits.async_hooks:
            self.wait_for(result, returned)
        else:
            returned(None, None)

    def _failed(self, turn: object, error: BaseException, taken: int = 1) -> bool:
        """An incarnation's code raised: it is over, and its supervisor decides. Always False."""
        if getattr(error, "is_death", False):
            raise error  # a simulated death of the whole process: nothing of it is told
        if self.turn is not turn:
            return False
        self.handled += taken
        self._leave_hand(error)
        logger.error("%s failed", self, exc_info=error, extra={"actor": self.name})
        self.more().error = error
        self._end("error", error)
        return False

    def _end(self, kind: ExitKind, error: BaseException | None) -> None:
        self.is_up = False
        if error is None:
            self.actor = None
            self._answer(True)  # whoever asked it to stop  # noqa: FBT003
        self._forget_incarnation()
        if not self._is_told():
            self.parent.child_exited(self, self.incarnation, kind, error)

    def _is_told(self) -> bool:
        """Tell whether the end of this incarnation has been told; from now on it has."""
        with self.lock:
            is_told, self.is_alive = not self.is_alive, False
        return is_told

    def _forget_incarnation(self) -> None:
        extra = self.extra
        if extra is None:
            return
        if extra.batch is not None:
            (_, letters), extra.batch = extra.batch, None
            assert self.lane is not None
            self.lane.extendleft(reversed(letters))
        self.post.forget_timers(self)
        for watched in tuple(extra.watching):
            self.post.unwatch(self, watched)
        children, extra.children = extra.children, {}
        for child in reversed(children):
            child.stop(child.incarnation)

    # --- coroutines

    def wait_for(self, coroutine: Any, then: Callable[[Any, BaseException | None], None]) -> None:
        """Let a coroutine run on this thread's loop; no message is taken until it has ended."""
        loop = asyncio.get_running_loop()
        context = copy_context()
        context.run(handling.set, self)
        with self.lock:
            self.state = AWAITING
            turn = self.turn = object()  # the turn goes on when it comes back
        task = self.more().task = loop.create_task(_outcome_of(coroutine), context=context)
        task.add_done_callback(partial(self._awaited, turn, then))

    def _awaited(
        self, turn: object, then: Callable[[Any, BaseException | None], None], task: asyncio.Task[Any]
    ) -> None:
        result, error = (None, asyncio.CancelledError()) if task.cancelled() else task.result()
        with self.lock:
            if self.turn is not turn or self.extra is None:
                return  # killed meanwhile
            self.extra.task = None
            self.state = SCHEDULED
            self.orders = [lambda: then(result, error), *(self.orders or ())]
            self.attention = True
        if self.run_turn():
            self.schedule()


_BATCH = object()
"""The key of the timer of a gathered batch."""


async def _outcome_of(coroutine: Coroutine[Any, Any, Any]) -> tuple[Any, BaseException | None]:
    # Nothing may leave a task: asyncio lets a SystemExit end its loop, and with it everybody's coroutines.
    try:
        return await coroutine, None
    except GeneratorExit:
        raise
    except BaseException as error:  # noqa: BLE001  the actor's next turn deals with it
        return None, error
