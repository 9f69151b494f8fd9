"""Dispatchers: threads, or one event loop, for what has something to do.

``ThreadDispatcher`` gives turns on a bounded pool of daemon threads, ``LoopDispatcher`` on one asyncio loop. Turns are
taken in the order they were asked for, and one that raises is logged, never fatal.

A pool wakes one thread at a time: the woken thread takes its work and wakes the next one if work is left. So a burst
of short turns is eaten by the first thread (a wake costs a system call and a fight for the GIL), while a burst of
turns that block still spreads over the pool, in some ten microseconds a thread.

A pool for users' code has ``patience`` besides. Threads that each run bodies of some microseconds do nothing but hand
the GIL and each other's locks around: 10,000 empty nodes took 1.5 times as long on sixteen threads as on one. So a woken
thread waits before it takes work from a pool that is busy, and looks: while many turns end and the process computes all
the time, the pool is *crowded*, one thread goes on, and the others retire. As soon as turns last, or somebody blocks,
more threads are what is wanted, and they take work one after the other.

The thread that goes on in a crowded pool also takes the turns of whom its bodies tell of their end: the ``errands``.
A thread of their own would want the GIL at the same time, and each change of hands costs more than a short body. One of
the pool's threads is always looking on meanwhile; it takes over an errand that has waited for too long.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from asyncio import _get_running_loop
from collections import deque
from typing import Protocol

from dagger_actors.core.protocols import Runnable
from dagger_actors.errors import SystemClosed

__all__ = ["LoopDispatcher", "ThreadDispatcher"]

logger = logging.getLogger("dagger_actors.actors")


SHORT_S = 0.0006
"""A pool that ends a turn this often, in a process that computes all the time, gains nothing from another thread."""

BUSY = 0.7
"""Share of one core from which a process counts as computing all the time."""

LONGEST_PATIENCE_S = 0.002

ERRAND_TURNS = 128
"""Turns after which a crowded pool's thread runs its errands: so many ends are told at once, and share a commit."""

ERRAND_S = 0.005
"""An errand that has waited for so long behind a turn is run by another thread."""

JUDGED_EVERY = 32
"""Turns after which a busy thread looks too: with few places, nothing is queued, and so nobody is woken to look."""


class AloneObserver(Protocol):
    """Told when one thread begins to do all of the work of a crowded pool, and when that is over."""

    def __call__(self, *, is_alone: bool) -> None:
        """Take note."""
        ...


class _Worker(threading.local):
    """Of the calling thread: its pool, and what it was asked to take next."""

    pool: ThreadDispatcher | None = None
    following: Runnable | None = None


_worker = _Worker()


