"""Errors of tasks and jobs: what their bodies may not, and how they ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagger_actors.errors.action import ActionError

if TYPE_CHECKING:
    from dagger_actors.tasks.reports.report import JobReport, TaskReport


class Fatal(ActionError):
    """Raised by the body of a task or by a handler of a subscriber: it has failed for good, however many tries are left.

    Args:
        reason: For people; kept with the task, or the dead letter.
    """


class SpawnRefused(ActionError):
    """A child that a task's body cannot spawn.

    Args:
        agent: The name of its agent.
        reason: Why not.
    """

    def __init__(self, agent: str, reason: str) -> None:
        self.agent = agent
        self.reason = reason
        super().__init__(agent, reason)

    def __str__(self) -> str:
        return f"a task of the agent {self.agent!r} cannot be spawned: {self.reason}"


class SpawnMismatch(ActionError):
    """A body that runs again spawns other tasks than before.

    Args:
        spawn_key: The child's key, or ``#`` and its place.
        difference: What is different: ``agent`` or ``payload``.
        before: What it was.
        now: What it is now.
    """

    def __init__(self, spawn_key: str, difference: str, before: str, now: str) -> None:
        self.spawn_key = spawn_key
        self.difference = difference
        self.before = before
        self.now = now
        super().__init__(spawn_key, difference, before, now)

    def __str__(self) -> str:
        return (
            f"the child {self.spawn_key!r} was spawned with the {self.difference} {self.before} and is now spawned with "
            f"{self.now}; a body that waits runs again from its top, so spawn the same each time, or give children a key"
        )


class SharedRefused(ActionError):
    """A shared value that cannot be."""

    def __init__(self, scope: str, key: str, reason: str) -> None:
        self.scope = scope
        self.key = key
        self.reason = reason
        super().__init__(scope, key, reason)

    def __str__(self) -> str:
        return f"the shared value {self.key!r} of {self.scope!r} cannot be changed: {self.reason}"


class TaskEnded(ActionError):
    """A task did not succeed.

    Args:
        task: Its id.
        reason: Why, as one line.
        report: The task's whole ``TaskReport``.
    """

    state = "ended"
    report: TaskReport

    def __init__(self, task: int, reason: str, report: Any = None) -> None:
        self.task = task
        self.reason = reason
        self.report = report
        super().__init__(task, reason, report)

    def __str__(self) -> str:
        return f"task {self.task} {self.state}" + (f": {self.reason}" if self.reason else "")


class TaskFailed(TaskEnded):
    """It has failed for good."""

    state = "failed"


class TaskCancelled(TaskEnded):
    """Somebody cancelled it, or it expired."""

    state = "was cancelled"


class TaskRejected(TaskEnded):
    """It was completed, and its result rejected."""

    state = "was rejected"


class TaskBlocked(TaskEnded):
    """What it depends on has failed, so it never runs unless that is retried."""

    state = "is blocked"


class TaskPaused(TaskEnded):
    """It is parked and waits for ``retry``."""

    state = "is paused"


class JobEnded(ActionError):
    """A job did not succeed.

    Args:
        job_id: Its id.
        reason: The first failure, as one line.
        report: The job's whole ``JobReport``.
    """

    state = "ended"
    report: JobReport

    def __init__(self, job_id: str, reason: str, report: Any = None) -> None:
        self.job_id = job_id
        self.reason = reason
        self.report = report
        super().__init__(job_id, reason, report)

    def __str__(self) -> str:
        return f"job {self.job_id!r} {self.state}" + (f": {self.reason}" if self.reason else "")


class JobFailed(JobEnded):
    """Some of its tasks failed, or can never run."""

    state = "failed"


class JobCancelled(JobEnded):
    """Somebody cancelled it."""

    state = "was cancelled"


class JobPaused(JobEnded):
    """All that is left of it is parked and waits for ``retry``."""

    state = "is paused"
