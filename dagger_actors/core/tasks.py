"""What is asked of the store about tasks: operations that read before they write.

An operation is data. The store carries it out inside the transaction of the unit it belongs to, behind that unit's rows;
its answer is handed over after the commit. When it cannot be, the unit is rejected with ``RequestRefused``, which carries
an error that says what to do. Those on leases and on jobs that stall have modules of their own.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from dagger_actors.core.task_leases import ClaimTasks, ReleaseTasks, TakeTasks
from dagger_actors.core.task_rows import DependencyKind, NewTask, SharedChange
from dagger_actors.core.task_stalls import StallJobs

__all__ = [
    "AddDependencies",
    "AdmitHeld",
    "CancelJob",
    "CancelTasks",
    "DecideTask",
    "PromoteDue",
    "PruneTasks",
    "Pruned",
    "RetryTasks",
    "SettleEnded",
    "SettleSuspended",
    "ShareValues",
    "SharedValue",
    "StopJob",
    "SubmitTasks",
    "Submitted",
    "TaskOperation",
]


class SubmitTasks(msgspec.Struct, frozen=True, tag="submit"):
    """Write tasks, with their keys, dependencies and jobs checked. Answers one ``Submitted`` for each, in order."""

    tasks: tuple[NewTask, ...]
    now_us: int


class Submitted(msgspec.Struct, frozen=True):
    """What became of one ``NewTask``.

    Attributes:
        task_key: Its id; an earlier task's when its key was taken.
        is_new: Whether it was written.
    """

    task_key: int
    is_new: bool


class PromoteDue(msgspec.Struct, frozen=True, tag="promote"):
    """Make ready (or blocked) what is due, and cancel what has expired. Answers when to look again, or None.

    At most 1,000 of each at once, so that the unit stays short; when there are more, the answer is a time that has passed.

    Attributes:
        now_us: Wall microseconds.
    """

    now_us: int


class AddDependencies(msgspec.Struct, frozen=True, tag="depend"):
    """Let a task depend on others; a cycle is refused with ``DependencyCycle``, which shows it.

    Attributes:
        task_key: The task; not running, unless ``owner`` and ``epoch`` are its lease's.
        on: Ids of tasks that must exist.
        kind: Whether only their success will do.
        now_us: Wall microseconds.
        owner: The worker that suspends it; None = asked from outside.
        epoch: That of the lease.
    """

    task_key: int
    on: tuple[int, ...]
    kind: DependencyKind
    now_us: int
    owner: int | None = None
    epoch: int = 0


class SettleSuspended(msgspec.Struct, frozen=True, tag="settle"):
    """Make a task that was suspended ready at once when all that it waits for has ended already, and stuck if it never can."""

    task_key: int
    now_us: int


class CancelTasks(msgspec.Struct, frozen=True, tag="cancel"):
    """Cancel tasks; those that have ended are passed over, unless a version is expected. Answers the ids of those cancelled.

    The lease of a running one is taken away, and a row of ``task_stops`` tells its worker.

    Attributes:
        tasks: Ids.
        reason: For people.
        now_us: Wall microseconds.
        version: What the (one) task's version must be; None = any.
        is_strict: Whether a task that is over or not there is refused.
    """

    tasks: tuple[int, ...]
    reason: str
    now_us: int
    version: int | None = None
    is_strict: bool = False


class CancelJob(msgspec.Struct, frozen=True, tag="cancel_job"):
    """Cancel all open tasks of a job, which takes no new ones. Answers the ids of those cancelled."""

    job_key: int
    reason: str
    now_us: int


class SettleEnded(msgspec.Struct, frozen=True, tag="settle_ended"):
    """Tasks have ended without success in this very unit: what needed them can never run, and is stuck from now on.

    To be put behind the ``tasks.end`` rows of tasks that have failed or were cancelled; for others it does nothing.

    Attributes:
        tasks: Their ids.
        now_us: Wall microseconds.
    """

    tasks: tuple[int, ...]
    now_us: int


class AdmitHeld(msgspec.Struct, frozen=True, tag="admit"):
    """Let held tasks in where there is room by now; to be asked behind ``task_agents.put``, as ``per_key`` may have grown.

    Attributes:
        agents: Their agents' names.
    """

    agents: tuple[str, ...]


class StopJob(msgspec.Struct, frozen=True, tag="stop_job"):
    """One of its tasks has failed: if the job says ``on_failure: stop``, cancel the rest. Answers the ids of those cancelled."""

    job_key: int
    now_us: int


class RetryTasks(msgspec.Struct, frozen=True, tag="retry"):
    """Open failed, cancelled or paused tasks again, with fresh tries; what they left stuck is so no longer. Answers the ids.

    All of them or, when one of them is not there or in another state, none. What waited for their end waits again, unless
    it has gone on meanwhile. Their jobs, if they were cancelled or stopped, take tasks again.

    Attributes:
        tasks: Ids.
        now_us: Wall microseconds.
        version: What the (one) task's version must be; None = any.
    """

    tasks: tuple[int, ...]
    now_us: int
    version: int | None = None


class DecideTask(msgspec.Struct, frozen=True, tag="decide"):
    """Accept or reject a completed task, or reopen a rejected one.

    Attributes:
        task_key: Its id.
        verdict: What it becomes; ``ready`` reopens it.
        reason: For people.
        now_us: Wall microseconds.
        version: What its version must be; None = any.
    """

    task_key: int
    verdict: Literal["accepted", "rejected", "ready"]
    reason: str
    now_us: int
    version: int | None = None


class ShareValues(msgspec.Struct, frozen=True, tag="share"):
    """Change the shared state; a stale version refuses all of it with ``SharedConflict``.

    Answers one ``SharedValue`` for each change, in order.

    Attributes:
        changes: In order.
        now_us: Wall microseconds.
    """

    changes: tuple[SharedChange, ...]
    now_us: int


class SharedValue(msgspec.Struct, frozen=True):
    """What a change has left.

    Attributes:
        version: The value's; 0 = there is none.
        json: The value; None = there is none.
    """

    version: int
    json: str | None


class PruneTasks(msgspec.Struct, frozen=True, tag="prune"):
    """Delete tasks that ended long ago, oldest ids first, with their attempts, logs and steps. Answers a ``Pruned``.

    Kept is what an open task depends on or has spawned, and what a failed one would still wait for if it was retried. A job
    whose last task goes, goes too; and behind the last tasks those go that have none and have not moved for as long.

    Attributes:
        before_us: Those that ended before, wall microseconds.
        limit: Tasks to look at, and jobs to delete that have none; 1 or more.
        after: Only those of higher ids; 0 = from the first.
    """

    before_us: int
    limit: int
    after: int = 0


class Pruned(msgspec.Struct, frozen=True):
    """How many tasks are gone, and where to go on: ``after`` of the next ``PruneTasks``, None = that was all."""

    count: int
    after: int | None


TaskOperation = (
    SubmitTasks
    | ClaimTasks
    | ReleaseTasks
    | TakeTasks
    | PromoteDue
    | AddDependencies
    | SettleSuspended
    | SettleEnded
    | AdmitHeld
    | CancelTasks
    | CancelJob
    | StopJob
    | RetryTasks
    | DecideTask
    | ShareValues
    | StallJobs
    | PruneTasks
)
