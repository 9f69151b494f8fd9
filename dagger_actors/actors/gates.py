"""All gates of a system: opened, and asked which bodies are behind them."""

from __future__ import annotations

import weakref
from collections.abc import Callable

from dagger_actors.actors.gate import Gate
from dagger_actors.actors.line import Line, Share
from dagger_actors.actors.ticket import Ticket
from dagger_actors.core.protocols import Clock, Slots

__all__ = ["Gates"]


class Gates:
    """All gates of a system.

    Args:
        slots: The slot file.
        clock: For the time of the start.
        threads: Bodies on threads at once, abandoned ones apart.
        processes: Bodies in worker processes at once; an abandoned one is being killed and counts no more.
        abandoned_limit: From so many abandoned bodies on threads upwards, ``is_refusing``.
    """

    def __init__(
        self, *, slots: Slots, clock: Clock, threads: int = 64, abandoned_limit: int = 32, processes: int = 1
    ) -> None:
        self._line = Line(slots=slots, clock=clock, threads=threads, processes=processes)
        self._abandoned_limit = abandoned_limit
        # Weakly: a gate lives as long as some body actor of its run, and so as long as some body.
        self._gates: weakref.WeakSet[Gate] = weakref.WeakSet()

    @property
    def abandoned(self) -> int:
        """Bodies that still run on threads though their attempt has ended."""
        return self._line.abandoned

    @property
    def are_idle(self) -> bool:
        """Whether no body runs, and the ends of all are committed; any thread."""
        return not self._line.held

    def waiting_for_threads(self) -> int:
        """Bodies that would start now if a thread were free; 0 while one is."""
        return self._line.waiting_for_threads()

    def is_refusing(self) -> bool:
        """Tell whether too many threads are abandoned to start another body on one.

        A body that starts only while this is False finds a thread in a pool of ``threads + abandoned_limit``, whatever
        times out.
        """
        return self._line.abandoned >= self._abandoned_limit

    def bodies(self) -> list[str]:
        """Name the bodies on threads that have not ended, abandoned ones among them."""
        with self._line.lock:
            found = [(gate, ticket) for gate in self._gates for ticket in gate.bodies() if ticket.is_thread]
        return [gate.name(ticket) for gate, ticket in found]

    def holders(self) -> dict[Ticket, str]:
        """Name the bodies that hold threads, by their tickets; abandoned ones hold none that others wait for."""
        with self._line.lock:
            found = [
                (gate, ticket)
                for gate in self._gates
                for ticket in gate.bodies()
                if ticket.is_thread and ticket.state == "admitted"
            ]
        return {ticket: gate.name(ticket) for gate, ticket in found}

    def open(
        self,
        run_key: int,
        *,
        limit: int,
        on_started: Callable[[], None],
        name: Callable[[Ticket], str] = repr,
        share: Share | None = None,
        holds: bool = True,
    ) -> Gate:
        """Make the gate of a run.

        Args:
            run_key: The run, for whoever looks at the gate in a debugger or a log.
            limit: Attempts of it that run at once; 1 or more.
            on_started: Called, by any thread and outside of the lock, when ``take_started`` has something again.
            name: Names a body of it for people.
            share: Places that it shares with other gates; None = with none.
            holds: Whether an end that is no success holds it: for bodies whose successors depend on that.
        """
        assert limit >= 1
        gate = Gate(
            self._line,
            run_key=run_key,
            limit=limit,
            on_started=on_started,
            name=name,
            share=share,
            holds=holds,
        )
        with self._line.lock:
            self._gates.add(gate)
        return gate
