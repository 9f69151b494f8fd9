"""Jobs in which nothing moves: what is asked of the store, what a job says of it, and what was found."""

from __future__ import annotations

import msgspec

__all__ = ["StallAction", "StallFails", "StallJobs", "StallNotifies", "StallTells", "Stalled", "StalledJob"]


class StallFails(msgspec.Struct, frozen=True, tag="fail"):
    """The job has failed: what is open of it is cancelled, and it takes no new tasks."""


class StallNotifies(msgspec.Struct, frozen=True, tag="notify"):
    """An agent gets a task, which belongs to no job.

    Attributes:
        agent: Its name.
        payload: JSON text; None = ``{"job_id": text, "open": tasks, "still_us": microseconds}``.
    """

    agent: str
    payload: str | None = None


class StallTells(msgspec.Struct, frozen=True, tag="tell"):
    """Nothing in the database: the process that made the job tells its program.

    Attributes:
        worker: That process. While it is there, no other one finds the job stalled.
    """

    worker: int


StallAction = StallFails | StallNotifies | StallTells
"""What is done about a stalled job; as JSON in ``jobs.stall_action``."""


class StallJobs(msgspec.Struct, frozen=True, tag="stall"):
    """Find jobs in which nothing has moved for their ``stall_after_us``, though tasks that could are open; once each standstill.

    What a job says of it is done with it. Answers a ``Stalled``.

    Attributes:
        now_us: Wall microseconds.
        worker: Who asks.
    """

    now_us: int
    worker: int


class StalledJob(msgspec.Struct, frozen=True):
    """A job that has stalled.

    Attributes:
        job_key: Its key.
        job_id: Its id.
        moved_at: When one of its tasks last changed its state, wall microseconds.
        action: What it says of that, and what has been done.
        cancelled: Ids of tasks that this has cancelled.
        notified: The id of the task that the agent got; None = there is no such agent, or its queue is full.
    """

    job_key: int
    job_id: str
    moved_at: int
    action: StallAction
    cancelled: tuple[int, ...] = ()
    notified: int | None = None


class Stalled(msgspec.Struct, frozen=True):
    """The jobs that have stalled, and when to look again, wall microseconds; None = when a job is made, or moves."""

    jobs: tuple[StalledJob, ...]
    again_us: int | None
