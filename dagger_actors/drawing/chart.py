"""What a Gantt picture shows, before it is drawn: rows of segments on one axis of time. Pure.

As in ``picture``, every text is one visible line of bounded length.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

__all__ = ["Chart", "Row", "Segment", "SegmentKind", "at_once", "tick_label", "ticks"]

SegmentKind = Literal["waiting", "running", "retry", "outside"]
"""For a place, at work, for the next try, for somebody outside: a person, a message."""

SECOND, DAY = 1_000_000, 86_400_000_000
STEPS_US = (
    *(digit * 10**power for power in range(6) for digit in (1, 2, 5)),
    *(
        SECOND * step
        for step in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200)
    ),
    *(DAY * digit * 10**power for power in range(6) for digit in (1, 2, 5)),
)
MOST_TICKS = 9
UNITS = ((DAY, "d"), (3600 * SECOND, "h"), (60 * SECOND, "min"), (SECOND, "s"))


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of time; microseconds UTC.

    Attributes:
        state: How an attempt that is at work here ended, or ``running``; empty for what waits.
        told: For a closer look.
    """

    kind: SegmentKind
    start_us: int
    end_us: int
    state: str = ""
    told: str = ""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the picture.

    Attributes:
        title: Its name.
        state: The state that stands behind it; empty for a row of many.
        note: How long it took, how often it was tried, how many there are.
        segments: In the order of time.
        is_many: Whether the segments are of several invocations: then it shows how many are at work at once.
        is_item: Whether it belongs to the row of many above it.
    """

    title: str
    state: str
    note: str
    segments: tuple[Segment, ...]
    is_many: bool = False
    is_item: bool = False


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """A whole picture; times are microseconds UTC."""

    title: str
    subtitle: str
    start_us: int
    end_us: int
    rows: tuple[Row, ...]


def ticks(length_us: int) -> list[int]:
    """Places of an axis that people read well: at most ``MOST_TICKS`` of them behind the first, from 0.

    Args:
        length_us: Of the axis, microseconds; more than 0.
    """
    step = next((one for one in STEPS_US if one * MOST_TICKS >= length_us), length_us)
    return list(range(0, length_us + 1, step))


def tick_label(us: int) -> str:
    """Write a place of an axis: ``0``, ``2.5 ms``, ``30 s``, ``1 min 30 s``, ``4 d``; exact, without parts that are 0.

    Args:
        us: Microseconds from its beginning, a multiple of a step of ``ticks``.
    """
    if us < SECOND:
        return f"{us / 1000:g} ms" if us else "0"
    if us < 60 * SECOND:
        return f"{us / SECOND:g} s"
    parts, rest = [], us
    for size, unit in UNITS:
        count, rest = divmod(rest, size)
        parts += [f"{count} {unit}"] if count else []
    return " ".join(parts)


def at_once(segments: Iterable[Segment], start_us: int, end_us: int, bins: int) -> Sequence[float]:
    """How many of the segments at work there are at once, on the average of each of so many equal stretches of time."""
    width = max(1.0, (end_us - start_us) / bins)
    found = [0.0] * bins
    whole = [0.0] * (bins + 1)  # differences: a segment covers all but its first and last stretch wholly
    for one in segments:
        if one.kind != "running":
            continue
        first, last = (one.start_us - start_us) / width, (one.end_us - start_us) / width
        left, right = min(bins - 1, int(first)), min(bins - 1, int(last))
        if left == right:
            found[left] += last - first
            continue
        found[left] += left + 1 - first
        found[right] += last - right
        whole[left + 1] += 1
        whole[right] -= 1
    covering = 0.0
    for number in range(bins):
        covering += whole[number]
        found[number] += covering
    return found
