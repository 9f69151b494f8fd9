"""The life of a lease: tasks are claimed, given back, ended by their owner, or taken from a worker that is gone.

Each lease has an owner and an epoch; whatever its owner writes of the task expects both.
"""

from __future__ import annotations

import msgspec

from dagger_actors.core.messages import Inline, Output, Stored
from dagger_actors.core.task_states import TaskState

__all__ = ["Claim", "ClaimAnswer", "ClaimTasks", "Claimed", "ReleaseTasks", "TakeTasks", "Taken", "TaskEnd"]


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
