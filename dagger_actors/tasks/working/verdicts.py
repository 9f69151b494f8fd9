"""What the end of a body means by its agent's retry policy: the policy's word goes into the event, so the machine stays pure."""

from __future__ import annotations

import msgspec

from dagger_actors.bodies.error_detail import detail_of
from dagger_actors.bodies.of_disk import OF_THE_DISK
from dagger_actors.bodies.snooze import Snooze
from dagger_actors.core.messages import AttemptEnded, ErrorDetail, Failed
from dagger_actors.core.retry import AttemptError, RetryPolicy, names_of
from dagger_actors.core.task_leases import Claimed
from dagger_actors.errors import (
    ChannelFull,
    DependencyCycle,
    Fatal,
    InputError,
    RequestRefused,
    SharedConflict,
    SpawnMismatch,
    TaskCancelled,
    TaskFailed,
    TaskQueueFull,
    TaskRejected,
    UnitRejected,
    WorkRejected,
)
from dagger_actors.tasks.agents.results import Cancel, asked_of
from dagger_actors.tasks.machine.events import End, Ended, Refused, TimedOut

__all__ = ["ended", "refused", "timed_out"]

FATAL = frozenset(
    f"{kind.__module__}.{kind.__qualname__}"
    for kind in (Fatal, InputError, SpawnMismatch, DependencyCycle, TaskFailed, TaskCancelled, TaskRejected)
)
"""Errors that no further try can change, whatever the agent's policy says."""

DISK = frozenset(f"{kind.__module__}.{kind.__qualname__}" for kind in OF_THE_DISK)


def ended(policy: RetryPolicy, task: Claimed, message: AttemptEnded) -> Ended:
    """The event of an end: with the policy's word on a failure, or with what the body asked for by returning it."""
    outcome = message.outcome
    retry_us: int | None = None
    snooze_us: int | None = None
    cancel: str | None = None
    if isinstance(outcome, Failed):
        match asked_of(outcome.error):
            case Snooze() as snooze:
                snooze_us = snooze.delay_us
            case Cancel(reason=reason):
                cancel = reason
            case None:
                retry_us = _retry_after(policy, task, outcome.error)
    times = (message.started_us, message.finished_us)
    is_of_disk = isinstance(outcome, Failed) and not DISK.isdisjoint(outcome.error.names)
    return Ended(task.task_key, task.epoch, *times, outcome, retry_us, snooze_us, cancel, is_of_disk)


def timed_out(policy: RetryPolicy, task: Claimed) -> TimedOut:
    """The event of a time-out."""
    error = ErrorDetail("builtins.TimeoutError", "timed out", names_of(TimeoutError))
    text = msgspec.json.encode(error).decode()
    return TimedOut(task.task_key, task.epoch, text, _retry_after(policy, task, error))


def refused(policy: RetryPolicy, end: End, error: UnitRejected) -> Refused:
    """The event of an end that the transaction could not take, for what the body wanted written with it.

    What its rows are refused for (a constraint, text that is none) is a defect of ours, and no reason to hang.
    """
    row, cause = end.row, error.cause if isinstance(error, WorkRejected | RequestRefused) else error
    detail = detail_of(cause)
    is_passing = isinstance(error, WorkRejected) or isinstance(cause, SharedConflict | TaskQueueFull | ChannelFull)
    return Refused(
        task=end.task,
        attempt=row.attempt,
        started_us=row.started_at,
        finished_us=row.finished_at or row.updated_at,
        error=detail,
        retry_after_us=_retry_after(policy, end.task, detail) if is_passing else None,
    )


def _retry_after(policy: RetryPolicy, task: Claimed, error: ErrorDetail) -> int | None:
    """Ask the policy, through tenacity: microseconds until the next try, None = there is none."""
    if not FATAL.isdisjoint(error.names):
        return None
    delay_s = policy.decide(task.try_no, AttemptError(error.message, error.names))
    return None if delay_s is None else round(delay_s * 1_000_000)
