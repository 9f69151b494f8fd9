"""The dispatcher of coroutines: one asyncio loop in one daemon thread, in the order turns were asked for."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from asyncio import _get_running_loop
from collections import deque
from typing import Any

from dagger_actors.actors.dispatcher import give_turn
from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.protocols import Runnable
from dagger_actors.errors import SystemClosed

__all__ = ["LoopDispatcher"]

logger = logging.getLogger("dagger_actors.actors")

LAST_WORD_S = 0.05
"""What coroutines get to hear of their cancellation where the time was over before this thread came to it."""

LAST_TURNS_S = 1.0
"""How long turns that were queued may go on beginning coroutines when the time is over: some never end to."""

TURNS_PER_CALLBACK = 64
"""Turns in one callback of the loop; then timers and sockets have their say."""


class LoopDispatcher:
    """One asyncio loop in one daemon thread, started when it is needed.

    Args:
        name: The thread's name.
    """

    is_loop = True

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = threading.Lock()
        self._queue: deque[Runnable] = deque()
        self._is_armed = False
        self._is_closed = False
        self._is_clean = True
        self._deadline = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop, running; for ``call_soon_threadsafe`` and the like."""
        with self._lock:
            return self._running()

    def schedule(self, runnable: Runnable, *, here: bool = False) -> None:
        """Run one turn of it soon on the loop; never blocks and never runs it inside this call.

        Args:
            runnable: Not scheduled already.
            here: Makes no difference: there is one thread, and it takes everything in order.

        Raises:
            SystemClosed: The dispatcher is closed.
        """
        del here
        with self._lock:
            loop = self._running()
            self._queue.append(runnable)
            if self._is_armed:
                return
            self._is_armed = True
            # Inside the lock, so that close() cannot end the loop in between. A wake writes to a pipe: one for a burst.
            if _get_running_loop() is loop:
                loop.call_soon(self._drain)
            else:
                loop.call_soon_threadsafe(self._drain)

    def close(self, timeout_s: float) -> bool:
        """Take nothing new, run what is queued, cancel what still awaits, end the loop.

        Args:
            timeout_s: How long to wait; 0 or more. A loop that is stuck is left behind in its daemon thread.

        Returns:
            Whether every coroutine and the thread have ended.
        """
        with self._lock:
            thread, loop = self._thread, self._loop
            if not self._is_closed:
                self._is_closed = True
                self._deadline = time.monotonic() + timeout_s
                if loop is not None:
                    loop.call_soon_threadsafe(loop.stop)
        if thread is None:
            return True
        if thread is not threading.current_thread():
            # A little more than the loop gives its coroutines, so that it can say how that went.
            thread.join(timeout_s + 0.1)
        return self._is_clean and not thread.is_alive()

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._is_closed:
            raise SystemClosed
        if self._loop is None:
            loop = asyncio.new_event_loop()
            thread = threading.Thread(target=self._run, args=(loop,), name=self.name, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the machine has none to give now; it may have one later
                loop.close()
                raise
            self._loop, self._thread = loop, thread
        return self._loop

    def _drain(self) -> None:
        assert self._loop is not None
        for _ in range(TURNS_PER_CALLBACK):
            with self._lock:
                if not self._queue:
                    self._is_armed = False
                    return
                runnable = self._queue.popleft()
            if give_turn(runnable):
                self._queue.append(runnable)
        self._loop.call_soon(self._drain)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        while not self._is_closed:
            try:
                loop.run_forever()
            except BaseException:  # a task of the user's own that exits would take everybody's coroutines with it
                fields = LogFields(pool=self.name)
                logger.exception("a callback or task stopped the loop %s; it goes on", self.name, extra=fields)
        try:
            self._wind_down(loop)
        except Exception:  # the thread must say that it is not clean
            logger.exception("the loop %s did not end well", self.name, extra=LogFields(pool=self.name))
            self._is_clean = False
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    def _wind_down(self, loop: asyncio.AbstractEventLoop) -> None:
        told: set[asyncio.Task[Any]] = set()
        while True:
            for _ in range(1 + len(self._queue) // TURNS_PER_CALLBACK):
                self._drain()
                loop.run_until_complete(asyncio.sleep(0))
            # A task that is cancelled before its first step has not run at all, and what was queued runs.
            loop.run_until_complete(asyncio.sleep(0))
            tasks = asyncio.all_tasks(loop)
            if not tasks and not self._queue:
                break
            left = self._deadline - time.monotonic()
            if left <= 0 and ((told >= tasks and not self._queue) or left < -LAST_TURNS_S):
                fields = LogFields(pool=self.name)
                logger.warning("%d coroutines of %s ignored their cancellation", len(tasks), self.name, extra=fields)
                self._is_clean = False
                break
            for task in tasks:
                task.cancel()
            told |= tasks
            if tasks:
                loop.run_until_complete(asyncio.wait(tasks, timeout=max(left, LAST_WORD_S)))
        loop.run_until_complete(loop.shutdown_asyncgens())
