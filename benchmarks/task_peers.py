"""The same tasks on other task systems for SQLite, each in a process of its own, for they start threads and set up logging.

What was tried, on two cores and a disk that syncs 200 to 2,500 times a second: huey does best with its threads at work from
the first task on when a sync is slow, and with two threads after the last task when it is fast, for its processes then do
not wait for one another's locks. DBOS takes 3 to 6 ms of processor time for a task whatever it is given.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

__all__ = ["DBOS", "GROUP", "HUEY", "Peer", "Setting", "Timed", "best", "main"]

GROUP = 500
"""Tasks that are enqueued in one transaction, where there is a way to."""

PATIENCE_S = 600.0


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """How a peer is set up.

    Attributes:
        threads: Workers of its consumer.
        at_once: Its consumer is there from the first task on; else it starts when all are enqueued.
    """

    threads: int
    at_once: bool


HUEY = (
    Setting(threads=1, at_once=False),
    Setting(threads=2, at_once=False),
    Setting(threads=8, at_once=True),
)
DBOS = (Setting(threads=4, at_once=True), Setting(threads=8, at_once=True))


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """What a peer is asked to do.

    Attributes:
        count: Tasks.
        setting: How it is set up.
        path: The database, which does not exist.
    """

    count: int
    setting: Setting
    path: str


class Timed(msgspec.Struct):
    """What it took, from before the first task is enqueued until the last result is committed.

    Attributes:
        began: On ``time.perf_counter``.
        enqueue_s: Until all were enqueued.
        wall_s: Until all had ended.
        cpu_s: Processor time of the process meanwhile.
    """

    began: float
    cpu_s: float
    enqueue_s: float = 0.0
    wall_s: float = 0.0

    @classmethod
    def begin(cls) -> Timed:
        return cls(began=time.perf_counter(), cpu_s=-time.process_time())

    def enqueued(self) -> None:
        self.enqueue_s = time.perf_counter() - self.began

    def end(self) -> Timed:
        self.wall_s = time.perf_counter() - self.began
        self.cpu_s += time.process_time()
        return self


def main(run: Callable[[Peer], Timed]) -> int:
    """Do what the command line says, a ``Peer`` as JSON, and print a ``Timed`` as JSON."""
    timed = run(msgspec.json.decode(sys.argv[1], type=Peer))
    print(msgspec.json.encode(timed).decode(), flush=True)
    return 0


def best(script: str, folder: Path, count: int, settings: Sequence[Setting]) -> Timed:
    """Run a peer's script under each setting, each time in a process of its own, and choose the fastest.

    Raises:
        SystemExit: It failed, or did not end in ten minutes.
    """
    peers = [
        Peer(count=count, setting=setting, path=str(folder.absolute() / f"{script}-{at}.db"))
        for at, setting in enumerate(settings)
    ]
    return min((_measure(script, peer) for peer in peers), key=lambda timed: timed.wall_s)


def _measure(script: str, peer: Peer) -> Timed:
    command = [sys.executable, str(Path(__file__).with_name(script)), msgspec.json.encode(peer).decode()]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise SystemExit(f"{script} did not end in {PATIENCE_S:.0f} s: {error.stderr!r:.2000}") from error
    if done.returncode:
        raise SystemExit(f"{script} failed: {done.stderr[-2000:]}")
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Timed)
