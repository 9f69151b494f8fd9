"""The dispatcher of users' plain functions: a pool that sees when more threads would only be in each other's way.

Threads that each run bodies of some microseconds do nothing but hand the GIL and each other's locks around: 10,000 empty
nodes took 1.5 times as long on sixteen threads as on one. So a woken thread waits before it takes work from a pool that
is busy, and looks on: while many turns end and the pool computes all the time, the pool is *crowded*, one thread (its
*runner*) goes on, and the others retire. As soon as turns last, or somebody blocks, more threads are what is wanted, and
they take work one after the other.

The runner of a crowded pool also takes the turns of whom its bodies tell of their end: the *errands*. A thread of their
own would want the GIL at the same time, and each change of hands costs more than a short body. One of the pool's threads
is always looking on meanwhile; an errand that waits behind a turn that does not end it gives back to its own pool.
"""

from __future__ import annotations

import threading
import time
from typing import NamedTuple, Protocol

from dagger_actors.actors.dispatcher import ThreadDispatcher, give_turn
from dagger_actors.core.protocols import Runnable

__all__ = ["CrowdDispatcher", "Reading", "is_crowded"]

SHORT_S = 0.0006
"""A pool that computes all the time and ends a turn this often gains nothing from another thread."""

BUSY = 0.6
"""Share of one core from which a pool counts as computing all the time: it waits for the GIL now and then."""

LONGEST_PATIENCE_S = 0.002

ERRAND_TURNS = 128
"""Turns after which the runner runs its errands: so many ends are told at once, and share a commit."""

ERRAND_S = 0.005
"""The longest an errand waits: then the runner breaks off, or, when its turn does not end, its own pool gets it back."""

JUDGED_EVERY = 32
"""Turns after which a busy thread looks too: with few places, nothing is queued, and so nobody is woken to look."""


class Reading(NamedTuple):
    """What a pool had done at one moment.

    Attributes:
        turns: Turns that have ended so far.
        wall_s: The time, on any steady clock.
        cpu_s: Processor time of the pool's threads: others may compute beside bodies that only wait.
    """

    turns: int
    wall_s: float
    cpu_s: float


def is_crowded(before: Reading, now: Reading) -> bool:
    """Tell from two readings whether another thread would only be in the way."""
    passed_s = now.wall_s - before.wall_s
    is_computing = now.cpu_s - before.cpu_s >= BUSY * passed_s
    return is_computing and (now.turns - before.turns) * SHORT_S >= passed_s


class AloneObserver(Protocol):
    """Told when one thread begins to do all of the work of a crowded pool, and when that is over."""

    def __call__(self, *, is_alone: bool) -> None:
        """Take note; must not block."""
        ...


