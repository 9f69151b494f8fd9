"""Memory of a process, while messages pass through a channel that keeps some of them, one subscription stuck, or keys many.

python benchmarks/channel_memory.py passed | stuck | keys FILE COUNT      # one measure, in a process of its own
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

import apsw
import msgspec
from channel_work import BATCH, CAPACITY, Batched, Item, Keyed, Sizes, Stuck, items, seen
from figures import Sample
from task_peers import Timed

from dagger_actors import ActorSystem, Channel
from dagger_actors.store.connection import open_reader

__all__ = ["keys", "passed", "stuck"]

AGENTS = {"passed": [Batched], "stuck": [Batched, Stuck], "keys": [Keyed]}

LUMP = 10_000
"""Messages that are published before it is looked how many were handled."""

KEPT = 10_000
PATIENCE_S = 3_600.0
LOOK_S = 0.002


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What a process of its own measured.

    Attributes:
        early_mib: Its resident memory after the first tenth of the messages.
        whole_mib: At the end.
        cached_mib: How much more SQLite held then: it fills its page caches, which are bounded, once.
        active: The most keys that were in memory, as seen now and then.
        wall_s: From the first publication until all were handled, by whom was not stuck.
        cpu_s: Its processor time meanwhile.
    """

    early_mib: float
    whole_mib: float
    cached_mib: float
    active: int
    wall_s: float
    cpu_s: float


def passed(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """All is handled, and the channel keeps the last few."""
    return _measured("passed", folder, sizes.passed)


def stuck(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """All is handled by one subscription; another one is busy with the first message and lags as far as there are more."""
    return _measured("stuck", folder, sizes.passed // 10)


def keys(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """Each message has a key of its own, and leaves a state in the file: few of them are in memory."""
    return _measured("keys", folder, sizes.kept)


def _measured(name: str, folder: Path, count: int) -> dict[str, Sample]:
    command = [sys.executable, str(Path(__file__)), name, str(folder / "dagger.db"), str(count)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    if ended.returncode:
        raise SystemExit(f"memory was not measured: {ended.stderr[-2000:]}")
    found = msgspec.json.decode(ended.stdout, type=Memory)
    lines = {
        f"{name}_growth": Sample(value=max(0.0, found.whole_mib - found.early_mib - found.cached_mib)),
        f"{name}_cached": Sample(value=found.cached_mib),
        f"{name}_whole": Sample(value=found.whole_mib, limit=found.early_mib),
        f"{name}_rate": Sample(value=count / found.wall_s, cpu_s=found.cpu_s),
    }
    return {**lines, "keys_active": Sample(value=found.active)} if name == "keys" else lines


def _pass_through(name: str, path: Path, count: int) -> Memory:
    channel = Channel("items", Item, capacity=CAPACITY, retain_count=KEPT)
    with ActorSystem(path, agents=AGENTS[name], channels=[channel], synchronous="full") as system:
        early_mib, cached, active = 0.0, 0, 0
        watch = Timed.begin()
        for first in range(0, count, LUMP):
            system.channels.publish_many("items", items(min(LUMP, count - first), first=first))
            seen.clear()
            _wait_for(system, first)  # the lump before; meanwhile the next one is handled
            active = max(active, _active(system))
            if not early_mib and first + LUMP >= count // 10:
                _wait_for(system, min(first + LUMP, count))
                early_mib, cached = _resident_mib(), apsw.memory_used()
        _wait_for(system, count)
        timed = watch.end()
        active = max(active, _active(system))
        whole_mib, cached_mib = _resident_mib(), (apsw.memory_used() - cached) / 2**20
        _expect(system, name, count)
        system.stop(grace_s=0)  # nobody waits for who is stuck
    return Memory(
        early_mib=early_mib,
        whole_mib=whole_mib,
        cached_mib=cached_mib,
        active=active,
        wall_s=timed.wall_s,
        cpu_s=timed.cpu_s,
    )


def _wait_for(system: ActorSystem, handled: int) -> None:
    until = time.perf_counter() + PATIENCE_S
    while system._paradigms.channel_hub.tally.handled < handled:
        if time.perf_counter() > until:
            raise SystemExit("the messages were not handled")
        time.sleep(LOOK_S)


def _active(system: ActorSystem) -> int:
    return sum(len(seat.supervisor._services.activations) for seat in system._paradigms.channel_hub._seats)


def _expect(system: ActorSystem, name: str, count: int) -> None:
    lags = {one.name: one.lag for one in system.channels.subscriptions()}
    if name == "stuck" and (lag := lags.pop("stuck.take")) != count:
        raise SystemExit(f"who was to be stuck was not: {count - lag:,} of {count:,} messages are done")
    # Floors of ranges that nothing was done in are written now and then.
    if max(lags.values()) > count // 10 + 64 * BATCH:
        raise SystemExit(f"not all is done: {lags}")
    if name == "keys":
        _expect_states(system.path, count)


def _expect_states(path: Path, count: int) -> None:
    watching = open_reader(path)
    try:
        ((found,),) = watching.execute("SELECT count(*) FROM subscriber_states")
    finally:
        watching.close()
    if found != count:
        raise SystemExit(f"{found} of {count} states are stored")


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


if __name__ == "__main__":
    print(msgspec.json.encode(_pass_through(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))).decode())
