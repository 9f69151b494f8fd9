"""Everything a system takes from the world, in one place: clocks, timers, threads, ids; real here, virtual in ``testing``."""

from __future__ import annotations

import secrets
import time
from typing import Any, Protocol

import pykka

from dagger_actors.actors.crowd import CrowdDispatcher
from dagger_actors.actors.dispatcher import ThreadDispatcher
from dagger_actors.actors.inside import outside_turn
from dagger_actors.actors.loop import LoopDispatcher
from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.actors.settings import coarsen, hold_settings, release_settings
from dagger_actors.actors.timers import MonotonicClock, TimerThread
from dagger_actors.core.protocols import Clock, Dispatcher, IdSource, Timers

__all__ = ["THREADS", "Runtime", "ThreadRuntime", "TimeSortedIds"]

THREADS = 64
"""Plain functions that run at once in one system."""

SHARED = 4
"""Threads for actors whose handlers are quick: one that waits after all must not stop the others."""

ABANDONED = 32
"""Threads that bodies of ended attempts may hold beyond that; then no other is started on a thread."""

PATIENCE_S = 0.0005
"""One switch interval: bodies shorter than that are left to the threads that are running already."""

BREATH_S = 0.002
"""How long a supervisor with plenty granted lets ends gather."""

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


class Runtime(Protocol):
    """What a system needs to run.

    Attributes:
        clock: The time.
        timers: One-shot timers.
        ids: Makes run ids.
        control: Gives turns to supervisors.
        blocking: Gives threads to plain functions.
        io: Gives turns of the event loop to coroutines.
        writing: Gives turns to the journal, one at a time.
        shared: Gives turns to users' actors whose handlers are quick.
        waiting: Gives threads to users' actors whose handlers wait.
        runs_here: Whether an ask of an idle actor may run on the asking thread.
        can_spawn: Whether worker processes can be had; without, ``isolation: process`` runs in place.
    """

    clock: Clock
    timers: Timers
    ids: IdSource
    control: Dispatcher
    blocking: Dispatcher
    io: Dispatcher
    writing: Dispatcher
    shared: Dispatcher
    waiting: Dispatcher
    can_spawn: bool
    runs_here: bool

    def wait(self, future: ReplyFuture[Any], timeout_s: float | None) -> Any:
        """Block until the future is resolved.

        Raises:
            TimeoutError: It was not, in time; it may still be.
        """
        ...

    def wait_in_body(self, future: ReplyFuture[Any]) -> Any:
        """Block the thread of a body until the future is resolved; the threads of bodies are there to be held."""
        ...

    def breathe(self) -> None:
        """Let others work for a moment, so that the next look finds more to do at once."""
        ...

    def close(self, timeout_s: float) -> bool:
        """End all threads; True when they ended in time."""
        ...


class TimeSortedIds:
    """Run ids of 16 characters: 48 bits of milliseconds and 32 of chance, in Crockford's base 32.

    Source: the idea is that of ULID, shortened for people who type them.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def run_id(self) -> str:
        """Make a run id."""
        number = (self._clock.now().wall_us // 1000) << 32 | secrets.randbits(32)
        return "".join(ALPHABET[number >> shift & 31] for shift in range(75, -1, -5))


class ThreadRuntime:
    """The real one."""

    def __init__(self) -> None:
        hold_settings()
        self.can_spawn = True
        self.runs_here = True
        self.clock: Clock = MonotonicClock()
        self.ids: IdSource = TimeSortedIds(self.clock)
        self._timer_thread = TimerThread(self.clock)
        control = ThreadDispatcher("dagger-control", 2)
        self._threads_for_bodies = CrowdDispatcher(
            "dagger-blocking", THREADS + ABANDONED, patience_s=PATIENCE_S, helps=control, on_alone=_on_alone
        )
        pools = (
            LoopDispatcher("dagger-io"),
            self._threads_for_bodies,
            control,
            ThreadDispatcher("dagger-journal", 1),
        )
        users = (ThreadDispatcher("dagger-shared", SHARED), ThreadDispatcher("dagger-waiting", THREADS))
        for pool in pools[1:]:
            pool.start_one()
        self.timers: Timers = self._timer_thread
        self.io: Dispatcher
        self.blocking: Dispatcher
        self.control: Dispatcher
        self.writing: Dispatcher
        self.io, self.blocking, self.control, self.writing = pools
        self.shared: Dispatcher
        self.waiting: Dispatcher
        self.shared, self.waiting = users
        self._pools = (*users, *pools)

    def wait(self, future: ReplyFuture[Any], timeout_s: float | None) -> Any:
        """Block this thread."""
        try:
            return future.get(timeout=timeout_s)
        except pykka.Timeout:
            raise TimeoutError(f"no answer within {timeout_s:g} s") from None

    def wait_in_body(self, future: ReplyFuture[Any]) -> Any:
        """Block this thread."""
        with outside_turn():
            return future.get()

    def breathe(self) -> None:
        """Sleep for a moment; not when the threads of bodies do the work of supervisors too."""
        if not self._threads_for_bodies.takes_errands:
            time.sleep(BREATH_S)

    def close(self, timeout_s: float) -> bool:
        """End all threads; those whose user code does not return are left behind, as daemons."""
        ended = [self._timer_thread.close(timeout_s), *(pool.close(timeout_s) for pool in self._pools)]
        release_settings()
        return all(ended)


def _on_alone(*, is_alone: bool) -> None:
    coarsen(is_coarse=is_alone)
