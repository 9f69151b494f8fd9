"""What a flow costs, each figure beside its limit measured in the same run, all at ``synchronous=FULL``.

    python benchmarks/flow.py                         # everything but the large flow, five times
    python benchmarks/flow.py --only chain --repeat 20
    python benchmarks/flow.py --only large --large
    python benchmarks/flow.py --check                 # exit status 1 when a target is missed

Every node gets distinct inputs and gives a distinct typed output; every repeat has a fresh file. A run is timed from
``start`` of a loaded flow until its caller hears of its end. The limit of

- a chain is a bare commit of the same rows and a bare hand-off between two threads for each node,
- everything else is bare APSW that writes the same two rows a node (its grant, its end) in groups of 512; for the load
  of a file, libyaml's bare events.

One JSON object a line: first the machine and the versions, then the figures. ``value``, ``limit`` and ``ratio`` (value
/ limit, side by side) are medians over ``repeats``; ``cpu_s`` is this process's processor time meanwhile. On a machine
with other work the ratio and ``cpu_s`` say more than the value.

Measured elsewhere, on 2 cores of the same class, for orientation; seconds:

==========================  ==================  ===================
system                      chain of 50         1 -> 1,000 -> 1
==========================  ==================  ===================
LangGraph, SQLite saver     0.076               1.2
huey                        0.09                1.9
DBOS                        0.18                4.9
Dagster                     3.0
Prefect                     3.2
dask (stores nothing)                           0.15 to 0.39
==========================  ==================  ===================
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import apsw
import crowded
import msgspec
import spine
from figures import Figure, Line, Sample, Scale, Target, judge

FIGURES = (
    Figure(name="chain", unit="s", measure=spine.chain, targets={"chain": Target(of="ratio", bound=4)}),
    Figure(name="fan", unit="s", measure=spine.fan, targets={"fan": Target(bound=0.150)}),
    Figure(name="fan_of_map", unit="s", measure=spine.fan_of_map, targets={"fan_of_map": Target(bound=0.150)}),
    Figure(
        name="independent",
        unit="nodes/s",
        measure=spine.independent,
        targets={"independent": Target(bound=12_000, is_floor=True)},
    ),
    Figure(
        name="independent_at_4",
        unit="nodes/s",
        measure=spine.independent_at_4,
        targets={"independent_at_4": Target(bound=10_000, is_floor=True)},
    ),
    Figure(name="group_beside_cpu", unit="s", measure=crowded.group, targets={"group_beside_cpu": Target(bound=0.025)}),
    Figure(name="chain_beside_cpu", unit="s", measure=crowded.chain, targets={"chain_beside_cpu": Target(bound=0.5)}),
    Figure(
        name="cancel_beside_cpu",
        unit="s",
        measure=crowded.cancel,
        targets={"cancel_beside_cpu": Target(bound=0.150), "cancel_by_row_beside_cpu": Target(bound=0.150)},
    ),
    Figure(
        name="large",
        unit="s",
        units={"large_peak": "MiB"},
        measure=spine.large,
        targets={
            "large_load": Target(bound=5),
            "large_run": Target(bound=60),
            "large_peak": Target(bound=1024),
        },
        is_large=True,
    ),
)

QUICK = Scale(chain=5, fan=20, independent=100, group=32, large=500)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.repeat < 1 or not options.db.is_dir():
        parser.error("--repeat is 1 or more, and --db is a folder that exists")
    chosen = [figure for figure in FIGURES if _is_chosen(figure, options)]
    scale, repeats = (QUICK, 1) if options.quick else (Scale(), options.repeat)
    print(msgspec.json.encode(_machine()).decode(), flush=True)
    is_missed = False
    for figure in chosen:
        for line in _measure(figure, scale, repeats, options.db, has_target=not options.quick):
            print(msgspec.json.encode(line).decode(), flush=True)
            is_missed = is_missed or line.ok is False
    return 1 if is_missed and options.check else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="What a flow costs, beside its limits; one JSON object a line.")
    parser.add_argument("--only", action="append", choices=[figure.name for figure in FIGURES], help="may be repeated")
    parser.add_argument("--repeat", type=int, default=5, metavar="N", help="medians of so many (5)")
    parser.add_argument("--large", action="store_true", help="the flow of 100,000 nodes too")
    parser.add_argument("--quick", action="store_true", help="everything once and small, no targets: does it run?")
    parser.add_argument("--check", action="store_true", help="exit status 1 when a target is missed")
    parser.add_argument("--db", type=Path, default=Path(), metavar="FOLDER", help="where the databases are made (here)")
    return parser


def _is_chosen(figure: Figure, options: argparse.Namespace) -> bool:
    if options.only:
        return figure.name in options.only
    return options.large or options.quick or not figure.is_large


def _measure(figure: Figure, scale: Scale, repeats: int, folder: Path, *, has_target: bool) -> list[Line]:
    samples: dict[str, list[Sample]] = {name: [] for name in figure.targets}
    for _ in range(repeats):
        with tempfile.TemporaryDirectory(prefix=".benchmark-", dir=folder) as fresh:
            for name, sample in figure.measure(Path(fresh), scale).items():
                samples[name].append(sample)
    return [
        judge(name, figure.units.get(name, figure.unit), target if has_target else None, samples[name])
        for name, target in figure.targets.items()
    ]


def _machine() -> dict[str, object]:
    return {
        "machine": platform.platform(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "load": [round(one, 2) for one in os.getloadavg()],
        "python": platform.python_version(),
        "sqlite": apsw.sqlite_lib_version(),
        "synchronous": "full",
        **{name: version(name) for name in ("apsw", "msgspec", "pykka", "tenacity", "PyYAML")},
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main())
