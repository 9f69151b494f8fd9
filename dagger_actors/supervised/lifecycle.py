"""The incarnations of an actor: how each begins and ends, and how its coroutines are awaited.

The cell stays while they come and go: a restart happens in place, with the same mailbox and under the same ref.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any

from dagger_actors.errors import ActorStopped, MessageRefused
from dagger_actors.supervised.family import ExitKind, Parent
from dagger_actors.supervised.mailbox import AWAITING, CLOSED, IDLE, SCHEDULED, SUSPENDED, Mailbox, Overflow, handling
from dagger_actors.supervised.wire import Answer, Letter, copied

if TYPE_CHECKING:
    from dagger_actors.supervised.actor import Actor
    from dagger_actors.supervised.context import ActorContext
    from dagger_actors.supervised.handlers import Handler
    from dagger_actors.supervised.house import House
    from dagger_actors.supervised.traits import Traits

__all__ = ["BATCH", "Extra", "Lifecycle"]

logger = logging.getLogger("dagger_actors.actors")

BATCH = object()
"""The key of the timer of a gathered batch."""

_numbers = itertools.count(1)


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
        self.watchers: dict[Lifecycle, None] = {}
        self.watching: dict[Lifecycle, None] = {}
        self.hand: tuple[Answer | None, ...] = ()
        self.children: dict[Lifecycle, None] = {}


class Lifecycle(Mailbox):
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

    def begin(self, incarnation: int) -> None:
        """Begin an incarnation: the first one, or the next after one has exited."""
        self.order(partial(self._begin, incarnation))

    def end(self, incarnation: int, kind: ExitKind = "shutdown") -> None:
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
            self.leave_hand()
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

    # --- what a turn does, which knows messages

    def run_turn(self) -> bool:
        """Take a turn."""
        raise NotImplementedError

    def run_here(self, kind: type, data: bytes) -> tuple[Any] | None:
        """Handle one message in the calling thread, if nothing is queued and it may."""
        raise NotImplementedError

    def go_on(
        self,
        incarnation: int,
        reply: Answer,
        error: BaseException | None,
        answered: Callable[[Any], object],
        failed: Callable[[BaseException], object] | None,
    ) -> None:
        """Hand over the answer to a question of this incarnation."""
        raise NotImplementedError

    def flush(self) -> bool:
        """Hand a gathered batch over, if there is one; True when messages may be taken at once."""
        raise NotImplementedError

    def answer(self, result: object) -> None:
        """Answer the asks in hand."""
        hand, self.more().hand = self.more().hand, ()
        for reply in hand:
            if reply is None or reply.is_done():
                continue
            try:
                reply.set(copied(result))
            except MessageRefused as error:
                reply.set_exception((MessageRefused, error, None))

    def leave_hand(self, error: BaseException | None = None) -> None:
        """Answer the asks in hand with an error; None = it has stopped."""
        error = ActorStopped(self.name) if error is None else error
        extra = self.extra
        hand: tuple[Answer | None, ...] = ()
        if extra is not None:
            hand, extra.hand = extra.hand, ()
        for reply in hand:
            if reply is not None and not reply.is_done():
                reply.set_exception((type(error), error, error.__traceback__))

    # --- incarnations

    def _begin(self, incarnation: int) -> None:
        self.incarnation = incarnation
        self.is_alive = True
        old, extra = self.actor, self.extra
        if old is not None and extra is not None and extra.error is not None:
            self._hook(
                partial(old.pre_restart, extra.error, self.context()), "pre_restart", lambda: self._rise(incarnation)
            )
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
            self.end(incarnation, kind)  # when the batch has been handled
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

    def failed(self, turn: object, error: BaseException, taken: int = 1) -> bool:
        """An incarnation's code raised: it is over, and its supervisor decides. Always False."""
        if getattr(error, "is_death", False):
            raise error  # a simulated death of the whole process: nothing of it is told
        if self.turn is not turn:
            return False
        self.handled += taken
        self.leave_hand(error)
        logger.error("%s failed", self, exc_info=error, extra={"actor": self.name})
        self.more().error = error
        self._end("error", error)
        return False

    def _end(self, kind: ExitKind, error: BaseException | None) -> None:
        self.is_up = False
        if error is None:
            self.actor = None
            self.answer(True)  # whoever asked it to stop  # noqa: FBT003
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
            child.end(child.incarnation)

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


async def _outcome_of(coroutine: Coroutine[Any, Any, Any]) -> tuple[Any, BaseException | None]:
    # Nothing may leave a task: asyncio lets a SystemExit end its loop, and with it everybody's coroutines.
    try:
        return await coroutine, None
    except GeneratorExit:
        raise
    except BaseException as error:  # noqa: BLE001  the actor's next turn deals with it
        return None, error
