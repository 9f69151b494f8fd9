"""What a message costs: published, handled and acknowledged, beside bare SQLite and, for a fan-out, pykka's actors.

    python benchmarks/pubsub.py                        # everything but what is large, three times
    python benchmarks/pubsub.py --only batches --repeat 5
    python benchmarks/pubsub.py --only many_passed     # what is large: 10,000,000 messages; many_keys: 1,000,000 states

One to one, one to a hundred, and through three stages: in ephemeral channels (``ephemeral_*``), in durable ones without
state, and in durable ones with a state for each key (``distinct_keys``, ``few_keys``, ``stateful_*``). What is durable is
written at ``synchronous=FULL``, and a delivery counts when its acknowledgement is in the file; each message must have been
seen once by each handler, and the states must say so, else there is no figure.

One JSON object a line: first the machine and the versions, then the figures. ``limit`` is the rows of as many messages
written by bare APSW in groups, right after; of ``against`` pykka on the same fan-out, which is neither durable nor isolated;
of a delay a bare commit. ``ratio`` is value / limit, side by side.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import channel_delays
import channel_memory
import channel_rates
from channel_work import Sizes
from command import run
from figures import Figure, Sample, Target
from msgspec.structs import replace

from dagger_actors.pubsub.turns.activations import MOST_ACTIVE

RATE = "deliveries/s"
MESSAGES = "messages/s"
MEMORY = ("growth", "cached", "whole", "rate")
IN_HAND = 2_000
"""Keys that are in memory because of turns that are taken or written just now."""

RATES = (100, 1_000, 4_000)
"""Messages a second that are published while their delay is measured."""


def _rate(measure: Any, unit: str = RATE, bound: float | None = None) -> Figure:
    name = measure.__name__
    target = None if bound is None else Target(bound=bound, is_floor=True)
    return Figure(name=name, unit=unit, measure=measure, targets={name: target})


def _latency(name: str, measure: Any, rate: int) -> Figure:
    target = Target(bound=10) if rate == 1_000 else None
    targets = {f"{name}_p50": None, f"{name}_p99": target, f"{name}_max": None}
    return Figure(name=name, unit="ms", measure=partial(measure, rate=rate), targets=targets)


def _memory(name: str, measure: Any, *, is_large: bool = False) -> Figure:
    targets = {f"{name}_{what}": Target(bound=20) if what == "growth" else None for what in MEMORY}
    units = {f"{name}_rate": RATE}
    if name.endswith("keys"):
        targets[f"{name}_active"], units[f"{name}_active"] = Target(bound=MOST_ACTIVE + IN_HAND), "keys"
    return Figure(
        name=name, unit="MiB", units=units, measure=measure, targets=targets, is_large=is_large, most_repeats=1
    )


def _tenfold(measure: Any) -> Any:
    """The same with ten times as many messages."""

    def many(folder: Path, sizes: Sizes) -> dict[str, Sample]:
        found = measure(folder, replace(sizes, passed=10 * sizes.passed, kept=10 * sizes.kept))
        return {f"many_{name}": sample for name, sample in found.items()}

    return many


FIGURES = (
    _rate(channel_rates.publish, MESSAGES),
    _rate(channel_rates.ephemeral_one),
    _rate(channel_rates.ephemeral_fan_out, bound=400_000),
    _rate(channel_rates.ephemeral_stages, MESSAGES),
    _rate(channel_rates.batches, bound=40_000),
    _rate(channel_rates.single),
    _rate(channel_rates.fan_out),
    _rate(channel_rates.stages, MESSAGES),
    _rate(channel_rates.distinct_keys, bound=10_000),
    _rate(channel_rates.few_keys),
    _rate(channel_rates.stateful_fan_out),
    _rate(channel_rates.stateful_stages, MESSAGES),
    Figure(
        name="against",
        unit=RATE,
        measure=channel_rates.against,
        targets={"against_durable": None, "against_ephemeral": None},
    ),
    *(_latency(f"latency_{rate}", channel_delays.one, rate) for rate in RATES),
    _latency("latency_two", channel_delays.two, 1_000),
    _memory("passed", channel_memory.passed),
    _memory("stuck", channel_memory.stuck),
    _memory("keys", channel_memory.keys),
    _memory("many_passed", _tenfold(channel_memory.passed), is_large=True),
    _memory("many_keys", _tenfold(channel_memory.keys), is_large=True),
)

QUICK = Sizes(handled=600, receivers=5, cast=20, keys=10, rated_s=0.05, passed=2_000, kept=500)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; the exit status."""
    about = "What a message costs, beside bare SQLite and pykka"
    return run(FIGURES, Sizes(), QUICK, about, arguments, repeats=3)


if __name__ == "__main__":
    sys.exit(main())
