"""Looks around now and then: for what nobody tells of, because it does not happen."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable

from dagger_actors.core.protocols import Clock, Timers
from dagger_actors.errors import SystemClosed

__all__ = ["Lookout"]

logger = logging.getLogger("dagger_actors.actors")

KEY = ("watch", "lookout")
"""The first word says to the test kit that this timer alone is no reason for time to pass."""


class Lookout:
    """One timer that goes on and on, and what is looked at each time.

    Args:
        timers: Whose thread looks; so a look must not block.
        clock: The time.
        every_us: Between two looks, in microseconds.
        looks: What is called.
    """

    def __init__(self, timers: Timers, clock: Clock, *, every_us: int, looks: tuple[Callable[[], None], ...]) -> None:
        self._timers = timers
        self._clock = clock
        self._every_us = every_us
        self._looks = looks

    def start(self) -> None:
        """Look for the first time after one interval; until the timers are closed."""
        with contextlib.suppress(SystemClosed):
            self._timers.set(KEY, self._clock.now().mono_us + self._every_us, self._look)

    def _look(self) -> None:
        for look in self._looks:
            try:
                look()
            except Exception:  # the next one is as important
                logger.exception("a look at what does not happen failed")
        self.start()
