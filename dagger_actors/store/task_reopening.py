"""Tasks that ended and are open again, and the verdicts on those that were completed."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from dagger_actors.core.task_states import REOPENED_TASK
from dagger_actors.core.tasks import DecideTask, RetryTasks
from dagger_actors.errors import TaskTransitionRefused
from dagger_actors.store.stepping import ask_keys, do, text
from dagger_actors.store.task_graph import reconsider, strand, strand_behind
from dagger_actors.store.task_rows import check_version, must_become, must_find, states_of

__all__ = ["decide", "retry"]

_RETRY_ADVICE = {
    "completed": "it has succeeded: accept or reject it",
    "accepted": "it was accepted, which is the end of it",
    "rejected": "reopen it instead",
}

_DECIDE_ADVICE = {
    "accepted": "only a completed task can be accepted, and only once",
    "rejected": "only a completed task can be rejected, and only once",
    "ready": "only a rejected task can be reopened",
}


def retry(connection: apsw.Connection, operation: RetryTasks) -> tuple[int, ...]:
    """Open tasks again; answers them.

    Raises:
        TaskNotFound, TaskChanged, TaskTransitionRefused: One of them cannot be; none is.
    """
    keys = list(dict.fromkeys(operation.tasks))
    found = states_of(connection, keys)
    for key in keys:
        task = must_find(found, key)
        check_version(task, operation.version)
        if task.state not in REOPENED_TASK:
            raise TaskTransitionRefused(key, task.state, "ready", _RETRY_ADVICE.get(task.state, "it is not over"))
    if keys:
        _reopen(connection, keys, operation.now_us)
    return tuple(keys)


def _reopen(connection: apsw.Connection, keys: Sequence[int], now_us: int) -> None:
    listed = text(keys)
    do(connection, "jobs.reopen", listed)
    do(connection, "task_dependencies.review", listed)
    do(connection, "tasks.reopen", now_us, listed)
    do(connection, "task_dependencies.unmeet", listed)
    reconsider(connection, keys, now_us)
    strand(connection, keys, now_us)


def decide(connection: apsw.Connection, operation: DecideTask) -> None:
    """Accept, reject or reopen.

    Raises:
        TaskNotFound, TaskChanged, TaskTransitionRefused: It cannot be.
    """
    key, verdict, now_us = operation.task_key, operation.verdict, operation.now_us
    task = must_find(states_of(connection, [key]), key)
    check_version(task, operation.version)
    if verdict == "ready" and task.state != "rejected":
        raise TaskTransitionRefused(key, task.state, verdict, _DECIDE_ADVICE[verdict])
    must_become(task, verdict, _DECIDE_ADVICE[verdict])
    if verdict == "ready":
        _reopen(connection, [key], now_us)
        return
    do(connection, "tasks.decide", key, verdict, operation.reason, now_us)
    if verdict == "rejected":
        do(connection, "task_dependencies.unmeet_rejected", key)
        waiting = ask_keys(connection, "read.waiting_for", key)
        do(connection, "tasks.block", now_us, text(waiting))
        strand_behind(connection, [key], now_us)
