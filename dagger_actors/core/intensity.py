"""Restart intensity, as OTP defines it."""

from __future__ import annotations

from collections import deque

__all__ = ["record_restart"]


def record_restart(restarts: deque[int], now_us: int, *, intensity: int, period_us: int) -> bool:
    """Record one restart and tell whether the supervisor must give up; in constant time, but for what is forgotten.

    Args:
        restarts: Earlier restart times, newest first, on a monotonic clock; becomes those inside the window, this one
            included.
        now_us: Time of this restart on the same clock; not before ``restarts[0]``.
        intensity: Restarts tolerated inside one period; 0 or more.
        period_us: Length of the sliding window, both ends included; more than 0.

    Returns:
        Whether those inside the window outnumber ``intensity``.

    Source: OTP ``supervisor``, "Maximum Restart Intensity".
    """
    while restarts and now_us - restarts[-1] > period_us:
        restarts.pop()
    restarts.appendleft(now_us)
    return len(restarts) > intensity
