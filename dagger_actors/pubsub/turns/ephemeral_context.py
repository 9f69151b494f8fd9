"""What a handler may ask of a turn of which nothing is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from dagger_actors.bodies.artifact_ref import ArtifactRef
from dagger_actors.errors import EphemeralRefused
from dagger_actors.pubsub.turns.context import TurnContext

__all__ = ["EphemeralContext"]


class EphemeralContext(TurnContext):
    """The same context, without what would have to be stored: it publishes, reads and logs, and refuses all else."""

    def execute(self, sql: str, args: Sequence[Any] = ()) -> NoReturn:
        """Refuse."""
        del sql, args
        raise self._refused("ctx.execute")

    def step(self, name: str, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse."""
        del name, function, args, kwargs
        raise self._refused("ctx.step")

    async def astep(self, name: str, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse."""
        del name, function, args, kwargs
        raise self._refused("ctx.astep")

    def save(self, name: str, data: bytes | str, media_type: str = "application/octet-stream") -> ArtifactRef:
        """Refuse."""
        del name, data, media_type
        raise self._refused("ctx.save")

    def set_timer(self, name: str, seconds: float, message: object) -> NoReturn:
        """Refuse."""
        del name, seconds, message
        raise self._refused("ctx.set_timer")

    def cancel_timer(self, name: str) -> NoReturn:
        """Refuse."""
        del name
        raise self._refused("ctx.cancel_timer")

    def spawn(
        self,
        agent: str | type | Callable[..., Any],
        payload: object,
        key: str | None = None,
        *,
        priority: int = 0,
        delay: float | None = None,
        run_at: datetime | None = None,
        expires: float | datetime | None = None,
        try_count: int | None = None,
    ) -> NoReturn:
        """Refuse."""
        del agent, payload, key, priority, delay, run_at, expires, try_count
        raise self._refused("ctx.spawn")

    def start_flow(
        self,
        flow: str | Path | Mapping[str, object],
        inputs: Mapping[str, Any] | None = None,
        *,
        run_id: str | None = None,
        parallel: int | None = None,
        sequential: bool = False,
        use_cache: bool = True,
    ) -> NoReturn:
        """Refuse."""
        del flow, inputs, run_id, parallel, sequential, use_cache
        raise self._refused("ctx.start_flow")

    def _refused(self, what: str) -> EphemeralRefused:
        return EphemeralRefused(self.subscription, what)
