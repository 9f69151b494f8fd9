"""Where code starts to run: one gate for each run.

Grants are committed ahead of the limit; their tickets wait here. A gate admits its next ticket while

- it is not held,
- fewer than ``limit`` of its places are taken,
- one of the places that it shares with other gates is free,
- a record of the slot file is free (it is written before the body can start), and
- for a body on a thread: one of the system's ``threads`` is free; for one in a process: one of its ``processes``.

Order is (priority, offered first) in each gate; only a want of threads or processes lets others overtake. What gates share,
and the lock of all of them, is the ``line``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from dagger_actors.actors.line import Admission, Line, Share, emit
from dagger_actors.actors.ticket import Ticket
from dagger_actors.actors.ticket_queue import TicketQueue
from dagger_actors.errors import SystemClosed

__all__ = ["Gate"]

FORGOTTEN_AT_ONCE = 32


class Gate:
    """Where the bodies of one run wait for their start; made by ``Gates.open``, any thread may use it."""

    def __init__(
        self,
        line: Line,
        *,
        run_key: int,
        limit: int,
        on_started: Callable[[], None],
        name: Callable[[Ticket], str],
        share: Share | None,
        holds: bool,
    ) -> None:
        self.run_key = run_key
        self.name = name
        self.is_sharing = share is not None
        self._share = share or Share(limit)
        self._holds_on_failure = holds
        self.is_waiting = False
        self._line = line
        self._lock = line.lock
        self._slots = line.slots
        self._limit = limit
        self._on_started = on_started
        self._queue = TicketQueue()
        self._holds = 0
        self._places = 0  # taken; a body whose end did not fit its record keeps its place until the end is committed
        self._running: dict[Ticket, None] = {}
        self._abandoned: dict[Ticket, None] = {}
        self._started: list[Ticket] = []
        self._is_closed = False

    @property
    def queued_for_threads(self) -> int:
        """Bodies on threads that wait here, whatever for."""
        return len(self._queue.for_threads)

    def offer(self, tickets: Sequence[Ticket]) -> None:
        """Queue tickets whose grants are committed; never blocks.

        Raises:
            SystemClosed: The gate is closed.
        """
        admitted: list[Admission] = []
        with self._lock:
            if self._is_closed:
                raise SystemClosed
            for ticket in tickets:
                assert ticket.state == "queued", ticket
                if ticket.is_process:
                    self._line.queued_processes += 1
                self._queue.put(ticket)
            self._line.fill(self, admitted)
        emit(admitted)

    def hold(self) -> None:
        """Admit nothing until this hold, and every other, is released."""
        with self._lock:
            self._holds += 1

    def release(self, count: int = 1) -> None:
        """Take holds back: those of ``hold``, and one for each end that was no success."""
        admitted: list[Admission] = []
        with self._lock:
            assert self._holds >= count, "released more often than held"
            self._holds -= count
            self._line.fill(self, admitted)
        emit(admitted)

    def reset_holds(self, owed: Collection[Ticket], count: int = 0, dropped: Collection[Ticket] = ()) -> None:
        """Set the number of holds, whatever it was: after its supervisor crashed, nobody knows which are still owed.

        Args:
            owed: Tickets whose ends are still to be decided about; each that has ended as no success holds once.
            count: Holds for ends that have no ticket here; 0 or more.
            dropped: Tickets of attempts that are over though their ends are still to be heard of; those that have ended hold
                nothing.
        """
        admitted: list[Admission] = []
        with self._lock:
            for ticket in dropped:
                if ticket.state != "admitted":
                    ticket.has_failed = False
            self._holds = count + sum(1 for ticket in owed if ticket.state == "ended" and ticket.has_failed)
            self._line.fill(self, admitted)
        emit(admitted)

    def drain(self) -> list[Ticket]:
        """Take all queued tickets out again, unstarted, in the order they would have gone."""
        with self._lock:
            return self._take_all()

    def take_started(self) -> list[Ticket]:
        """Hand over the tickets admitted since the last call; some may have ended already."""
        with self._lock:
            started, self._started = self._started, []
        return started

    def running(self) -> list[Ticket]:
        """List the tickets that were admitted and whose attempt has not ended."""
        with self._lock:
            return list(self._running)

    def begin(self, ticket: Ticket) -> None:
        """Record that the body begins now; for its body actor, right before it does.

        A place alone is no start: of what merely had one when the process died, nothing was cut off.
        """
        with self._lock:  # its record may be given back, and to another attempt, at any moment
            if not self._is_closed and ticket.state == "admitted":
                self._slots.begin(ticket.slot)

    def mark(
        self, ticket: Ticket, run_key: int, item: int, attempt: int | None = None, started_us: int | None = None
    ) -> bool:
        """Record that the body begins one of several pieces of its work now; for its body actor, right before it does.

        Args:
            ticket: An admitted or abandoned one.
            run_key: Names the piece, in the place of the ticket's.
            item: As ``run_key``.
            attempt: As ``run_key``; None = the ticket's, or that of the piece before.
            started_us: As ``attempt``.

        Returns:
            False when it was abandoned: then the piece is not to be begun.
        """
        with self._lock:
            if ticket.state != "admitted":
                return False
            if not self._is_closed:
                self._slots.mark(ticket.slot, run_key, item, attempt, started_us)
            return True

    def end(self, ticket: Ticket, payload: bytes, *, success: bool, now_us: int | None = None) -> None:
        """Record that the body has ended; called by its body actor in the body's thread, before it tells.

        A success admits the next ticket; anything else holds the gate once, in the same step. When the payload does not
        fit the record, the place stays taken until ``forget``: a crash would repeat this attempt. Of an abandoned
        ticket only the thread is given back. After ``close`` nothing is written: the attempt is one that was cut off.

        Args:
            ticket: An admitted or abandoned one.
            payload: The encoded completion message.
            success: Whether the attempt succeeded.
            now_us: The wall time, when the caller has just read it.
        """
        admitted: list[Admission] = []
        with self._lock:
            if ticket.state == "abandoned":
                ticket.state = "done"
                del self._abandoned[ticket]
                if ticket.is_thread:
                    self._line.abandoned -= 1
                return
            assert ticket.state == "admitted", ticket
            is_kept = self._is_closed or self._slots.end(ticket.slot, payload)
            ticket.state = "ended"
            del self._running[ticket]
            if is_kept:
                self._places -= 1
            else:
                ticket.keeps_place = True
            if not success:
                ticket.has_failed = True
                self._holds += self._holds_on_failure
            self._share.free += 1
            self._line.give_back(ticket)
            self._line.fill(self, admitted, now_us)
        if admitted:
            emit(admitted, ticket)

    def abandon(self, ticket: Ticket) -> bool:
        """End the attempt though its body goes on (a time-out, a cancel): its place is free, its thread is not.

        A body that was admitted and has not got its turn yet still gets it: it finds its ticket ``abandoned``. A ticket
        that is still queued, or was drained, will never start.

        Args:
            ticket: Any.

        Returns:
            False when no body of it goes on: it had ended (then its end is on its way), or will never start.
        """
        admitted: list[Admission] = []
        with self._lock:
            if ticket.state == "queued":
                self._withdraw(ticket)
                return False
            if ticket.state != "admitted":
                return ticket.state == "abandoned"
            ticket.state = "abandoned"
            del self._running[ticket]
            self._abandoned[ticket] = None
            self._places -= 1
            self._share.free += 1
            self._line.give_back(ticket, abandoned=True)
            self._line.fill(self, admitted)
        emit(admitted)
        return True

    def forget(self, *tickets: Ticket) -> None:
        """Free their records in the slot file: their ends are committed. Harmless when that was done before."""
        # A few at a time: a commit ends hundreds, and bodies that begin and end need the same lock.
        for first in range(0, len(tickets), FORGOTTEN_AT_ONCE):
            self._forget(tickets[first : first + FORGOTTEN_AT_ONCE])

    def _forget(self, tickets: Sequence[Ticket]) -> None:
        admitted: list[Admission] = []
        with self._lock:
            for ticket in tickets:
                assert ticket.state not in {"queued", "admitted"}, f"{ticket} has no end that could be committed"
                if ticket.state == "ended":
                    ticket.state = "done"
                if ticket.keeps_place:
                    ticket.keeps_place = False
                    self._places -= 1
                if ticket.slot >= 0:
                    self._line.free_slot(ticket, admitted)
            self._line.fill(self, admitted)
        emit(admitted)

    def close(self) -> None:
        """Admit nothing any more and drop what is queued; bodies that run may still end."""
        with self._lock:
            self._is_closed = True
            self._take_all()
            self._line.leave(self)

    def bodies(self) -> list[Ticket]:
        """List the tickets whose bodies have not ended; the lock is held."""
        return [*self._running, *self._abandoned]

    def wants(self) -> bool:
        """Tell whether it would admit a ticket if what is shared allowed it; the lock is held."""
        queue = self._queue
        return (
            self._holds == 0
            and self._places < self._limit
            and bool(queue.for_threads or queue.for_loop or queue.for_processes)
        )

    def first(self, *, may_thread: bool, may_process: bool) -> Ticket | None:
        """Look at the ticket that goes next; the lock is held."""
        if self._share.free <= 0:
            return None
        return self._queue.first(may_thread=may_thread, may_process=may_process)

    def enter(self, ticket: Ticket) -> Callable[[], None] | None:
        """Move the first ticket inside; the lock is held.

        Returns:
            Whom to call because ``take_started`` has something again.
        """
        self._queue.take(ticket)
        if ticket.is_process:
            self._line.queued_processes -= 1
        self._places += 1
        self._share.free -= 1
        self._running[ticket] = None
        self._started.append(ticket)
        return self._on_started if len(self._started) == 1 else None

    def _withdraw(self, ticket: Ticket) -> None:
        ticket.state = "done"
        if self._queue.withdraw(ticket):  # else it was drained, and is counted no more
            self._line.queued_processes -= ticket.is_process

    def _take_all(self) -> list[Ticket]:
        self._line.queued_processes -= len(self._queue.for_processes)
        return self._queue.take_all()
