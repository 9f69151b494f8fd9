"""Looks whether handlers that wait hold all threads of a pool, while the messages of other actors wait for one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from dagger_actors.actors.dispatcher import ThreadDispatcher
from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.wording import listed

if TYPE_CHECKING:
    from dagger_actors.actors.dispatcher import Overload
    from dagger_actors.core.protocols import Dispatcher
    from dagger_actors.supervised.stuck import Alarm

__all__ = ["Crowding"]

logger = logging.getLogger("dagger_actors.actors")

ADVICE = {
    "shared": 'handlers that wait belong into a class with `dispatcher = "blocking"`, or are written `async`',
    "blocking": "write handlers that wait `async`, or give long work to a flow's node with `isolation: process`",
}


class Crowding:
    """Looks at the pools of threads for actors.

    Args:
        dispatchers: By name; those that are no pool of threads are not looked at.
        alarm: Knows since when each thread holds what it holds; its look comes first.
        now_us: The monotonic clock, microseconds.

    Attributes:
        after_us: How long all threads of a pool may be held before it is told, in microseconds.
    """

    def __init__(self, dispatchers: Mapping[str, Dispatcher], alarm: Alarm, now_us: Callable[[], int]) -> None:
        self.after_us = 10_000_000
        self._pools = {name: one for name, one in dispatchers.items() if isinstance(one, ThreadDispatcher)}
        self._alarm = alarm
        self._now_us = now_us
        self._told: set[str] = set()

    def look(self) -> None:
        """Look at each; always the same thread calls this."""
        for name, pool in self._pools.items():
            overload = pool.overload()
            held_us = 0 if overload is None else self._held_us(overload)
            if overload is not None and held_us >= self.after_us:
                if name not in self._told:
                    self._told.add(name)
                    self._tell(name, overload, held_us / 1e6)
            elif name in self._told:
                self._told.remove(name)
                logger.warning("the pool %r of threads goes on", name, extra=LogFields(pool=name))

    def _held_us(self, overload: Overload) -> int:
        """How long none of its threads has had anything else, as far as was looked."""
        held = [self._alarm.held.get(thread) for thread in overload.threads]
        now_us = self._now_us()
        return min(0 if one is None else now_us - one.since_us for one in held)

    def _tell(self, name: str, overload: Overload, seconds: float) -> None:
        holders = tuple(self._holder(thread) for thread in overload.threads)
        fields = LogFields(pool=name, holders=holders, waiting=overload.waiting, seconds=seconds)
        logger.warning(
            "all %d threads of the pool %r have been held for %.3g s, and %s for one: %s; %s",
            len(holders),
            name,
            seconds,
            "1 more actor waits" if overload.waiting == 1 else f"{overload.waiting:,} more actors wait",
            listed(holders),
            ADVICE.get(name, ""),
            extra=fields,
        )

    def _holder(self, thread: int) -> str:
        handler = self._alarm.place_of(thread).handler
        name = self._alarm.held[thread].cell.name
        return f"{name} ({handler})" if handler else name
