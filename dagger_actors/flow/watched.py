"""What a look at the file means for flows: commands for runs of ours, and runs that nobody runs any more."""

from __future__ import annotations

from dagger_actors.flow.hub import FlowHub
from dagger_actors.flow.recovery import Recovery

__all__ = ["WatchedFlows"]

CLOSE_US = 20_000
"""The pace while a run of ours is active and another process is there, which may be about to cancel it."""

QUICK_US = 50_000
SLOW_US = 500_000


class WatchedFlows:
    """Implements ``watch.Watched``.

    Args:
        hub: Keeps the runs that are open here.
        recovery: Obeys and takes over.
    """

    def __init__(self, hub: FlowHub, recovery: Recovery) -> None:
        self._hub = hub
        self._seen: set[int] = set()
        self._recovery = recovery

    def pace_us(self, *, has_neighbours: bool) -> int:
        """How long it can go without a look."""
        if not self._hub.active:
            return SLOW_US
        return CLOSE_US if has_neighbours else QUICK_US

    def look(self) -> None:
        """Obey what is wanted of runs of ours."""
        if self._hub.active:
            self._recovery.obey_commands(self._seen)

    def take_over(self, stalled: frozenset[int]) -> None:
        """Take over what nobody runs any more."""
        self._recovery.take_over(stalled)
