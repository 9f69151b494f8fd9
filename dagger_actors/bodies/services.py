"""What all attempts of one owner are run with."""

from __future__ import annotations

import copy
from collections.abc import Callable

from dagger_actors.actors.telemetry import Telemetry
from dagger_actors.bodies.actions import Actions
from dagger_actors.bodies.artifact_source import ArtifactSource
from dagger_actors.bodies.backends import Backends
from dagger_actors.bodies.context import BodyContext
from dagger_actors.bodies.output_cache import OutputCache
from dagger_actors.bodies.processes.lazy import LazyPool
from dagger_actors.core.protocols import Clock
from dagger_actors.errors import ArtifactError
from dagger_actors.store.home import Home

__all__ = ["BodyServices"]


class BodyServices:
    """What body actors of one owner share.

    Args:
        actions: The actions by name.
        context: What contexts are; is made where the body runs, also in a worker process.
        artifacts: Where large values lie.
        clock: The time.
        cache: Where outputs may be found; None = no start wishes for it.
        backends: What contexts ask.
        home: The process that all this is for.
        is_refusing: Whether too many abandoned bodies hold threads to start another on one.
        with_maker: Names the node that made an artifact which cannot be read.
        pool: The worker processes; None where there are none.
        telemetry: Told of each attempt; None = nobody traces or measures this system.
    """

    def __init__(
        self,
        *,
        actions: Actions,
        context: type[BodyContext],
        artifacts: ArtifactSource,
        clock: Clock,
        is_refusing: Callable[[], bool],
        cache: OutputCache | None = None,
        backends: Backends,
        home: Home,
        with_maker: Callable[[ArtifactError, int], ArtifactError],
        pool: LazyPool | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        self.telemetry = telemetry
        self.home = home
        self.with_maker = with_maker
        self.cache = cache
        self.backends = backends
        self.pool = pool
        self.is_refusing = is_refusing
        self.actions = actions
        self.context = context
        self.artifacts = artifacts
        self.clock = clock

    def of(self, actions: Actions) -> BodyServices:
        """The same with the actions of another run."""
        one = copy.copy(self)
        one.actions = actions
        return one
