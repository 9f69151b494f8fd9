"""Whether tasks that have ended cost anything: time, when a million of them are stored; memory, when a million have passed.

python benchmarks/task_stored.py FILE COUNT      # one measure of memory, in a process of its own
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import apsw
import msgspec
from figures import Sample
from task_agents import AGENTS, PATIENCE_S, Answering, done, expect, wait_until
from task_peers import Timed
from task_work import Question, Sizes, answer, questions

from dagger_actors import ActorSystem
from dagger_actors.core.task_leases import TaskEnd
from dagger_actors.store.connection import open_reader, open_writer, transaction
from dagger_actors.store.ownership import reserve
from dagger_actors.store.statements import sql

__all__ = ["memory", "stored"]

LUMP = 10_000
"""Tasks that are stored with one transaction, or submitted before it is looked how many have ended."""

OWNER = 1


# --- time


def stored(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """Processor and wall time of a task where many are stored, beside one where few are, in turns."""
    with ExitStack() as files:
        few, many = (files.enter_context(_filled(folder / f"{count}", count)) for count in (sizes.few, sizes.many))
        took = {id(side): [0.0, 0.0] for side in (few, many)}
        for turn in range(sizes.slices + 1):
            for side in (few, many) if turn % 2 else (many, few):
                timed = side.process(sizes.slice)
                if turn:  # the first one fetches pages, and makes threads
                    took[id(side)][0] += timed.cpu_s
                    took[id(side)][1] += timed.wall_s
    each = 1e6 / (sizes.slices * sizes.slice)
    return {
        f"stored_{kind}": Sample(value=took[id(many)][at] * each, limit=took[id(few)][at] * each)
        for at, kind in enumerate(("cpu", "wall"))
    }


class _Side:
    """One of the two files, open."""

    def __init__(self, system: ActorSystem, watching: apsw.Connection) -> None:
        self._system = system
        self._watching = watching

    def process(self, count: int) -> Timed:
        asked = list(questions(count))
        watch = Timed.begin()
        tasks = self._system.tasks.submit_many(Answering, asked)
        wait_until(self._watching)
        timed = watch.end()
        expect(self._watching, asked, tasks)
        return timed


@contextmanager
def _filled(folder: Path, count: int) -> Iterator[_Side]:
    folder.mkdir()
    path = folder / "dagger.db"
    with ActorSystem(path, agents=AGENTS, synchronous="full"):
        pass
    _fill(path, count)
    with ActorSystem(path, agents=AGENTS, synchronous="full") as system:
        watching = open_reader(path)
        try:
            yield _Side(system, watching)
        finally:
            watching.close()


def _fill(path: Path, count: int) -> None:
    """Store tasks that have succeeded, by the statements with which ours come and go."""
    connection = open_writer(path, synchronous="normal")
    try:
        with transaction(connection):
            first_key = reserve(connection, "task", count)
        for at in range(0, count, LUMP):
            lump = [(first_key + one.number, one) for one in questions(min(LUMP, count - at), at)]
            now_us = time.time_ns() // 1000
            with transaction(connection):
                connection.execute(sql("tasks.insert"), (_text([_made(*task, now_us) for task in lump]),))
                connection.execute(sql("tasks.lease"), (OWNER, now_us, _text([key for key, _ in lump])))
                connection.execute(sql("tasks.end"), (_text([_end(*task, now_us) for task in lump]),))
    finally:
        connection.close()


def _made(key: int, question: Question, now_us: int) -> tuple[object, ...]:
    nothing = (None,) * 6
    return (key, "answering", "ready", 0, _text(question), *nothing, now_us)


def _end(key: int, question: Question, now_us: int) -> TaskEnd:
    result = _text(answer(question))
    return TaskEnd(key, OWNER, 1, "completed", 1, 1, 0, result, None, None, None, None, now_us, now_us, now_us)


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


# --- memory


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What a process of its own measured.

    Attributes:
        early_mib: Its resident memory after the first tenth of the tasks.
        whole_mib: At the end.
        cached_mib: How much more SQLite held then: it fills its page caches, which are bounded, once.
        wall_s: From the first submission to the last end.
        cpu_s: Its processor time meanwhile.
    """

    early_mib: float
    whole_mib: float
    cached_mib: float
    wall_s: float
    cpu_s: float


def memory(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """Resident memory while tasks pass through a process, which keeps none of what ``submit_many`` gives.

    Its growth is told without what SQLite's page caches have grown by meanwhile, which has a line of its own.
    """
    command = [sys.executable, str(Path(__file__)), str(folder / "dagger.db"), str(sizes.passed)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    if done.returncode:
        raise SystemExit(f"memory was not measured: {done.stderr[-2000:]}")
    found = msgspec.json.decode(done.stdout, type=Memory)
    return {
        "memory_growth": Sample(value=max(0.0, found.whole_mib - found.early_mib - found.cached_mib)),
        "memory_cached": Sample(value=found.cached_mib),
        "memory_whole": Sample(value=found.whole_mib, limit=found.early_mib),
        "memory_rate": Sample(value=sizes.passed / found.wall_s, cpu_s=found.cpu_s),
    }


def _pass_through(path: Path, count: int) -> Memory:
    with ActorSystem(path, agents=AGENTS, synchronous="full") as system:
        watching = open_reader(path)
        early_mib, cached = 0.0, 0
        watch = Timed.begin()
        for first in range(0, count, LUMP):
            system.tasks.submit_many(Answering, list(questions(min(LUMP, count - first), first)))
            done.clear()
            wait_until(watching, LUMP)  # the next lump is there before the last one has ended: nothing stands idle
            if not early_mib and first + LUMP >= count // 10:
                wait_until(watching)
                early_mib, cached = _resident_mib(), apsw.memory_used()
        wait_until(watching)
        timed = watch.end()
        whole_mib, cached_mib = _resident_mib(), (apsw.memory_used() - cached) / 2**20
        watching.close()
    return Memory(
        early_mib=early_mib, whole_mib=whole_mib, cached_mib=cached_mib, wall_s=timed.wall_s, cpu_s=timed.cpu_s
    )


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


if __name__ == "__main__":
    print(msgspec.json.encode(_pass_through(Path(sys.argv[1]), int(sys.argv[2]))).decode())
