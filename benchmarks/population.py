"""What it costs to have actors: to start and stop them, to keep them idle, to restart one, to let many await at once.

python benchmarks/population.py idle-ours 100000    # one measure of memory, in a process of its own; used by actors.py
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from cast import Add, Breaker, Fail, Gate, PeerBreaker, Side, Wiring, ours, theirs
from figures import Sample
from talking import PATIENCE_S, Sizes

from dagger_actors import ChildSpec, Supervisor

__all__ = ["awaiting", "bytes_idle", "million", "restart", "spawn"]

TICK_S = 0.001


# --- start and stop


def spawn(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """Start actors and stop them; and the same with a message to each in between. Rates, so pykka's few are scaled."""
    with theirs() as peers:
        silent, talked = (_lives(peers, sizes.threads, talks=talks) for talks in (False, True))
    with ours(folder) as mine:
        mute, told = (_lives(mine, sizes.spawned, talks=talks) for talks in (False, True))
    return {
        "spawn": mute.started.beside(silent.started),
        "spawn_and_stop": mute.lived.beside(silent.lived),
        "spawn_tell_stop": told.lived.beside(talked.lived),
    }


class Rate(msgspec.Struct, frozen=True):
    """So many actors took so long."""

    count: int
    wall_s: float
    cpu_s: float

    def beside(self, peer: Rate) -> Sample:
        """Compare actors a second, and processor seconds for as many actors."""
        return Sample(
            value=self.count / self.wall_s,
            limit=peer.count / peer.wall_s,
            cpu_s=self.cpu_s,
            limit_cpu_s=peer.cpu_s * self.count / peer.count,
        )


class Lives(msgspec.Struct, frozen=True):
    """Actors that were started, and until all of them had stopped."""

    started: Rate
    lived: Rate


def _lives(side: Side, count: int, *, talks: bool) -> Lives:
    wiring = Wiring()
    cpu, wall = time.process_time(), time.perf_counter()
    refs = [side.start("counter", wiring) for _ in range(count)]
    started = Rate(count, time.perf_counter() - wall, time.process_time() - cpu)
    if talks:
        for ref in refs:
            ref.tell(Add(1))
    for reply in [ref.stop(block=False) for ref in refs]:
        reply.get(timeout=PATIENCE_S)
    return Lives(started, Rate(count, time.perf_counter() - wall, time.process_time() - cpu))


