"""Bounds and words of a task agent's options, wherever they are given: in a class, in a system file."""

from __future__ import annotations

import re
from typing import Final, Literal, get_args

__all__ = [
    "DURABILITIES",
    "ISOLATIONS",
    "MAX_BURST",
    "MAX_CONCURRENCY",
    "MAX_OPEN",
    "MAX_PATH",
    "MAX_PER_KEY",
    "MAX_RATE",
    "MAX_TASK_SECONDS",
    "OVERFLOWS",
    "RATE",
    "Durability",
    "Isolation",
    "Overflow",
    "rate_of",
]

Overflow = Literal["block", "reject"]
Isolation = Literal["thread", "async", "process"]
Durability = Literal["at_least_once", "best_effort", "at_most_once"]
"""``best_effort`` is an alias of ``at_least_once``."""

OVERFLOWS: Final[tuple[str, ...]] = get_args(Overflow)
ISOLATIONS: Final[tuple[str, ...]] = get_args(Isolation)
DURABILITIES: Final[tuple[str, ...]] = get_args(Durability)

MAX_CONCURRENCY: Final = 10_000
MAX_OPEN: Final = 10_000_000
"""Open tasks of one agent."""
MAX_PER_KEY: Final = 10_000
MAX_BURST: Final = 1_000_000
MAX_RATE: Final = 1_000_000
"""Tasks a second."""
MAX_TASK_SECONDS: Final = 366 * 86_400
MAX_PATH: Final = 200
"""Characters of a path of fields."""

RATE: Final = r"[0-9]{1,12}(\.[0-9]{1,6})? ?/ ?(s|min|h)"
"""A rate as it is written: ``10/s``, ``600/min``, ``5/h``."""

UNITS: Final = {"s": 1.0, "min": 60.0, "h": 3600.0}


def rate_of(text: str) -> float | None:
    """Read a rate.

    Returns:
        Tasks a second, more than 0 and at most ``MAX_RATE``; None when it is no such rate.
    """
    if not re.fullmatch(RATE, text):
        return None
    count, _, unit = text.partition("/")
    rate = float(count) / UNITS[unit.strip()]
    return rate if 0 < rate <= MAX_RATE else None
