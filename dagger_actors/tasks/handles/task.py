"""The handle of one task."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Protocol

from dagger_actors.errors import (
    TaskBlocked,
    TaskCancelled,
    TaskEnded,
    TaskFailed,
    TaskPaused,
    TaskRejected,
)
from dagger_actors.tasks.reports.report import TaskReport

__all__ = ["Task", "TaskSource", "how_it_ended"]

ENDS: dict[str, type[TaskEnded]] = {
    "failed": TaskFailed,
    "cancelled": TaskCancelled,
    "rejected": TaskRejected,
    "blocked": TaskBlocked,
    "paused": TaskPaused,
}


class TaskSource(Protocol):
    """What a handle asks; ``tasks.verbs.tasks.Tasks`` answers."""

    def state(self, task: int, /) -> str:
        """The state of a task."""
        ...

    def report(self, task: int, /) -> TaskReport:
        """All that is known of a task."""
        ...

    def wait_for(self, task: int, timeout: float | None, /) -> TaskReport:
        """Block until a task has come to rest."""
        ...

    async def await_report(self, task: int, /) -> TaskReport:
        """``wait_for``, without blocking the loop."""
        ...

    def result_of(self, task: int, timeout: float | None, /) -> Any:
        """Block until a task has its result."""
        ...

    async def await_result(self, task: int, /) -> Any:
        """``result_of``, without blocking the loop."""
        ...

    def cancel(self, tasks: Any, /, *, reason: str = "") -> list[int]:
        """Cancel tasks."""
        ...

    async def acancel(self, tasks: Any, /, *, reason: str = "") -> list[int]:
        """``cancel``, without blocking the loop."""
        ...

    def retry(self, tasks: Any, /) -> list[int]:
        """Open tasks again."""
        ...

    async def aretry(self, tasks: Any, /) -> list[int]:
        """``retry``, without blocking the loop."""
        ...


class Task:
    """A task, wherever it stands; any number of handles may watch one task, and those of one id are equal.

    ``await task`` gives its result, as ``result`` does. Watching changes nothing: a wait that is given up, or whose
    awaiter is cancelled, cancels nothing.

    Attributes:
        id: Its id.
    """

    __slots__ = ("_tasks", "id")

    def __init__(self, task_id: int, tasks: TaskSource) -> None:
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
        return self._tasks.state(self.id)

    def report(self) -> TaskReport:
        """All that is known of it."""
        return self._tasks.report(self.id)

    def wait(self, timeout: float | None = None) -> TaskReport:
        """Wait until it has ended, or nothing happens any more by itself: it is paused, or stuck behind what has failed.

        Args:
            timeout: Seconds; None = as long as it takes.

        Raises:
            TimeoutError: It has not; it goes on.
            BlockingCall: On a running event loop; use ``await task.await_report()``.
        """
        return self._tasks.wait_for(self.id, timeout)

    def result(self, timeout: float | None = None) -> Any:
        """Wait for its result.

        Args:
            timeout: Seconds; None = as long as it takes.

        Returns:
            An instance of what its body is annotated to return, where its agent is one of this system; else plain data. An
            ``ArtifactRef`` for bytes.

        Raises:
            TaskFailed, TaskCancelled, TaskRejected, TaskBlocked, TaskPaused: It did not succeed; carries the ``report``.
            TimeoutError: It has not ended; it goes on.
            BlockingCall: On a running event loop; use ``await task``.
        """
        return self._tasks.result_of(self.id, timeout)

    def __await__(self) -> Generator[Any, None, Any]:
        return self._tasks.await_result(self.id).__await__()

    async def await_report(self) -> TaskReport:
        """``wait``, without blocking the loop."""
        return await self._tasks.await_report(self.id)

    def cancel(self, reason: str = "") -> None:
        """Cancel it; recorded when this returns, wherever it runs.

        Raises:
            TaskTransitionRefused: It has ended.
        """
        self._tasks.cancel(self.id, reason=reason)

    async def acancel(self, reason: str = "") -> None:
        """``cancel``, without blocking the loop."""
        await self._tasks.acancel(self.id, reason=reason)

    def retry(self) -> None:
        """Open it again with fresh tries, and what it left stuck with it.

        Raises:
            TaskTransitionRefused: It has not failed, and is neither cancelled nor paused.
        """
        self._tasks.retry(self.id)

    async def aretry(self) -> None:
        """``retry``, without blocking the loop."""
        await self._tasks.aretry(self.id)


def how_it_ended(report: TaskReport) -> TaskEnded:
    """The error of a task that did not succeed."""
    return ENDS[report.state](report.id, report.why, report)
