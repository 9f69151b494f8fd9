"""The task machine of one worker: what becomes of the leases in its hand.

Deterministic: the same events give the same decisions; no clock, randomness, thread or disk. What concerns tasks that
nobody here has leased (who depends on whom, who is next) is decided by the store's operations, inside the transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, assert_never

from dagger_actors.bodies.stored_error import encode_error
from dagger_actors.core.messages import Failed, Succeeded, Suspended
from dagger_actors.core.protocols import Now
from dagger_actors.core.task_leases import Claim, Claimed
from dagger_actors.core.task_states import FINAL_TASK
from dagger_actors.tasks.machine.appetite import Appetite
from dagger_actors.tasks.machine.ends import Ends, Lease
from dagger_actors.tasks.machine.events import (
    AgentTerms,
    Answered,
    ArmStuck,
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

PLENTY: Final = 64
"""Leases ahead of the places from which on ends are left to gather for a moment."""

NOTHING: Final = Decision()


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
        self._ends = Ends(owner, agents)
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
            return self._end(self._ends.again(lease, "timed_out", text, delay_us, event.finished_us, now))
        if event.snooze_us is not None or event.cancel is not None:
            return self._end(self._ends.asked(lease, event, now))
        match event.outcome:
            case Succeeded() as outcome:
                end = self._ends.succeeded(lease, outcome, event.finished_us, now)
            case Failed(error=error):
                if event.is_of_disk and not self._agents[lease.task.agent].is_at_most_once:
                    end = self._ends.kept_from_disk(lease, encode_error(error), event.finished_us, now)
                else:
                    end = self._ends.failed(lease, "failed", error, event.retry_after_us, event.finished_us, now)
            case Suspended() as outcome:
                end = self._ends.suspended(lease, outcome, now)
        return self._end(end)

    def _refused(self, event: Refused, now: Now) -> Decision:
        """What the body did besides returning could not be committed: its attempt has failed with that."""
        lease = Lease(event.task, event.attempt)
        lease.started_us = event.started_us
        return self._end(self._ends.failed(lease, "failed", event.error, event.retry_after_us, event.finished_us, now))

    def _end(self, end: End) -> Decision:
        if end.work or end.row.state not in FINAL_TASK:
            self._appetite.wake(None)  # it may have made new ones, let others in, or be ready itself
        else:
            self._appetite.doubt()
        return Decision(ends=(end,))

    # --- attempts are cut off

    def _timed_out(self, event: TimedOut, now: Now) -> Decision:
        lease = self.find(event.task_key, event.epoch)
        if lease is None:
            return NOTHING
        stop = StopBody(event.task_key, event.epoch)
        if self._agents[lease.task.agent].is_at_most_once:
            self._forget(lease)
            return Decision((self._ends.parked(lease, event.error, now.wall_us, now),), effects=(stop,))
        if event.retry_after_us is None:
            self._forget(lease)
            return Decision((self._ends.given_up(lease, "timed_out", event.error, now.wall_us, now),), effects=(stop,))
        # The next try waits for the old body: two of them at once is what nobody wrote their code for.
        lease.late = (event.error, event.retry_after_us)
        return Decision(effects=(stop, ArmStuck(event.task_key, event.epoch)))

    def _stuck(self, event: Stuck, now: Now) -> Decision:
        lease = self._leases.get((event.task_key, event.epoch))
        if lease is None or lease.late is None:
            return NOTHING
        self._forget(lease)
        return self._end(self._ends.given_up(lease, "timed_out", lease.late[0], now.wall_us, now, reason="stuck"))

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
                ends.append(self._ends.cut_off(lease, now))
                effects.append(StopBody(*ref))
        return Decision(tuple(ends), released=tuple(released), effects=tuple(effects))

    # --- after a crash

    def adopt(self, task: Claimed, attempt: int, started_us: int) -> None:
        """Take a lease in hand whose attempt has begun under another machine, of this worker or of a dead one."""
        lease = Lease(task, attempt)
        lease.started_us = started_us
        self._leases[task.task_key, task.epoch] = lease
        self._unsaved.append(lease)
        self._appetite.adopt(task.agent)

    def _forget(self, lease: Lease) -> None:
        del self._leases[lease.task.task_key, lease.task.epoch]
        self._appetite.end(lease.task.agent)
        self._appetite.wake(None)