class CrowdDispatcher(ThreadDispatcher):
    """A pool of threads for turns that may compute, block, or both.

    Args:
        name: First part of the threads' names.
        max_threads: At most this many; 1 or more.
        patience_s: How long a woken thread leaves queued work to threads that are busy already, at first; above 0.
        helps: Whose turns it runs as errands while it is crowded.
        on_alone: Told when one thread does all of the work of a crowded pool.
    """

    def __init__(
        self,
        name: str,
        max_threads: int,
        *,
        patience_s: float,
        helps: ThreadDispatcher | None = None,
        on_alone: AloneObserver | None = None,
    ) -> None:
        super().__init__(name, max_threads)
        self._helps = helps
        if helps is not None:
            helps.take_errand = self._take_errand
        self._patience_s = patience_s
        self._on_alone = on_alone
        self._turns = 0
        self._is_crowded = False
        self._is_alone = False
        self._looked = Reading(0, 0.0, 0.0)
        self._runner: threading.Lock | None = None  # its latch
        self._errands: list[Runnable] = []
        self._errands_since = (0, 0.0)
        self._clocks: list[int] = []  # of its threads' processor time

    @property
    def takes_errands(self) -> bool:
        """Whether it runs another pool's turns for now; already old when it is read."""
        # Only while another thread looks on: the next turn of the one that goes on may take for ever.
        return self._is_crowded and self._is_waking and not self._is_closed

    def close(self, timeout_s: float) -> bool:
        """As its base does."""
        is_clean = super().close(timeout_s)
        with self._lock:
            self._set_alone(is_alone=False)
        return is_clean

    def _work(self) -> None:
        self._clocks.append(time.pthread_getcpuclockid(threading.get_ident()))
        super()._work()

    # --- after a turn

    def _next(self, latch: threading.Lock, again: Runnable | None) -> Runnable | None:
        self._turns += 1  # a lost count does no harm
        is_retiring = self._is_retiring(latch)
        if self._errands and (is_retiring or self._is_time_for_errands()):
            self._run_errands()
        return self._take(latch, again, is_retiring=is_retiring)

    def _is_retiring(self, latch: threading.Lock) -> bool:
        """Tell whether this thread leaves the rest to another one."""
        if not self._turns % JUDGED_EVERY and self._busy() > 1:
            now = self._read()
            self._judge(self._looked, now)
            self._looked = now
        if not self._is_crowded:
            return False
        if self._runner is None:
            self._runner = latch  # of two who do this at once, the first one retires after its next turn
        return self._runner is not latch

    def _goes_idle(self, latch: threading.Lock) -> None:
        if self._runner is latch:
            self._runner = None
            self._set_alone(is_alone=False)

    # --- errands

    def _take_errand(self, runnable: Runnable) -> bool:
        """Take a turn of the pool it helps; False when it is not the time for any."""
        with self._lock:
            if not self.takes_errands:
                return False
            if not self._errands:
                self._errands_since = (self._turns, time.perf_counter())
            self._errands.append(runnable)
            return True

    def _is_time_for_errands(self) -> bool:
        turns, since_s = self._errands_since
        return self._turns - turns >= ERRAND_TURNS or time.perf_counter() - since_s > ERRAND_S or self._has_run_dry()

    def _run_errands(self) -> None:
        """Give each errand its turn, one by one, so that whoever looks on can save the rest from one that lasts."""
        for _ in range(len(self._errands)):
            with self._lock:
                if not self._errands:
                    return
                runnable = self._errands.pop(0)
                self._errands_since = (self._turns, time.perf_counter())
            if give_turn(runnable):
                self._give_back(runnable)

    def _give_errands_back(self) -> None:
        with self._lock:
            errands, self._errands = self._errands, []
        for runnable in errands:
            self._give_back(runnable)

    def _give_back(self, runnable: Runnable) -> None:
        assert self._helps is not None, "only who helps takes errands"
        self._helps.put_back(runnable)

    # --- looking on

    def _look_on(self) -> None:
        """Leave what is queued to the busy threads for as long as more of them would not help.

        The thread counts as waking meanwhile, so that nobody else is woken.
        """
        wait_s = self._patience_s
        while self._queue and not self._is_closed and self._busy() > 1:
            before = self._read()
            time.sleep(wait_s)
            self._judge(before, self._read())
            is_stuck = self._turns == before.turns and time.perf_counter() - self._errands_since[1] > ERRAND_S
            if self._errands and is_stuck:
                self._give_errands_back()
            if not self._is_crowded:
                self._runner = None
                break
            wait_s = min(2 * wait_s, LONGEST_PATIENCE_S)
        if self._errands:
            self._give_errands_back()

    def _may_join(self) -> bool:
        if self._errands:
            return False  # they were taken because somebody looks on
        self._set_alone(is_alone=False)  # nobody looks on any more, whatever the runner runs next
        return True

    def _judge(self, before: Reading, now: Reading) -> None:
        self._is_crowded = is_crowded(before, now)
        with self._lock:
            # One works and one looks on: a third one that is busy needs the GIL too, and may be slow to give it back.
            self._set_alone(is_alone=self._is_crowded and self._is_waking and self._busy() <= 2)

    def _set_alone(self, *, is_alone: bool) -> None:
        """Note and tell; the lock is held, so that the last word told is the last one noted."""
        if is_alone is not self._is_alone:
            self._is_alone = is_alone
            if self._on_alone is not None:
                self._on_alone(is_alone=is_alone)

    def _read(self) -> Reading:
        cpu_s = sum(map(_cpu_s, self._clocks))
        return Reading(self._turns, time.perf_counter(), cpu_s)

    def _busy(self) -> int:
        """Threads that are not idle, the one that looks on included."""
        return len(self._threads) - len(self._idle)


def _cpu_s(clock: int) -> float:
    try:
        return time.clock_gettime(clock)
    except OSError:  # its thread has ended: the pool is closing
        return 0.0
