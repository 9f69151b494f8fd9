"""What a worker takes from the world: turns, timers, ids, and how it waits."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from dagger_actors.actors.inside import outside_turn
from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.actors.runtime import ALPHABET
from dagger_actors.core.protocols import Clock, Dispatcher, IdSource, Runnable, Timers
from dagger_actors.testing.errors import Killed, WorkerKilled
from dagger_actors.testing.world import World

__all__ = ["VirtualDispatcher", "VirtualIds", "VirtualRuntime", "VirtualTimers"]


class VirtualDispatcher:
    """Puts turns where the world chooses from.

    Args:
        world: Chooses.
        worker: Whose turns they are.
        is_loop: Whether they are turns of the worker's event loop.
        may_lend: Whether they run plain functions of users, which may take time when the world lends them stacks.
    """

    def __init__(self, world: World, worker: str, *, is_loop: bool = False, may_lend: bool = False) -> None:
        self._world = world
        self._worker = worker
        self._may_lend = may_lend
        self.is_loop = is_loop

    def schedule(self, runnable: Runnable, *, here: bool = False) -> None:
        """Run one turn of it some time."""
        del here
        if self.is_loop:
            self._world.loop_of(self._worker).call_soon(self._turn, runnable)
        else:
            self._world.offer(self._worker, runnable, may_lend=self._may_lend)

    def _turn(self, runnable: Runnable) -> None:
        if runnable.run_turn():
            self.schedule(runnable)

    def close(self, timeout_s: float) -> bool:
        """There is no thread to end."""
        del timeout_s
        return True


class VirtualTimers:
    """Timers on the world's clock."""

    def __init__(self, world: World, worker: str) -> None:
        self._world = world
        self._worker = worker

    def set(self, key: object, mono_us: int, fire: Callable[[], None]) -> None:
        """Call ``fire`` at that time; the same key replaces."""
        self._world.timers[self._worker, key] = (mono_us, next(self._world.count), fire)

    def cancel(self, key: object) -> None:
        """Forget it."""
        self._world.timers.pop((self._worker, key), None)


class VirtualIds:
    """Run ids from the seed."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def run_id(self) -> str:
        """Make one."""
        return "".join(self._chance.choices(ALPHABET, k=16))


class VirtualRuntime:
    """The world as one worker sees it; implements ``actors.runtime.Runtime``."""

    def __init__(self, world: World, worker: str) -> None:
        self._world = world
        self.worker = worker
        self.is_dead = False
        self.can_spawn = False
        self.runs_here = False
        self.clock: Clock = world
        self.timers: Timers = VirtualTimers(world, worker)
        self.ids: IdSource = VirtualIds(world.chance)
        self.control: Dispatcher = VirtualDispatcher(world, worker)
        self.blocking: Dispatcher = VirtualDispatcher(world, worker, may_lend=True)
        self.io: Dispatcher = VirtualDispatcher(world, worker, is_loop=True)
        self.writing: Dispatcher = VirtualDispatcher(world, worker)
        self.shared: Dispatcher = VirtualDispatcher(world, worker, may_lend=True)
        self.waiting: Dispatcher = VirtualDispatcher(world, worker, may_lend=True)

    def wait(self, future: ReplyFuture[Any], timeout_s: float | None) -> Any:
        """Let the world go on until the future is resolved.

        Raises:
            WorkerKilled: This worker was killed meanwhile.
            TimeoutError: Not in time, or nothing that could resolve it is left to happen.
        """
        timeout_us = None if timeout_s is None else round(timeout_s * 1e6)
        is_resolved = self._world.run_until(lambda: future.is_done() or self.is_dead, timeout_us=timeout_us)
        if self.is_dead:
            raise WorkerKilled(self.worker)
        if not is_resolved:
            after = "" if timeout_s is None else f" after {timeout_s:g} s of virtual time"
            raise TimeoutError(f"not resolved{after}; {self._world.waiting()}")
        return future.get(timeout=0)

    def wait_in_body(self, future: ReplyFuture[Any]) -> Any:
        """Let the world go on until the future is resolved; inside the turn of the body that waits.

        Without a stack of its own a frozen worker must not wait here: the whole world would wait for it.

        Raises:
            Killed: This worker was killed meanwhile.
        """
        stack = self._world.stack
        if stack is not None and not future.is_done():
            future.add_done(lambda _future: self._world.offer(self.worker, stack))
            stack.pause()
        else:
            with outside_turn():
                self._world.run_until(lambda: future.is_done() or self.is_dead)
        if self.is_dead:
            raise Killed(self.worker)
        return future.get(timeout=0)

    def breathe(self) -> None:
        """Nobody else can work meanwhile."""

    def close(self, timeout_s: float) -> bool:
        """Nothing of this worker runs any more."""
        del timeout_s
        self._world.settle()
        self._world.forget(self.worker)
        return True
