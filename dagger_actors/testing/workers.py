"""The workers of a simulation: each a whole system on its one database, and which of them live."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from dagger_actors.system import ActorSystem
from dagger_actors.testing.blank import lay_blank
from dagger_actors.testing.deaths import Deaths
from dagger_actors.testing.errors import Killed, WorkerKilled
from dagger_actors.testing.handler_stubs import HandlerStubs
from dagger_actors.testing.simulated_house import SimulatedHouse
from dagger_actors.testing.stubs import Stubs
from dagger_actors.testing.virtual import VirtualRuntime
from dagger_actors.testing.wire_check import WireCheck
from dagger_actors.testing.world import World

__all__ = ["Workers"]


class Workers:
    """Starts and buries them.

    Args:
        world: Where they live.
        path: The database.
        fates: Knows at which commits one dies.
        stubs: What stands in for actions.
        handler_stubs: What stands in for handlers.
        wire: Looks at what actors send.

    Attributes:
        killed: Those that were, in order.
    """

    def __init__(
        self,
        world: World,
        path: Path,
        *,
        fates: Deaths,
        stubs: Stubs,
        handler_stubs: HandlerStubs,
        wire: WireCheck,
    ) -> None:
        self._world = world
        self._path = path
        self._fates = fates
        self._stubs = stubs
        self._handler_stubs = handler_stubs
        self._wire = wire
        self.killed: list[str] = []
        self._systems: dict[str, ActorSystem] = {}
        self._runtimes: dict[str, VirtualRuntime] = {}
        self._options: dict[ActorSystem, Mapping[str, Any]] = {}
        self._names = itertools.count(1)
        self._kept: str | None = None
        world.on_killed = self._bury
        world.is_interrupted = lambda: self._kept is not None and self._kept not in self._systems

    def start(self, options: Mapping[str, Any]) -> ActorSystem:
        """Start one with these options of ``ActorSystem``; ``recover`` is off unless it is among them."""
        if options.get("vfs") is None:
            lay_blank(self._path)
        worker = f"w{next(self._names)}"
        runtime = self._runtimes[worker] = VirtualRuntime(self._world, worker)
        system = ActorSystem(
            self._path,
            runtime=runtime,
            house=partial(SimulatedHouse, worker, self._handler_stubs, self._wire),
            **{"recover": False, "synchronous": "normal", **options},
        )
        self._systems[worker] = system
        self._options[system] = options
        self._stubs.enter(worker, system.registry)
        system.journal.writer.on_commit = lambda moment: self._passing(worker, moment)
        return system

    def options_of(self, system: ActorSystem) -> Mapping[str, Any]:
        """The options that a worker, alive or not, was started with."""
        return self._options[system]

    def name_of(self, system: ActorSystem) -> str:
        """The name of a worker that lives."""
        return next(name for name, one in self._systems.items() if one is system)

    def is_alive(self, system: ActorSystem) -> bool:
        """Tell whether a worker has neither been killed nor left."""
        return system in self._systems.values()

    def hear_of_stubs(self) -> None:
        """Let the stubs that there are by now stand in for actions of those that live too."""
        for worker, system in self._systems.items():
            self._stubs.enter(worker, system.registry)

    # --- dying

    def kill(self, system: ActorSystem) -> None:
        """Kill one now."""
        self._bury(self.name_of(system))

    def kill_all(self) -> None:
        """Kill those that live."""
        for worker in list(self._systems):
            self._bury(worker)

    @contextmanager
    def keeping(self, system: ActorSystem) -> Iterator[None]:
        """While this worker's body runs, its death ends whatever lets the world go on."""
        before, self._kept = self._kept, self.name_of(system)
        try:
            yield
        finally:
            self._kept = before

    def refuse_death(self) -> None:
        """Refuse to go on with a body whose worker has died.

        Raises:
            WorkerKilled: It has.
        """
        if self._world.is_interrupted():
            raise WorkerKilled(self._kept)

    def _passing(self, worker: str, moment: str) -> None:
        if not self._fates.strikes(worker, moment):
            return
        if self._world.is_stepping:
            raise Killed(worker)
        # The very last words of a worker that leaves are written in no turn.
        self._bury(worker)
        raise WorkerKilled(worker)

    def _bury(self, worker: str) -> None:
        system = self._systems.pop(worker, None)
        if system is not None:
            self._runtimes[worker].is_dead = True
            self.killed.append(worker)
            self._world.forget(worker)
            system.abandon()
