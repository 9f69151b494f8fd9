"""How many tasks of ours are enqueued and fully processed in a second: in one process, in two, and beside other systems."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
from figures import Sample
from task_agents import AGENTS, Answering, done, expect, neighbour, wait_until
from task_limits import GROUP, bare_s
from task_peers import DBOS, HUEY, Timed, best
from task_work import Sizes, questions

from dagger_actors import ActorSystem
from dagger_actors.store.connection import open_reader

__all__ = ["against", "bare", "one", "two"]

WARM = 200
"""Tasks before the clock runs, so that threads, statements and caches are there."""


def bare(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """The rows alone: what no task system on SQLite can be faster than."""
    return {"bare_rows": Sample(value=_bare_rate(folder, sizes.bare))}


def one(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """All in one process."""
    with _opened(folder) as (system, watching):
        timed = _process(system, watching, sizes.processed)
    return {
        "one_process": Sample(
            value=sizes.processed / timed.wall_s, limit=_bare_rate(folder, sizes.processed), cpu_s=timed.cpu_s
        )
    }


def two(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """Submitted by a process that works on them too, beside a second one; and the smaller share of the two in percent."""
    with _opened(folder) as (system, watching), neighbour(system.path) as other:
        before = len(done)
        timed = _process(system, watching, sizes.processed)
        mine = len(done) - before
    share = min(mine, sizes.processed - mine) / sizes.processed
    return {
        "two_processes": Sample(
            value=sizes.processed / timed.wall_s,
            limit=_bare_rate(folder, sizes.processed),
            cpu_s=timed.cpu_s + other.report.cpu_s,
        ),
        "two_smaller_share": Sample(value=100 * share),
    }


def against(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """Huey and DBOS on the same work beside the bare rows, and ours beside the better of the two."""
    huey = best("huey_peer.py", folder, sizes.huey, HUEY)
    dbos = best("dbos_peer.py", folder, sizes.dbos, DBOS)
    rates = {"huey": (sizes.huey / huey.wall_s, huey), "dbos": (sizes.dbos / dbos.wall_s, dbos)}
    bare_rate = _bare_rate(folder, sizes.huey)
    lines = {name: Sample(value=rate, limit=bare_rate, cpu_s=timed.cpu_s) for name, (rate, timed) in rates.items()}
    with _opened(folder) as (system, watching):
        timed = _process(system, watching, sizes.huey)
    better = max(rate for rate, _ in rates.values())
    return {**lines, "against": Sample(value=sizes.huey / timed.wall_s, limit=better, cpu_s=timed.cpu_s)}


def _bare_rate(folder: Path, count: int) -> float:
    return count / bare_s(folder / "bare.db", count, GROUP)


@contextmanager
def _opened(folder: Path) -> Iterator[tuple[ActorSystem, apsw.Connection]]:
    with ActorSystem(folder / "dagger.db", agents=AGENTS, synchronous="full") as system:
        watching = open_reader(system.path)
        try:
            system.tasks.submit_many(Answering, list(questions(WARM)))
            wait_until(watching)
            yield system, watching
        finally:
            watching.close()


def _process(system: ActorSystem, watching: apsw.Connection, count: int) -> Timed:
    """Submit so many tasks, and wait until the file says that all have ended; then look whether they have, and how."""
    asked = list(questions(count))
    watch = Timed.begin()
    tasks = system.tasks.submit_many(Answering, asked)
    watch.enqueued()
    wait_until(watching)
    timed = watch.end()
    expect(watching, asked, tasks)
    return timed
