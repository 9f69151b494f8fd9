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

import sys

import crowded
import spine
from command import run
from figures import Figure, Scale, Target

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
    return run(FIGURES, Scale(), QUICK, "What a flow costs, beside its limits", arguments)


if __name__ == "__main__":
    sys.exit(main())