class ThreadDispatcher:
    """A pool of daemon threads, started when they are needed and kept.

    Args:
        name: First part of the threads' names.
        max_threads: At most this many; 1 or more.
        patience_s: How long a thread leaves queued work to threads that are busy already; 0 = not at all.
        helps: Whose turns this pool runs as errands while it is crowded; needs patience.
        on_alone: Told when one thread does all of the work of a crowded pool; must not block.
    """

    is_loop = False
    helper: ThreadDispatcher | None = None
    """The pool that runs this one's turns as errands while it is crowded."""

    def __init__(
        self,
        name: str,
        max_threads: int,
        *,
        patience_s: float = 0.0,
        helps: ThreadDispatcher | None = None,
        on_alone: AloneObserver | None = None,
    ) -> None:
        assert max_threads >= 1
        self._patience_s = patience_s
        if helps is not None:
            helps.helper = self
        self._errands: list[Runnable] = []
        self._errands_since = (0, 0.0)
        self.name = name
        self.max_threads = max_threads
        self._lock = threading.Lock()
        self._queue: deque[Runnable] = deque()
        self._idle: list[threading.Lock] = []  # last in, first out: the thread that slept last is still warm
        self._threads: list[threading.Thread] = []
        self._is_waking = False
        self._is_closed = False
        self._is_crowded = False
        self._is_alone = False
        self._on_alone = on_alone
        self._looked = (0, 0.0, 0.0)
        self._runner: threading.Lock | None = None  # the latch of the one thread that goes on in a crowded pool
        self._progress = 0

    @property
    def takes_errands(self) -> bool:
        """Whether it runs another pool's turns for now; already old when it is read."""
        # Only while another thread looks on: the next turn of the one that goes on may take for ever.
        return self._is_crowded and self._is_waking and not self._is_closed

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
        if self.helper is not None and self.helper.take_errand(runnable):
            return
        with self._lock:
            if self._is_closed:
                raise SystemClosed
            self._queue.append(runnable)
            self._wake_one()

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
        self._set_alone(is_alone=False)
        return not any(thread.is_alive() for thread in threads)

    def _work(self) -> None:
        _worker.pool = self
        latch = threading.Lock()
        latch.acquire()
        runnable = self._woken(latch)
        while runnable is not None:
            again = runnable if _turn(runnable) else None
            if not self._patience_s:
                if again is not None and self.helper is not None and self.helper.take_errand(again):
                    again = None
                runnable = self._next(latch, again)
                continue
            self._progress += 1  # a lost count does no harm
            is_retiring = self._is_retiring(latch)
            if self._errands and (is_retiring or self._is_time_for_errands()):
                self._run_errands()
            runnable = self._next(latch, again, is_retiring=is_retiring)

    # --- errands

    def take_errand(self, runnable: Runnable) -> bool:
        """Take a turn of the pool it helps as an errand; False when it is not the time for any."""
        with self._lock:
            if not self.takes_errands:
                return False
            if not self._errands:
                self._errands_since = (self._progress, time.perf_counter())
            self._errands.append(runnable)
            return True

    def _is_time_for_errands(self) -> bool:
        if self._progress - self._errands_since[0] >= ERRAND_TURNS:
            return True
        return not self._queue and _worker.following is None

    def _run_errands(self) -> None:
        """Run what was deferred; any thread of the pool may."""
        with self._lock:
            errands, self._errands = self._errands, []
        for runnable in errands:
            while _turn(runnable):
                pass

    def _is_retiring(self, latch: threading.Lock) -> bool:
        """Tell whether this thread leaves the rest to another one."""
        if not self._progress % JUDGED_EVERY and len(self._threads) - len(self._idle) > 1:
            now = (self._progress, time.perf_counter(), time.process_time())
            self._judge(self._looked, now)
            self._looked = now
        if not self._is_crowded:
            return False
        if self._runner is None:
            self._runner = latch  # of two who do this at once, the first one retires after its next turn
        return self._runner is not latch

    def _next(self, latch: threading.Lock, again: Runnable | None, *, is_retiring: bool = False) -> Runnable | None:
        """Choose what this thread runs next; None when the pool is closed and has nothing left."""
        following, _worker.following = _worker.following, None
        if again is None and following is not None and not is_retiring:
            if self._queue:
                # What was queued before goes first: threads that take only their own followers, all of them short,
                # would let what waits for another thread's turn at the GIL starve.
                with self._lock:
                    self._queue.append(following)
                    following = self._queue.popleft()
                    self._wake_one()
            return following
        with self._lock:
            self._queue.extend(one for one in (following, again) if one is not None)
            if self._queue and (not is_retiring or self._is_closed):
                following = self._queue.popleft()
                self._wake_one()
                return following
            if self._is_closed:
                return None
            if self._runner is latch:
                self._runner = None
                self._set_alone(is_alone=False)
            self._idle.append(latch)
            self._wake_one()
        latch.acquire()
        return self._woken(latch)

    def _woken(self, latch: threading.Lock) -> Runnable | None:
        while True:
            self._be_patient()
            if self._errands:
                self._run_errands()
            with self._lock:
                if self._errands:
                    continue
                self._is_waking = False
                self._set_alone(is_alone=False)  # nobody looks on any more, whatever the other thread runs next
                if self._queue:
                    runnable = self._queue.popleft()
                    self._wake_one()
                    return runnable
                if self._is_closed:
                    return None
                self._idle.append(latch)  # a busy thread was quicker
            latch.acquire()

    def _be_patient(self) -> None:
        """Leave what is queued to the busy threads for as long as more of them would not help.

        The thread counts as waking meanwhile, so that nobody else is woken.
        """
        wait_s = self._patience_s
        while wait_s and self._queue and not self._is_closed and len(self._threads) - len(self._idle) > 1:
            before = (self._progress, time.perf_counter(), time.process_time())
            time.sleep(wait_s)
            self._judge(before, (self._progress, time.perf_counter(), time.process_time()))
            if self._errands and time.perf_counter() - self._errands_since[1] > ERRAND_S:
                self._run_errands()
            if not self._is_crowded:
                self._runner = None
                return
            wait_s = min(2 * wait_s, LONGEST_PATIENCE_S)

    def _judge(self, before: tuple[int, float, float], now: tuple[int, float, float]) -> None:
        """See whether the pool is crowded, from two readings of turns, time and process time."""
        passed_s = now[1] - before[1]
        is_computing = now[2] - before[2] >= BUSY * passed_s
        self._is_crowded = is_computing and (now[0] - before[0]) * SHORT_S >= passed_s
        # One works and one looks on: a third one that is busy needs the GIL too, and may be slow to give it back.
        is_alone = self._is_crowded and self._is_waking and len(self._threads) - len(self._idle) <= 2
        self._set_alone(is_alone=is_alone)

    def _set_alone(self, *, is_alone: bool) -> None:
        if is_alone is not self._is_alone:
            self._is_alone = is_alone
            if self._on_alone is not None:
                self._on_alone(is_alone=is_alone)

    def _wake_one(self) -> None:
        """Wake or start one thread when work is queued and none is on its way; the lock is held."""
        if self._is_waking or not self._queue:
            return
        if self._idle:
            self._is_waking = True
            self._idle.pop().release()
        elif len(self._threads) < self.max_threads and not self._is_closed:
            thread = threading.Thread(target=self._work, name=f"{self.name}-{len(self._threads)}", daemon=True)
            self._threads.append(thread)  # before it starts: it looks at once how many there are
            try:
                thread.start()
            except RuntimeError:
                # The machine has no thread for us. The others go on; without any, nothing ever would.
                self._threads.pop()
                if not self._threads:
                    raise
                logger.exception("%s cannot start a thread and goes on with %d", self.name, len(self._threads))
                return
            self._is_waking = True


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
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._run, args=(self._loop,), name=self.name, daemon=True)
            self._thread.start()
        return self._loop

    def _drain(self) -> None:
        assert self._loop is not None
        for _ in range(TURNS_PER_CALLBACK):
            with self._lock:
                if not self._queue:
                    self._is_armed = False
                    return
                runnable = self._queue.popleft()
            if _turn(runnable):
                self._queue.append(runnable)
        self._loop.call_soon(self._drain)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        while not self._is_closed:
            try:
                loop.run_forever()
            except BaseException:  # a task of the user's own that exits would take everybody's coroutines with it
                logger.exception("a callback or task stopped the loop %s; it goes on", self.name)
        try:
            self._wind_down(loop)
        except Exception:  # the thread must say that it is not clean
            logger.exception("the loop %s did not end well", self.name)
            self._is_clean = False
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    def _wind_down(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            self._drain()
            tasks = asyncio.all_tasks(loop)
            if not tasks and not self._queue:
                break
            left = self._deadline - time.monotonic()
            if left <= 0:
                logger.warning("%d coroutines of %s ignored their cancellation", len(tasks), self.name)
                self._is_clean = False
                break
            for task in tasks:
                task.cancel()
            if tasks:
                loop.run_until_complete(asyncio.wait(tasks, timeout=left))
        loop.run_until_complete(loop.shutdown_asyncgens())


TURNS_PER_CALLBACK = 64
"""Turns in one callback of the loop; then timers and sockets have their say."""


def _turn(runnable: Runnable) -> bool:
    try:
        return runnable.run_turn()
    except BaseException:  # whatever it raises, the thread belongs to all
        logger.exception("a turn of %r failed", runnable)
        return False
