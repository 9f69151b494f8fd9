"""Virtual time and seeded turns: one thread plays every thread, clock, timer and event loop of several workers.

Nothing here is parallel. At each step the seed chooses one of all the turns that could run next, in any worker; when none
can, time jumps to the next thing that is due.
"""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable

from dagger_actors.core.protocols import Now, Runnable
from dagger_actors.testing.errors import Killed, NeverSettles
from dagger_actors.testing.graveyard import Graveyard
from dagger_actors.testing.loop import VirtualLoop
from dagger_actors.testing.outside import FOREIGN_THREAD
from dagger_actors.testing.stacks import OwnStack
from dagger_actors.testing.waiting import still_waiting

__all__ = ["World"]

EPOCH_US = 1_700_000_000_000_000
LONGEST_US = 30 * 86_400 * 1_000_000
LONGEST_POLL_US = 600_000_000
MOST_STEPS = 10_000_000
MOST_STEPS_AT_ONCE = 1_000_000
"""Turns without any time passing: then something asks for turn after turn and gets nowhere."""
BACKGROUND = "watch"
"""Timers with this word in their key are a worker's polling: they do not keep the world from being at rest."""


class World:
    """The one clock and the one thread of a simulation.

    Args:
        seed: Decides everything that chance decides.

    Attributes:
        steps: Turns taken so far.
        trace: What was chosen, step by step; equal for equal seeds.
        frozen: Workers that are stopped, as by SIGSTOP: nothing of theirs runs, and nothing of theirs is lost.
        thread: The real thread that plays all threads at this moment.
        stack: The turn that is running, when it has a stack of its own.
        paused: Those that have stopped in their middle.
        refuses_outside: Whether code in a turn is refused what leads out of the simulation.
        lends_stacks: Whether plain functions get stacks of their own, so that they may take time.
        on_killed: Told the worker that has died in its turn.
        is_interrupted: Asked between turns; True ends ``run_to_rest``, ``settle`` and ``advance`` early.
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
        self.is_interrupted: Callable[[], bool] = lambda: False
        self.frozen: set[str] = set()
        self.thread = threading.get_ident()
        self.stack: OwnStack | None = None
        self.paused: dict[OwnStack, None] = {}
        self.refuses_outside = True
        self.lends_stacks = False
        self._depth = 0
        self._steps_before = 0
        self._turns: list[tuple[str, Runnable, bool]] = []
        self._loops: dict[str, VirtualLoop] = {}
        self._graveyard = Graveyard()

    def now(self) -> Now:
        """Read both clocks; implements ``core.protocols.Clock``."""
        return Now(self.wall_offset_us + self.mono_us, self.mono_us)

    @property
    def is_stepping(self) -> bool:
        """Whether this is inside of a turn."""
        return self._depth > 0

    def offer(self, worker: str, runnable: Runnable, *, may_lend: bool = False) -> None:
        """Add a turn to choose from; ``may_lend``: it may take time, and is lent a stack of its own for that."""
        self._turns.append((worker, runnable, may_lend))

    def loop_of(self, worker: str) -> VirtualLoop:
        """The event loop of a worker."""
        if worker not in self._loops:
            self._loops[worker] = VirtualLoop(self, worker)
        return self._loops[worker]

    def sleep(self, worker: str, seconds: float, name: str) -> None:
        """Let virtual time pass inside of the turn of a plain function, which ``name`` says for messages."""
        stack = self.stack
        assert stack is not None, "only a turn with a stack of its own can stop in its middle"
        number = next(self.count)
        due_us = self.mono_us + round(seconds * 1e6)
        stack.name = name
        self.timers[worker, ("end of", name, number)] = (due_us, number, lambda: self.offer(worker, stack))
        stack.pause()

    def forget(self, worker: str) -> None:
        """A worker is dead: nothing of it runs any more."""
        self._turns = [turn for turn in self._turns if turn[0] != worker]
        self.timers = {key: timer for key, timer in self.timers.items() if key[0] != worker}
        dead = [stack for stack in self.paused if stack.worker == worker]
        for stack in dead:
            del self.paused[stack]
        self._graveyard.take_bodies(dead)
        loop = self._loops.pop(worker, None)
        if loop is not None:
            self._graveyard.take_loop(loop)

    # --- going on

    def step(self) -> bool:
        """Run one turn, chosen by the seed.

        Returns:
            False when none could run.

        Raises:
            NeverSettles: A million turns have been taken and no time has passed, or ten million in all.
            CannotSimulate: A thread of somebody's own asks for it while another is in a turn.
        """
        loops = sorted(worker for worker, loop in self._loops.items() if loop.is_due and worker not in self.frozen)
        turns = [turn for turn in self._turns if turn[0] not in self.frozen] if self.frozen else self._turns
        choice = len(turns) + len(loops)
        if not choice:
            return False
        self._count_step()
        index = self.chance.randrange(choice)
        self._depth += 1
        try:
            if index >= len(turns):
                worker = loops[index - len(turns)]
                self.trace.append(f"{self.mono_us} {worker} loop")
                self._loops[worker].iterate()
            else:
                worker, runnable, may_lend = turn = turns[index]
                self._turns.remove(turn)
                self.trace.append(f"{self.mono_us} {worker} {_name(runnable)}")
                taker = OwnStack(self, worker, runnable) if may_lend and self.lends_stacks else runnable
                if taker.run_turn():
                    self.offer(worker, runnable, may_lend=may_lend)
        except Killed as killed:
            self.trace.append(f"{self.mono_us} {killed.worker} killed")
            self.on_killed(killed.worker)
        finally:
            self._depth -= 1
        return True

    def _count_step(self) -> None:
        me = threading.get_ident()
        if self._depth and me != self.thread:
            raise FOREIGN_THREAD.error("a simulation that two threads drive")
        self.thread = me
        self.steps += 1
        if self.steps - self._steps_before > MOST_STEPS_AT_ONCE:
            raise NeverSettles(f"{MOST_STEPS_AT_ONCE:,} turns were taken and no time has passed; {self.waiting()}")
        if self.steps > MOST_STEPS:
            raise NeverSettles(f"{MOST_STEPS:,} turns were taken, which is all one simulation gives; {self.waiting()}")

    def next_due(self, *, with_background: bool) -> int | None:
        """When the next timer is due, on the monotonic clock; None when there is none."""
        dues = [
            due
            for (worker, key), (due, _, _) in self.timers.items()
            if (with_background or not _is_background(key)) and worker not in self.frozen
        ]
        for worker, loop in self._loops.items():
            due_us = loop.next_due_us()
            if due_us is not None and worker not in self.frozen:
                dues.append(due_us)
        return min(dues, default=None)

    def jump(self, mono_us: int) -> None:
        """Let time pass, and let fire what is due by then; polling that was missed is made up for once."""
        if mono_us > self.mono_us:
            self.mono_us = mono_us
            self._steps_before = self.steps
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
            loop.pass_to(self.mono_us)

    def run_until(self, is_done: Callable[[], bool], *, timeout_us: int | None = None) -> bool:
        """Go on until ``is_done``, or nothing is left to do, or so much time has passed.

        Returns:
            Whether it is done.

        Raises:
            NeverSettles: Thirty days have passed, or ten minutes with nothing but polling.
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
                    raise NeverSettles(
                        f"nothing happens any more but polling, and what is waited for has not come; {self.waiting()}"
                    )
            else:
                polled_since = None
            if due is None or due > last:
                if timeout_us is not None:
                    self.jump(last)
                elif due is not None:
                    raise NeverSettles(f"waited for {_days(LONGEST_US)} of virtual time; {self.waiting()}")
                return is_done()
            self.jump(due)
        return True

    def run_to_rest(self) -> None:
        """Go on until nothing is left but polling.

        Raises:
            NeverSettles: Thirty days have passed.
        """
        began = self.mono_us
        while not self.is_interrupted():
            if self.step():
                continue
            due = self.next_due(with_background=False)
            if due is None:
                return
            if due - began > LONGEST_US:
                raise NeverSettles(f"not at rest after {_days(LONGEST_US)} of virtual time; {self.waiting()}")
            self.jump(due)

    def settle(self) -> None:
        """Run all turns that need no time to pass."""
        while not self.is_interrupted() and self.step():
            pass

    def advance(self, seconds: float) -> None:
        """Let time pass, step by step, polling included."""
        last = self.mono_us + round(seconds * 1e6)
        while True:
            self.settle()
            if self.is_interrupted():
                return
            due = self.next_due(with_background=True)
            if due is None or due > last:
                self.jump(last)
                self.settle()
                return
            self.jump(due)

    # --- looking

    def waiting(self) -> str:
        """Say what is not over yet: coroutines and bodies in their middle, turns, timers; polling apart."""
        timers = [
            (worker, key, due_us - self.mono_us)
            for (worker, key), (due_us, _, _) in sorted(self.timers.items(), key=lambda timer: timer[1][:2])
            if not _is_background(key)
        ]
        return still_waiting(
            loops=self._loops,
            bodies=[(stack.worker, stack.name) for stack in self.paused],
            turns=[(worker, _name(runnable)) for worker, runnable, _ in self._turns],
            timers=timers,
            frozen=self.frozen,
        )

    def close(self) -> None:
        """End everything; what is left of the dead is taken apart."""
        for worker in {*self._loops, *(stack.worker for stack in self.paused)}:
            self.forget(worker)
        self._graveyard.close()


def _is_background(key: object) -> bool:
    return isinstance(key, tuple) and BACKGROUND in key


def _name(runnable: Runnable) -> str:
    return type(runnable.runnable if isinstance(runnable, OwnStack) else runnable).__name__


def _days(duration_us: int) -> str:
    return f"{duration_us // 86_400_000_000} days"
