"""The end of tasks that did not end by themselves, and what every end without success does to those that wait for it."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from dagger_actors.core.tasks import CancelTasks, SettleEnded
from dagger_actors.errors import TaskTransitionRefused
from dagger_actors.store.stepping import ask_keys, do, rows_of, text
from dagger_actors.store.task_graph import strand_behind, unstick
from dagger_actors.store.task_rows import TaskRow, check_version, must_find, states_of

__all__ = ["cancel", "cancel_keys", "settle_ended"]


def settle_ended(connection: apsw.Connection, operation: SettleEnded) -> None:
    """What needed these tasks, which have ended, is stuck if they did not succeed."""
    strand_behind(connection, operation.tasks, operation.now_us)


def cancel(connection: apsw.Connection, operation: CancelTasks) -> tuple[int, ...]:
    """Cancel tasks; answers those that it has.

    Raises:
        TaskNotFound, TaskChanged, TaskTransitionRefused: When asked strictly, or of a version.
    """
    is_strict = operation.is_strict or operation.version is not None
    keys = list(dict.fromkeys(operation.tasks))
    found = states_of(connection, keys)
    for key in keys if is_strict else ():
        task = must_find(found, key)
        check_version(task, operation.version)
        if task.is_final:
            raise TaskTransitionRefused(key, task.state, "cancelled", "it is over")
    chosen = [found[key] for key in keys if key in found and not found[key].is_final]
    _cancel(connection, chosen, operation.reason, operation.now_us)
    return tuple(task.task_key for task in chosen)


def cancel_keys(connection: apsw.Connection, keys: Sequence[int], reason: str, now_us: int) -> tuple[int, ...]:
    """Cancel those of the tasks that are open; answers them."""
    return cancel(connection, CancelTasks(tuple(keys), reason, now_us))


def _cancel(connection: apsw.Connection, tasks: Sequence[TaskRow], reason: str, now_us: int) -> None:
    if not tasks:
        return
    keys = [task.task_key for task in tasks]
    listed = text(keys)
    stuck = [task.task_key for task in tasks if task.is_stuck]
    # Asked before their ends count: who waited for one of these, and for more, is to be found.
    behind = ask_keys(connection, "read.stuck_behind", text(stuck)) if stuck else []
    if any(task.owner is not None for task in tasks):
        do(connection, "task_stops.put", listed)
        do(connection, "task_attempts.cut_off", now_us, listed)
    do(connection, "tasks.cancel", now_us, reason, listed)
    do(connection, "task_dependencies.meet", rows_of(keys))
    do(connection, "tasks.unblock", rows_of(keys, now_us))
    if behind:
        unstick(connection, behind, now_us)
    strand_behind(connection, keys, now_us)
