"""What depends on what: dependencies that grow without a cycle, and tasks that wait in vain.

**Stuck.** A blocked task that waits for the success of one that has ended without, or for anything of one that is stuck
itself, is stuck: it never runs, unless that one is retried. Who is stuck is found in one recursive statement, so a chain or a
star of 100,000 takes no more steps than one task.
"""

from __future__ import annotations

from collections.abc import Sequence

import apsw
import msgspec

from dagger_actors.core.tasks import AddDependencies, SettleSuspended
from dagger_actors.errors import DependencyCycle, TaskTransitionRefused, UnknownDependency
from dagger_actors.store.stepping import ask, ask_keys, do, text
from dagger_actors.store.task_rows import TaskRow, must_find, states_of

__all__ = ["IS_SUCCESS", "depend", "find_cycle", "reconsider", "settle_suspended", "strand", "strand_behind", "unstick"]

IS_SUCCESS = frozenset({"completed", "accepted"})

_OPENED = frozenset({"pending", "blocked", "ready"})


def strand(connection: apsw.Connection, keys: Sequence[int], now_us: int) -> None:
    """Mark those of the given blocked tasks that can never run, and all that wait for these."""
    do(connection, "tasks.strand", now_us, text(keys))


def strand_behind(connection: apsw.Connection, keys: Sequence[int], now_us: int) -> None:
    """Mark what waits in vain for the given tasks, which have ended."""
    waiting = ask(connection, "read.dependents", text(keys))
    if waiting != "[]":
        do(connection, "tasks.strand", now_us, waiting)


def reconsider(connection: apsw.Connection, keys: Sequence[int], now_us: int) -> None:
    """Tell anew who is stuck behind the given tasks, which are open again."""
    behind = ask_keys(connection, "read.stuck_behind", text(keys))
    if behind:
        unstick(connection, behind, now_us)
    strand_behind(connection, keys, now_us)


def unstick(connection: apsw.Connection, keys: Sequence[int], now_us: int) -> None:
    """Mark stuck tasks as such no longer, but those that are for another reason."""
    do(connection, "tasks.unstick", now_us, text(keys))
    strand(connection, keys, now_us)


def depend(connection: apsw.Connection, operation: AddDependencies) -> None:
    """Let a task depend on others.

    Raises:
        TaskNotFound, UnknownDependency: One of them is not there.
        TaskTransitionRefused: The task cannot wait any more.
        DependencyCycle: One of them depends on the task.
    """
    key, on = operation.task_key, list(dict.fromkeys(operation.on))
    found = states_of(connection, [key, *on])
    _check_may_wait(must_find(found, key), operation)
    for other in on:
        if other not in found:
            raise UnknownDependency(key, other)
    _refuse_cycle(connection, key, on)
    rows = [(key, other, operation.kind, _is_met(found[other], operation.kind), None) for other in on]
    do(connection, "task_dependencies.put", text(rows))
    if operation.owner is None:
        do(connection, "tasks.touch", operation.now_us, key)
        do(connection, "tasks.block", operation.now_us, text([key]))
        strand(connection, [key], operation.now_us)


def _check_may_wait(task: TaskRow, operation: AddDependencies) -> None:
    if operation.owner is not None:
        # Its end, in the same unit, has blocked it and given the lease back; that expected owner and epoch.
        if task.state != "blocked" or task.epoch != operation.epoch:
            raise TaskTransitionRefused(task.task_key, task.state, "blocked", "its lease was lost")
    elif task.owner is not None or task.state not in _OPENED:
        advice = "it runs already; submit another task" if task.owner is not None else "submit another task"
        raise TaskTransitionRefused(task.task_key, task.state, "blocked", advice)


def _is_met(on: TaskRow, kind: str) -> int:
    return int(on.is_final if kind == "end" else on.state in IS_SUCCESS)


def _refuse_cycle(connection: apsw.Connection, key: int, on: Sequence[int]) -> None:
    # Seen from the task: what depends on an open task waits, so there is little of it. What the others depend on may be
    # a history of any length.
    hit: int | None = ask(connection, "read.closes_cycle", key, text(on))
    if hit is None:
        return
    edges = msgspec.json.decode(ask(connection, "read.edges_behind", key), type=list[tuple[int, int]])
    raise DependencyCycle(_path(edges, key, hit))


def _path(edges: Sequence[tuple[int, int]], key: int, hit: int) -> tuple[int, ...]:
    """The cycle through the new dependency of ``key`` on ``hit``, which depends on ``key``; a shortest one."""
    waiting: dict[int, list[int]] = {}
    for task, on in edges:
        waiting.setdefault(on, []).append(task)
    towards: dict[int, int] = {key: key}
    layer = [key]
    while hit not in towards:
        following: list[int] = []
        for on in layer:
            for task in waiting.get(on, ()):
                if task not in towards:
                    towards[task] = on
                    following.append(task)
        layer = following
    path = [hit]
    while path[-1] != key:
        path.append(towards[path[-1]])
    # From the task over the new dependency, and back to it.
    return (key, *path[:-1])


def find_cycle(depends_on: dict[int, tuple[int, ...]]) -> tuple[int, ...] | None:
    """A cycle among tasks that are about to be written; None = there is none.

    Args:
        depends_on: Whom each depends on; those that are no keys themselves are passed over.
    """
    state: dict[int, int] = {}  # 1 = on the path, 2 = has no cycle
    for root, first in depends_on.items():
        if root in state:
            continue
        path = [root]
        state[root] = 1
        pending = [iter(first)]
        while pending:
            on = next(pending[-1], None)
            if on is None:
                pending.pop()
                state[path.pop()] = 2
            elif on in depends_on and state.get(on) != 2:
                if state.get(on) == 1:
                    return tuple(path[path.index(on) :])
                state[on] = 1
                path.append(on)
                pending.append(iter(depends_on[on]))
    return None


def settle_suspended(connection: apsw.Connection, operation: SettleSuspended) -> None:
    """Make a suspended task ready when nothing is left to wait for, or stuck when it waits in vain."""
    do(connection, "tasks.wake", operation.now_us, operation.task_key)
    strand(connection, [operation.task_key], operation.now_us)
