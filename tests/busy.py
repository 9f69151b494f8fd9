"""What the slices of tests allow for the rest of the machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

BUSY = 4
"""How many times what is promised may take in a slice: it runs beside another worker of pytest, and whoever else is there.

A slice so sees what waits for a time-out, not what has become slower. The full form, alone on a machine, holds the promise.
"""

BEGUN_S = 1.0
"""A time-out that ends no body before it has begun: it counts from the grant, and a thread of a busy machine may come later."""

TRIES = 10

COMMAND_S = 120.0
"""A process that has not ended by then hangs: its imports alone take seconds where several others want the same cores."""


def begun_in_time(play: Callable[[], T], has_begun: Callable[[T], bool]) -> T:
    """Play what a time-out ends until it has ended a body, and not a thread or a process on its way to one.

    Args:
        play: Plays it, to its end.
        has_begun: Whether, as it was played, the body had begun when its time was over.

    Returns:
        What ``play`` gave.
    """
    for _ in range(TRIES):
        played = play()
        if has_begun(played):
            return played
    raise AssertionError(f"of {TRIES} bodies none has begun within its time")
