"""What a message of an ephemeral channel costs: 1 to 1, 1 to 100, and through three stages; deliveries a second.

By the processor time of this process, and by the wall. Run it as ``python benchmarks/ephemeral.py``.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from dagger_actors import ActorSystem, Channel, Subscriber, subscribe

PATIENCE_S = 120.0
RECEIVERS = 100


class Note(msgspec.Struct, frozen=True):
    """What is published."""

    number: int
    text: str = "hello"


class Last(Subscriber):
    """Takes, and gives nothing."""

    @subscribe("c")
    def take(self, note: Note) -> None:
        """Take one."""


class First(Subscriber):
    """Gives what it takes."""

    @subscribe("a", publishes="b")
    def take(self, note: Note) -> Note:
        """Take one."""
        return note


class Second(Subscriber):
    """Gives what it takes."""

    @subscribe("b", publishes="c")
    def take(self, note: Note) -> Note:
        """Take one."""
        return note


def rest(system: ActorSystem) -> None:
    """Wait until nothing is in hand."""
    system._runtime.wait(system._channels_hub.rest(), PATIENCE_S)


def run(agents: Sequence[Any], channel: str, messages: int) -> tuple[float, float]:
    """Publish, and wait until all is handled; tells deliveries a second by the processor and by the wall."""
    channels = [Channel(name, Note, ephemeral=True) for name in "abc"]
    with (
        tempfile.TemporaryDirectory() as folder,
        ActorSystem(Path(folder) / "a.db", agents=agents, channels=channels) as system,
    ):
        notes = [Note(number) for number in range(messages)]
        system.channels.publish(channel, notes[0])
        rest(system)
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        system.channels.publish_many(channel, notes)
        rest(system)
        cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    deliveries = messages * len(agents)
    return deliveries / cpu_s, deliveries / wall_s


def main() -> None:
    """Print a line for each."""
    readers = [Last.configured(name=f"last-{number}") for number in range(RECEIVERS)]
    for what, agents, channel, messages in (
        ("1 to 1", [Last], "c", 200_000),
        (f"1 to {RECEIVERS}", readers, "c", 10_000),
        ("3 stages", [First, Second, Last], "a", 20_000),
    ):
        by_cpu, by_wall = run(agents, channel, messages)
        print(f"{what}: {by_cpu:,.0f} deliveries/s of processor time, {by_wall:,.0f}/s by the wall")


if __name__ == "__main__":
    main()
