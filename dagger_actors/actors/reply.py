"""What one side waits on: the reply to an ask, and the flag that tells that an actor has stopped.

Both do what pykka's own do, with one lock each and nothing allocated for waiting until somebody waits: pykka's
``ThreadingFuture`` costs 5-10 us, ``threading.Event`` dominates the start of an actor.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sys
import threading
import time
from asyncio import _get_running_loop
from collections.abc import Callable, Generator
from contextlib import suppress
from types import TracebackType
from typing import Any, TypeVar

from pykka import Future, Timeout

from dagger_actors.actors.inside import inside
from dagger_actors.errors import AskInsideHandler, BlockingCall

__all__ = ["ReplyFuture", "StopFlag"]

T = TypeVar("T")

_Outcome = tuple[Any, BaseException | None, TracebackType | None]  # value, error, its traceback

logger = logging.getLogger("dagger_actors.actors")


class StopFlag:
    """The part of ``threading.Event`` that an actor's ``actor_stopped`` needs; it is never cleared."""

    __slots__ = ("_is_set", "_waiters")

    def __init__(self) -> None:
        self._is_set = False
        self._waiters: list[threading.Lock] | None = None

    def is_set(self) -> bool:
        """Tell whether it is set."""
        return self._is_set

    def set(self) -> None:
        """Set it for good and wake whoever waits."""
        self._is_set = True
        if self._waiters is None:
            return  # whoever begins to wait looks once more after it has left its latch here
        with _flag_lock:
            waiters, self._waiters = tuple(self._waiters or ()), None
        for waiter in waiters:
            waiter.release()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set.

        Args:
            timeout: Seconds; None waits for ever.

        Returns:
            Whether it is set.
        """
        if self.is_set():
            return True
        latch = _latch()
        with _flag_lock:
            if self._waiters is None:
                self._waiters = []
            waiters = self._waiters
            waiters.append(latch)
            if self.is_set():
                return True
        if not latch.acquire(timeout=_patience(timeout)):
            with _flag_lock:
                if latch in waiters:
                    waiters.remove(latch)
        return self.is_set()


# One lock for all flags: each is set once, so it is never fought over, and a flag stays at two words.
_flag_lock = threading.Lock()


class ReplyFuture(Future[T]):
    """A ``pykka.Future`` with a lock, callbacks, and an ``await`` that leaves the event loop free."""

    # The base class sets these for each instance; as class attributes they cost nothing.
    _get_hook: Callable[[float | None], T] | None = None
    _get_hook_result: Any = None
    asked: object = None
    """Whom the question went to, for the message of an error."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outcome: _Outcome | None = None
        self._callbacks: list[Callable[[ReplyFuture[T]], None]] | None = None

    def set_once(self, value: T) -> None:
        """``set``, unless it is done: who asked before a crash is asked for again behind it, and answered twice."""
        with suppress(queue.Full):  # asked first, another thread could answer in between
            self.set(value)

    def fail_once(self, error: BaseException) -> None:
        """``set_exception``, unless it is done."""
        with suppress(queue.Full):
            self.set_exception((type(error), error, None))

    def is_done(self) -> bool:
        """Tell whether it has its value or exception; False for ever when it was derived by ``map`` and the like."""
        return self._outcome is not None

    def get(self, *, timeout: float | None = None) -> Any:
        """Wait for the value.

        Args:
            timeout: Seconds; 0 does not wait, None waits for ever.

        Raises:
            pykka.Timeout: It did not come in time.
            AskInsideHandler: Waiting would hold the thread of a handler.
            BlockingCall: Waiting would block the running event loop.
            Exception: What ``set_exception`` was given.
        """
        outcome = self._outcome
        if outcome is None:
            outcome = self._wait(timeout) if self._get_hook is None else None
            if outcome is None:
                return self._call_hook(timeout)
        value, error, traceback = outcome
        if error is not None:
            raise error if error.__traceback__ is traceback else error.with_traceback(traceback)
        return value

    def set(self, value: T | None = None) -> None:
        """Set the value.

        Raises:
            queue.Full: It has an outcome already, or was derived from another future.
        """
        self._settle((value, None, None))

    def set_exception(self, exc_info: Any = None) -> None:
        """Set the exception.

        Args:
            exc_info: As from ``sys.exc_info()``; None takes the exception being handled.

        Raises:
            queue.Full: It has an outcome already, or was derived from another future.
        """
        kind, error, traceback = sys.exc_info() if exc_info is None else exc_info
        assert kind is not None
        self._settle((None, kind() if error is None else error, traceback))

    def set_get_hook(self, func: Callable[[float | None], T]) -> None:
        """Make ``get`` call this function, once, with its time-out.

        Raises:
            queue.Full: It has an outcome already.
        """
        with self._lock:
            if self._outcome is not None:
                raise queue.Full
            super().set_get_hook(func)
            self._get_hook_result = _UNSET
            self._hook_lock = threading.RLock()
            callbacks, self._callbacks = self._callbacks, None
        self._call(callbacks)

    def add_done(self, callback: Callable[[ReplyFuture[T]], None]) -> None:
        """Call back once when the outcome is there; at once, in this thread, when it is there already.

        Args:
            callback: Called in the thread that sets the outcome; must not block. What it raises is logged.

        Raises:
            ValueError: The future was derived (``map``, ``stop(block=False)``) and works only when it is asked.
        """
        if self._get_hook is not None:
            raise ValueError("a derived future has no moment of its own; add the callback to the one it comes from")
        with self._lock:
            if self._outcome is None:
                if self._callbacks is None:
                    self._callbacks = []
                self._callbacks.append(callback)
                return
        self._call([callback])

    def __await__(self) -> Generator[Any, None, T]:
        """Wait without blocking the running event loop; without one, as pykka does."""
        if not self.is_done():
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                yield
            else:
                if self._get_hook is not None:
                    result: T = yield from loop.run_in_executor(None, self.get).__await__()
                    return result
                yield from self._wait_on(loop)
        value: T = self.get()
        return value

    __iter__ = __await__

    def _wait_on(self, loop: asyncio.AbstractEventLoop) -> Generator[Any, None, None]:
        waiter: asyncio.Future[None] = loop.create_future()

        def wake() -> None:
            if not waiter.done():
                waiter.set_result(None)

        def done(_future: ReplyFuture[T]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(wake)

        self.add_done(done)
        try:
            yield from waiter.__await__()
        finally:
            with self._lock:
                if self._callbacks is not None and done in self._callbacks:
                    self._callbacks.remove(done)

    def _wait(self, timeout: float | None) -> _Outcome | None:
        """Wait for the outcome; None when ``set_get_hook`` came instead."""
        if timeout is None or timeout > 0:
            if inside.turn is not None:
                raise AskInsideHandler(str(self.asked or "another actor"))
            if _get_running_loop() is not None:
                raise BlockingCall("get()", "await the future")
        latch = _latch()

        def wake(_future: ReplyFuture[T]) -> None:
            latch.release()

        self.add_done(wake)
        latch.acquire(timeout=_patience(timeout))
        with self._lock:
            if self._callbacks is not None and wake in self._callbacks:
                self._callbacks.remove(wake)
            if self._outcome is None and self._get_hook is None:
                raise Timeout(f"{timeout} seconds")
            return self._outcome

    def _settle(self, outcome: _Outcome) -> None:
        with self._lock:
            if self._outcome is not None or self._get_hook is not None:
                raise queue.Full
            self._outcome = outcome
            callbacks, self._callbacks = self._callbacks, None
        if callbacks is not None:
            self._call(callbacks)

    def _call(self, callbacks: list[Callable[[ReplyFuture[T]], None]] | None) -> None:
        for callback in callbacks or ():
            try:
                callback(self)
            except Exception:  # whoever answers must not pay for a listener's mistake
                logger.exception("a callback of a reply failed")

    def _call_hook(self, timeout: float | None) -> T:
        started = time.monotonic()
        if not self._hook_lock.acquire(timeout=_patience(timeout)):
            raise Timeout(f"{timeout} seconds")
        try:
            if self._get_hook_result is _UNSET:
                assert self._get_hook is not None
                left = None if timeout is None else max(0.0, timeout - (time.monotonic() - started))
                self._get_hook_result = self._get_hook(left)
            result: T = self._get_hook_result
            return result
        finally:
            self._hook_lock.release()


_UNSET = object()


def _latch() -> threading.Lock:
    latch = threading.Lock()
    latch.acquire()
    return latch


def _patience(timeout: float | None) -> float:
    return -1 if timeout is None else min(max(0.0, timeout), threading.TIMEOUT_MAX)
