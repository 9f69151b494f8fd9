"""Tasks as the store and their supervisors speak of them: rows, and operations that read before they write.

An operation is data. The store carries it out inside the transaction of the unit it belongs to, behind that unit's rows;
its answer is handed over after the commit. When it cannot be, the unit is rejected with ``RequestRefused``, which carries
an error that says what to do.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from dagger_actors.core.messages import Inline, Output, Stored
from dagger_actors.core.task_rows import Conflict, DependencyKind, NewTask, SharedChange, Wait

__all__ = [
    "FINAL_TASK",
    "REOPENED_TASK",
    "TASK_TRANSITIONS",
    "AddDependencies",
    "AdmitHeld",
    "CancelJob",
    "CancelTasks",
    "Claim",
    "ClaimAnswer",
    "ClaimTasks",
    "Claimed",
    "Conflict",
    "DecideTask",
    "DependencyKind",
    "JobState",
    "NewTask",
    "PromoteDue",
    "PruneTasks",
    "Pruned",
    "ReleaseTasks",
    "RetryTasks",
    "SettleEnded",
    "SettleSuspended",
    "ShareValues",
    "SharedChange",
    "SharedValue",
    "StallAction",
    "StallFails",
    "StallJobs",
    "StallNotifies",
    "StallTells",
    "Stalled",
    "StalledJob",
    "StopJob",
    "SubmitTasks",
    "Submitted",
    "TakeTasks",
    "Taken",
    "TaskEnd",
    "TaskOperation",
    "TaskState",
    "Wait",
]

TaskState = Literal[
    "pending", "blocked", "ready", "running", "paused", "completed", "failed", "cancelled", "accepted", "rejected"
]

JobState = Literal["running", "paused", "succeeded", "failed", "cancelled"]

FINAL_TASK: Final[frozenset[str]] = frozenset({"completed", "failed", "cancelled", "accepted", "rejected"})

TASK_TRANSITIONS: Final[dict[str, frozenset[str]]] = {
    "pending": frozenset({"blocked", "ready", "cancelled"}),
    "blocked": frozenset({"ready", "failed", "cancelled"}),
    # A leased task is ready until it has run for a moment; so what a running one may become, it may too.
    "ready": frozenset({"running", "completed", "failed", "blocked", "paused", "cancelled"}),
    "running": frozenset({"completed", "failed", "blocked", "ready", "paused", "cancelled"}),
    "paused": frozenset({"ready", "cancelled"}),
    "completed": frozenset({"accepted", "rejected"}),
    "rejected": frozenset({"ready"}),
    "accepted": frozenset(),
    # `retry` opens these again.
    "failed": frozenset({"ready", "blocked"}),
    "cancelled": frozenset({"ready", "blocked"}),
}

REOPENED_TASK: Final[frozenset[str]] = frozenset({"failed", "cancelled", "paused"})
"""States that ``retry`` takes a task out of."""


class Claim(msgspec.Struct, frozen=True, gc=False):
    """How many tasks of one agent a worker wants.

    Attributes:
        agent: Its name.
        count: At most so many; 0 = it is doubtful, and there is no room: it is only asked whether to look for them.
        starts: Whether they count as running at once: ``at_most_once`` work, whose start is committed before it may begin.
        is_doubtful: Whether nothing can be ready, unless an end in the same transaction was waited for: then alone it is
            looked for.
    """

    agent: str
    count: int
    starts: bool = False
    is_doubtful: bool = False


class Claimed(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A task that this worker has leased; in the order of the statement's columns.

    Attributes:
        task_key: Its id.
        epoch: That of the lease.
        agent: The name of its agent.
        priority: Higher goes first. A task that is taken for its age has the highest priority of its claim.
        created_at: Wall microseconds; age goes next.
        attempt: How often its body was begun so far.
        try_no: The user's count of the coming attempt; from 1.
        crash_no: Deaths of workers that it met.
        payload: JSON text; None when it is an artifact.
        payload_artifact_id: Else None.
        try_count: Total tries; None = as its agent says.
        job_key: Its job.
        parent_key: Who spawned it.
        limit_key: Its share of the agent's ``per_key``.
        has_children: Whether an earlier attempt has spawned tasks: the body runs again with their results at hand.
        trace: The trace that it is part of, see ``NewTask``.
    """

    task_key: int
    epoch: int
    agent: str
    priority: int
    created_at: int
    attempt: int
    try_no: int
    crash_no: int
    payload: str | None = None
    payload_artifact_id: str | None = None
    try_count: int | None = None
    job_key: int | None = None
    parent_key: int | None = None
    limit_key: str | None = None
    has_children: int = 0
    trace: str | None = None

    def input(self) -> Output:
        """The payload as an attempt is given it."""
        if self.payload_artifact_id is not None:
            return Stored(self.payload_artifact_id, "json", 0)
        assert self.payload is not None
        return Inline(self.payload.encode())


