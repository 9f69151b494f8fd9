"""Jobs: cancelled, stopped by a failure, stalled."""

from __future__ import annotations

from typing import Any, Final, assert_never

import apsw
import msgspec

from dagger_actors.core.task_rows import NewTask
from dagger_actors.core.task_stalls import (
    StallAction,
    Stalled,
    StalledJob,
    StallFails,
    StallJobs,
    StallNotifies,
    StallTells,
)
from dagger_actors.core.tasks import CancelJob, StopJob, SubmitTasks
from dagger_actors.errors import DaggerError, JobNotFound
from dagger_actors.store.ownership import reserve
from dagger_actors.store.statements import sql
from dagger_actors.store.stepping import ask, ask_keys, do, text
from dagger_actors.store.task_ends import cancel_keys
from dagger_actors.store.task_submission import submit

__all__ = ["cancel_job", "stall", "stop_job"]

STALLED_AT_ONCE: Final = 100

_actions = msgspec.json.Decoder(StallAction)


class _Found(msgspec.Struct, frozen=True, array_like=True):
    job_key: int
    job_id: str
    open: int
    moved_at: int
    action: str


_found = msgspec.json.Decoder(list[_Found])


def cancel_job(connection: apsw.Connection, operation: CancelJob) -> tuple[int, ...]:
    """Cancel what is open of a job; answers it.

    Raises:
        JobNotFound: There is none of that key.
    """
    _job(connection, operation.job_key)
    do(connection, "jobs.stop", operation.job_key, operation.now_us, None, operation.reason)
    return _cancel_rest(connection, operation.job_key, operation.reason, operation.now_us)


def stop_job(connection: apsw.Connection, operation: StopJob) -> tuple[int, ...]:
    """Cancel what is open of a job, if one of its tasks has failed and it is to stop then; answers it.

    Raises:
        JobNotFound: There is none of that key.
    """
    _job_id, on_failure, failed = _job(connection, operation.job_key)
    if on_failure != "stop" or not failed:
        return ()
    return _stop(connection, operation.job_key, "a task of its job has failed", operation.now_us)


def _stop(connection: apsw.Connection, job_key: int, reason: str, now_us: int) -> tuple[int, ...]:
    do(connection, "jobs.stop", job_key, None, now_us, reason)
    return _cancel_rest(connection, job_key, reason, now_us)


def _cancel_rest(connection: apsw.Connection, job_key: int, reason: str, now_us: int) -> tuple[int, ...]:
    return cancel_keys(connection, ask_keys(connection, "read.open_of_job", job_key), reason, now_us)


def _job(connection: apsw.Connection, job_key: int) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = next(connection.execute(sql("read.job"), (job_key,)), None)
    if row is None:
        raise JobNotFound(str(job_key))
    return row


def stall(connection: apsw.Connection, operation: StallJobs) -> Stalled:
    """Do what stalled jobs say is to be done."""
    now_us = operation.now_us
    found = _found.decode(ask(connection, "read.stalled_jobs", now_us, STALLED_AT_ONCE, operation.worker))
    jobs = tuple(_act(connection, job, now_us) for job in found)
    # Behind the actions: what they moved does not count as the job's own.
    do(connection, "jobs.stall", now_us, text([job.job_key for job in jobs]))
    again_us: int | None = ask(connection, "read.next_stall", operation.worker)
    return Stalled(jobs, again_us)


def _act(connection: apsw.Connection, found: _Found, now_us: int) -> StalledJob:
    action = _actions.decode(found.action)
    still_us = now_us - found.moved_at
    job = StalledJob(found.job_key, found.job_id, found.moved_at, action)
    match action:
        case StallFails():
            reason = f"stalled: nothing has moved for {still_us / 1_000_000:g} s"
            return msgspec.structs.replace(job, cancelled=_stop(connection, found.job_key, reason, now_us))
        case StallNotifies():
            payload = action.payload or text({"job_id": found.job_id, "open": found.open, "still_us": still_us})
            return msgspec.structs.replace(job, notified=_notify(connection, action.agent, payload, now_us))
        case StallTells():
            return job
        case _:
            assert_never(action)


def _notify(connection: apsw.Connection, agent: str, payload: str, now_us: int) -> int | None:
    task_key = reserve(connection, "task", 1)
    try:
        submit(connection, SubmitTasks((NewTask(task_key, agent, payload),), now_us))
    except DaggerError:
        # No such agent any more, or its queue is full. One job's notice must not keep the others' from being done.
        return None
    return task_key
