"""What became of tasks and jobs, read from their rows: the same whether they wait, run or ended long ago."""

from __future__ import annotations

from typing import Any

import msgspec

from dagger_actors.bodies.stored_error import describe
from dagger_actors.core.messages import ErrorDetail
from dagger_actors.core.task_rows import DependencyKind
from dagger_actors.core.task_states import JobState, TaskState

__all__ = [
    "AgentSummary",
    "JobProgress",
    "JobReport",
    "JobSummary",
    "TaskAttempt",
    "TaskDependency",
    "TaskLog",
    "TaskReport",
    "TaskSummary",
]


class TaskAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt that was no success; times are microseconds UTC.

    Attributes:
        attempt: From 1.
        outcome: ``failed``, ``timed_out``, ``interrupted`` (its worker died), ``cancelled`` or ``snoozed``.
        error: What it raised; None = nothing.
        worker: The id of the worker that ran it.
    """

    attempt: int
    outcome: str
    error: ErrorDetail | None
    worker: int
    started_us: int | None
    finished_us: int


class TaskDependency(msgspec.Struct, frozen=True, kw_only=True):
    """A task that another one waits for, or waited for.

    Attributes:
        id: Its id.
        kind: ``success``: only that will do; ``end``: any end.
        is_met: Whether it is waited for no more.
        state: Its state; None = it is stored no more.
    """

    id: int
    kind: DependencyKind
    is_met: bool
    state: TaskState | None


class TaskLog(msgspec.Struct, frozen=True, kw_only=True):
    """What one attempt logged.

    Attributes:
        attempt: From 1.
        text: Its ``ctx.log`` lines, and what it printed if it ran in a process, in the order they came; a gap is marked.
        dropped_bytes: How much the gap holds; 0 without one.
    """

    attempt: int
    text: str
    dropped_bytes: int


class TaskSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One task in a list; times are microseconds UTC.

    Attributes:
        state: See ``TaskState``; ``ready`` for the first moments that it runs, too.
        is_stuck: Whether it is blocked by what has failed: it never runs, unless that is retried.
        reason: Why it is in this state, as one line; None = nothing is to be said.
        job: Its job's id.
        parent: The id of the task that spawned it.
    """

    id: int
    agent: str
    state: TaskState
    is_stuck: bool
    reason: str | None
    priority: int
    key: str | None
    job: str | None
    parent: int | None
    attempt: int
    created_us: int
    due_us: int | None
    started_us: int | None
    finished_us: int | None


class TaskReport(msgspec.Struct, frozen=True, kw_only=True):
    """A whole task; times are microseconds UTC.

    Attributes:
        state: See ``TaskState``; ``ready`` for the first moments that it runs, too.
        is_stuck: Whether it is blocked by what has failed: it never runs, unless that is retried.
        is_held: Whether others of its ``per_key`` limit go first.
        reason: Why it is paused, blocked, cancelled or rejected.
        payload: Plain data.
        result: Plain data; an ``ArtifactRef`` for bytes; None without one.
        error: The last failure; kept until it succeeds.
        attempts: Those that were no success, in order.
        attempt: How often its body was begun.
        try_no: The user's count of the last or coming try; deaths of workers and suspensions do not count.
        crash_no: Deaths of workers that it met.
        try_count: Total tries; None = as its agent says.
        version: Counts its changes; what is decided about it may expect one.
        limit_key: Its share of the agent's ``per_key``.
        children: How many tasks it has spawned.
        worker_pid: The process that has leased it and lives; None = nobody.
        log: What its attempts logged, in order.
    """

    id: int
    agent: str
    state: TaskState
    is_stuck: bool
    is_held: bool
    reason: str | None
    payload: Any
    result: Any
    error: ErrorDetail | None
    attempts: tuple[TaskAttempt, ...]
    attempt: int
    try_no: int
    crash_no: int
    try_count: int | None
    version: int
    priority: int
    key: str | None
    limit_key: str | None
    job: str | None
    parent: int | None
    children: int
    dependencies: tuple[TaskDependency, ...]
    worker_pid: int | None
    created_us: int
    due_us: int | None
    expires_us: int | None
    started_us: int | None
    finished_us: int | None
    updated_us: int
    log: tuple[TaskLog, ...]

    @property
    def why(self) -> str:
        """Why it has not succeeded, as one line; empty when nothing is to be said."""
        if self.state == "failed" and self.error is not None:
            return describe(self.error)
        return self.reason or (describe(self.error) if self.error is not None else "")


class AgentSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A task agent as the database knows it.

    Attributes:
        place: Where its class or function was found last.
        open: Its tasks that have not ended.
        capacity: How many that may be.
        overflow: What who submits one more does: ``block`` or ``reject``.
        per_key: Tasks of one key that may be leased at once; None = any number.
        rate: Tasks begun a second, over all workers; None = any number.
        burst: How many of these may come at once.
        payload_schema: JSON Schema of its payloads.
        result_schema: JSON Schema of its results.
        worker_pids: The processes that live and have said that they do its tasks.
    """

    name: str
    place: str
    open: int
    capacity: int
    overflow: str
    per_key: int | None
    rate: float | None
    burst: float
    payload_schema: dict[str, Any]
    result_schema: dict[str, Any]
    worker_pids: tuple[int, ...]


class JobProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a job is, in tasks.

    Attributes:
        total: All of them; those that were deleted since, too.
        open: Those that have not ended: running, waiting, paused, stuck.
        running: Those that a worker has leased.
        waiting: Those that are to run by themselves some time: ready, delayed, or blocked by what may still succeed.
        paused: Those that are parked until somebody retries them.
        stuck: Those that are blocked by what has failed.
        succeeded: Those that were completed, and not rejected.
    """

    total: int
    open: int
    running: int
    waiting: int
    paused: int
    stuck: int
    succeeded: int
    failed: int
    cancelled: int
    rejected: int


class JobSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One job in a list; times are microseconds UTC.

    Attributes:
        reason: Why it was cancelled or stopped.
        on_failure: ``continue``, or ``stop``: the first failure cancels the rest.
        stall_after_s: Seconds without a change after which it has stalled; None = it never does.
        moved_us: When one of its tasks last changed its state.
        stalled_us: When it was found to have stalled; None = it has not, or has moved since.
    """

    id: str
    state: JobState
    reason: str | None
    on_failure: str
    progress: JobProgress
    stall_after_s: float | None
    created_us: int
    moved_us: int
    stalled_us: int | None


class JobReport(JobSummary, frozen=True, kw_only=True):
    """A whole job.

    Attributes:
        problems: Its tasks that have failed, were rejected, are paused or stuck, in the order they were submitted; at most
            100.
    """

    problems: tuple[TaskSummary, ...]

    @property
    def why(self) -> str:
        """Why it has not succeeded, as one line; empty when nothing is to be said."""
        first = next((one for one in self.problems if one.state == "failed"), None) or next(iter(self.problems), None)
        if first is not None:
            return f"task {first.id} of {first.agent}: {first.reason or first.state}"
        return self.reason or ""
