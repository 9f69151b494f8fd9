"""What a dead or stalled worker had leased, in other hands."""

from __future__ import annotations

import apsw
import msgspec

from dagger_actors.core.task_leases import Claimed, Taken, TakeTasks
from dagger_actors.store.stepping import ask, ask_keys, do, text
from dagger_actors.store.task_rows import states_of

__all__ = ["take"]

_claimed = msgspec.json.Decoder(tuple[Claimed, ...])


def take(connection: apsw.Connection, operation: TakeTasks) -> Taken:
    """Take what a worker had leased. Who comes second finds nothing."""
    worker, now_us, agents = operation.worker, operation.now_us, text(operation.agents)
    do(connection, "task_stops.take", worker, agents)
    ended = ask(connection, "read.left_ended", worker, text(operation.ended), agents)
    do(connection, "tasks.take_ended", operation.owner, now_us, ended)
    begun, once = text(operation.begun), text(operation.at_most_once)
    left = ask_keys(connection, "read.tasks_of_worker", worker, agents)
    do(connection, "task_attempts.interrupt", worker, begun, agents, now_us)
    do(connection, "tasks.take", worker, begun, once, operation.most_crashes, now_us, agents)
    states = states_of(connection, left)
    released = tuple(key for key in left if states[key].state == "ready")
    parked = tuple(key for key in left if states[key].state == "paused")
    return Taken(released, parked, _claimed.decode(ask(connection, "read.leased", ended)))
