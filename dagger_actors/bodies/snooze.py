"""What a body may return instead of a result: not now."""

from __future__ import annotations

import math

import msgspec

__all__ = ["MAX_SECONDS", "Snooze", "is_seconds"]

MAX_SECONDS = 366 * 86_400
"""A year: the longest that anything is put off."""

SOONEST_US = 10_000
"""Ten milliseconds: what is put off for ever takes a hundred turns a second, and leaves the disk and a core to others."""


class Snooze(msgspec.Struct, frozen=True, tag="snooze"):
    """Returned by the body of a task or by a handler of a subscriber: not now, again in so many seconds.

    It counts as no try, and nothing that the attempt did is committed.

    Attributes:
        seconds: 0 to a year; less than 0.01 counts as that.

    Raises:
        ValueError: It is something else.
    """

    seconds: float

    def __post_init__(self) -> None:
        if not is_seconds(self.seconds):
            raise ValueError(f"Snooze takes seconds from 0 to {MAX_SECONDS:,}, not {self.seconds!r}")

    @property
    def delay_us(self) -> int:
        """After how many microseconds it is done again."""
        return max(SOONEST_US, round(self.seconds * 1e6))


def is_seconds(value: object) -> bool:
    """Tell whether something is seconds, 0 to a year."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return is_number and 0 <= value <= MAX_SECONDS  # type: ignore[operator]
