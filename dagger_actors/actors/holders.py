"""Looks whether the bodies of nodes and tasks hold all threads of the system, while others wait for one."""

from __future__ import annotations

import logging
from collections.abc import Callable

from dagger_actors.actors.gates import Gates
from dagger_actors.actors.ticket import Ticket
from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.wording import listed

__all__ = ["ThreadHolders"]

logger = logging.getLogger("dagger_actors.actors")

POOL = "bodies"


class ThreadHolders:
    """Looks at the bodies on threads.

    Args:
        gates: Know who holds a thread, and whether one is free.
        now_us: The monotonic clock, microseconds.

    Attributes:
        after_us: How long all threads may be held before it is told, in microseconds.
    """

    def __init__(self, gates: Gates, now_us: Callable[[], int]) -> None:
        self.after_us = 10_000_000
        self._gates = gates
        self._now_us = now_us
        self._since: dict[Ticket, int] = {}
        self._is_told = False

    def look(self) -> None:
        """Look once; always the same thread calls this."""
        waiting = self._gates.waiting_for_threads()
        now_us = self._now_us()
        names = self._gates.holders() if waiting else {}
        before, self._since = self._since, {}
        for ticket in names:
            self._since[ticket] = before.get(ticket, now_us)
        held_us = min((now_us - since for since in self._since.values()), default=0)
        if names and held_us >= self.after_us:
            if not self._is_told:
                self._is_told = True
                self._tell(tuple(names.values()), waiting, held_us / 1e6)
        elif self._is_told:
            self._is_told = False
            logger.warning("the threads for bodies go on", extra=LogFields(pool=POOL))

    def _tell(self, holders: tuple[str, ...], waiting: int, seconds: float) -> None:
        logger.warning(
            "%d bodies have held all threads for %.3g s, and %s for one: %s; write bodies that wait `async`, and give those "
            "that compute `isolation: process`",
            len(holders),
            seconds,
            "1 more waits" if waiting == 1 else f"{waiting:,} more wait",
            listed(holders),
            extra=LogFields(pool=POOL, holders=holders, waiting=waiting, seconds=seconds),
        )
