"""How an attempt of a leased task ends, as it is written: its row, its attempt's row, and what that means for others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from dagger_actors.bodies.stored_error import encode_error
from dagger_actors.core.messages import ErrorDetail, Inline, Succeeded, Suspended, Turn
from dagger_actors.core.protocols import Now
from dagger_actors.core.task_leases import Claimed, TaskEnd
from dagger_actors.core.task_states import TaskState
from dagger_actors.core.tasks import (
    AddDependencies,
    SettleEnded,
    SettleSuspended,
    ShareValues,
    StopJob,
    SubmitTasks,
    TaskOperation,
)
from dagger_actors.tasks.machine.events import AgentTerms, AttemptRow, End, Ended

__all__ = ["Ends", "Lease"]

UNKNOWN_OUTCOMES: Final = frozenset({"dagger_actors.errors.WorkerDied"})
"""Names of errors that say nothing of what the body has done: its process died under it."""

DISK_AGAIN_US: Final = 1_000_000
"""How soon a body is begun again that the disk has kept from what it wanted."""


class Lease:
    """One task in hand.

    Attributes:
        task: As it was leased.
        attempt: The number of its attempt.
        started_us: When it passed the gate; None = it has not.
        late: What its time-out led to, while its body has not ended: the error as JSON, and the wait before the next try.
    """

    __slots__ = ("attempt", "late", "started_us", "task")

    def __init__(self, task: Claimed, attempt: int) -> None:
        self.task = task
        self.attempt = attempt
        self.started_us: int | None = None
        self.late: tuple[str, int] | None = None


class Ends:
    """Says of each kind of end what is written; what it does to the leases in hand is the machine's affair.

    Args:
        owner: The worker's id.
        agents: Those of this worker, by name.
    """

    def __init__(self, owner: int, agents: Mapping[str, AgentTerms]) -> None:
        self._owner = owner
        self._agents = agents

    def succeeded(self, lease: Lease, outcome: Succeeded, finished_us: int, now: Now) -> End:
        """The body returned."""
        output = outcome.output
        text = output.json.decode() if isinstance(output, Inline) else None
        artifact_id = None if isinstance(output, Inline) else output.artifact_id
        row = self._row(lease, "completed", now, result=text, artifact_id=artifact_id, finished_at=finished_us)
        work = (*_turn_work(outcome.turn, now), *self._settle(lease, now))
        return End(lease.task, row, turn=outcome.turn, work=work)

    def failed(
        self, lease: Lease, how: str, error: ErrorDetail, retry_after_us: int | None, finished_us: int, now: Now
    ) -> End:
        """The body raised: it is tried again, or not, or nobody knows what it has done."""
        text = encode_error(error)
        if self._agents[lease.task.agent].is_at_most_once and error.type in UNKNOWN_OUTCOMES:
            return self.parked(lease, text, finished_us, now)
        if retry_after_us is None:
            return self.given_up(lease, how, text, finished_us, now)
        return self.again(lease, how, text, retry_after_us, finished_us, now)

    def given_up(
        self, lease: Lease, how: str, error: str, finished_us: int, now: Now, reason: str | None = None
    ) -> End:
        """No other try follows."""
        row = self._row(lease, "failed", now, error=error, reason=reason, finished_at=finished_us)
        return End(
            lease.task, row, self._attempt(lease, how, error, finished_us), work=self._settle(lease, now, is_bad=True)
        )

    def again(self, lease: Lease, how: str, error: str, delay_us: int, finished_us: int, now: Now) -> End:
        """Another try follows, after ``delay_us``."""
        due_at = now.wall_us + delay_us if delay_us > 0 else None
        row = self._row(lease, "ready", now, error=error, due_at=due_at, try_no=lease.task.try_no + 1)
        return End(lease.task, row, self._attempt(lease, how, error, finished_us), work=self._settle(lease, now))

    def kept_from_disk(self, lease: Lease, error: str, finished_us: int, now: Now) -> End:
        """It is not the body's fault, and no try is spent: a disk that is bad for a minute would fail all there is."""
        row = self._row(lease, "ready", now, error=error, due_at=now.wall_us + DISK_AGAIN_US)
        return End(lease.task, row, self._attempt(lease, "failed", error, finished_us), work=self._settle(lease, now))

    def parked(self, lease: Lease, error: str | None, finished_us: int, now: Now) -> End:
        """Nobody knows what the body has done, and it may not be done twice: the task waits for people."""
        row = self._row(lease, "paused", now, error=error, reason="interrupted")
        return End(
            lease.task, row, self._attempt(lease, "interrupted", error, finished_us), work=self._settle(lease, now)
        )

    def asked(self, lease: Lease, event: Ended, now: Now) -> End:
        """The body wants its task later, or not at all."""
        if event.cancel is not None:
            row = self._row(lease, "cancelled", now, reason=event.cancel, finished_at=event.finished_us)
            attempt = self._attempt(lease, "cancelled", None, event.finished_us)
            return End(lease.task, row, attempt, work=self._settle(lease, now, is_bad=True))
        snooze_us = event.snooze_us or 0
        due_at = now.wall_us + snooze_us if snooze_us else None
        row = self._row(lease, "ready", now, due_at=due_at, reason="snoozed")
        attempt = self._attempt(lease, "snoozed", None, event.finished_us)
        return End(lease.task, row, attempt, work=self._settle(lease, now))

    def suspended(self, lease: Lease, outcome: Suspended, now: Now) -> End:
        """The body waits for other tasks, and runs again when they have ended."""
        # The body runs again from its beginning, executes its statements and publishes once more: that is for the end.
        turn = msgspec.structs.replace(outcome.turn, statements=(), published=())
        key, epoch = lease.task.task_key, lease.task.epoch
        waits = tuple(AddDependencies(key, wait.on, wait.kind, now.wall_us, self._owner, epoch) for wait in turn.waits)
        row = self._row(lease, "blocked", now, reason="waits for tasks")
        settle = (SettleSuspended(key, now.wall_us), *self._settle(lease, now))
        return End(lease.task, row, turn=turn, work=(*_turn_work(turn, now), *waits, *settle))

    def cut_off(self, lease: Lease, now: Now) -> End:
        """The body goes on while its worker leaves: whoever leases the task next begins it anew."""
        if self._agents[lease.task.agent].is_at_most_once:
            return self.parked(lease, None, now.wall_us, now)
        row = self._row(lease, "ready", now)
        return End(
            lease.task, row, self._attempt(lease, "interrupted", None, now.wall_us), work=self._settle(lease, now)
        )

    def _row(
        self,
        lease: Lease,
        state: TaskState,
        now: Now,
        *,
        result: str | None = None,
        artifact_id: str | None = None,
        error: str | None = None,
        reason: str | None = None,
        due_at: int | None = None,
        finished_at: int | None = None,
        try_no: int | None = None,
    ) -> TaskEnd:
        task = lease.task
        return TaskEnd(
            task.task_key,
            self._owner,
            task.epoch,
            state,
            lease.attempt,
            task.try_no if try_no is None else try_no,
            task.crash_no,
            result,
            artifact_id,
            error,
            reason,
            due_at,
            lease.started_us,
            finished_at,
            now.wall_us,
        )

    def _attempt(self, lease: Lease, how: str, error: str | None, finished_us: int) -> AttemptRow:
        return AttemptRow(lease.task.task_key, lease.attempt, how, error, self._owner, lease.started_us, finished_us)

    def _settle(self, lease: Lease, now: Now, *, is_bad: bool = False) -> tuple[TaskOperation, ...]:
        """What an end means for others, where the rows alone do not say it."""
        task = lease.task
        work: list[TaskOperation] = []
        if is_bad or task.limit_key is not None:
            work.append(SettleEnded((task.task_key,), now.wall_us))
        if is_bad and task.job_key is not None:
            work.append(StopJob(task.job_key, now.wall_us))
        return tuple(work)


def _turn_work(turn: Turn, now: Now) -> tuple[TaskOperation, ...]:
    work: list[TaskOperation] = []
    if turn.spawned:
        work.append(SubmitTasks(turn.spawned, now.wall_us))
    if turn.shared:
        work.append(ShareValues(turn.shared, now.wall_us))
    return tuple(work)
