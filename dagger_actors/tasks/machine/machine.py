"""The task machine of one worker: what becomes of the leases in its hand.

Deterministic: the same events give the same decisions; no clock, randomness, thread or disk. What concerns tasks that
nobody here has leased (who depends on whom, who is next) is decided by the store's operations, inside the transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, assert_never

import msgspec

from dagger_actors.bodies.stored_error import encode_error
from dagger_actors.core.messages import ErrorDetail, Failed, Inline, Succeeded, Suspended, Turn
from dagger_actors.core.protocols import Now
from dagger_actors.core.task_leases import Claim, Claimed, TaskEnd
from dagger_actors.core.task_states import FINAL_TASK, TaskState
from dagger_actors.core.tasks import (
    AddDependencies,
    SettleEnded,
    SettleSuspended,
    ShareValues,
    StopJob,
    SubmitTasks,
    TaskOperation,
)
from dagger_actors.tasks.machine.appetite import Appetite
from dagger_actors.tasks.machine.events import (
    AgentTerms,
    Answered,
    ArmStuck,
    AttemptRow,
    Decision,
    Detached,
    Effect,
    End,
    Ended,
    Event,
    Flushed,
    Grant,
    Refused,
    RunRow,
    Started,
    StopBody,
    Stopped,
    Stuck,
    TaskRef,
    TimedOut,
    Unanswered,
    Woken,
)

__all__ = ["TaskMachine"]

UNKNOWN_OUTCOMES: Final = frozenset({"dagger_actors.errors.WorkerDied"})
"""Names of errors that say nothing of what the body has done: its process died under it."""

DISK_AGAIN_US: Final = 1_000_000
"""How soon a body is begun again that the disk has kept from what it wanted."""

PLENTY: Final = 64
"""Leases ahead of the places from which on ends are left to gather for a moment."""

NOTHING: Final = Decision()


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


class TaskMachine:
    """Decides for one worker.

    Args:
        owner: The worker's id.
        agents: Those of this worker, by name.
        total: Attempts at once, of all agents; 1 or more.
    """

    def __init__(self, owner: int, agents: Mapping[str, AgentTerms], total: int) -> None:
        self.owner = owner
        self._agents = agents
        self._appetite = Appetite(agents, total)
        self._leases: dict[TaskRef, Lease] = {}
        self._unsaved: list[Lease] = []
        self._is_leaving = False

    @property
    def in_hand(self) -> int:
        """Leases of this worker."""
        return len(self._leases)

    def find(self, task_key: int, epoch: int) -> Lease | None:
        """A lease in hand whose attempt has neither ended nor timed out."""
        lease = self._leases.get((task_key, epoch))
        return lease if lease is not None and lease.late is None else None

    def has_plenty(self) -> bool:
        """Whether enough is leased ahead that a moment's wait leaves no place empty."""
        return self._appetite.waiting() >= PLENTY

    def shift_of(self, agent: str) -> int:
        """How many tasks of an agent one body does on end, at most; 1 = it has one for each."""
        return self._appetite.shift_of(agent)

    def is_held(self, task_key: int, epoch: int) -> bool:
        """Whether a lease is in hand, be it only until its late body has ended."""
        return (task_key, epoch) in self._leases

    def wanted(self, now: Now) -> tuple[Claim, ...]:
        """What is to be claimed now, in the transaction of what was decided before; ``Answered`` or ``Unanswered`` follows."""
        return () if self._is_leaving else self._appetite.wanted(now)

    def again_us(self, now: Now) -> int | None:
        """When the rate of an agent lets it go on, wall microseconds; None = nobody waits for that."""
        return self._appetite.again_us(now.wall_us)

    def apply(self, event: Event, now: Now) -> Decision:  # noqa: PLR0911 - a branch for each event
        """Decide.

        Args:
            event: What has happened.
            now: When.
        """
        match event:
            case Ended():
                return self._ended(event, now)
            case Answered():
                return self._answered(event, now)
            case Started():
                return self._started(event)
            case Flushed():
                return self._flushed(now)
            case Woken(agents=agents):
                self._appetite.wake(agents)
                return NOTHING
            case Unanswered(claims=claims):
                self._appetite.unanswered(claims)
                return NOTHING
            case TimedOut():
                return self._timed_out(event, now)
            case Stuck():
                return self._stuck(event, now)
            case Refused():
                return self._refused(event, now)
            case Stopped(leases=leases):
                return self._stopped(leases)
            case Detached(is_last=is_last, unbegun=unbegun):
                return self._detached(now, is_last=is_last, unbegun=unbegun)
            case _:
                assert_never(event)

    # --- leases come and begin

    def _answered(self, event: Answered, now: Now) -> Decision:
        self._appetite.answered(event.answer, event.claims)
        effects: list[Effect] = []
        for task in event.answer.tasks:
            terms = self._agents[task.agent]
            lease = Lease(task, task.attempt + (not terms.is_at_most_once))
            self._leases[task.task_key, task.epoch] = lease
            effects.append(Grant(task, lease.attempt))
        if self._is_leaving:
            return self._detached(now, is_last=False)
        return Decision(effects=tuple(effects))

    def _started(self, event: Started) -> Decision:
        for task_key, epoch, started_us in event.attempts:
            lease = self._leases.get((task_key, epoch))
            if lease is not None and lease.started_us is None:
                lease.started_us = started_us
                self._unsaved.append(lease)
        return NOTHING

    def _flushed(self, now: Now) -> Decision:
        """Write down what still runs of what has started; most has ended by now and needs no such row."""
        unsaved, self._unsaved = self._unsaved, []
        rows: list[RunRow] = []
        for lease in unsaved:
            task = lease.task
            if self._leases.get((task.task_key, task.epoch)) is lease and lease.started_us is not None:
                rows.append(RunRow(task.task_key, self.owner, task.epoch, lease.attempt, lease.started_us, now.wall_us))
        return Decision(runs=tuple(rows))

    # --- attempts end

    def _ended(self, event: Ended, now: Now) -> Decision:
        lease = self._leases.pop((event.task_key, event.epoch), None)
        if lease is None:
            return NOTHING  # it was stopped, or taken over
        self._appetite.end(lease.task.agent, event.finished_us - event.started_us)
        lease.started_us = event.started_us
        if lease.late is not None:
            text, delay_us = lease.late
            return self._end(self._again(lease, "timed_out", text, delay_us, event.finished_us, now))
        if event.snooze_us is not None or event.cancel is not None:
            return self._end(self._asked(lease, event, now))
        match event.outcome:
            case Succeeded() as outcome:
                end = self._succeeded(lease, outcome, event.finished_us, now)
            case Failed(error=error):
                if event.is_of_disk and not self._agents[lease.task.agent].is_at_most_once:
                    end = self._kept_from_disk(lease, encode_error(error), event.finished_us, now)
                else:
                    end = self._failed(lease, "failed", error, event.retry_after_us, event.finished_us, now)
            case Suspended() as outcome:
                end = self._suspended(lease, outcome, now)
        return self._end(end)

    def _refused(self, event: Refused, now: Now) -> Decision:
        """What the body did besides returning could not be committed: its attempt has failed with that."""
        lease = Lease(event.task, event.attempt)
        lease.started_us = event.started_us
        return self._end(self._failed(lease, "failed", event.error, event.retry_after_us, event.finished_us, now))

    def _end(self, end: End) -> Decision:
        if end.work or end.row.state not in FINAL_TASK:
            self._appetite.wake(None)  # it may have made new ones, let others in, or be ready itself
        else:
            self._appetite.doubt()
        return Decision(ends=(end,))

    def _succeeded(self, lease: Lease, outcome: Succeeded, finished_us: int, now: Now) -> End:
        output = outcome.output
        text = output.json.decode() if isinstance(output, Inline) else None
        artifact_id = None if isinstance(output, Inline) else output.artifact_id
        row = self._row(lease, "completed", now, result=text, artifact_id=artifact_id, finished_at=finished_us)
        work = (*_turn_work(outcome.turn, now), *self._settle(lease, now))
        return End(lease.task, row, turn=outcome.turn, work=work)

    def _failed(
        self, lease: Lease, how: str, error: ErrorDetail, retry_after_us: int | None, finished_us: int, now: Now
    ) -> End:
        text = encode_error(error)
        if self._agents[lease.task.agent].is_at_most_once and error.type in UNKNOWN_OUTCOMES:
            return self._parked(lease, text, finished_us, now)
        if retry_after_us is None:
            return self._given_up(lease, how, text, finished_us, now)
        return self._again(lease, how, text, retry_after_us, finished_us, now)

    def _given_up(
        self, lease: Lease, how: str, error: str, finished_us: int, now: Now, reason: str | None = None
    ) -> End:
        row = self._row(lease, "failed", now, error=error, reason=reason, finished_at=finished_us)
        return End(
            lease.task, row, self._attempt(lease, how, error, finished_us), work=self._settle(lease, now, is_bad=True)
        )

    def _again(self, lease: Lease, how: str, error: str, delay_us: int, finished_us: int, now: Now) -> End:
        due_at = now.wall_us + delay_us if delay_us > 0 else None
        row = self._row(lease, "ready", now, error=error, due_at=due_at, try_no=lease.task.try_no + 1)
        return End(lease.task, row, self._attempt(lease, how, error, finished_us), work=self._settle(lease, now))

    def _kept_from_disk(self, lease: Lease, error: str, finished_us: int, now: Now) -> End:
        """It is not the body's fault, and no try is spent: a disk that is bad for a minute would fail all there is."""
        row = self._row(lease, "ready", now, error=error, due_at=now.wall_us + DISK_AGAIN_US)
        return End(lease.task, row, self._attempt(lease, "failed", error, finished_us), work=self._settle(lease, now))

    def _parked(self, lease: Lease, error: str | None, finished_us: int, now: Now) -> End:
        row = self._row(lease, "paused", now, error=error, reason="interrupted")
        return End(
            lease.task, row, self._attempt(lease, "interrupted", error, finished_us), work=self._settle(lease, now)
        )

    def _asked(self, lease: Lease, event: Ended, now: Now) -> End:
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

    def _suspended(self, lease: Lease, outcome: Suspended, now: Now) -> End:
        # The body runs again from its beginning, executes its statements and publishes once more: that is for the end.
        turn = msgspec.structs.replace(outcome.turn, statements=(), published=())
        key, epoch = lease.task.task_key, lease.task.epoch
        waits = tuple(AddDependencies(key, wait.on, wait.kind, now.wall_us, self.owner, epoch) for wait in turn.waits)
        row = self._row(lease, "blocked", now, reason="waits for tasks")
        settle = (SettleSuspended(key, now.wall_us), *self._settle(lease, now))
        return End(lease.task, row, turn=turn, work=(*_turn_work(turn, now), *waits, *settle))

    # --- attempts are cut off

    def _timed_out(self, event: TimedOut, now: Now) -> Decision:
        lease = self.find(event.task_key, event.epoch)
        if lease is None:
            return NOTHING
        stop = StopBody(event.task_key, event.epoch)
        if self._agents[lease.task.agent].is_at_most_once:
            self._forget(lease)
            return Decision((self._parked(lease, event.error, now.wall_us, now),), effects=(stop,))
        if event.retry_after_us is None:
            self._forget(lease)
            return Decision((self._given_up(lease, "timed_out", event.error, now.wall_us, now),), effects=(stop,))
        # The next try waits for the old body: two of them at once is what nobody wrote their code for.
        lease.late = (event.error, event.retry_after_us)
        return Decision(effects=(stop, ArmStuck(event.task_key, event.epoch)))

    def _stuck(self, event: Stuck, now: Now) -> Decision:
        lease = self._leases.get((event.task_key, event.epoch))
        if lease is None or lease.late is None:
            return NOTHING
        self._forget(lease)
        return self._end(self._given_up(lease, "timed_out", lease.late[0], now.wall_us, now, reason="stuck"))

    def _stopped(self, leases: tuple[TaskRef, ...]) -> Decision:
        effects: list[Effect] = []
        for ref in leases:
            lease = self._leases.get(ref)
            if lease is not None:
                self._forget(lease)
                effects.append(StopBody(*ref))
        return Decision(effects=tuple(effects))

    def _detached(self, now: Now, *, is_last: bool, unbegun: frozenset[TaskRef] = frozenset()) -> Decision:
        """Give back what has not begun; at last what still runs too."""
        self._is_leaving = True
        released: list[TaskRef] = []
        ends: list[End] = []
        effects: list[Effect] = []
        for ref, lease in list(self._leases.items()):
            if lease.started_us is None:
                self._forget(lease)
                released.append(ref)
            elif ref in unbegun:
                self._forget(lease)
                released.append(ref)
                effects.append(StopBody(*ref))
            elif is_last:
                self._forget(lease)
                ends.append(self._cut_off(lease, now))
                effects.append(StopBody(*ref))
        return Decision(tuple(ends), released=tuple(released), effects=tuple(effects))

    def _cut_off(self, lease: Lease, now: Now) -> End:
        if self._agents[lease.task.agent].is_at_most_once:
            return self._parked(lease, None, now.wall_us, now)
        row = self._row(lease, "ready", now)
        return End(
            lease.task, row, self._attempt(lease, "interrupted", None, now.wall_us), work=self._settle(lease, now)
        )

    # --- after a crash

    def adopt(self, task: Claimed, attempt: int, started_us: int) -> None:
        """Take a lease in hand whose attempt has begun under another machine, of this worker or of a dead one."""
        lease = Lease(task, attempt)
        lease.started_us = started_us
        self._leases[task.task_key, task.epoch] = lease
        self._unsaved.append(lease)
        self._appetite.adopt(task.agent)

    # --- rows

    def _forget(self, lease: Lease) -> None:
        del self._leases[lease.task.task_key, lease.task.epoch]
        self._appetite.end(lease.task.agent)
        self._appetite.wake(None)

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
            self.owner,
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
        return AttemptRow(lease.task.task_key, lease.attempt, how, error, self.owner, lease.started_us, finished_us)

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
