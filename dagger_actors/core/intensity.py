"""Restart intensity, as OTP defines it."""

from __future__ import annotations

__all__ = ["record_restart"]


def record_restart(
    restarts: tuple[int, ...], now_us: int, *, intensity: int, period_us: int
) -> tuple[tuple[int, ...], bool]:
    """Record one restart and tell whether the supervisor must give up.

    Args:
        restarts: Earlier restart times, newest first, on a monotonic clock.
        now_us: Time of this restart on the same clock; not before ``restarts[0]``.
        intensity: Restarts tolerated inside one period; 0 or more.
        period_us: Length of the sliding window, both ends included; more than 0.

    Returns:
        The times still inside the window, newest first, and whether they outnumber ``intensity``.

    Source: OTP ``supervisor``, "Maximum Restart Intensity".
    """
    recent = (now_us, *(time for time in restarts if now_us - time <= period_us))
    return recent, len(recent) > intensity
