"""What a task machine is told, and what it answers: frozen values."""

from __future__ import annotations

import msgspec

from dagger_actors.core.messages import ErrorDetail, Outcome, Turn
from dagger_actors.core.task_leases import Claim, ClaimAnswer, Claimed, TaskEnd
from dagger_actors.core.tasks import TaskOperation

__all__ = [
    "AgentTerms",
    "Answered",
    "ArmStuck",
    "AttemptRow",
    "Decision",
    "Detached",
    "Effect",
    "End",
    "Ended",
    "Event",
    "Flushed",
    "Grant",
    "Refused",
    "RunRow",
    "Started",
    "StopBody",
    "Stopped",
    "Stuck",
    "TaskRef",
    "TimedOut",
    "Unanswered",
    "Woken",
]

TaskRef = tuple[int, int]
"""(task_key, epoch): one lease of a task."""


class AgentTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine must know of an agent of this worker.

    Attributes:
        name: Its name.
        concurrency: Attempts of it at once, in this worker; 1 or more.
        is_at_most_once: Whether its starts are committed before they may begin, and an unknown outcome parks the task.
        has_limit_keys: Whether its tasks share places by key, so that an end may admit another.
        takes_shifts: Whether one body may do several of its tasks, one after the other.
    """

    name: str
    concurrency: int
    is_at_most_once: bool = False
    has_limit_keys: bool = False
    takes_shifts: bool = False


# --- events


class Woken(msgspec.Struct, frozen=True):
    """Something may be ready: a task was submitted, has become due, or another process has written.

    Attributes:
        agents: Whose; None = anybody's.
    """

    agents: frozenset[str] | None = None


class Answered(msgspec.Struct, frozen=True):
    """Claims are committed.

    Attributes:
        answer: What they brought.
        claims: What was asked.
    """

    answer: ClaimAnswer
    claims: tuple[Claim, ...]

    @property
    def is_moot(self) -> bool:
        """Whether it says that nothing has changed: then it may be heard of with whatever comes next."""
        return all(claim.is_doubtful and claim.agent in self.answer.drained for claim in self.claims) and not (
            self.answer.tasks
        )


class Unanswered(msgspec.Struct, frozen=True):
    """Claims could not be written."""

    claims: tuple[Claim, ...]


class Started(msgspec.Struct, frozen=True, gc=False):
    """These attempts have passed the gate: (task_key, epoch, started_us)."""

    attempts: tuple[tuple[int, int, int], ...]


class Flushed(msgspec.Struct, frozen=True):
    """It is time to write down what is running."""


class Ended(msgspec.Struct, frozen=True, gc=False):
    """A body has ended.

    Attributes:
        retry_after_us: When it failed: how long to wait before the next try; None = no more tries.
        snooze_us: The body wants to be called again after so long, which is no failure; None = it does not.
        cancel: The body wants its task cancelled, for this reason; None = it does not.
        is_of_disk: Whether the disk has refused what the body wanted: it is tried again until that is better, and no try is spent.
    """

    task_key: int
    epoch: int
    started_us: int
    finished_us: int
    outcome: Outcome
    retry_after_us: int | None = None
    snooze_us: int | None = None
    cancel: str | None = None
    is_of_disk: bool = False


class TimedOut(msgspec.Struct, frozen=True):
    """An attempt has used up its time; its body may run on."""

    task_key: int
    epoch: int
    error: str
    retry_after_us: int | None = None


class Stuck(msgspec.Struct, frozen=True):
    """The body of an attempt that timed out has not ended in its second time-out either."""

    task_key: int
    epoch: int


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """The end of an attempt could not be written, for what its body wanted written with it: it has failed with that.

    Attributes:
        task: As it was leased; the lease stands in the file.
        attempt: Its number.
        started_us: When it began.
        finished_us: When it ended.
        error: What it fails with.
        retry_after_us: How long to wait before the next try; None = no more tries.
    """

    task: Claimed
    attempt: int
    started_us: int | None
    finished_us: int
    error: ErrorDetail
    retry_after_us: int | None


class Stopped(msgspec.Struct, frozen=True):
    """Leases were taken away: somebody cancelled their tasks, or took them over."""

    leases: tuple[TaskRef, ...]


class Detached(msgspec.Struct, frozen=True):
    """The worker leaves.

    Attributes:
        is_last: Whether what still runs is given back too.
        unbegun: What had a place when it was cut off, and whose body has not begun and never will.
    """

    is_last: bool = False
    unbegun: frozenset[TaskRef] = frozenset()


Event = Woken | Answered | Unanswered | Started | Flushed | Ended | TimedOut | Stuck | Refused | Stopped | Detached


# --- answers


class RunRow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A row of ``tasks.run``."""

    task_key: int
    owner: int
    epoch: int
    attempt: int
    started_at: int
    updated_at: int


class AttemptRow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A row of ``task_attempts.put``: an attempt that was no success."""

    task_key: int
    attempt: int
    outcome: str
    error: str | None
    worker: int
    started_at: int | None
    finished_at: int


class End(msgspec.Struct, frozen=True, gc=False):
    """All that the end of one attempt writes; nothing of it is written when its lease was lost.

    Attributes:
        task: As it was leased.
        row: The task's.
        attempt: The attempt's, when it was no success.
        turn: What the body did besides; None when that does not count.
        work: Operations behind its rows.
    """

    task: Claimed
    row: TaskEnd
    attempt: AttemptRow | None = None
    turn: Turn | None = None
    work: tuple[TaskOperation, ...] = ()


class Grant(msgspec.Struct, frozen=True, gc=False):
    """Let an attempt begin as soon as the gate has a place.

    Attributes:
        task: As it was leased.
        attempt: Its number; from 1.
    """

    task: Claimed
    attempt: int


class StopBody(msgspec.Struct, frozen=True, gc=False):
    """The attempt is over: cancel its body, and free its place."""

    task_key: int
    epoch: int


class ArmStuck(msgspec.Struct, frozen=True, gc=False):
    """Tell ``Stuck`` when the body has not ended after another time-out."""

    task_key: int
    epoch: int


Effect = Grant | StopBody | ArmStuck


class Decision(msgspec.Struct, frozen=True, gc=False):
    """What follows from an event.

    Attributes:
        ends: Each a part of its own: when one of them cannot be written, the others can.
        runs: What is to be marked as running.
        released: Leases that are given back unbegun.
        effects: Let out after the commit, in order.
    """

    ends: tuple[End, ...] = ()
    runs: tuple[RunRow, ...] = ()
    released: tuple[TaskRef, ...] = ()
    effects: tuple[Effect, ...] = ()
