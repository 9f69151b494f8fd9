"""Steps in the store: each result is committed by itself, fenced by the run's owner and epoch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.bodies.artifacts import artifact_row
from dagger_actors.bodies.backends import StepPlace
from dagger_actors.core.messages import ArtifactRecord, Inline, Output, Stored
from dagger_actors.core.protocols import Clock, Write
from dagger_actors.errors import AttemptOver, UnitRejected
from dagger_actors.store.store import Store

__all__ = ["RunSteps"]


class RunSteps:
    """Implements ``bodies.backends.StepSource``.

    Args:
        store: The open database.
        clock: The time.
        wait: Blocks the thread of a body until a future is resolved.
    """

    def __init__(self, store: Store, *, clock: Clock, wait: Callable[[ReplyFuture[Any]], Any]) -> None:
        self._store = store
        self._clock = clock
        self._wait = wait

    def find(self, place: StepPlace, name: str) -> Output | None:
        """Look for a stored result; None when there is none."""
        rows = self._store.readers.query("read.step", place.run_key, place.node, place.item, name)
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
        row = (
            place.run_key,
            place.node,
            place.item,
            name,
            output.json.decode() if isinstance(output, Inline) else None,
            output.artifact_id if isinstance(output, Stored) else None,
            now,
            place.owner,
            place.epoch,
        )
        writes = [Write("steps.put", (row,), 1)]
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
        """Refused: because the run is another's by now, or because the step is stored already."""
        found = self.find(place, name)
        owners = self._store.readers.query("read.owner", place.run_key)
        if found is None or owners != [(place.owner, place.epoch)]:
            raise AttemptOver(f"the result of step {name!r}")
        return found