# --- memory


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What a process of its own measured.

    Attributes:
        each: Bytes of resident memory that each actor cost.
        whole_mib: Resident memory of the process.
        spawned_s: Seconds that the start of all took.
        collection_ms: The longest that the garbage collector held everything, in processor time.
        pause_ms: The longest that a thread which wakes each millisecond was late, that millisecond apart.
    """

    each: float
    whole_mib: float
    spawned_s: float = 0.0
    collection_ms: float = 0.0
    pause_ms: float = 0.0


def bytes_idle(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """Resident memory of an idle actor: one that was only started, and one that has handled a message."""
    peer, new, used = (
        _in_process(folder, what, count)
        for what, count in (("idle-theirs", sizes.threads), ("idle-ours", sizes.spawned), ("used-ours", sizes.spawned))
    )
    return {
        "bytes_new": Sample(value=new.each, limit=peer.each),
        "bytes_used": Sample(value=used.each, limit=peer.each),
    }


def million(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """A million idle actors: memory of the process, and how long anything stood still while they were started."""
    measured = _in_process(folder, "idle-ours", sizes.million)
    return {
        "million_memory": Sample(value=measured.whole_mib),
        "million_collection": Sample(value=measured.collection_ms),
        "million_pause": Sample(value=measured.pause_ms),
        "million_spawned": Sample(value=measured.spawned_s),
    }


def _in_process(folder: Path, what: str, count: int) -> Memory:
    done = subprocess.run(
        [sys.executable, *(f"-W{one}" for one in sys.warnoptions), __file__, what, str(count)],
        cwd=folder,
        stdout=subprocess.PIPE,
        check=True,
        timeout=PATIENCE_S,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return msgspec.json.decode(done.stdout, type=Memory)


def _measure_here(what: str, count: int) -> Memory:
    match what:
        case "idle-ours" | "used-ours":
            with tempfile.TemporaryDirectory(dir=".") as folder, ours(Path(folder)) as mine:
                return _grown(mine, count, talks=what == "used-ours")
        case "idle-theirs":
            with theirs() as peers:
                return _grown(peers, count, talks=True)
    raise SystemExit(f"{what!r} is none of idle-ours, used-ours, idle-theirs")


def _grown(side: Side, count: int, *, talks: bool) -> Memory:
    done = threading.Event()
    side.start("counter", Wiring(until=1, done=done)).tell(Add(0))  # so that threads are there
    done.wait(PATIENCE_S)
    gc.collect()
    before = _resident_bytes()
    with _watched() as pauses:
        began = time.perf_counter()
        refs = [side.start("counter", Wiring()) for _ in range(count)]
        spawned_s = time.perf_counter() - began
        if talks:
            for reply in [ref.ask(Add(1), block=False) for ref in refs]:
                reply.get(timeout=PATIENCE_S)
    whole = _resident_bytes()
    return Memory(
        each=(whole - before) / count,
        whole_mib=whole / 2**20,
        spawned_s=spawned_s,
        collection_ms=pauses["collection"] * 1e3,
        pause_ms=pauses["late"] * 1e3,
    )


@contextmanager
def _watched() -> Iterator[dict[str, float]]:
    """Note the longest collection (processor time), and the longest that a ticking thread was late, in seconds."""
    pauses = {"collection": 0.0, "late": 0.0}
    began = [0.0]
    is_over = threading.Event()

    def collected(phase: str, _about: dict[str, int]) -> None:
        if phase == "start":
            began[0] = time.thread_time()
        else:
            pauses["collection"] = max(pauses["collection"], time.thread_time() - began[0])

    def tick() -> None:
        while not is_over.is_set():
            at = time.perf_counter()
            time.sleep(TICK_S)
            pauses["late"] = max(pauses["late"], time.perf_counter() - at - TICK_S)

    ticking = threading.Thread(target=tick)
    gc.callbacks.append(collected)
    ticking.start()
    try:
        yield pauses
    finally:
        is_over.set()
        ticking.join()
        gc.callbacks.remove(collected)


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


# --- restart


def restart(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """Processor time of a failure and the restart in place; of pykka's, a failure and the start of a successor."""
    for name in ("pykka", "dagger_actors"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # to write a traceback costs more than all the rest
    count = sizes.failures
    done = threading.Event()
    with theirs():
        cpu = time.process_time()
        PeerBreaker.start(Wiring(until=sizes.threads, done=done)).tell(0)
        done.wait(PATIENCE_S)
        limit = (time.process_time() - cpu) / sizes.threads
    with ours(folder) as mine:
        done.clear()
        breaker = ChildSpec(Breaker, "breaker", Wiring(done=done))
        mine.system.actors.start(Supervisor("crew", [breaker], intensity=1_000_000, period_s=0.0001))
        ref = mine.system.actors["crew/breaker"]
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(count):
            ref.tell(Fail())
        ref.tell(Add(1))
        done.wait(PATIENCE_S)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {
        "restart_cpu": Sample(value=cpu / count * 1e6, limit=limit * 1e6, cpu_s=cpu),
        "restart_wall": Sample(value=wall / count * 1e6),
    }


# --- many that await


def awaiting(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """Agents whose handlers all await at once, on one thread; beside as many bare tasks."""
    count = sizes.awaiting
    limit = asyncio.run(_bare_tasks(count))
    with ours(folder) as mine:
        gate = CountingGate(count)
        began = time.perf_counter()
        refs = [mine.start("waiter", Wiring(to=[gate])) for _ in range(count)]
        replies = [ref.ask(Gate(), block=False) for ref in refs]
        threads = {reply.get(timeout=PATIENCE_S) for reply in replies}
        passed_s = time.perf_counter() - began
    at_once = gate.most if len(threads) == 1 else 0
    return {"awaiting_at_once": Sample(value=at_once), "awaiting": Sample(value=passed_s, limit=limit)}


class CountingGate:
    """Opens when so many wait in front of it at once.

    Attributes:
        most: So many waited.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self.most = 0
        self._opened: asyncio.Event | None = None

    async def wait(self) -> None:
        if self._opened is None:
            self._opened = asyncio.Event()
        self.most += 1
        if self.most == self._count:
            self._opened.set()
        await self._opened.wait()


async def _bare_tasks(count: int) -> float:
    gate = CountingGate(count)
    began = time.perf_counter()
    await asyncio.gather(*(gate.wait() for _ in range(count)))
    return time.perf_counter() - began


if __name__ == "__main__":
    print(msgspec.json.encode(_measure_here(sys.argv[1], int(sys.argv[2]))).decode())
