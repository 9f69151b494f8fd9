"""``simulate(seed)``: real systems, real files, virtual everything else; several workers on one database.

It covers every interleaving of turns, commits, timers and deaths of whole processes. It does not cover preemption inside
a handler, real processes and signals, or users' own clocks and sockets: tests with real threads and processes do.
"""

from __future__ import annotations

import itertools
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagger_actors.actors.reply import ReplyFuture, outside_turn
from dagger_actors.core.protocols import Clock, Dispatcher, IdSource, Timers
from dagger_actors.system import ActorSystem
from dagger_actors.testing.errors import Killed, WorkerDied
from dagger_actors.testing.virtual import VirtualDispatcher, VirtualIds, VirtualTimers
from dagger_actors.testing.world import World

__all__ = ["Simulation", "VirtualRuntime", "simulate"]


class VirtualRuntime:
    """The world as one worker sees it; implements ``actors.runtime.Runtime``."""

    def __init__(self, world: World, worker: str) -> None:
        self._world = world
        self.worker = worker
        self.is_dead = False
        self.can_spawn = False
        self.clock: Clock = world
        self.timers: Timers = VirtualTimers(world, worker)
        self.ids: IdSource = VirtualIds(world.chance)
        self.control: Dispatcher = VirtualDispatcher(world, worker)
        self.blocking: Dispatcher = VirtualDispatcher(world, worker)
        self.io: Dispatcher = VirtualDispatcher(world, worker, is_loop=True)
        self.writing: Dispatcher = VirtualDispatcher(world, worker)

    def wait(self, future: ReplyFuture[Any], timeout_s: float | None) -> Any:
        """Let the world go on until the future is resolved.

        Raises:
            WorkerDied: This worker was killed meanwhile.
            TimeoutError: Not in time, or nothing that could resolve it is left to happen.
        """
        timeout_us = None if timeout_s is None else round(timeout_s * 1e6)
        is_resolved = self._world.run_until(lambda: future.is_done() or self.is_dead, timeout_us=timeout_us)
        if self.is_dead:
            raise WorkerDied(self.worker)
        if not is_resolved:
            raise TimeoutError(f"not resolved after {timeout_s} s of virtual time")
        return future.get(timeout=0)

    def wait_in_body(self, future: ReplyFuture[Any]) -> Any:
        """Let the world go on until the future is resolved; inside the turn of the body that waits.

        A frozen worker must not wait here: the whole world would wait for it.

        Raises:
            Killed: This worker was killed meanwhile.
        """
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


class Simulation:
    """One seeded world with a database in a folder of its own.

    Attributes:
        world: Its clock and its turns.
        path: The database.
        deaths: Workers that were killed, in order.
    """

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed = seed
        self.world = World(seed)
        self.path = folder / "sim.db"
        self.deaths: list[str] = []
        self._systems: dict[str, ActorSystem] = {}
        self._runtimes: dict[str, VirtualRuntime] = {}
        self._names = itertools.count(1)
        self._doomed: dict[str, tuple[str, int]] = {}
        self.world.on_killed = self._bury

    def system(self, **options: Any) -> ActorSystem:
        """Start a worker: a whole ``ActorSystem`` on the simulation's database.

        Args:
            options: As ``ActorSystem`` takes them; ``recover`` is off unless it is given.
        """
        worker = f"w{next(self._names)}"
        options = {"recover": False, "synchronous": "normal", **options}
        runtime = self._runtimes[worker] = VirtualRuntime(self.world, worker)
        system = ActorSystem(self.path, runtime=runtime, **options)
        self._systems[worker] = system
        system.journal.on_commit = lambda moment: self._passing(worker, moment)
        return system

    def kill_at(self, system: ActorSystem, commit: int, moment: str = "after") -> None:
        """Kill a worker at its ``commit``-th commit from now on (from 1): ``before`` it, or ``after`` it with nothing emitted."""
        self._doomed[self._name(system)] = (moment, commit)

    def kill(self, system: ActorSystem) -> None:
        """Kill a worker now, as ``kill -9`` would."""
        self._bury(self._name(system))

    def freeze(self, system: ActorSystem) -> None:
        """Stop a worker, as SIGSTOP would: it keeps its locks, and nothing of it runs until ``thaw``."""
        self.world.frozen.add(self._name(system))

    def thaw(self, system: ActorSystem) -> None:
        """Let a frozen worker go on."""
        self.world.frozen.discard(self._name(system))

    def is_alive(self, system: ActorSystem) -> bool:
        """Tell whether a worker has neither been killed nor left."""
        return system in self._systems.values()

    def run(self) -> None:
        """Go on until nothing is left to do but polling."""
        self.world.run_to_rest()

    def settle(self) -> None:
        """Go on without time passing."""
        self.world.settle()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.world.advance(seconds)

    @property
    def now_s(self) -> float:
        """Virtual seconds since the start."""
        return self.world.mono_us / 1e6

    def close(self) -> None:
        """End all workers as if killed."""
        for worker in list(self._systems):
            self._bury(worker)
        self.world.close()

    def _name(self, system: ActorSystem) -> str:
        return next(name for name, one in self._systems.items() if one is system)

    def _passing(self, worker: str, moment: str) -> None:
        doom = self._doomed.get(worker)
        if doom is None or doom[0] != moment:
            return
        remaining = doom[1] - 1
        self._doomed[worker] = (moment, remaining)
        if not remaining:
            raise Killed(worker)

    def _bury(self, worker: str) -> None:
        system = self._systems.pop(worker, None)
        if system is not None:
            self._runtimes[worker].is_dead = True
            self.deaths.append(worker)
            self.world.forget(worker)
            system.abandon()


@contextmanager
def simulate(seed: int, folder: Path | None = None) -> Iterator[Simulation]:
    """Run a simulation.

    Args:
        seed: Decides every choice; printed with any failure, so that it can be repeated.
        folder: Where its database goes; a temporary folder by default.

    Yields:
        The simulation; its global randomness (``random``, which tenacity draws from) follows the seed.
    """
    own = Path(tempfile.mkdtemp(prefix="dagger-sim-")) if folder is None else folder
    state = random.getstate()
    random.seed(seed)
    simulation = Simulation(seed, own)
    try:
        yield simulation
    except BaseException as error:
        error.add_note(f"simulation seed: {seed}")
        raise
    finally:
        simulation.close()
        random.setstate(state)
        if folder is None:
            shutil.rmtree(own, ignore_errors=True)
