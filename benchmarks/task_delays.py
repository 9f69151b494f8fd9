"""How long a task waits from when it was to be submitted until its body begins, while many come at a fixed rate.

An open loop: each task has its time, whatever became of those before it, and its delay counts from that time; so it holds what
``submit`` takes, its commit included, and what a sender that was late had to catch up. Several threads send, each by one call a
task, as those of a server do.
"""

from __future__ import annotations

import itertools
import statistics
import threading
import time
from pathlib import Path

import msgspec
from figures import Sample
from task_agents import AGENTS, Begun, Sent, Timing, neighbour, wait_until
from task_work import Sizes

from dagger_actors import ActorSystem
from dagger_actors.store.connection import open_reader

__all__ = ["one", "two"]

SENDERS = 16
"""Threads that submit: so many that the next one is free when its time comes, unless a commit takes many milliseconds."""

AHEAD_NS = 50_000_000

_begun = msgspec.json.Decoder(Begun)


def one(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """From submit to start in the process that submits."""
    with ActorSystem(folder / "dagger.db", agents=AGENTS, synchronous="full") as system:
        delays = _delays_ms(system, sizes)
    return _lines("latency_one", delays)


def two(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """From submit in one process, which does no tasks, to start in another."""
    with ActorSystem(folder / "dagger.db", synchronous="full") as system, neighbour(system.path):
        delays = _delays_ms(system, sizes)
    return _lines("latency_two", delays)


def _lines(name: str, delays_ms: list[float]) -> dict[str, Sample]:
    percentiles = statistics.quantiles(delays_ms, n=100)
    return {f"{name}_p{which}": Sample(value=percentiles[which - 1]) for which in (50, 99)}


def _delays_ms(system: ActorSystem, sizes: Sizes) -> list[float]:
    """Send tasks at the rate, a tenth more at first that is not counted, and read the delays from their results."""
    warm = sizes.rated // 10
    _send(system, warm + sizes.rated, 1_000_000_000 // sizes.rate)
    watching = open_reader(system.path)
    wait_until(watching)
    found = [_begun.decode(text) for (text,) in watching.execute("SELECT result FROM tasks WHERE state = 'completed'")]
    watching.close()
    if sorted(begun.number for begun in found) != list(range(warm + sizes.rated)):
        raise SystemExit(f"{len(found)} tasks have succeeded")
    return [begun.late_ns / 1e6 for begun in found if begun.number >= warm]


def _send(system: ActorSystem, count: int, apart_ns: int) -> None:
    first_ns = time.monotonic_ns() + AHEAD_NS
    numbers = itertools.count()
    failed: list[BaseException] = []

    def send() -> None:
        for number in numbers:
            if number >= count or failed:
                return
            due_ns = first_ns + number * apart_ns
            time.sleep(max(0, due_ns - time.monotonic_ns()) / 1e9)
            try:
                system.tasks.submit(Timing, Sent(number, due_ns))
            except BaseException as error:
                failed.append(error)
                raise

    senders = [threading.Thread(target=send) for _ in range(SENDERS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    if failed:
        raise SystemExit(f"a task could not be submitted: {failed[0]!r}")
