"""Where code starts to run: one gate for each run, and what all gates of a system share.

Grants are committed ahead of the limit; their tickets wait here. A gate admits its next ticket while

- it is not held,
- fewer than ``limit`` of its places are taken,
- one of the places that it shares with other gates is free,
- a record of the slot file is free (it is written before the body can start), and
- for a body on a thread: one of the system's ``threads`` is free; for one in a process: one of its ``processes``.

Order is (priority, offered first) in each gate; only a want of threads or processes lets others overtake. What gates share is
given to those that wait for it in turns, one ticket each, so that one wide run cannot starve another.

One lock for all gates, held for some microseconds: a body's end, its record and the next admission are one step, so no
failure is ever followed by a start that its supervisor did not want. Nothing is called under the lock but the clock and
the slots.
"""

from __future__ import annotations

import heapq
import logging
import threading
import weakref
from collections import deque
from collections.abc import Callable, Collection, Sequence

from dagger_actors.actors.ticket import Ticket
from dagger_actors.core.protocols import Clock, Slots
from dagger_actors.errors import SystemClosed

__all__ = ["Gate", "Gates", "Share", "Ticket"]

logger = logging.getLogger("dagger_actors.actors")

FORGOTTEN_AT_ONCE = 32


class Gates:
    """What all gates of a system share: the lock, the threads, the slot file.

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
        self._lock = threading.Lock()
        self._slots = slots
        self._clock = clock
        self._free_threads = threads
        self._free_processes = processes
        self.queued_processes = 0
        self._abandoned_limit = abandoned_limit
        self._abandoned = 0
        # Weakly: a gate lives as long as some body actor of its run, and so as long as some body.
        self._gates: weakref.WeakSet[Gate] = weakref.WeakSet()
        # Gates that want something shared, in the order they will get it. All slots taken = nobody gets anything.
        self._waiting: deque[Gate] = deque()
        self._is_slotless = False

    @property
    def abandoned(self) -> int:
        """Bodies that still run on threads though their attempt has ended."""
        return self._abandoned

    def waiting_for_threads(self) -> int:
        """Bodies that would start now if a thread were free; 0 while one is."""
        with self._lock:
            if self._free_threads > 0:
                return 0
            return sum(gate.queued_for_threads for gate in self._waiting if gate.wants())

    def is_refusing(self) -> bool:
        """Tell whether too many threads are abandoned to start another body on one.

        A body that starts only while this is False finds a thread in a pool of ``threads + abandoned_limit``, whatever
        times out.
        """
        return self._abandoned >= self._abandoned_limit

    def bodies(self) -> list[str]:
        """Name the bodies on threads that have not ended, abandoned ones among them."""
        with self._lock:
            found = [(gate, ticket) for gate in self._gates for ticket in gate.bodies() if ticket.is_thread]
        return [gate.name(ticket) for gate, ticket in found]

    def holders(self) -> dict[Ticket, str]:
        """Name the bodies that hold threads, by their tickets; abandoned ones hold none that others wait for."""
        with self._lock:
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
            self,
            self._lock,
            run_key=run_key,
            limit=limit,
            on_started=on_started,
            name=name,
            share=share,
            holds=holds,
        )
        with self._lock:
            self._gates.add(gate)
        return gate

    def emit(self, admitted: list[_Admission], ended: Ticket | None = None) -> None:
        """Schedule what was admitted; outside of the lock.

        Args:
            admitted: As ``fill`` filled it.
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

    def fill(self, gate: Gate, admitted: list[_Admission], now_us: int | None = None) -> None:
        """Admit from one gate what can be, and let it wait in line for what is shared; the lock is held.

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
        """Count a body as ended, or as abandoned; the lock is held."""
        if ticket.is_thread:
            self._free_threads += 1
            self._abandoned += abandoned
        elif ticket.is_process:
            self._free_processes += 1

    def end_abandoned(self) -> None:
        """Count the end of an abandoned body; the lock is held."""
        self._abandoned -= 1

    def begin(self, ticket: Ticket) -> None:
        """Write a beginning to the slot file; the lock is held."""
        self._slots.begin(ticket.slot)

    def mark(self, ticket: Ticket, run_key: int, item: int, attempt: int | None, started_us: int | None) -> None:
        """Write the beginning of a piece to the slot file; the lock is held."""
        self._slots.mark(ticket.slot, run_key, item, attempt, started_us)

    def keep(self, ticket: Ticket, payload: bytes) -> bool:
        """Write an end to the slot file; the lock is held."""
        return self._slots.end(ticket.slot, payload)

    def free_slot(self, ticket: Ticket, admitted: list[_Admission]) -> None:
        """Give a record back; the lock is held."""
        self._slots.free(ticket.slot)
        ticket.slot = -1
        if self._is_slotless:
            self._is_slotless = False
            self._serve(admitted)

    def leave_line(self, gate: Gate) -> None:
        """Take a gate out of the line; the lock is held."""
        if gate.is_waiting:
            gate.is_waiting = False
            self._waiting.remove(gate)

    def _serve(self, admitted: list[_Admission]) -> None:
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

    def _admit(self, gate: Gate, ticket: Ticket, admitted: list[_Admission], now_us: int | None = None) -> bool:
        started_us = self._clock.now().wall_us if now_us is None else now_us
        slot = self._slots.start(ticket.run_key, ticket.node, ticket.item, ticket.attempt, started_us)
        if slot < 0:
            self._is_slotless = True
            return False
        ticket.slot = slot
        ticket.started_us = started_us
        ticket.state = "admitted"
        if ticket.is_thread:
            self._free_threads -= 1
        elif ticket.is_process:
            self._free_processes -= 1
        admitted.append((ticket, gate.enter(ticket)))
        return True


class Share:
    """Places that several gates share; read and changed under their lock.

    Args:
        places: Bodies at once; 1 or more.
    """

    __slots__ = ("free",)

    def __init__(self, places: int) -> None:
        self.free = places


class Gate:
    """Where the bodies of one run wait for their start; made by ``Gates.open``, any thread may use it."""

    def __init__(
        self,
        gates: Gates,
        lock: threading.Lock,
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
        self._gates = gates
        self._lock = lock
        self._limit = limit
        self._on_started = on_started
        self._offered = 0
        self._for_threads: list[tuple[int, int, Ticket]] = []
        self._for_loop: list[tuple[int, int, Ticket]] = []
        self._for_processes: list[tuple[int, int, Ticket]] = []
        self._holds = 0
        self._places = 0  # taken; a body whose end did not fit its record keeps its place until the end is committed
        self._running: dict[Ticket, None] = {}
        self._abandoned: dict[Ticket, None] = {}
        self._started: list[Ticket] = []
        self._is_closed = False

    @property
    def queued_for_threads(self) -> int:
        """Bodies on threads that wait here, whatever for."""
        return len(self._for_threads)

    def offer(self, tickets: Sequence[Ticket]) -> None:
        """Queue tickets whose grants are committed; never blocks.

        Raises:
            SystemClosed: The gate is closed.
        """
        admitted: list[_Admission] = []
        with self._lock:
            if self._is_closed:
                raise SystemClosed
            for ticket in tickets:
                assert ticket.state == "queued", ticket
                self._offered += 1
                if ticket.is_process:
                    self._gates.queued_processes += 1
                heapq.heappush(
                    self._for_threads if ticket.is_thread else self._heap_of(ticket),
                    (ticket.priority, self._offered, ticket),
                )
            self._gates.fill(self, admitted)
        self._gates.emit(admitted)

    def hold(self) -> None:
        """Admit nothing until this hold, and every other, is released."""
        with self._lock:
            self._holds += 1

    def release(self, count: int = 1) -> None:
        """Take holds back: those of ``hold``, and one for each end that was no success."""
        admitted: list[_Admission] = []
        with self._lock:
            assert self._holds >= count, "released more often than held"
            self._holds -= count
            self._gates.fill(self, admitted)
        self._gates.emit(admitted)

    def reset_holds(self, owed: Collection[Ticket], count: int = 0) -> None:
        """Set the number of holds, whatever it was: after its supervisor crashed, nobody knows which are still owed.

        Args:
            owed: Tickets whose ends are still to be decided about; each that has ended as no success holds once.
            count: Holds for ends that have no ticket here; 0 or more.
        """
        admitted: list[_Admission] = []
        with self._lock:
            self._holds = count + sum(1 for ticket in owed if ticket.state == "ended" and ticket.has_failed)
            self._gates.fill(self, admitted)
        self._gates.emit(admitted)

    def drain(self) -> list[Ticket]:
        """Take all queued tickets out again, unstarted, in the order they would have gone."""
        with self._lock:
            entries = sorted(self._for_threads + self._for_loop + self._for_processes)
            self._clear()
        return [ticket for _, _, ticket in entries]

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
                self._gates.begin(ticket)

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
                self._gates.mark(ticket, run_key, item, attempt, started_us)
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
        admitted: list[_Admission] = []
        with self._lock:
            if ticket.state == "abandoned":
                ticket.state = "done"
                del self._abandoned[ticket]
                if ticket.is_thread:
                    self._gates.end_abandoned()
                return
            assert ticket.state == "admitted", ticket
            is_kept = self._is_closed or self._gates.keep(ticket, payload)
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
            self._gates.give_back(ticket)
            self._gates.fill(self, admitted, now_us)
        if admitted:
            self._gates.emit(admitted, ticket)

    def abandon(self, ticket: Ticket) -> bool:
        """End the attempt though its body goes on (a time-out, a cancel): its place is free, its thread is not.

        A body that was admitted and has not got its turn yet still gets it: it finds its ticket ``abandoned``. A ticket
        that is still queued, or was drained, will never start.

        Args:
            ticket: Any.

        Returns:
            False when no body of it goes on: it had ended (then its end is on its way), or will never start.
        """
        admitted: list[_Admission] = []
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
            self._gates.give_back(ticket, abandoned=True)
            self._gates.fill(self, admitted)
        self._gates.emit(admitted)
        return True

    def forget(self, *tickets: Ticket) -> None:
        """Free their records in the slot file: their ends are committed. Harmless when that was done before."""
        # A few at a time: a commit ends hundreds, and bodies that begin and end need the same lock.
        for first in range(0, len(tickets), FORGOTTEN_AT_ONCE):
            self._forget(tickets[first : first + FORGOTTEN_AT_ONCE])

    def _forget(self, tickets: Sequence[Ticket]) -> None:
        admitted: list[_Admission] = []
        with self._lock:
            for ticket in tickets:
                assert ticket.state not in {"queued", "admitted"}, f"{ticket} has no end that could be committed"
                if ticket.state == "ended":
                    ticket.state = "done"
                if ticket.keeps_place:
                    ticket.keeps_place = False
                    self._places -= 1
                if ticket.slot >= 0:
                    self._gates.free_slot(ticket, admitted)
            self._gates.fill(self, admitted)
        self._gates.emit(admitted)

    def close(self) -> None:
        """Admit nothing any more and drop what is queued; bodies that run may still end."""
        with self._lock:
            self._is_closed = True
            self._clear()
            self._gates.leave_line(self)

    def bodies(self) -> list[Ticket]:
        """List the tickets whose bodies have not ended; the lock is held."""
        return [*self._running, *self._abandoned]

    def wants(self) -> bool:
        """Tell whether it would admit a ticket if what is shared allowed it; the lock is held."""
        return (
            self._holds == 0
            and self._places < self._limit
            and bool(self._for_threads or self._for_loop or self._for_processes)
        )

    def first(self, *, may_thread: bool, may_process: bool) -> Ticket | None:
        """Look at the ticket that goes next; the lock is held."""
        if self._share.free <= 0:
            return None
        threads, loop, processes = self._for_threads, self._for_loop, self._for_processes
        best = loop[0] if loop else None
        if may_thread and threads and (best is None or threads[0] < best):
            best = threads[0]
        if may_process and processes and (best is None or processes[0] < best):
            best = processes[0]
        return best[2] if best is not None else None

    def enter(self, ticket: Ticket) -> Callable[[], None] | None:
        """Move the first ticket of its heap inside; the lock is held.

        Returns:
            Whom to call because ``take_started`` has something again.
        """
        heapq.heappop(self._for_threads if ticket.is_thread else self._heap_of(ticket))
        if ticket.is_process:
            self._gates.queued_processes -= 1
        self._places += 1
        self._share.free -= 1
        self._running[ticket] = None
        self._started.append(ticket)
        return self._on_started if len(self._started) == 1 else None

    def _withdraw(self, ticket: Ticket) -> None:
        ticket.state = "done"
        heap = self._heap_of(ticket)
        kept = [entry for entry in heap if entry[2] is not ticket]
        if len(kept) < len(heap):  # else it was drained, and is counted no more
            self._gates.queued_processes -= ticket.is_process
            heap[:] = kept
            heapq.heapify(heap)

    def _heap_of(self, ticket: Ticket) -> list[tuple[int, int, Ticket]]:
        if ticket.is_thread:
            return self._for_threads
        return self._for_processes if ticket.is_process else self._for_loop

    def _clear(self) -> None:
        self._gates.queued_processes -= len(self._for_processes)
        self._for_threads.clear()
        self._for_loop.clear()
        self._for_processes.clear()


_Admission = tuple[Ticket, Callable[[], None] | None]


def _call(function: Callable[..., None], *arguments: object) -> None:
    try:
        function(*arguments)
    except Exception:  # the next ticket must not pay for it
        logger.exception("after an admission, %r failed", function)
