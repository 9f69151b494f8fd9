"""A dispatcher of threads: turns on a bounded pool of daemon threads, in the order they were asked for.

It wakes one thread at a time: the woken thread takes its work and wakes the next one if work is left. So a burst of
short turns is eaten by the first thread (a wake costs a system call and a fight for the GIL), while a burst of turns that
block still spreads over the pool, in some ten microseconds a thread. A turn that raises is logged, never fatal.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.protocols import Runnable
from dagger_actors.errors import SystemClosed

__all__ = ["Overload", "ThreadDispatcher", "give_turn"]

logger = logging.getLogger("dagger_actors.actors")


class _Worker(threading.local):
    """Of the calling thread: its pool, and what it was asked to take next."""

    pool: ThreadDispatcher | None = None
    following: Runnable | None = None


_worker = _Worker()


class Overload(NamedTuple):
    """A pool with no thread left.

    Attributes:
        threads: The identities of its threads, all busy.
        waiting: Turns that are queued.
    """

    threads: tuple[int, ...]
    waiting: int


class ThreadDispatcher:
    """A pool of daemon threads, started when they are needed and kept.

    Args:
        name: First part of the threads' names.
        max_threads: At most this many; 1 or more.

    Attributes:
        take_errand: Asked first with whatever is to get a turn; True = another pool sees to it. None = nobody is asked.
    """

    is_loop = False

    def __init__(self, name: str, max_threads: int) -> None:
        assert max_threads >= 1
        self.name = name
        self.max_threads = max_threads
        self.take_errand: Callable[[Runnable], bool] | None = None
        self._lock = threading.Lock()
        self._queue: deque[Runnable] = deque()
        self._idle: list[threading.Lock] = []  # last in, first out: the thread that slept last is still warm
        self._threads: list[threading.Thread] = []
        self._is_waking = False
        self._is_closed = False

    def schedule(self, runnable: Runnable, *, here: bool = False) -> None:
        """Run one turn of it soon; never blocks and never runs it inside this call.

        Args:
            runnable: Not scheduled already.
            here: When this is one of its own threads and about to end its turn: go on with this one, waking nobody;
                what was queued before goes first.

        Raises:
            SystemClosed: The dispatcher is closed.
        """
        if here and _worker.pool is self and _worker.following is None:
            _worker.following = runnable
            return
        if self.take_errand is not None and self.take_errand(runnable):
            return
        with self._lock:
            if self._is_closed:
                raise SystemClosed
            self._queue.append(runnable)
            self._wake_one()

    def put_back(self, runnable: Runnable) -> None:
        """Queue what somebody else took as an errand and gives back; any thread, also while it closes."""
        with self._lock:
            self._queue.append(runnable)
            self._wake_one()

    def start_one(self) -> None:
        """Start the first thread, so that a machine that has none to give says so now.

        Raises:
            RuntimeError: It has none.
        """
        with self._lock:
            if not self._threads:
                self._start_thread()
                self._is_waking = True

    def overload(self) -> Overload | None:
        """Who is busy and how many wait, when it has no thread left to give; None = it has, or nothing waits."""
        with self._lock:
            if not self._queue or self._idle or len(self._threads) < self.max_threads:
                return None
            return Overload(tuple(thread.ident or 0 for thread in self._threads), len(self._queue))

    def close(self, timeout_s: float) -> bool:
        """Take nothing new, run what is queued, end the threads.

        Args:
            timeout_s: How long to wait for them; 0 or more. A thread that is stuck is left behind, as a daemon.

        Returns:
            Whether all threads have ended.
        """
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
            threads = [thread for thread in self._threads if thread is not threading.current_thread()]
        for latch in idle:
            latch.release()
        deadline = time.monotonic() + timeout_s
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    # --- on its own threads

    def _work(self) -> None:
        _worker.pool = self
        latch = threading.Lock()
        latch.acquire()
        runnable = self._woken(latch)
        while runnable is not None:
            runnable = self._next(latch, runnable if give_turn(runnable) else None)

    def _next(self, latch: threading.Lock, again: Runnable | None) -> Runnable | None:
        """Choose what this thread runs next; None when the pool is closed and has nothing left.

        Args:
            latch: The thread's own.
            again: What it has just run, if that wants another turn.
        """
        if again is not None and self.take_errand is not None and self.take_errand(again):
            again = None
        return self._take(latch, again, is_retiring=False)

    def _take(self, latch: threading.Lock, again: Runnable | None, *, is_retiring: bool) -> Runnable | None:
        """Take the next one, or sleep until there is one; ``is_retiring`` leaves what is queued to other threads."""
        following = _worker.following
        if following is not None:
            _worker.following = None
            if again is None and not is_retiring:
                return self._behind_the_queue(following)
        with self._lock:
            self._queue.extend(one for one in (following, again) if one is not None)
            if self._queue and (not is_retiring or self._is_closed):
                runnable = self._queue.popleft()
                self._wake_one()
                return runnable
            if self._is_closed:
                return None
            self._goes_idle(latch)
            self._idle.append(latch)
            self._wake_one()
        latch.acquire()
        return self._woken(latch)

    def _behind_the_queue(self, following: Runnable) -> Runnable:
        """What was queued before goes first: threads that take only their own followers would let it starve."""
        if self._queue:
            with self._lock:
                self._queue.append(following)
                following = self._queue.popleft()
                self._wake_one()
        return following

    def _woken(self, latch: threading.Lock) -> Runnable | None:
        """Take something after a sleep; None when the pool is closed and has nothing left."""
        while True:
            self._look_on()
            with self._lock:
                if not self._may_join():
                    continue
                self._is_waking = False
                if self._queue:
                    runnable = self._queue.popleft()
                    self._wake_one()
                    return runnable
                if self._is_closed:
                    return None
                self._idle.append(latch)  # a busy thread was quicker
            latch.acquire()

    def _wake_one(self) -> None:
        """Wake or start one thread when work is queued and none is on its way; the lock is held."""
        if self._is_waking or not self._queue:
            return
        if self._idle:
            self._is_waking = True
            self._idle.pop().release()
        elif len(self._threads) < self.max_threads and not self._is_closed:
            try:
                self._start_thread()
            except RuntimeError:
                # The machine has no thread for us. The others go on; without any, nothing ever would.
                if not self._threads:
                    raise
                count, fields = len(self._threads), LogFields(pool=self.name)
                logger.exception("%s cannot start a thread and goes on with %d", self.name, count, extra=fields)
                return
            self._is_waking = True

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._work, name=f"{self.name}-{len(self._threads)}", daemon=True)
        self._threads.append(thread)  # before it starts: it looks at once how many there are
        try:
            thread.start()
        except RuntimeError:
            self._threads.pop()
            raise

    def _has_run_dry(self) -> bool:
        """Tell whether the calling thread has nothing more to do."""
        return not self._queue and _worker.following is None

    # --- what a crowd does besides

    def _look_on(self) -> None:
        """Called by a woken thread before it takes anything."""

    def _may_join(self) -> bool:
        """Tell whether a woken thread may stop looking on; the lock is held."""
        return True

    def _goes_idle(self, latch: threading.Lock) -> None:
        """Called by a thread that finds nothing to do; the lock is held."""


def give_turn(runnable: Runnable) -> bool:
    """Run one turn, whatever it raises; True when it wants another one."""
    try:
        return runnable.run_turn()
    except BaseException:  # the thread, or the loop, belongs to all
        logger.exception("a turn of %r failed", runnable)
        return False
