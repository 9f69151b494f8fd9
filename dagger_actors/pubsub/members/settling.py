"""When a member has been quiet: then floors that lag behind are written, and keys for which nothing comes leave the memory."""

from __future__ import annotations

from collections.abc import Callable

from dagger_actors.core.protocols import Clock, Timers

__all__ = ["Settling"]

SETTLE_US = 100_000
"""How long it is quiet until the floors that lag behind are written."""

IDLE_US = 20_000_000
"""How often it is seen to that keys for which nothing comes leave the memory."""


class Settling:
    """Has the supervisor woken for it, once at a time.

    Args:
        clock: The time.
        timers: One-shot timers.
        wake: Called when it is time; must not block.
    """

    def __init__(self, clock: Clock, timers: Timers, wake: Callable[[], None]) -> None:
        self._clock = clock
        self._timers = timers
        self._wake = wake
        self._due_us: int | None = None

    def arm(self, *, is_settled: bool) -> None:
        """Wake the supervisor in a while, or sooner than was meant.

        Args:
            is_settled: Whether no floor lags behind, so that there is time.
        """
        due_us = self._clock.now().mono_us + (IDLE_US if is_settled else SETTLE_US)
        if self._due_us is None or due_us < self._due_us - SETTLE_US:
            self._due_us = due_us
            self._timers.set((id(self), "settle"), due_us, self._wake)

    def woken(self) -> None:
        """It was time."""
        self._due_us = None
