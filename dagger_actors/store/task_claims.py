"""Leases of tasks: taken in order of priority and age, given back unbegun, made ready when they are due."""

from __future__ import annotations

import math
from typing import Final

import apsw
import msgspec

from dagger_actors.core.task_leases import Claim, ClaimAnswer, Claimed, ClaimTasks, ReleaseTasks
from dagger_actors.core.tasks import AdmitHeld, PromoteDue
from dagger_actors.store.stepping import ask, ask_keys, do, text
from dagger_actors.store.task_ends import cancel_keys
from dagger_actors.store.task_graph import strand

__all__ = ["admit", "claim", "promote", "release"]

STRIDE: Final = 16
"""One of so many tasks that are taken may be the oldest one; see ``ClaimTasks``."""

LEVELS: Final = 256
"""Priorities among which the oldest task is sought, from the lowest: one step on the index each."""

DUE_AT_ONCE: Final = 1_000

_claimed = msgspec.json.Decoder(tuple[Claimed, ...])


class _Agent(msgspec.Struct, array_like=True):
    """A row of ``read.task_agents``; tokens are those of now."""

    name: str
    open: int
    capacity: int
    rate: float | None
    burst: float
    tokens: float
    refilled_at: int
    taken: int
    is_changed: bool = False

    def refill(self, now_us: int) -> None:
        if self.rate is None:
            return
        # Stored even when nothing is leased, or the time until the clock is where it was would be lost.
        self.is_changed = now_us < self.refilled_at
        # The wall clock may step. Backwards: nothing has passed. Forwards: no more than a burst comes of it.
        passed_us = max(0, now_us - self.refilled_at)
        self.tokens = min(max(self.burst, 1.0), self.tokens + self.rate * passed_us / 1_000_000)
        self.refilled_at = now_us

    def allow(self, count: int) -> int:
        # Refilled bit by bit, sums of floats come out a hair below the whole number.
        return count if self.rate is None else min(count, int(self.tokens + 1e-6))

    def take(self, count: int) -> None:
        self.is_changed |= count > 0
        self.taken += count
        if self.rate is not None:
            self.tokens = max(0.0, self.tokens - count)

    def again_us(self, now_us: int) -> int:
        assert self.rate is not None
        return now_us + math.ceil(max(0.0, 1.0 - self.tokens) / self.rate * 1_000_000)


_agents = msgspec.json.Decoder(list[_Agent])


def claim(connection: apsw.Connection, operation: ClaimTasks, *, has_met: bool = True) -> ClaimAnswer:
    """Lease what is ready, agent by agent.

    Args:
        connection: The journal's.
        operation: What is wanted.
        has_met: Whether an end in this transaction was waited for.
    """
    claims = [one for one in operation.claims if has_met or not one.is_doubtful]
    if not claims:
        return ClaimAnswer((), frozenset(one.agent for one in operation.claims), {})
    names = text([one.agent for one in claims])
    agents = {agent.name: agent for agent in _agents.decode(ask(connection, "read.task_agents", names))}
    leased: list[Claimed] = []
    drained = {one.agent for one in operation.claims} - {one.agent for one in claims}
    again_us: dict[str, int] = {}
    for one in claims:
        agent = agents.get(one.agent)
        if agent is None:
            drained.add(one.agent)
            continue
        agent.refill(operation.now_us)
        allowed = agent.allow(one.count)
        found = _lease(connection, operation, one, allowed, agent.taken) if allowed else []
        agent.take(len(found))
        leased += found
        if len(found) < allowed:
            drained.add(one.agent)
        elif allowed < one.count:
            again_us[one.agent] = agent.again_us(operation.now_us)
    rows = [(one.name, one.taken, one.tokens, one.refilled_at) for one in agents.values() if one.is_changed]
    if rows:
        do(connection, "task_agents.take", text(rows))
    return ClaimAnswer(tuple(leased), frozenset(drained), again_us)


def _lease(connection: apsw.Connection, operation: ClaimTasks, one: Claim, count: int, taken: int) -> list[Claimed]:
    keys = ask_keys(connection, "tasks.candidates", one.agent, count, operation.now_us)
    if not keys:
        return []
    turns = (taken + count) // STRIDE - taken // STRIDE
    aged = _aged(connection, operation, one, turns) if turns and len(keys) == count else []
    late = [key for key in aged if key not in keys]
    keys = late + keys[: count - len(late)]
    lease = "tasks.lease_running" if one.starts else "tasks.lease"
    do(connection, lease, operation.owner, operation.now_us, text(keys))
    found = {task.task_key: task for task in _claimed.decode(ask(connection, "read.leased", text(keys)))}
    # Whoever gives them their places goes by priority again: there, too, what is taken for its age must not starve.
    highest = max(task.priority for task in found.values())
    raised = {key: msgspec.structs.replace(found[key], priority=highest) for key in late}
    return sorted((raised.get(key, found[key]) for key in keys), key=_by_rank)


def _aged(connection: apsw.Connection, operation: ClaimTasks, one: Claim, turns: int) -> list[int]:
    return ask_keys(connection, "tasks.oldest", one.agent, turns, operation.now_us, LEVELS)


def _by_rank(task: Claimed) -> tuple[int, int, int]:
    return -task.priority, task.created_at, task.task_key


def release(connection: apsw.Connection, operation: ReleaseTasks) -> None:
    """Give leases back, unbegun."""
    pairs = text(operation.tasks)
    back = ask(connection, "read.ended_of", operation.owner, pairs)
    do(connection, "task_agents.refund", back)
    do(connection, "tasks.release", operation.owner, operation.now_us, pairs)


def promote(connection: apsw.Connection, operation: PromoteDue) -> int | None:
    """Make ready what is due, cancel what has expired; answers when the next is."""
    now_us = operation.now_us
    expired = ask_keys(connection, "read.expired", now_us, DUE_AT_ONCE)
    if expired:
        cancel_keys(connection, expired, "expired", now_us)
    pending = ask_keys(connection, "read.promoted_blocked", now_us, DUE_AT_ONCE)
    do(connection, "tasks.promote", now_us, DUE_AT_ONCE)
    if pending:
        strand(connection, pending, now_us)
    next_us: int | None = ask(connection, "read.next_due")
    return next_us


def admit(connection: apsw.Connection, operation: AdmitHeld) -> None:
    """Let held tasks in where there is room by now."""
    do(connection, "tasks.admit", text(operation.agents))
