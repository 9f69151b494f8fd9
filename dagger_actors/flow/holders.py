"""Looks whether bodies of actions hold all threads of the system, while other nodes wait for one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from dagger_actors.actors.gate import Gates, Ticket
from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.wording import listed
from dagger_actors.flow.active import ActiveRun

__all__ = ["ThreadHolders"]

logger = logging.getLogger("dagger_actors.flow")

POOL = "bodies"


class ThreadHolders:
    """Looks at the bodies on threads.

    Args:
        gates: Know whether a thread is free.
        active: The runs that are open here.
        now_us: The monotonic clock, microseconds.

    Attributes:
        after_us: How long all threads may be held before it is told, in microseconds.
    """

    def __init__(self, gates: Gates, active: Mapping[str, ActiveRun], now_us: Callable[[], int]) -> None:
        self.after_us = 10_000_000
        self._gates = gates
        self._active = active
        self._now_us = now_us
        self._since: dict[Ticket, int] = {}
        self._is_told = False

    def look(self) -> None:
        """Look once; always the same thread calls this."""
        waiting = self._gates.waiting_for_threads()
        now_us = self._now_us()
        names = self._names() if waiting else {}
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
            logger.warning("the threads for bodies of actions go on", extra=LogFields(pool=POOL))

    def _names(self) -> dict[Ticket, str]:
        """The bodies that hold threads, by run and node."""
        return {
            actor.ticket: f"{run.run_id}/{run.definition.nodes[actor.ticket.node].id}"
            for run in tuple(self._active.values())
            for actor in tuple(run.emitter.actors.values())
            if actor.ticket.is_thread and actor.ticket.state == "admitted"
        }

    def _tell(self, holders: tuple[str, ...], waiting: int, seconds: float) -> None:
        logger.warning(
            "the bodies of %d nodes have held all threads for %.3g s, and %d more wait for one: %s; "
            "write actions that wait `async`, and give those that compute `isolation: process`",
            len(holders),
            seconds,
            waiting,
            listed(holders),
            extra=LogFields(pool=POOL, holders=holders, waiting=waiting, seconds=seconds),
        )
