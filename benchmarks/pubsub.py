"""What a message costs: published, handled and acknowledged, beside bare SQLite and, for a fan-out, pykka's actors.

    python benchmarks/pubsub.py                        # everything but what is large, five times
    python benchmarks/pubsub.py --only batches --repeat 3
    python benchmarks/pubsub.py --large --repeat 1     # also what takes 10,000,000 messages

All is durable: each file is written at ``synchronous=FULL``. A delivery counts when its acknowledgement is in the file; each
message must have been seen once by each handler, and the states must say so, else there is no figure.

One JSON object a line: first the machine and the versions, then the figures. ``limit`` is the rows of as many messages
written by bare APSW in groups, right after; of ``against`` pykka on the same fan-out, which is neither durable nor isolated;
of a delay a bare commit. ``ratio`` is value / limit, side by side.
"""

from __future__ import annotations

import sys
from pathlib import Path

import channel_delays
import channel_memory
import channel_rates
import msgspec
from channel_work import Sizes
from command import run
from figures import Figure, Sample, Target

RATE = "deliveries/s"
MEMORY = ("growth", "cached", "whole", "rate")


def _latency(name: str, bound: float) -> dict[str, Target | None]:
    return {f"{name}_p50": None, f"{name}_p99": Target(bound=bound), f"{name}_max": None}


def _memory(name: str) -> dict[str, Target | None]:
    return {f"{name}_{what}": Target(bound=20) if what == "growth" else None for what in MEMORY}


def _many(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """Ten times as many messages as pass otherwise."""
    found = channel_memory.passed(folder, msgspec.structs.replace(sizes, passed=10 * sizes.passed))
    return {f"many_{name}": sample for name, sample in found.items()}


FIGURES = (
    Figure(name="publish", unit="messages/s", measure=channel_rates.publish, targets={"publish": None}),
    Figure(
        name="batches",
        unit=RATE,
        measure=channel_rates.batches,
        targets={"batches": Target(bound=40_000, is_floor=True)},
    ),
    Figure(name="single", unit=RATE, measure=channel_rates.single, targets={"single": None}),
    Figure(
        name="distinct_keys",
        unit=RATE,
        measure=channel_rates.distinct_keys,
        targets={"distinct_keys": Target(bound=10_000, is_floor=True)},
    ),
    Figure(name="few_keys", unit=RATE, measure=channel_rates.few_keys, targets={"few_keys": None}),
    Figure(name="stages", unit="messages/s", measure=channel_rates.stages, targets={"stages": None}),
    Figure(name="fan_out", unit=RATE, measure=channel_rates.fan_out, targets={"fan_out": None}),
    Figure(name="against", unit=RATE, measure=channel_rates.against, targets={"against": None}),
    Figure(name="latency_one", unit="ms", measure=channel_delays.one, targets=_latency("latency_one", 10)),
    Figure(name="latency_two", unit="ms", measure=channel_delays.two, targets=_latency("latency_two", 10)),
    Figure(
        name="passed",
        unit="MiB",
        units={"passed_rate": RATE},
        measure=channel_memory.passed,
        targets=_memory("passed"),
    ),
    Figure(
        name="stuck",
        unit="MiB",
        units={"stuck_rate": RATE},
        measure=channel_memory.stuck,
        targets=_memory("stuck"),
    ),
    Figure(
        name="many",
        unit="MiB",
        units={"many_passed_rate": RATE},
        measure=_many,
        targets=_memory("many_passed"),
        is_large=True,
    ),
)

QUICK = Sizes(handled=600, receivers=5, cast=20, keys=10, rate=500, rated=50, passed=2_000)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; the exit status."""
    return run(FIGURES, Sizes(), QUICK, "What a message costs, beside bare SQLite and pykka", arguments)


if __name__ == "__main__":
    sys.exit(main())
