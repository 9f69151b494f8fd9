"""The house of a simulated worker: its actors have the stubs of the simulation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dagger_actors.supervised.house import House

if TYPE_CHECKING:
    from dagger_actors.actors.runtime import Runtime
    from dagger_actors.actors.telemetry import Telemetry
    from dagger_actors.supervised.actor import Actor
    from dagger_actors.supervised.traits import Traits
    from dagger_actors.supervised.undelivered import Undelivered
    from dagger_actors.testing.handler_stubs import HandlerStubs

__all__ = ["SimulatedHouse"]


class SimulatedHouse(House):
    """What all actors of one simulated worker share.

    Args:
        worker: Its name.
        stubs: Those of the simulation.
        runtime: The world as the worker sees it.
        listen: Told of undelivered mail.
        telemetry: Told what happens.
    """

    def __init__(
        self,
        worker: str,
        stubs: HandlerStubs,
        runtime: Runtime,
        listen: Callable[[Undelivered], None] | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        super().__init__(runtime, listen, telemetry)
        self._worker = worker
        self._stubs = stubs

    def traits_of(self, cls: type[Actor]) -> Traits:
        """What the actors of a class do here."""
        return self._stubs.traits_of(self._worker, cls)
