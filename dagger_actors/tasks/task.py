"""The handle of one task."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dagger_actors.tasks.tasks import Tasks

__all__ = ["Task"]


class Task:
    """One task; equal handles are of the same id.

    Attributes:
        id: Its id.
    """

    __slots__ = ("_tasks", "id")

    def __init__(self, task_id: int, tasks: Tasks) -> None:
        self.id = task_id
        self._tasks = tasks

    def __repr__(self) -> str:
        return f"<Task {self.id}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Task) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def state(self) -> str:
        """Its state, as of the last commit."""
        return self._tasks.state_of(self.id)

    def result(self, timeout: float | None = None) -> Any:
        """Wait for its result.

        Args:
            timeout: Seconds; None = as long as it takes.

        Raises:
            TaskEnded: It did not succeed; carries its report.
            TimeoutError: It has not ended in time; it goes on.
        """
        self._tasks.wait_for(self.id, timeout)
        return self._tasks.result_of(self.id)

    def __await__(self) -> Generator[Any, None, Any]:
        """Wait for its result without blocking the loop; cancelling that cancels nothing else."""
        return asyncio.to_thread(self.result).__await__()
