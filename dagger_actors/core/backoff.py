"""Restart back-off: how long a child that keeps failing waits before it is started again.

The n-th consecutive restart waits ``min_us * factor ** (n - 1)``, at most ``max_us``. Jitter only shortens that, so
children that failed together part also where their delays have reached ``max_us``, and nothing waits longer than it says.
"""

from __future__ import annotations

import math

import msgspec

__all__ = ["BackOff", "carry_over", "delay_us"]


class BackOff(msgspec.Struct, frozen=True, kw_only=True):
    """How long a child waits before each restart.

    Attributes:
        min_us: The delay before the first restart, without jitter; 1 or more.
        max_us: No delay is longer; not less than ``min_us``.
        factor: By how much each further consecutive delay is longer; 1 or more.
        jitter: The part of a delay, from 0 to 1, by which chance may shorten it.
        reset_us: After so long up, the next restart counts as the first one again; 0 or more, 0 = always.
    """

    min_us: int
    max_us: int
    factor: float = 2.0
    jitter: float = 0.0
    reset_us: int

    def complaints(self) -> list[str]:
        """What is wrong with it: one sentence each."""
        wrong = []
        if self.min_us < 1:
            wrong.append(f"min_us is {self.min_us}, it must be 1 or more")
        if self.max_us < self.min_us:
            wrong.append(f"max_us is {self.max_us}, it must not be less than min_us, {self.min_us}")
        # `not` a comparison, for nan is neither more nor less.
        if not 1 <= self.factor < math.inf:
            wrong.append(f"factor is {self.factor}, it must be a number of 1 or more")
        if not 0 <= self.jitter <= 1:
            wrong.append(f"jitter is {self.jitter}, it must be from 0 to 1")
        if self.reset_us < 0:
            wrong.append(f"reset_us is {self.reset_us}, it must be 0 or more")
        return wrong


def carry_over(back_off: BackOff | None, restarts: int, up_us: int) -> int:
    """Tell how many of a child's consecutive restarts still count once it is gone again.

    Args:
        back_off: None = none do.
        restarts: Those before; 0 or more.
        up_us: How long the child was up since the last of them; 0 when it did not start.

    Returns:
        All, or 0 when it was up long enough to begin anew.
    """
    return 0 if back_off is None or up_us >= back_off.reset_us else restarts


def delay_us(back_off: BackOff | None, nth: int, chance: float) -> int:
    """Tell how long to wait before a restart.

    Args:
        back_off: None = not at all.
        nth: Which consecutive restart it is, from 1.
        chance: Drawn evenly from 0 to 1, 1 excluded; 0 = the whole delay.

    Returns:
        Microseconds, from 0 to ``back_off.max_us``.
    """
    if back_off is None:
        return 0
    try:
        grown = back_off.min_us * back_off.factor ** (nth - 1)
    except OverflowError:  # beyond 1e308 it is beyond any max_us
        grown = back_off.max_us
    return round(min(grown, back_off.max_us) * (1 - back_off.jitter * chance))