class TaskEnd(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """How an attempt of a leased task ended; a row of the statement ``tasks.end``, which gives the lease back.

    Attributes:
        task_key: Its id.
        owner: This worker; with ``epoch`` the fence.
        epoch: That of the lease.
        state: What the task is now.
        attempt: How often its body was begun.
        try_no: The user's count of the next attempt, or of the last one.
        crash_no: Deaths of workers that it met.
        result: JSON text; None when there is none, or it is an artifact.
        result_artifact_id: Else None.
        error: The last failure as JSON; None = none.
        reason: Why it is paused, blocked or cancelled.
        due_at: When it is tried again, wall microseconds; None = at once, or never.
        started_at: When the last attempt began.
        finished_at: When the task ended; None = it has not.
        updated_at: Now.
    """

    task_key: int
    owner: int
    epoch: int
    state: TaskState
    attempt: int
    try_no: int
    crash_no: int
    result: str | None
    result_artifact_id: str | None
    error: str | None
    reason: str | None
    due_at: int | None
    started_at: int | None
    finished_at: int | None
    updated_at: int


# --- operations: what must read before it writes


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


class ClaimTasks(msgspec.Struct, frozen=True, tag="claim"):
    """Lease tasks that are ready. Answers a ``ClaimAnswer``.

    **The order, and what keeps a task from starving.** Higher priority first, then age. But while an agent's oldest ready task
    is over a minute old, one of each 16 of its tasks that are taken is the oldest one, whatever its priority (and then the next in
    age of that priority, when a claim is so large that it has several such turns). So under *the documented load*, an agent
    whose tasks go on being claimed, the oldest one is among the next 16 that are taken, however many of higher priority are
    submitted: each task has its turn. (Of more than 256 different priorities that are ready at once, the oldest is sought among
    the 256 lowest.) What waits for a place of its ``per_key`` is not ready yet: the places of one key go by priority alone, so
    the load of each key must leave it one.

    Attributes:
        owner: This worker.
        claims: What it wants, agent by agent.
        now_us: Wall microseconds; what has expired is passed over.
    """

    owner: int
    claims: tuple[Claim, ...]
    now_us: int


class ClaimAnswer(msgspec.Struct, frozen=True):
    """What was leased.

    Attributes:
        tasks: In the order they are to be begun: by agent, then priority, then age.
        drained: Agents that had fewer than was wanted: nothing more is ready for them.
        again_us: When the rate of an agent gives its next task, wall microseconds, by its name; only for agents whose rate
            has kept this claim small.
    """

    tasks: tuple[Claimed, ...]
    drained: frozenset[str]
    again_us: dict[str, int]


class ReleaseTasks(msgspec.Struct, frozen=True, tag="release"):
    """Give leases back, nothing having begun; what is no longer this owner's is passed over.

    Attributes:
        owner: This worker.
        tasks: Ids and epochs.
        now_us: Wall microseconds.
    """

    owner: int
    tasks: tuple[tuple[int, int], ...]
    now_us: int


class TakeTasks(msgspec.Struct, frozen=True, tag="take"):
    """Take what a dead or stalled worker had leased. Answers a ``Taken``.

    Work that had not begun is ready again. What had begun, is ready again and counts a crash; ``most_crashes`` of them, and
    it is paused as ``poison``. ``at_most_once`` work that runs by its row counts as begun, whatever the slot file tells
    (after a power cut that may be old), and is paused as ``interrupted``. Tasks of other agents are left to those who have
    them.

    Attributes:
        worker: Whose.
        agents: The names of the agents whose tasks are taken: those that the new owner has.
        begun: Ids, epochs, attempts and starts (wall microseconds) of bodies that had begun, as its slot file tells.
        ended: Ids and epochs of those that had ended, with ends that are told again: leased to ``owner`` at a new epoch.
        at_most_once: The agents whose work is.
        most_crashes: See above; 1 or more.
        owner: This worker.
        now_us: Wall microseconds.
    """

    worker: int
    agents: tuple[str, ...]
    begun: tuple[tuple[int, int, int, int], ...]
    ended: tuple[tuple[int, int], ...]
    at_most_once: tuple[str, ...]
    most_crashes: int
    owner: int
    now_us: int


class Taken(msgspec.Struct, frozen=True):
    """What ``TakeTasks`` did: ids of tasks that are ready again, that are paused, and the ended ones as they are leased."""

    released: tuple[int, ...]
    parked: tuple[int, ...]
    ended: tuple[Claimed, ...]


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
