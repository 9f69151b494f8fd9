"""What a task costs: enqueued and processed to its stored result, beside other task systems on SQLite and bare SQLite.

    pip install -e '.[bench]'                         # huey and DBOS Transact; without them their lines say so
    python benchmarks/tasks.py                        # everything but what is large, five times
    python benchmarks/tasks.py --only one --repeat 3
    python benchmarks/tasks.py --large --repeat 1

Everything is durable: each file is written at ``synchronous=FULL``. No two payloads and results are alike; both are typed,
stored, and read back for a sample. Each peer is run in a process of its own under the settings that did best when they were
tried (``task_peers``), and its best is taken.

One JSON object a line: first the machine and the versions, then the figures. ``limit`` is the rows of as many tasks written by
bare APSW in groups, right after; of ``against`` the better peer; of ``stored`` the file with few tasks; of a delay
a bare commit. ``ratio`` is value / limit, side by side. Where 10,000 tasks a second are asked for, 25,000 are wished for.
"""

from __future__ import annotations

import sys

import task_delays
import task_rates
import task_stored
from command import run
from figures import Figure, Target
from task_work import Sizes

FIGURES = (
    Figure(name="bare", unit="tasks/s", measure=task_rates.bare, targets={"bare_rows": None}),
    Figure(
        name="one",
        unit="tasks/s",
        measure=task_rates.one,
        targets={"one_process": Target(bound=10_000, is_floor=True)},
    ),
    Figure(
        name="two",
        unit="tasks/s",
        units={"two_smaller_share": "%"},
        measure=task_rates.two,
        targets={
            "two_processes": Target(bound=10_000, is_floor=True),
            "two_smaller_share": Target(bound=20, is_floor=True),
        },
    ),
    Figure(
        name="latency_one",
        unit="ms",
        measure=task_delays.one,
        targets={"latency_one_p50": None, "latency_one_p99": Target(bound=10)},
    ),
    Figure(
        name="latency_two",
        unit="ms",
        measure=task_delays.two,
        targets={"latency_two_p50": None, "latency_two_p99": Target(bound=25)},
    ),
    Figure(
        name="stored",
        unit="us/task",
        measure=task_stored.stored,
        targets={
            "stored_cpu": Target(of="ratio", bound=1.5),
            "stored_wall": Target(of="ratio", bound=1.5),
        },
    ),
    Figure(
        name="against",
        unit="tasks/s",
        measure=task_rates.against,
        targets={"huey": None, "dbos": None, "against": Target(of="ratio", bound=10, is_floor=True)},
        needs=("huey", "dbos"),
    ),
    Figure(
        name="memory",
        unit="MiB",
        units={"memory_rate": "tasks/s"},
        measure=task_stored.memory,
        targets={"memory_growth": Target(bound=20), "memory_cached": None, "memory_whole": None, "memory_rate": None},
        is_large=True,
    ),
)

QUICK = Sizes(
    bare=1_000,
    processed=500,
    huey=50,
    dbos=50,
    rate=500,
    rated=100,
    few=100,
    many=1_000,
    slices=2,
    slice=100,
    passed=2_000,
)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; the exit status."""
    return run(FIGURES, Sizes(), QUICK, "What a task costs, beside other task systems on SQLite", arguments)


if __name__ == "__main__":
    sys.exit(main())
