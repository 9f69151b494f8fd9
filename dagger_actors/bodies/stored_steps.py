"""Steps in the store: each result is committed by itself, fenced by the owner and epoch of what orders the attempt."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.bodies.artifacts import artifact_row
from dagger_actors.bodies.backends import StepPlace
from dagger_actors.core.messages import ArtifactRecord, Inline, Output, Stored
from dagger_actors.core.protocols import Clock, Write
from dagger_actors.errors import AttemptOver, UnitRejected
from dagger_actors.store.store import Store

__all__ = ["StoredSteps"]


class StoredSteps(ABC):
    """Implements ``bodies.backends.StepSource``; who orders attempts says which statements.

    Args:
        store: The open database.
        clock: The time.
        wait: Blocks the thread of a body until a future is resolved.
    """

    def __init__(self, store: Store, *, clock: Clock, wait: Callable[[ReplyFuture[Any]], Any]) -> None:
        self._store = store
        self._clock = clock
        self._wait = wait

    @abstractmethod
    def read(self, place: StepPlace, name: str) -> Sequence[tuple[Any, ...]]:
        """Read a step: its output, artifact id, and that artifact's kind and size; nothing when it is not stored."""

    @abstractmethod
    def written(self, place: StepPlace, name: str, text: str | None, artifact_id: str | None, now_us: int) -> Write:
        """The row of a step; with its fence."""

    @abstractmethod
    def is_owned(self, place: StepPlace) -> bool:
        """Whether the attempt still is its owner's."""

    def find(self, place: StepPlace, name: str) -> Output | None:
        """Look for a stored result; None when there is none."""
        rows = self.read(place, name)
        if not rows:
            return None
        output, artifact_id, kind, size_bytes = rows[0]
        return Inline(output.encode()) if output is not None else Stored(artifact_id, kind, size_bytes)

    async def afind(self, place: StepPlace, name: str) -> Output | None:
        """``find``, without blocking the loop: all readers may be busy."""
        return await asyncio.to_thread(self.find, place, name)

    def keep(self, place: StepPlace, name: str, output: Output, artifacts: tuple[ArtifactRecord, ...]) -> Output:
        """Store a result: committed when this returns."""
        try:
            self._wait(self._submit(place, name, output, artifacts))
        except UnitRejected:
            return self._kept_before(place, name)
        return output

    async def akeep(self, place: StepPlace, name: str, output: Output, artifacts: tuple[ArtifactRecord, ...]) -> Output:
        """``keep``, without blocking the loop."""
        try:
            await self._submit(place, name, output, artifacts)
        except UnitRejected:
            return await asyncio.to_thread(self._kept_before, place, name)
        return output

    def _submit(
        self, place: StepPlace, name: str, output: Output, artifacts: Sequence[ArtifactRecord]
    ) -> ReplyFuture[None]:
        future: ReplyFuture[None] = ReplyFuture()
        now = self._clock.now().wall_us
        text = output.json.decode() if isinstance(output, Inline) else None
        artifact_id = output.artifact_id if isinstance(output, Stored) else None
        writes = [self.written(place, name, text, artifact_id, now)]
        if artifacts:
            writes.append(Write("artifacts.put", [artifact_row(record, now) for record in artifacts], None))

        def done(error: Exception | None) -> None:
            if error is None:
                future.set(None)
            else:
                future.set_exception((type(error), error, None))

        self._store.write(writes, done)
        return future

    def _kept_before(self, place: StepPlace, name: str) -> Output:
        """Refused: because the attempt is another's by now, or because the step is stored already."""
        found = self.find(place, name)
        if found is None or not self.is_owned(place):
            raise AttemptOver(f"the result of step {name!r}")
        return found
