"""Leases of tasks: taken in order of priority and age, given back unbegun, made ready when they are due.

Each statement touches any number of tasks in one step and answers in one row: APSW gives the GIL away at every step, and
beside one CPU-bound thread each row of its own would cost a switch interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw
import msgspec

from dagger_actors.core.tasks import Claim, ClaimAnswer, Claimed, ClaimTasks, PromoteDue, ReleaseTasks
from dagger_actors.store.statements import sql

__all__ = ["claim", "promote", "release"]

_claimed = msgspec.json.Decoder(tuple[Claimed, ...])
_keys = msgspec.json.Decoder(list[int])


def claim(connection: apsw.Connection, operation: ClaimTasks) -> ClaimAnswer:
    """Lease what is ready, agent by agent."""
    leased: list[Claimed] = []
    drained: set[str] = set()
    for one in operation.claims:
        found = _lease(connection, operation, one)
        leased += found
        if len(found) < one.count:
            drained.add(one.agent)
    return ClaimAnswer(tuple(leased), frozenset(drained), {})


def _lease(connection: apsw.Connection, operation: ClaimTasks, one: Claim) -> Sequence[Claimed]:
    parameters = (one.agent, one.count, operation.now_us)
    keys = _only(connection, "tasks.candidates", *parameters)
    if keys == "[]":
        return ()
    state = "running" if one.starts else "ready"
    connection.execute(sql("tasks.lease"), (operation.owner, state, operation.now_us, keys))
    claimed = _claimed.decode(_only(connection, "read.leased", keys))
    # Rows come as the primary key has them.
    place = {key: at for at, key in enumerate(_keys.decode(keys))}
    return sorted(claimed, key=lambda task: place[task.task_key])


def release(connection: apsw.Connection, operation: ReleaseTasks) -> None:
    """Give leases back, unbegun."""
    pairs = msgspec.json.encode(operation.tasks).decode()
    connection.execute(sql("tasks.release"), (operation.owner, operation.now_us, pairs))


def promote(connection: apsw.Connection, operation: PromoteDue) -> int | None:
    """Make ready what is due; answers when the next is."""
    connection.execute(sql("tasks.promote"), (operation.now_us,))
    next_us: int | None = _only(connection, "read.next_due")
    return next_us


def _only(connection: apsw.Connection, name: str, *parameters: Any) -> Any:
    """The one value that a statement answers."""
    return next(connection.execute(sql(name), parameters))[0]
