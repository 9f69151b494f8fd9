"""Steps of tasks in the store: the same for every attempt at a task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dagger_actors.bodies.backends import StepPlace
from dagger_actors.bodies.stored_steps import StoredSteps
from dagger_actors.core.protocols import Write

__all__ = ["TaskSteps"]


class TaskSteps(StoredSteps):
    """Keeps them by task."""

    def read(self, place: StepPlace, name: str) -> Sequence[tuple[Any, ...]]:
        """Read a step."""
        return self._store.readers.query("read.task_step", place.run_key, name)

    def written(self, place: StepPlace, name: str, text: str | None, artifact_id: str | None, now_us: int) -> Write:
        """The row of a step."""
        row = (place.run_key, place.owner, place.epoch, name, text, artifact_id, now_us)
        return Write("task_steps.put", (row,), 1)

    def is_owned(self, place: StepPlace) -> bool:
        """Whether the lease still is this worker's."""
        return self._store.readers.query("read.task_owner", place.run_key) == [(place.owner, place.epoch)]
