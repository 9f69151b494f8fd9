"""What a figure is: its samples, its target, its limit, and the JSON line that tells all of it."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec

__all__ = ["Figure", "Line", "Sample", "Scale", "Skipped", "Target", "judge"]


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """How much work the figures of flows do; targets hold for the default sizes only.

    Attributes:
        chain: Nodes one behind the other.
        fan: Nodes between one source and one sink.
        independent: Nodes that wait for nothing.
        group: Rows of one transaction.
        large: Nodes of the flow read from YAML.
    """

    chain: int = 50
    fan: int = 1_000
    independent: int = 10_000
    group: int = 512
    large: int = 100_000


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement and its limit, taken right beside it so that both meet the same machine.

    Attributes:
        value: In the figure's unit.
        limit: What the bare parts, or the peer, reach on the same work, in the same unit; None where there are none.
        cpu_s: Processor seconds of this process meanwhile; None where that says nothing.
        limit_cpu_s: The same for the limit, on as much work; None where it was not taken.
    """

    value: float
    limit: float | None = None
    cpu_s: float | None = None
    limit_cpu_s: float | None = None


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for.

    Attributes:
        of: ``value``, or ``ratio``: the value divided by its limit.
        bound: The number it is compared with.
        is_floor: True = at least so much, False = at most.
    """

    of: Literal["value", "ratio"] = "value"
    bound: float
    is_floor: bool = False

    def __str__(self) -> str:
        sign = ">=" if self.is_floor else "<="
        return f"{sign} {self.bound:g}" + (" x limit" if self.of == "ratio" else "")

    def is_met(self, value: float, ratio: float | None) -> bool:
        """Compare; a ratio that could not be measured is not met."""
        measured = value if self.of == "value" else ratio
        if measured is None:
            return False
        return measured >= self.bound if self.is_floor else measured <= self.bound


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to measure.

    Attributes:
        name: As ``--only`` takes it.
        unit: Of value and limit.
        units: Of the lines that have another.
        targets: By name of the line, None where nothing is asked for; a figure may print several lines.
        measure: Takes one sample a line, in a folder on the disk to measure, of the sizes that its benchmark has.
        is_large: Left out unless asked for.
        most_repeats: Measured so often at most: what takes long and differs little; None = as often as all.
        needs: Packages that it cannot be measured without, as pip knows them; the extra ``bench`` has them.
    """

    name: str
    unit: str
    targets: dict[str, Target | None]
    measure: Callable[[Path, Any], dict[str, Sample]]
    units: dict[str, str] = {}
    is_large: bool = False
    most_repeats: int | None = None
    needs: tuple[str, ...] = ()


class Skipped(msgspec.Struct, frozen=True, kw_only=True):
    """Stands in the output for a figure that could not be measured.

    Attributes:
        ok: False when something was asked for, which nobody knows now; None otherwise.
    """

    name: str
    skipped: str
    ok: bool | None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the output; medians of all repeats, and the extremes.

    Attributes:
        target: For people; None when the sizes are not those that the target is for.
        ratio: ``value / limit``, the median over the repeats of what was measured side by side.
        ok: Whether the target is met; None without one.
    """

    name: str
    value: float
    unit: str
    target: str | None
    limit: float | None
    ratio: float | None
    ok: bool | None
    repeats: int
    min: float
    max: float
    cpu_s: float | None
    limit_cpu_s: float | None


def judge(name: str, unit: str, target: Target | None, samples: list[Sample]) -> Line:
    """Sum up the samples of one line.

    Args:
        name: The line's name.
        unit: Of its value and limit.
        target: None = nothing is asked for.
        samples: One or more.
    """
    values = [sample.value for sample in samples]
    value = statistics.median(values)
    limit = _median([sample.limit for sample in samples])
    ratio = _median([sample.value / sample.limit if sample.limit else None for sample in samples])
    return Line(
        name=name,
        value=_short(value),
        unit=unit,
        target=str(target) if target is not None else None,
        limit=_short(limit) if limit is not None else None,
        ratio=_short(ratio) if ratio is not None else None,
        ok=target.is_met(value, ratio) if target is not None else None,
        repeats=len(samples),
        min=_short(min(values)),
        max=_short(max(values)),
        cpu_s=_median([sample.cpu_s for sample in samples]),
        limit_cpu_s=_median([sample.limit_cpu_s for sample in samples]),
    )


def _median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(statistics.median(known), 6) if known else None


def _short(value: float) -> float:
    """Four digits are more than a shared machine can tell apart."""
    return float(f"{value:.4g}")
