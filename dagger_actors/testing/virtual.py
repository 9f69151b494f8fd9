"""What a worker takes from the world: turns, timers and ids."""

from __future__ import annotations

import random
from collections.abc import Callable

from dagger_actors.actors.runtime import ALPHABET
from dagger_actors.core.protocols import Runnable
from dagger_actors.testing.errors import WorkerDied
from dagger_actors.testing.world import World

__all__ = ["VirtualDispatcher", "VirtualIds", "VirtualTimers", "WorkerDied"]


class VirtualDispatcher:
    """Puts turns where the world chooses from."""

    def __init__(self, world: World, worker: str, *, is_loop: bool = False) -> None:
        self._world = world
        self._worker = worker
        self.is_loop = is_loop

    def schedule(self, runnable: Runnable, *, here: bool = False) -> None:
        """Run one turn of it some time."""
        del here
        if self.is_loop:
            self._world.loop_of(self._worker).call_soon(self._turn, runnable)
        else:
            self._world.offer(self._worker, runnable)

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
