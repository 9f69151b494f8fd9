"""Virtual time and seeded turns: one thread plays every thread, clock, timer and event loop of several workers.

Nothing here is parallel. At each step the seed chooses one of all the turns that could run next, in any worker; when none
can, time jumps to the next thing that is due.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import inspect
import itertools
import random
import warnings
from collections.abc import Callable
from typing import Any

from dagger_actors.core.protocols import Now, Runnable
from dagger_actors.testing.errors import Killed, NeverSettles
from dagger_actors.testing.loop import VirtualLoop, bury

__all__ = ["World"]

EPOCH_US = 1_700_000_000_000_000
LONGEST_US = 30 * 86_400 * 1_000_000
LONGEST_POLL_US = 600_000_000
BACKGROUND = "watch"
"""Timers with this word in their key are a worker's polling: they do not keep the world from being at rest."""


class World:
    """The one clock and the one thread of a simulation.

    Args:
        seed: Decides everything that chance decides.

    Attributes:
        steps: Turns taken so far.
        trace: What was chosen, step by step; equal for equal seeds.
    """

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self.mono_us = 0
        self.wall_offset_us = EPOCH_US
        self.count = itertools.count()
        self.timers: dict[tuple[str, object], tuple[int, int, Callable[[], None]]] = {}
        self.steps = 0
        self.trace: list[str] = []
        self.on_killed: Callable[[str], None] = lambda _worker: None
        self.frozen: set[str] = set()
        """Workers that are stopped, as by SIGSTOP: nothing of theirs runs, and nothing of theirs is lost."""
        self._turns: list[tuple[str, Runnable]] = []
        self._loops: dict[str, VirtualLoop] = {}
        self._graveyard: list[asyncio.Task[Any]] = []

    def now(self) -> Now:
        """Read both clocks; implements ``core.protocols.Clock``."""
        return Now(self.wall_offset_us + self.mono_us, self.mono_us)

    def offer(self, worker: str, runnable: Runnable) -> None:
        """Add a turn to choose from."""
        self._turns.append((worker, runnable))

    def loop_of(self, worker: str) -> VirtualLoop:
        """The event loop of a worker."""
        if worker not in self._loops:
            self._loops[worker] = VirtualLoop(self, worker)
        return self._loops[worker]

    def forget(self, worker: str) -> None:
        """A worker is dead: nothing of it runs any more."""
        self._turns = [turn for turn in self._turns if turn[0] != worker]
        self.timers = {key: timer for key, timer in self.timers.items() if key[0] != worker}
        loop = self._loops.pop(worker, None)
        if loop is not None:
            self._graveyard += bury(loop)

    # --- going on

    def step(self) -> bool:
        """Run one turn, chosen by the seed.

        Returns:
            False when none could run.
        """
        loops = sorted(worker for worker, loop in self._loops.items() if loop.is_due and worker not in self.frozen)
        turns = [turn for turn in self._turns if turn[0] not in self.frozen] if self.frozen else self._turns
        choice = len(turns) + len(loops)
        if not choice:
            return False
        self.steps += 1
        index = self.chance.randrange(choice)
        try:
            if index >= len(turns):
                worker = loops[index - len(turns)]
                self.trace.append(f"{self.mono_us} {worker} loop")
                self._loops[worker].iterate()
            else:
                worker, runnable = turn = turns[index]
                self._turns.remove(turn)
                self.trace.append(f"{self.mono_us} {worker} {type(runnable).__name__}")
                if runnable.run_turn():
                    self.offer(worker, runnable)
        except Killed as killed:
            self.trace.append(f"{self.mono_us} {killed.worker} killed")
            self.on_killed(killed.worker)
        return True

    def next_due(self, *, with_background: bool) -> int | None:
        """When the next timer is due, on the monotonic clock; None when there is none."""
        dues = [
            due
            for (worker, key), (due, _, _) in self.timers.items()
            if (with_background or not _is_background(key)) and worker not in self.frozen
        ]
        dues += [
            round(loop.due[0] * 1e6) for worker, loop in self._loops.items() if loop.due and worker not in self.frozen
        ]
        return min(dues, default=None)

    def jump(self, mono_us: int) -> None:
        """Let time pass, and let fire what is due by then; polling that was missed is made up for once."""
        self.mono_us = max(self.mono_us, mono_us)
        due = sorted(
            (timer[0], timer[1], key)
            for key, timer in self.timers.items()
            if timer[0] <= self.mono_us and key[0] not in self.frozen
        )
        for _, _, key in due:
            timer = self.timers.pop(key, None)
            if timer is not None:
                timer[2]()
        for loop in self._loops.values():
            while loop.due and round(loop.due[0] * 1e6) <= self.mono_us:
                heapq.heappop(loop.due)
                loop.is_due = True

    def run_until(self, is_done: Callable[[], bool], *, timeout_us: int | None = None) -> bool:
        """Go on until ``is_done``, or nothing is left to do, or so much time has passed.

        Returns:
            Whether it is done.

        Raises:
            NeverSettles: Thirty days have passed.
        """
        began = self.mono_us
        polled_since: int | None = None
        last = began + (LONGEST_US if timeout_us is None else timeout_us)
        while not is_done():
            if self.step():
                continue
            due = self.next_due(with_background=False)
            if due is None:
                due = self.next_due(with_background=True)
                polled_since = self.mono_us if polled_since is None else polled_since
                if timeout_us is None and self.mono_us - polled_since > LONGEST_POLL_US:
                    raise NeverSettles("nothing happens any more but polling, and what is waited for has not come")
            else:
                polled_since = None
            if due is None or due > last:
                if timeout_us is not None:
                    self.jump(last)
                elif due is not None:
                    raise NeverSettles(f"still waiting after {LONGEST_US // 86_400_000_000} days of virtual time")
                return is_done()
            self.jump(due)
        return True

    def run_to_rest(self) -> None:
        """Go on until nothing is left but polling.

        Raises:
            NeverSettles: Thirty days have passed.
        """
        began = self.mono_us
        while True:
            if self.step():
                continue
            due = self.next_due(with_background=False)
            if due is None:
                return
            if due - began > LONGEST_US:
                raise NeverSettles(f"not at rest after {LONGEST_US // 86_400_000_000} days of virtual time")
            self.jump(due)

    def settle(self) -> None:
        """Run all turns that need no time to pass."""
        while self.step():
            pass

    def advance(self, seconds: float) -> None:
        """Let time pass, step by step, polling included."""
        last = self.mono_us + round(seconds * 1e6)
        while True:
            self.settle()
            due = self.next_due(with_background=True)
            if due is None or due > last:
                self.jump(last)
                self.settle()
                return
            self.jump(due)

    def close(self) -> None:
        """End everything; only now may the coroutines of the dead be taken apart, when nothing of theirs has an effect."""
        for worker in list(self._loops):
            self.forget(worker)
        with warnings.catch_warnings():
            # A coroutine that died before its first step was never awaited, and that is no mistake.
            warnings.simplefilter("ignore", RuntimeWarning)
            while self._graveyard:
                task = self._graveyard.pop()
                coroutine = task.get_coro()
                assert inspect.iscoroutine(coroutine)
                inner = [
                    value for value in inspect.getcoroutinelocals(coroutine).values() if inspect.iscoroutine(value)
                ]
                for one in (coroutine, *inner):
                    with contextlib.suppress(BaseException):  # what user code does in its finally blocks is its own
                        one.close()
                del task


def _is_background(key: object) -> bool:
    return isinstance(key, tuple) and BACKGROUND in key
