"""What a look at the file means for flows: commands for runs of ours, runs that nobody runs any more, answers of people."""

from __future__ import annotations

import contextlib
import logging
from functools import partial
from typing import Final

from dagger_actors.core.log_fields import LogFields
from dagger_actors.errors import StoreError, SystemClosed
from dagger_actors.flow.running.active import ActiveRun
from dagger_actors.flow.running.hub import FlowHub
from dagger_actors.flow.running.recovery import Recovery

__all__ = ["WatchedFlows"]

logger = logging.getLogger("dagger_actors.flow")

CLOSE_US = 20_000
"""The pace while a run of ours is active and another process is there, which may be about to cancel it."""

QUICK_US = 50_000
PATIENT_US = 120_000
"""While all that is active waits: for a retry, or for what comes from outside. A cancel is promised within 150 ms."""

SLOW_US = 500_000

LONGEST_US: Final = 3_600_000_000
"""The wall clock may be set meanwhile, so nothing is waited for any longer at a stretch."""

AGAIN_US: Final = 1_000_000
"""How long to wait before the file, which could not be read, is asked again."""


class WatchedFlows:
    """Implements ``watch.Watched``.

    Args:
        hub: Keeps the runs that are open here.
        recovery: Obeys and takes over.
        wakes: Whether runs that rest because people are asked go on here, once one has answered or was asked for long enough.
    """

    def __init__(self, hub: FlowHub, recovery: Recovery, *, wakes: bool) -> None:
        self._hub = hub
        self._told: dict[int, ActiveRun] = {}
        self._recovery = recovery
        self._wakes = wakes

    def pace_us(self, *, has_neighbours: bool) -> int:
        """How long it can go without a look."""
        if not self._hub.active:
            return SLOW_US
        if self._hub.is_waiting:
            return PATIENT_US
        return CLOSE_US if has_neighbours else QUICK_US

    def look(self) -> None:
        """Obey what is wanted of runs of ours, and hear what people have answered; who follows a run looks for himself."""
        self._hub.happenings.look()
        if self._hub.active:
            self._recovery.obey_commands(self._told)
            self._hub.people.look()
            self._hub.children.look()
        if self._wakes:
            self._wake()

    def take_over(self, stalled: frozenset[int]) -> None:
        """Take over what nobody runs any more."""
        self._recovery.take_over(stalled)

    def _wake(self) -> None:
        now = self._hub.runtime.clock.now()
        try:
            next_us = self._recovery.wake()
        except StoreError as error:
            logger.warning("who has answered cannot be looked up: %s", error, extra=LogFields(reason=str(error)))
            next_us = now.wall_us + AGAIN_US
        if next_us is None:
            return
        due_us = now.mono_us + min(max(0, next_us - now.wall_us), LONGEST_US)
        with contextlib.suppress(SystemClosed):
            # Everything that is asked for anew is a change of the file, so this is always armed for the first.
            self._hub.runtime.timers.set((id(self), "people"), due_us, partial(self._hub.errand, self._wake))
