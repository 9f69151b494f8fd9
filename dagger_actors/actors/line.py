"""What all gates of a system share, and the line of gates that wait for it.

Shared are the threads for bodies, the worker processes, the records of the slot file, and the places of a ``Share``. Gates
that want some of it get it in turns, one ticket each, so that one wide run cannot starve another.

One lock for all gates, held for some microseconds: a body's end, its record and the next admission are one step, so no
failure is ever followed by a start that its supervisor did not want. Nothing is called under the lock but the clock and
the slots; what was admitted is scheduled behind it, by ``emit``.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

from dagger_actors.actors.ticket import Ticket
from dagger_actors.core.protocols import Clock, Slots

__all__ = ["Admission", "Line", "Share", "Waiting", "emit"]

logger = logging.getLogger("dagger_actors.actors")

Admission = tuple[Ticket, Callable[[], None] | None]
"""A ticket that was let in, and whom to call because of it."""


class Share:
    """Places that several gates share; read and changed under their lock.

    Args:
        places: Bodies at once; 1 or more.
    """

    __slots__ = ("free",)

    def __init__(self, places: int) -> None:
        self.free = places


class Waiting(Protocol):
    """What the line knows of a gate; the lock is held whenever it asks.

    Attributes:
        is_sharing: Whether it shares places with other gates.
        is_waiting: Whether it stands in the line.
    """

    is_sharing: bool
    is_waiting: bool

    @property
    def queued_for_threads(self) -> int:
        """Bodies on threads that wait there, whatever for."""

    def wants(self) -> bool:
        """Tell whether it would admit a ticket if what is shared allowed it."""

    def first(self, *, may_thread: bool, may_process: bool) -> Ticket | None:
        """Look at the ticket that goes next."""

    def enter(self, ticket: Ticket) -> Callable[[], None] | None:
        """Move what ``first`` has shown inside; gives whom to call because of it."""


class Line:
    """Admits tickets while what is shared lasts.

    Args:
        slots: The slot file.
        clock: For the time of the start.
        threads: Bodies on threads at once, abandoned ones apart.
        processes: Bodies in worker processes at once; an abandoned one is being killed and counts no more.

    Attributes:
        lock: That of all gates. Whatever takes ``admitted``, and all else but ``waiting_for_threads``, is called under it.
        slots: The slot file.
        queued_processes: Tickets for processes that wait, at any gate.
        abandoned: Bodies that still run on threads though their attempt has ended.
        held: Records of the slot file that are taken: bodies that run, or whose end is not committed.
    """

    def __init__(self, *, slots: Slots, clock: Clock, threads: int, processes: int) -> None:
        self.lock = threading.Lock()
        self.slots = slots
        self.queued_processes = 0
        self.abandoned = 0
        self.held = 0
        self._clock = clock
        self._free_threads = threads
        self._free_processes = processes
        # Gates that want something shared, in the order they will get it. All slots taken = nobody gets anything.
        self._waiting: deque[Waiting] = deque()
        self._is_slotless = False

    def waiting_for_threads(self) -> int:
        """Bodies that would start now if a thread were free; 0 while one is."""
        with self.lock:
            if self._free_threads > 0:
                return 0
            return sum(gate.queued_for_threads for gate in self._waiting if gate.wants())

    def fill(self, gate: Waiting, admitted: list[Admission], now_us: int | None = None) -> None:
        """Admit from one gate what can be, and let it wait in line for what is shared.

        Args:
            gate: Where something has changed.
            admitted: What is admitted is added here, for ``emit``.
            now_us: The wall time, when the caller has just read it.
        """
        is_wanting = gate.wants()
        while is_wanting and not self._is_slotless:
            # Who waits in line for what is shared goes before who asks only now.
            is_first = not self._waiting
            if gate.is_sharing and not is_first:
                break
            ticket = gate.first(
                may_thread=is_first and self._free_threads > 0, may_process=is_first and self._free_processes > 0
            )
            if ticket is None:
                break
            self._admit(gate, ticket, admitted, now_us)
            is_wanting = gate.wants()
        if is_wanting and not gate.is_waiting:
            gate.is_waiting = True
            self._waiting.append(gate)
        # (A free process is worth a look along the line only when somebody waits for one.)
        has_room = self._free_threads > 0 or (self.queued_processes and self._free_processes > 0)
        if self._waiting and (has_room or gate.is_sharing):
            self._serve(admitted)

    def give_back(self, ticket: Ticket, *, abandoned: bool = False) -> None:
        """Count a body as ended, or as abandoned."""
        if ticket.is_thread:
            self._free_threads += 1
            self.abandoned += abandoned
        elif ticket.is_process:
            self._free_processes += 1

    def free_slot(self, ticket: Ticket, admitted: list[Admission]) -> None:
        """Give a record back."""
        self.slots.free(ticket.slot)
        self.held -= 1
        ticket.slot = -1
        if self._is_slotless:
            self._is_slotless = False
            self._serve(admitted)

    def leave(self, gate: Waiting) -> None:
        """Take a gate out of the line."""
        if gate.is_waiting:
            gate.is_waiting = False
            self._waiting.remove(gate)

    def _serve(self, admitted: list[Admission]) -> None:
        """Give what is shared to those that wait in line, one ticket each, until nobody can take any."""
        passed = 0
        while passed < len(self._waiting) and not self._is_slotless:
            gate = self._waiting.popleft()
            gate.is_waiting = False
            if not gate.wants():
                continue
            ticket = gate.first(may_thread=self._free_threads > 0, may_process=self._free_processes > 0)
            if ticket is None:
                passed += 1
            elif self._admit(gate, ticket, admitted):
                passed = 0
            else:
                gate.is_waiting = True
                self._waiting.appendleft(gate)  # the record was for it
                return
            if gate.wants():
                gate.is_waiting = True
                self._waiting.append(gate)

    def _admit(self, gate: Waiting, ticket: Ticket, admitted: list[Admission], now_us: int | None = None) -> bool:
        started_us = self._clock.now().wall_us if now_us is None else now_us
        slot = self.slots.start(ticket.run_key, ticket.node, ticket.item, ticket.attempt, started_us)
        if slot < 0:
            self._is_slotless = True
            return False
        self.held += 1
        ticket.slot = slot
        ticket.started_us = started_us
        ticket.state = "admitted"
        if ticket.is_thread:
            self._free_threads -= 1
        elif ticket.is_process:
            self._free_processes -= 1
        admitted.append((ticket, gate.enter(ticket)))
        return True


def emit(admitted: list[Admission], ended: Ticket | None = None) -> None:
    """Schedule what was admitted; outside of the lock.

    Args:
        admitted: As ``Line.fill`` filled it.
        ended: Whose end made room; its thread takes the next body itself.
    """
    worker = ended.dispatcher if ended is not None and (ended.is_thread or ended.is_process) else None
    for ticket, woken in admitted:
        # A ticket is admitted for good: whatever the callbacks do, its body must get its turn.
        on_admit = ticket.on_admit
        if on_admit is not None:
            ticket.on_admit = None  # it may refer to the actor, and that to the ticket
            _call(on_admit, ticket)
        dispatcher = ticket.dispatcher
        try:
            dispatcher.schedule(ticket.runnable, here=dispatcher is worker)
        except Exception:  # the next ticket must not pay for it
            logger.exception("%r was admitted and got no turn", ticket)
        if woken is not None:
            _call(woken)


def _call(function: Callable[..., None], *arguments: object) -> None:
    try:
        function(*arguments)
    except Exception:  # the next ticket must not pay for it
        logger.exception("after an admission, %r failed", function)
