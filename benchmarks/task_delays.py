"""How long a task waits from when it was to be submitted until its body begins, while many come at a fixed rate.

An open loop: each task has its time, whatever became of those before it, and its delay counts from that time; so it holds what
``asubmit`` takes, its commit included, and what a sender that was late had to catch up. One event loop sends, by one call a task.
The limit is the same percentile of bare commits of one task each, right after: no task begins before one.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path

import msgspec
import task_limits
from figures import Sample
from task_agents import AGENTS, Begun, Sent, Timing, neighbour, wait_until
from task_work import Sizes

from dagger_actors import ActorSystem
from dagger_actors.store.connection import open_reader

__all__ = ["one", "two"]

AHEAD_NS = 50_000_000
"""How long before the first task's time everything is ready."""

_begun = msgspec.json.Decoder(Begun)


def one(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """From submit to start in the process that submits."""
    with ActorSystem(folder / "dagger.db", agents=AGENTS, synchronous="full") as system:
        delays = _delays_ms(system, sizes)
    return _lines("latency_one", delays, folder)


def two(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """From submit in one process, which does no tasks, to start in another."""
    with ActorSystem(folder / "dagger.db", synchronous="full") as system, neighbour(system.path):
        delays = _delays_ms(system, sizes)
    return _lines("latency_two", delays, folder)


def _lines(name: str, delays_ms: list[float], folder: Path) -> dict[str, Sample]:
    commits_ms = task_limits.commits_ms(folder / "bare.db", len(delays_ms) // 5)
    measured, least = (statistics.quantiles(times, n=100) for times in (delays_ms, commits_ms))
    return {f"{name}_p{which}": Sample(value=measured[which - 1], limit=least[which - 1]) for which in (50, 99)}


def _delays_ms(system: ActorSystem, sizes: Sizes) -> list[float]:
    """Send tasks at the rate, a tenth more at first that is not counted, and read the delays from their results."""
    warm = sizes.rated // 10
    asyncio.run(_send(system, warm + sizes.rated, 1_000_000_000 // sizes.rate))
    watching = open_reader(system.path)
    wait_until(watching)
    found = [_begun.decode(text) for (text,) in watching.execute("SELECT result FROM tasks WHERE state = 'completed'")]
    watching.close()
    if sorted(begun.number for begun in found) != list(range(warm + sizes.rated)):
        raise SystemExit(f"{len(found)} tasks have succeeded")
    return [begun.late_ns / 1e6 for begun in found if begun.number >= warm]


async def _send(system: ActorSystem, count: int, apart_ns: int) -> None:
    """Submit each task when its time comes, however many of those before it are still to be answered."""
    first_ns = time.monotonic_ns() + AHEAD_NS
    async with asyncio.TaskGroup() as asked:
        for number in range(count):
            due_ns = first_ns + number * apart_ns
            await asyncio.sleep(max(0, due_ns - time.monotonic_ns()) / 1e9)
            asked.create_task(system.tasks.asubmit(Timing, Sent(number, due_ns)))
