"""The pooled actor: pykka's model, refs, futures, proxies and failure semantics, without a thread of its own.

It takes turns on a dispatcher. Pykka's three documented hooks for new actor types are overridden
(``_create_actor_inbox``, ``_create_future``, ``_start_actor_loop``); the loop that handles messages is its own. On top:

- ``async def on_receive`` on a loop dispatcher: one message at a time per actor, thousands of actors awaiting at once.
- ``receive_batch``, for hot actors: all queued envelopes at once.
- ``spawn``: an actor outside of pykka's global registry, whose ``SystemExit`` or ``KeyboardInterrupt`` is a failure
  like any other. (``start`` registers it, and there such an exception stops every registered actor, as in pykka.)
- No ask is lost, and a blocking ask inside a handler is refused: it could starve the pool.

Where it departs from pykka: a failing ``on_start`` calls ``on_failure`` too; what is not delivered is told to
``on_undelivered``; a ``BaseException`` also answers the ask that caused it.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import logging
from types import CoroutineType, TracebackType
from typing import Any, ClassVar, Self, cast

import pykka
from pykka import ActorRegistry, Future, messages
from pykka._envelope import Envelope  # part of the inbox protocol that pykka documents for new actor types

from dagger_actors.actors.awaiting import Outcome, await_handler
from dagger_actors.actors.mailbox import Mailbox, Parked, Settled
from dagger_actors.actors.ref import Ref, urn_of
from dagger_actors.actors.reply import ReplyFuture, StopFlag
from dagger_actors.core.protocols import Dispatcher
from dagger_actors.errors import ActorError

__all__ = ["Actor", "Ref"]

logger = logging.getLogger("dagger_actors.actors")
pykka_logger = logging.getLogger("pykka")

_STOP = messages._ActorStop  # noqa: SLF001  pykka's word for stop has no public name
_SPECIAL = (_STOP, messages.ProxyCall, messages.ProxyGetAttr, messages.ProxySetAttr, Outcome)
HOOKS = ("on_start", "on_stop", "on_failure", "on_undelivered", "on_crash", "receive_batch")

_numbers = itertools.count()


class Actor(pykka.Actor):
    """An actor that shares the threads of a dispatcher.

    Set ``dispatcher`` on the class to use ``start``, or give it to ``spawn``. Handlers are pykka's: ``on_receive``,
    ``on_start``, ``on_stop``, ``on_failure``; and ``on_undelivered``. A class that defines ``receive_batch(envelopes)``
    gets all plain messages there, in order, up to 512 at once, and answers asks itself through ``envelope.reply_to``.

    Attributes:
        dispatcher: Who gives it turns.
        hears_undelivered: Whether the class overrides ``on_undelivered``; found out by itself.
    """

    dispatcher: ClassVar[Dispatcher | None] = None
    hears_undelivered: ClassVar[bool] = False
    _is_async: ClassVar[bool] = False
    _async_hooks: ClassVar[tuple[str, ...]] = ()
    _takes_batches: ClassVar[bool] = False

    actor_inbox: Mailbox
    actor_stopped: Any  # a StopFlag, which is as much of a threading.Event as pykka asks for
    _is_registered = False
    _has_begun = False
    _dispatcher: Dispatcher | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._is_async = inspect.iscoroutinefunction(cls.on_receive)
        cls._async_hooks = tuple(hook for hook in HOOKS if inspect.iscoroutinefunction(getattr(cls, hook)))
        cls._takes_batches = cls.receive_batch is not Actor.receive_batch
        cls.hears_undelivered = cls.on_undelivered is not Actor.on_undelivered

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        # Instead of super().__init__(): its uuid4 and threading.Event cost more than all the rest of a spawn.
        self.number = next(_numbers)
        self.actor_inbox = self._create_actor_inbox()
        self.actor_stopped = StopFlag()

    @functools.cached_property
    def _actor_ref(self) -> Ref[Any]:  # type: ignore[override]  # pykka's attribute, made only when somebody asks
        return Ref(self)

    @property
    def actor_urn(self) -> str:  # type: ignore[override]  # pykka's attribute, made only when somebody looks
        """A URN that is unique in this process."""
        return urn_of(self.number)

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> Ref[Self]:
        """Start an actor on the class's dispatcher and register it in pykka's registry.

        Raises:
            ActorError: The class has no dispatcher, or one that cannot run its ``async`` handler.
        """
        cls._check(cls.dispatcher)
        actor = cls(*args, **kwargs)
        actor._is_registered = True
        ActorRegistry.register(actor._actor_ref)
        pykka_logger.debug(f"Starting {actor}")  # noqa: G004  pykka's own words
        actor._start_actor_loop()
        return actor._actor_ref

    @classmethod
    def spawn(cls, *args: Any, dispatcher: Dispatcher, **kwargs: Any) -> Ref[Self]:
        """Start an actor outside of pykka's registry, which costs O(n) for each stop.

        It asks for its first turn with its first message; at once when the class has an ``on_start``.

        Args:
            args: For the constructor.
            dispatcher: Who gives it turns.
            kwargs: For the constructor.

        Raises:
            ActorError: The dispatcher cannot run the class's ``async`` handler.
        """
        cls._check(dispatcher)
        actor = cls(*args, **kwargs)
        actor._dispatcher = dispatcher
        actor._start_actor_loop()
        return actor._actor_ref

    def receive_batch(self, envelopes: list[Envelope[Any]]) -> None:
        """Handle all that is queued at once; only called when a subclass defines it.

        Args:
            envelopes: Plain messages in the order they came, 1 to 512. Stops and proxy calls come one by one, as ever.
        """
        raise NotImplementedError

    def on_crash(self, error: BaseException, envelopes: list[Envelope[Any]]) -> None:
        """Be told that ``receive_batch`` raised; by default, answer the open asks of the batch with it and stop.

        An override that returns keeps the actor, its ref and its mailbox. It answers the asks of the batch itself, or
        puts what is still to be handled back in front: ``self.actor_inbox.give_back(envelopes)``.

        Args:
            error: What was raised.
            envelopes: The batch that was in hand.
        """
        for envelope in envelopes:
            reply = envelope.reply_to
            if reply is not None and not cast("ReplyFuture[Any]", reply).is_done():
                reply.set_exception((type(error), error, error.__traceback__))
        self._fail(error)

    def on_undelivered(self, envelope: Envelope[Any]) -> None:
        """Be told of a message that came after the stop; its ask, if it is one, has been answered.

        Called by the thread that sent it, also long after the actor has stopped; must not block.
        """

    @staticmethod
    def _create_actor_inbox() -> Mailbox:
        return Mailbox()

    @staticmethod
    def _create_future() -> Future[Any]:
        return ReplyFuture()

    def _start_actor_loop(self) -> None:
        dispatcher = self._dispatcher or self.dispatcher
        assert dispatcher is not None
        self.actor_inbox.bind(self, dispatcher, at_once=type(self).on_start is not pykka.Actor.on_start)

    @classmethod
    def _check(cls, dispatcher: Dispatcher | None) -> None:
        if dispatcher is None:
            raise ActorError(
                f"{cls.__name__} has no dispatcher; set `dispatcher = ThreadDispatcher(...)` on the class, or use "
                f"{cls.__name__}.spawn(..., dispatcher=...)"
            )
        for hook in cls._async_hooks:
            raise ActorError(f"{cls.__name__}.{hook} is async; hooks are plain functions, only on_receive may await")
        if cls._is_async and not getattr(dispatcher, "is_loop", False):
            raise ActorError(
                f"{cls.__name__}.on_receive is async, and {type(dispatcher).__name__} has no event loop; "
                f"give it a LoopDispatcher, or make on_receive a plain function"
            )

    def take_turn(self) -> bool:
        """Work for a bounded while; for the mailbox alone.

        Returns:
            True when it wants another turn.
        """
        inbox = self.actor_inbox
        if not self._has_begun:
            self._has_begun = True
            self._actor_loop_setup()
        try:
            if self._takes_batches and not self.actor_stopped.is_set():
                special = self._take_batch()
                if not self.actor_stopped.is_set():
                    if special is None:
                        return inbox.settle()
                    inbox.put_next(special)
                elif special is not None:
                    inbox.give_back([special])  # refused with the rest, so that whoever asked hears of it
            self._actor_loop_running()
        except Settled:
            return False  # and touch nothing: another thread may run the next turn already
        except Parked:
            return True
        inbox.close(self._actor_ref)
        return False

    def _take_batch(self) -> Envelope[Any] | None:
        """Hand the plain messages over; return the stop or proxy call behind them, if there is one."""
        inbox = self.actor_inbox
        envelopes = inbox.take()
        special = None
        for at, envelope in enumerate(envelopes):
            if isinstance(envelope.message, _SPECIAL):
                special = envelope
                inbox.give_back(envelopes[at + 1 :])
                del envelopes[at:]
                break
        if envelopes:
            try:
                self.receive_batch(envelopes)
            except BaseException as error:  # noqa: BLE001  whatever it is, asks of the batch must be answered
                self._crash(error, envelopes)
        return special

    def _crash(self, error: BaseException, envelopes: list[Envelope[Any]]) -> None:
        try:
            self.on_crash(error, envelopes)
        except BaseException as second:
            logger.exception("on_crash of %s failed", self)
            Actor.on_crash(self, second, envelopes)

    def _actor_loop_setup(self) -> None:
        try:
            self.on_start()
        except BaseException as error:  # noqa: BLE001  the thread belongs to all
            self._fail(error)

    def _handle_receive(self, message: Any) -> Any:
        try:
            if isinstance(message, _SPECIAL):
                response = message.result() if isinstance(message, Outcome) else super()._handle_receive(message)
            else:
                response = self.on_receive(message)
        except Exception:
            raise
        except BaseException as error:  # noqa: BLE001  pykka stops every actor and leaves the ask without an answer
            return self._contain(error)
        if self._is_async and isinstance(response, CoroutineType):
            await_handler(response, self.actor_inbox, self.actor_stopped)
            return None
        return response

    def _contain(self, error: BaseException) -> None:
        contained = ActorError(f"a handler of {self} raised {error!r}")
        if not self._is_registered:
            raise contained from error
        envelope = self.actor_inbox.current
        if envelope is not None and envelope.reply_to is not None:
            envelope.reply_to.set_exception((ActorError, contained, None))
            envelope.reply_to = None
        pykka_logger.debug(f"{error!r} in {self}. Stopping all actors.")  # noqa: G004  pykka's own words
        self._stop()
        # pykka waits for each of them; here that would hold a thread which they may need.
        ActorRegistry.stop_all(block=False)

    def _fail(self, error: BaseException) -> None:
        self._handle_failure(type(error), error, error.__traceback__)
        try:
            self.on_failure(type(error), error, error.__traceback__)
        except Exception as second:  # noqa: BLE001  as pykka: logged, and it stops all the same
            self._handle_failure(type(second), second, second.__traceback__)

    def _stop(self) -> None:
        if self._is_registered:
            super()._stop()
            return
        self.actor_stopped.set()
        try:
            self.on_stop()
        except Exception as error:  # noqa: BLE001  as pykka: logged, and it stops all the same
            self._handle_failure(type(error), error, error.__traceback__)

    def _handle_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._is_registered:
            super()._handle_failure(exception_type, exception_value, traceback)
            return
        logger.error("unhandled exception in %s", self, exc_info=exception_value)
        self.actor_stopped.set()
