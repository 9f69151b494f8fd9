"""What a task costs: enqueued and processed to its stored result, beside other task systems on SQLite and bare SQLite.

    pip install -e '.[bench]'                         # huey and DBOS Transact; without them their lines say so
    python benchmarks/tasks.py                        # everything, five times
    python benchmarks/tasks.py --only huey --repeat 3

Everything is durable: each file is written at ``synchronous=FULL``. No two payloads and results are alike; both are typed,
stored, and read back for a sample. Each peer is run in a process of its own under the settings that did best when they were
tried (``task_peers``), and its best is taken.

One JSON object a line: first the machine and the versions, then the figures, in tasks a second. ``limit`` is the rows of as
many tasks written by bare APSW in groups, right after; ``ratio`` is value / limit, side by side.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from command import run
from figures import Figure, Sample
from task_limits import bare_s
from task_peers import DBOS, HUEY, Setting, best

GROUP = 500
"""Rows of one bare transaction."""


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """How much work the figures of tasks do; targets hold for the default sizes only.

    Attributes:
        bare: Tasks whose bare rows are written.
        huey: Tasks of huey's, under each setting.
        dbos: Tasks of DBOS's, under each setting.
    """

    bare: int = 100_000
    huey: int = 5_000
    dbos: int = 1_000


def bare(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """The rows alone: what no task system on SQLite can be faster than."""
    return {"bare_rows": Sample(value=_bare_rate(folder, sizes.bare))}


def huey(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """The tasks on huey."""
    return {"huey": _beside_bare("huey_peer.py", folder, sizes.huey, HUEY)}


def dbos(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """The tasks on DBOS Transact."""
    return {"dbos": _beside_bare("dbos_peer.py", folder, sizes.dbos, DBOS)}


def _beside_bare(script: str, folder: Path, count: int, settings: Sequence[Setting]) -> Sample:
    timed = best(script, folder, count, settings)
    return Sample(value=count / timed.wall_s, limit=_bare_rate(folder, count), cpu_s=timed.cpu_s)


def _bare_rate(folder: Path, count: int) -> float:
    return count / bare_s(folder / "bare.db", count, GROUP)


FIGURES = (
    Figure(name="bare", unit="tasks/s", measure=bare, targets={"bare_rows": None}),
    Figure(name="huey", unit="tasks/s", measure=huey, targets={"huey": None}, needs=("huey",)),
    Figure(name="dbos", unit="tasks/s", measure=dbos, targets={"dbos": None}, needs=("dbos",)),
)

QUICK = Sizes(bare=1_000, huey=50, dbos=50)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; the exit status."""
    return run(FIGURES, Sizes(), QUICK, "What a task costs, beside other task systems on SQLite", arguments)


if __name__ == "__main__":
    sys.exit(main())
