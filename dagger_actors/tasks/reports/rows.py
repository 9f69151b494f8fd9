"""Rows of tasks and jobs as statements give them, made into reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from dagger_actors.bodies.stored_error import decode_error, describe
from dagger_actors.core.task_states import JobState, TaskState
from dagger_actors.tasks.reports.report import JobProgress, TaskSummary

__all__ = ["JobRow", "TaskRow", "progress_of", "summary_of"]


class TaskRow(msgspec.Struct, frozen=True):
    """A row of ``read.task``, column by column."""

    task_key: int
    agent: str
    state: TaskState
    is_stuck: int
    held: int
    reason: str | None
    error: str | None
    priority: int
    key: str | None
    limit_key: str | None
    job_id: str | None
    parent_key: int | None
    attempt: int
    try_no: int
    crash_no: int
    try_count: int | None
    version: int
    payload: str | None
    payload_artifact_id: str | None
    result: str | None
    result_artifact_id: str | None
    result_kind: str | None
    result_bytes: int | None
    created_at: int
    due_at: int | None
    expires_at: int | None
    started_at: int | None
    finished_at: int | None
    updated_at: int
    owner: int | None
    pid: int | None


class JobRow(msgspec.Struct, frozen=True):
    """A row of ``read.jobs`` and of ``read.job_row``, column by column."""

    job_key: int
    job_id: str
    state: JobState
    reason: str | None
    on_failure: str
    stall_after_us: int | None
    created_at: int
    moved_at: int
    stalled_at: int | None
    total: int
    open: int
    running: int
    paused: int
    stuck: int
    succeeded: int
    failed: int
    cancelled: int
    rejected: int


def summary_of(row: Sequence[Any]) -> TaskSummary:
    """A task in a list, from a row of ``read.tasks``."""
    key, agent, state, is_stuck, reason, error, priority, unique, job, parent, attempt, *times = row
    told = describe(decode_error(error)) if error is not None and (state == "failed" or not reason) else reason
    created, due, started, finished = times
    return TaskSummary(
        id=key,
        agent=agent,
        state=state,
        is_stuck=bool(is_stuck),
        reason=told,
        priority=priority,
        key=unique,
        job=job,
        parent=parent,
        attempt=attempt,
        created_us=created,
        due_us=due,
        started_us=started,
        finished_us=finished,
    )


def progress_of(row: JobRow) -> JobProgress:
    """How far a job is."""
    return JobProgress(
        total=row.total,
        open=row.open,
        running=row.running,
        waiting=row.open - row.running - row.paused - row.stuck,
        paused=row.paused,
        stuck=row.stuck,
        succeeded=row.succeeded,
        failed=row.failed,
        cancelled=row.cancelled,
        rejected=row.rejected,
    )
