"""The real clock, and one thread for all timers of a system."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable

from dagger_actors.core.protocols import Clock, Now
from dagger_actors.errors import SystemClosed

__all__ = ["MonotonicClock", "TimerThread"]

logger = logging.getLogger("dagger_actors.actors")

LONGEST_WAIT_S = 3600.0
"""The thread looks up at least this often; a wait of more than a few years overflows the system call."""


class MonotonicClock:
    """The clocks of this machine."""

    def now(self) -> Now:
        """Read both clocks, one right after the other."""
        return Now(time.time_ns() // 1000, time.monotonic_ns() // 1000)


class TimerThread:
    """Keyed one-shot timers on one daemon thread, started with the first of them.

    A cancelled or replaced timer leaves its entry in the heap until half of the heap is such entries: so memory is
    bounded by the timers alive, and ``cancel`` costs O(1).

    Args:
        clock: Whose ``mono_us`` the due times are on; it must run at the pace of real time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # A bare lock, held while nothing rings: a Condition costs a sleeper that wakes cold a third more.
        self._bell = threading.Lock()
        self._bell.acquire()
        self._numbers = itertools.count()
        self._heap: list[tuple[int, int, object]] = []
        self._live: dict[object, tuple[int, Callable[[], None]]] = {}
        self._sleeps_until = 0
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def set(self, key: object, mono_us: int, fire: Callable[[], None]) -> None:
        """Call ``fire`` once, at or after ``mono_us``, on the timer thread.

        Args:
            key: Hashable; a timer of the same key is replaced.
            mono_us: Due time on the clock, microseconds; may have passed already.
            fire: Must not block; what it raises is logged. It may set and cancel timers.

        Raises:
            SystemClosed: ``close`` has been called.
        """
        with self._lock:
            if self._is_closed:
                raise SystemClosed
            number = next(self._numbers)
            self._live[key] = (number, fire)
            heapq.heappush(self._heap, (mono_us, number, key))
            self._compact()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="timers", daemon=True)
                self._thread.start()
            elif mono_us < self._sleeps_until:
                self._ring()

    def cancel(self, key: object) -> None:
        """Forget the timer of that key; unknown keys are fine. One that is firing right now goes on."""
        with self._lock:
            if self._live.pop(key, None) is not None:
                self._compact()

    def close(self, timeout_s: float = 5.0) -> bool:
        """Forget all timers and end the thread.

        Args:
            timeout_s: How long to wait for a timer that is firing; 0 or more.

        Returns:
            Whether the thread has ended (or is the one that calls).
        """
        with self._lock:
            self._is_closed = True
            self._live.clear()
            self._heap.clear()
            if self._sleeps_until:
                self._ring()
            thread = self._thread
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(timeout_s)
        return not thread.is_alive()

    def _compact(self) -> None:
        if len(self._heap) > 2 * len(self._live) + 64:
            self._heap = [entry for entry in self._heap if self._is_live(entry)]
            heapq.heapify(self._heap)

    def _is_live(self, entry: tuple[int, int, object]) -> bool:
        timer = self._live.get(entry[2])
        return timer is not None and timer[0] == entry[1]

    def _ring(self) -> None:
        """Wake the thread, once however many ring."""
        self._sleeps_until = 0
        self._bell.release()

    def _run(self) -> None:
        while True:
            with self._lock:
                if self._is_closed:
                    return
                fire = self._due()
                if fire is None:
                    self._sleeps_until = self._heap[0][0] if self._heap else FAR
            if fire is None:
                self._sleep(self._sleeps_until)
                continue
            try:
                fire()
            except BaseException:  # the thread belongs to all timers
                logger.exception("a timer failed")
            fire = None

    def _due(self) -> Callable[[], None] | None:
        now_us = self._clock.now().mono_us
        while self._heap:
            entry = self._heap[0]
            if not self._is_live(entry):
                heapq.heappop(self._heap)
            elif entry[0] <= now_us:
                heapq.heappop(self._heap)
                return self._live.pop(entry[2])[1]
            else:
                return None
        return None

    def _sleep(self, until_us: int) -> None:
        left_s = (until_us - self._clock.now().mono_us) / 1e6
        has_rung = self._bell.acquire(timeout=min(max(left_s, 0.0), LONGEST_WAIT_S))
        if has_rung:
            return
        with self._lock:
            if self._sleeps_until:
                self._sleeps_until = 0  # awake: it looks at the heap before it sleeps again
            else:
                self._bell.acquire()  # it has rung just now


FAR = 1 << 62
