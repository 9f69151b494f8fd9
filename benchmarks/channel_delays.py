"""How long a message waits from when it was to be published until its handler has it, while many come at a fixed rate.

An open loop: each message has its time, whatever became of those before it, and its delay counts from that time; so it holds
what ``apublish`` takes, its commit included, and what a sender that was late had to catch up. One event loop sends, by one
call a message. The limit is the same percentile of bare commits of one message each, right after: none is handled before one.

python benchmarks/channel_delays.py FILE      # the second process: handles until its standard input ends
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import channel_limits
import msgspec
from channel_work import CHANNELS, Sent, Sizes, Timing
from figures import Sample

from dagger_actors import ActorSystem
from dagger_actors.store.connection import open_reader

__all__ = ["one", "two"]

AHEAD_NS = 50_000_000
"""How long before the first message's time everything is ready."""

FEWEST = 20
PATIENCE_S = 120.0
LOOK_S = 0.01

HEARD = "SELECT payload FROM messages JOIN channels USING (channel_key) WHERE name = 'heard'"

_heard = msgspec.json.Decoder(Sent)


def one(folder: Path, sizes: Sizes, *, rate: int) -> dict[str, Sample]:
    """From publish to handler in one process, so many a second."""
    with ActorSystem(folder / "dagger.db", agents=[Timing], channels=CHANNELS, synchronous="full") as system:
        delays = _delays_ms(system, sizes, rate)
    return _lines(f"latency_{rate}", delays, folder)


def two(folder: Path, sizes: Sizes, *, rate: int) -> dict[str, Sample]:
    """From publish in one process, which has no subscribers, to the handler in another."""
    with ActorSystem(folder / "dagger.db", channels=CHANNELS, synchronous="full") as system, _neighbour(system.path):
        delays = _delays_ms(system, sizes, rate)
    return _lines("latency_two", delays, folder)


def _lines(name: str, delays_ms: list[float], folder: Path) -> dict[str, Sample]:
    commits_ms = channel_limits.commits_ms(folder / "bare.db", max(100, len(delays_ms) // 5))
    measured, least = (statistics.quantiles(times, n=100) for times in (delays_ms, commits_ms))
    lines = {f"{name}_p{which}": Sample(value=measured[which - 1], limit=least[which - 1]) for which in (50, 99)}
    return {**lines, f"{name}_max": Sample(value=max(delays_ms), limit=max(commits_ms))}


def _delays_ms(system: ActorSystem, sizes: Sizes, rate: int) -> list[float]:
    """Send messages at the rate, a tenth more at first that is not counted, and read what their turns have published."""
    rated = max(FEWEST, round(sizes.rated_s * rate))
    warm = rated // 10
    asyncio.run(_send(system, warm + rated, 1_000_000_000 // rate))
    found = [_heard.decode(text) for text in _wait_for(system.path, warm + rated)]
    if sorted(one.number for one in found) != list(range(warm + rated)):
        raise SystemExit(f"{len(found)} messages were handled, or others")
    return [one.due_ns / 1e6 for one in found if one.number >= warm]


def _wait_for(path: Path, count: int) -> list[str]:
    watching, until = open_reader(path), time.perf_counter() + PATIENCE_S
    try:
        while len(found := [text for (text,) in watching.execute(HEARD)]) < count:
            if time.perf_counter() > until:
                raise SystemExit(f"{len(found)} of {count} messages were handled")
            time.sleep(LOOK_S)
        return found
    finally:
        watching.close()


async def _send(system: ActorSystem, count: int, apart_ns: int) -> None:
    """Publish each message when its time comes, however many of those before it are still to be answered."""
    first_ns = time.monotonic_ns() + AHEAD_NS
    async with asyncio.TaskGroup() as asked:
        for number in range(count):
            due_ns = first_ns + number * apart_ns
            await asyncio.sleep(max(0, due_ns - time.monotonic_ns()) / 1e9)
            asked.create_task(system.channels.apublish("sent", Sent(number, due_ns)))


# --- the second process


@contextmanager
def _neighbour(path: Path) -> Iterator[None]:
    command = [sys.executable, str(Path(__file__)), str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        if process.stdout.readline().strip() != "READY":
            raise SystemExit(f"the second process ended with {process.wait(PATIENCE_S)}")
        try:
            yield
        finally:
            process.stdin.close()
            if process.wait(PATIENCE_S):
                raise SystemExit(f"the second process ended with {process.returncode}")


def main() -> int:
    """Be the second process."""
    with ActorSystem(Path(sys.argv[1]), agents=[Timing], channels=CHANNELS, synchronous="full") as system:
        system._runtime.wait(system._paradigms.channel_hub.rest(), PATIENCE_S)  # it has its ranges
        print("READY", flush=True)
        sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
