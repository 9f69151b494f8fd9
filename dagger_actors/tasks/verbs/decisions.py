"""What people and programs decide about tasks: cancel, retry, accept, reject, reopen, add a dependency, prune.

Each is durable when it returns; one that is refused leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Literal, TypedDict, Unpack

from dagger_actors.bodies.asking import Asking
from dagger_actors.core.tasks import AddDependencies, CancelTasks, DecideTask, PruneTasks, RetryTasks
from dagger_actors.core.wording import is_text, quoted
from dagger_actors.errors import RequestError, TaskNotFound, TaskTransitionRefused
from dagger_actors.reading.since import since_us
from dagger_actors.tasks.handles.given_values import ids_of
from dagger_actors.tasks.handles.task import Task
from dagger_actors.tasks.verbs.base import TasksBase

__all__ = ["Decisions", "GivenFilter"]

LONGEST_REASON = 1_000
AT_ONCE = 1000
"""Tasks of one commit."""
MOST = 100_000
"""Tasks that one filter opens again at most."""

Meant = Task | int | Iterable[Task | int]
"""One task, or many, by themselves or by their ids."""


class GivenFilter(TypedDict, total=False):
    """Which tasks are opened again, when none are named.

    Attributes:
        state: ``failed`` (by default), ``cancelled`` or ``paused``, or several of these.
        agent: Only of the agent of this name.
        job: Only of the job of this id.
        since: Only made after this moment; see ``tasks``.
        text: Only those whose payload, reason or error holds it.
    """

    state: str | Sequence[str]
    agent: str | None
    job: str | None
    since: Any
    text: str | None


class Decisions(TasksBase):
    """The verbs that decide."""

    def cancel(self, tasks: Meant, *, reason: str = "", version: int | None = None) -> list[int]:
        """Cancel tasks, wherever they run; recorded when this returns. Code that runs is told, or stopped, at once.

        Args:
            tasks: One of them is refused when it has ended; of many, those that have ended are passed over.
            reason: For people; up to 1,000 characters.
            version: What the one task's version must be; None = any.

        Returns:
            The ids of those that were cancelled.

        Raises:
            TaskNotFound: The one is not there.
            TaskTransitionRefused: It has ended.
            TaskChanged: It is of another version.
            BlockingCall: On a running event loop; use ``await tasks.acancel(...)``.
        """
        asking = self._cancelling(tasks, reason, version)
        return self._asker.run(asking, "tasks.cancel()", "await tasks.acancel(...)")

    async def acancel(self, tasks: Meant, *, reason: str = "", version: int | None = None) -> list[int]:
        """``cancel``, without blocking the loop."""
        return await self._asker.arun(self._cancelling(tasks, reason, version))

    def _cancelling(self, tasks: Meant, reason: str, version: int | None) -> Asking[list[int]]:
        ids, is_one = _meant(tasks)
        _check_version(version, is_one=is_one)
        operations = [
            CancelTasks(ids[at : at + AT_ONCE], _checked(reason), self._now_us(), version, is_strict=is_one)
            for at in range(0, len(ids), AT_ONCE)
        ]
        cancelled: list[int] = []
        for operation in operations:
            found = yield from self._committing(operation)
            self._hub.has_cancelled(found)
            cancelled += found
        return cancelled

    def retry(
        self, tasks: Meant | None = None, *, version: int | None = None, **chosen: Unpack[GivenFilter]
    ) -> list[int]:
        """Open failed, cancelled or paused tasks again, with fresh tries, and with them what they left stuck.

        Args:
            tasks: Which; all of them or, when one cannot be, none. None = those that ``chosen`` says, at most 100,000.
            version: What the one task's version must be; None = any.
            **chosen: See ``GivenFilter``.

        Returns:
            The ids of those that were opened.

        Raises:
            TaskNotFound: One is not there.
            TaskTransitionRefused: One is in another state.
            TaskChanged: It is of another version.
            RequestError: It is not said which; or more than 1,000 are named.
            BlockingCall: On a running event loop; use ``await tasks.aretry(...)``.
        """
        asking = self._retrying(tasks, version, chosen)
        return self._asker.run(asking, "tasks.retry()", "await tasks.aretry(...)")

    async def aretry(
        self, tasks: Meant | None = None, *, version: int | None = None, **chosen: Unpack[GivenFilter]
    ) -> list[int]:
        """``retry``, without blocking the loop."""
        return await self._asker.arun(self._retrying(tasks, version, chosen))

    def _retrying(self, tasks: Meant | None, version: int | None, chosen: GivenFilter) -> Asking[list[int]]:
        if tasks is None:
            if version is not None:
                raise RequestError("version is that of one task; say which")
            return (yield from self._retrying_all(chosen))
        if chosen:
            raise RequestError(f"either tasks are named, or chosen by {', '.join(chosen)}; not both")
        ids, is_one = _meant(tasks)
        _check_version(version, is_one=is_one)
        if len(ids) > AT_ONCE:
            raise RequestError(f"at most {AT_ONCE:,} tasks are opened again at once, and these are {len(ids):,}")
        found = list((yield from self._committing(RetryTasks(ids, self._now_us(), version)))) if ids else []
        self._hub.has_reopened()
        return found

    def _retrying_all(self, chosen: GivenFilter) -> Asking[list[int]]:
        unknown = set(chosen) - set(GivenFilter.__annotations__)
        if unknown or not chosen:
            raise RequestError("say which: the tasks, or a filter, as in retry(state='failed')")
        wanted = self._filter(
            state=chosen.get("state", "failed"),
            agent=chosen.get("agent"),
            job=chosen.get("job"),
            since=chosen.get("since"),
            text=chosen.get("text"),
        )
        if not wanted.states or not set(wanted.states) <= {"failed", "cancelled", "paused"}:
            raise RequestError("only what is failed, cancelled or paused is opened again; give state= one of these")
        ids, opened = self._keys(wanted, MOST), list[int]()
        while ids:
            part, ids = ids[:AT_ONCE], ids[AT_ONCE:]
            while part:
                try:
                    opened += yield from self._committing(RetryTasks(tuple(part), self._now_us()))
                    break
                except (TaskTransitionRefused, TaskNotFound) as error:  # it has moved since it was looked at
                    part.remove(error.task)
        self._hub.has_reopened()
        return opened

    # --- verdicts

    def accept(self, task: Task | int, *, reason: str = "", version: int | None = None) -> None:
        """Accept a completed task; that is its last state.

        Args:
            task: It, or its id.
            reason: For people; up to 1,000 characters.
            version: What its version must be, so that the verdict is about what was looked at; None = any.

        Raises:
            TaskNotFound, TaskChanged: It is not there, or of another version.
            TaskTransitionRefused: It is not completed.
            BlockingCall: On a running event loop; use ``await tasks.aaccept(...)``.
        """
        asking = self._deciding(task, "accepted", reason, version)
        self._asker.run(asking, "tasks.accept()", "await tasks.aaccept(...)")

    async def aaccept(self, task: Task | int, *, reason: str = "", version: int | None = None) -> None:
        """``accept``, without blocking the loop."""
        await self._asker.arun(self._deciding(task, "accepted", reason, version))

    def reject(self, task: Task | int, reason: str, *, version: int | None = None) -> None:
        """Reject the result of a completed task. What needs its success and has not begun waits for it again, in vain.

        Raises:
            TaskNotFound, TaskChanged, TaskTransitionRefused, BlockingCall: As for ``accept``.
        """
        asking = self._deciding(task, "rejected", reason, version)
        self._asker.run(asking, "tasks.reject()", "await tasks.areject(...)")

    async def areject(self, task: Task | int, reason: str, *, version: int | None = None) -> None:
        """``reject``, without blocking the loop."""
        await self._asker.arun(self._deciding(task, "rejected", reason, version))

    def reopen(self, task: Task | int, *, version: int | None = None) -> None:
        """Have a rejected task done again, with fresh tries.

        Raises:
            TaskNotFound, TaskChanged, BlockingCall: As for ``accept``.
            TaskTransitionRefused: It is not rejected.
        """
        asking = self._deciding(task, "ready", "", version)
        self._asker.run(asking, "tasks.reopen()", "await tasks.areopen(...)")

    async def areopen(self, task: Task | int, *, version: int | None = None) -> None:
        """``reopen``, without blocking the loop."""
        await self._asker.arun(self._deciding(task, "ready", "", version))

    def _deciding(
        self, task: Task | int, verdict: Literal["accepted", "rejected", "ready"], reason: str, version: int | None
    ) -> Asking[None]:
        (key,), _is_one = _meant(_one(task))
        _check_version(version, is_one=True)
        yield from self._committing(DecideTask(key, verdict, _checked(reason), self._now_us(), version))
        self._hub.has_reopened()

    # --- dependencies

    def add_dependency(self, task: Task | int, on: Meant) -> None:
        """Let a task that has not begun wait for the success of others.

        Raises:
            TaskNotFound, UnknownDependency: One of them is not there.
            TaskTransitionRefused: The task runs, or has ended.
            DependencyCycle: One of them depends on the task; shows how.
            BlockingCall: On a running event loop; use ``await tasks.aadd_dependency(...)``.
        """
        asking = self._depending(task, on)
        self._asker.run(asking, "tasks.add_dependency()", "await tasks.aadd_dependency(...)")

    async def aadd_dependency(self, task: Task | int, on: Meant) -> None:
        """``add_dependency``, without blocking the loop."""
        await self._asker.arun(self._depending(task, on))

    def _depending(self, task: Task | int, on: Meant) -> Asking[None]:
        (key,), _is_one = _meant(_one(task))
        others, _is_one = _meant(on)
        yield from self._committing(AddDependencies(key, others, "success", self._now_us()))
        self._hub.has_reopened()

    # --- housekeeping

    def prune(self, age: str | timedelta) -> int:
        """Delete tasks that ended longer ago, with their attempts, logs and steps; a job goes with its last task.

        One that was made longer ago and has none goes too.
        Kept is what an open task depends on or has spawned, and what a failed one would still wait for if it was retried.

        Args:
            age: Such as ``7d``, or a timedelta.

        Returns:
            How many were deleted.

        Raises:
            RequestError: It is no age.
            BlockingCall: On a running event loop; use ``await tasks.aprune(...)``.
        """
        return self._asker.run(self._pruning(age), "tasks.prune()", "await tasks.aprune(...)")

    async def aprune(self, age: str | timedelta) -> int:
        """``prune``, without blocking the loop."""
        return await self._asker.arun(self._pruning(age))

    def _pruning(self, age: str | timedelta) -> Asking[int]:
        before_us = since_us(age, self._now_us())
        after: int | None = 0
        count = 0
        while after is not None:
            pruned = yield from self._committing(PruneTasks(before_us, AT_ONCE, after))
            count, after = count + pruned.count, pruned.after
        return count


def _meant(tasks: Meant) -> tuple[tuple[int, ...], bool]:
    if isinstance(tasks, Task):
        return (tasks.id,), True
    if type(tasks) is int:
        return ids_of("tasks", [tasks]), True
    return ids_of("tasks", tasks), False


def _one(task: Task | int) -> Task | int:
    if not isinstance(task, Task) and type(task) is not int:
        raise RequestError(f"task is one task, or its id, not {quoted(task)}")
    return task


def _check_version(version: int | None, *, is_one: bool) -> None:
    if version is not None and not is_one:
        raise RequestError("version is that of one task; give that task alone")
    if version is not None and type(version) is not int:
        raise RequestError(f"version is a whole number, that of a report, not {quoted(version)}")


def _checked(reason: str) -> str:
    if not is_text(reason) or len(reason) > LONGEST_REASON:
        raise RequestError(f"reason is text of up to {LONGEST_REASON:,} characters, not {quoted(reason)}")
    return reason
