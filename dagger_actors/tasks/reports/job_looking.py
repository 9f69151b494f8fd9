"""What a database holds of jobs, to look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from dagger_actors.core.task_states import JobState
from dagger_actors.errors import JobNotFound
from dagger_actors.reading.filters import LISTED, check_limit, states_of
from dagger_actors.reading.since import since_us
from dagger_actors.store.look import ReadableStore
from dagger_actors.tasks.reports.job_graph import JobGraph, read_graph
from dagger_actors.tasks.reports.report import JobProgress, JobReport, JobSummary
from dagger_actors.tasks.reports.rows import JobRow, progress_of, summary_of

__all__ = ["JobArchive"]

JOB_STATES: Final = ("running", "paused", "succeeded", "failed", "cancelled")

PROBLEMS = 100
"""Tasks that a job's report names."""


class JobArchive:
    """Reads the jobs of one database; changes nothing.

    Args:
        store: The database.
        now_us: The time now, microseconds UTC.
    """

    def __init__(self, store: ReadableStore, now_us: Callable[[], int]) -> None:
        self._store = store
        self._now_us = now_us

    def jobs(
        self,
        *,
        state: str | Sequence[str] = (),
        since: str | datetime | timedelta | None = None,
        limit: int = LISTED,
    ) -> list[JobSummary]:
        """The newest jobs, newest first.

        Args:
            state: Only in this state, or in one of these: running, paused, succeeded, failed, cancelled.
            since: Only made after this moment: an age such as ``2h``, a date, a time, or the object of either.
            limit: At most so many; 1 or more.

        Raises:
            RequestError: A filter has a value that it cannot have.
        """
        check_limit(limit)
        states = msgspec.json.encode(states_of(state, JOB_STATES, "job")).decode()
        first = 0 if since is None else since_us(since, self._now_us())
        rows = self._store.readers.query("read.jobs", states, first, limit)
        return [JobSummary(**_of_job(JobRow(*row))) for row in rows]

    def job_report(self, job_id: str) -> JobReport:
        """All that is known of a job.

        Raises:
            JobNotFound: There is none of that id.
        """
        row = self._job_row(job_id)
        query = self._store.readers.query
        has_problems = row.failed + row.rejected + row.paused + row.stuck
        keys = [found[0] for found in query("read.job_problems", row.job_key, PROBLEMS)] if has_problems else []
        problems = query("read.tasks", msgspec.json.encode(keys).decode())
        return JobReport(**_of_job(row), problems=tuple(summary_of(one) for one in reversed(problems)))

    def job_graph(self, job_id: str, limit: int) -> JobGraph:
        """The tasks of a job and how they hang together, to be drawn; at most ``limit`` of them, 1 or more.

        Raises:
            JobNotFound: There is none of that id.
        """
        check_limit(limit)
        return read_graph(self._store.readers, self._job_row(job_id).job_key, self.job_report(job_id), limit)

    def job_progress(self, job_id: str) -> JobProgress:
        """How far a job is; costs the same however many tasks it has.

        Raises:
            JobNotFound: There is none of that id.
        """
        return progress_of(self._job_row(job_id))

    def job_state(self, job_id: str) -> JobState:
        """The state of a job, as of the last commit.

        Raises:
            JobNotFound: There is none of that id.
        """
        return self._job_row(job_id).state

    def _job_row(self, job_id: str) -> JobRow:
        rows = self._store.readers.query("read.job_row", job_id) if job_id.isprintable() else []
        if not rows:
            raise JobNotFound(job_id, str(self._store.path))
        return JobRow(*rows[0])


def _of_job(row: JobRow) -> dict[str, Any]:
    return {
        "id": row.job_id,
        "state": row.state,
        "reason": row.reason,
        "on_failure": row.on_failure,
        "progress": progress_of(row),
        "stall_after_s": None if row.stall_after_us is None else row.stall_after_us / 1e6,
        "created_us": row.created_at,
        "moved_us": row.moved_at,
        "stalled_us": row.stalled_at,
    }
