"""Steps of a run's invocations in the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dagger_actors.bodies.backends import StepPlace
from dagger_actors.bodies.stored_steps import StoredSteps
from dagger_actors.core.protocols import Write

__all__ = ["RunSteps"]


class RunSteps(StoredSteps):
    """Keeps them by run, node and item."""

    def read(self, place: StepPlace, name: str) -> Sequence[tuple[Any, ...]]:
        """Read a step."""
        return self._store.readers.query("read.step", place.run_key, place.node, place.item, name)

    def written(self, place: StepPlace, name: str, text: str | None, artifact_id: str | None, now_us: int) -> Write:
        """The row of a step."""
        where = (place.run_key, place.node, place.item, name)
        return Write("steps.put", ((*where, text, artifact_id, now_us, place.owner, place.epoch),), 1)

    def is_owned(self, place: StepPlace) -> bool:
        """Whether the run still is its owner's."""
        return self._store.readers.query("read.owner", place.run_key) == [(place.owner, place.epoch)]
