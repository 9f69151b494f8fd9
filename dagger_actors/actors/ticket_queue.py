"""Tickets that wait at one gate, in the order they go: (priority, offered first)."""

from __future__ import annotations

import heapq

from dagger_actors.actors.ticket import Ticket

__all__ = ["TicketQueue"]

_Entry = tuple[int, int, Ticket]


class TicketQueue:
    """A heap for each thing that bodies may have to wait for, so that a want of it lets others overtake.

    Attributes:
        for_threads: Bodies that each want a thread.
        for_loop: Bodies that run on the event loop and want neither.
        for_processes: Bodies that each want a worker process.
    """

    __slots__ = ("_offered", "for_loop", "for_processes", "for_threads")

    def __init__(self) -> None:
        self.for_threads: list[_Entry] = []
        self.for_loop: list[_Entry] = []
        self.for_processes: list[_Entry] = []
        self._offered = 0

    def put(self, ticket: Ticket) -> None:
        """Let a ticket wait, behind those of its priority."""
        self._offered += 1
        heapq.heappush(self._heap_of(ticket), (ticket.priority, self._offered, ticket))

    def first(self, *, may_thread: bool, may_process: bool) -> Ticket | None:
        """Look at the ticket that goes next when there is a thread, a process, or not."""
        threads, loop, processes = self.for_threads, self.for_loop, self.for_processes
        best = loop[0] if loop else None
        if may_thread and threads and (best is None or threads[0] < best):
            best = threads[0]
        if may_process and processes and (best is None or processes[0] < best):
            best = processes[0]
        return best[2] if best is not None else None

    def take(self, first: Ticket) -> None:
        """Take out what ``first`` has shown."""
        heapq.heappop(self._heap_of(first))

    def withdraw(self, ticket: Ticket) -> bool:
        """Take out any ticket; tells whether it was there."""
        heap = self._heap_of(ticket)
        kept = [entry for entry in heap if entry[2] is not ticket]
        if len(kept) == len(heap):
            return False
        heap[:] = kept
        heapq.heapify(heap)
        return True

    def take_all(self) -> list[Ticket]:
        """Take all out, in the order they would have gone."""
        entries = sorted(self.for_threads + self.for_loop + self.for_processes)
        for heap in (self.for_threads, self.for_loop, self.for_processes):
            heap.clear()
        return [ticket for _, _, ticket in entries]

    def _heap_of(self, ticket: Ticket) -> list[_Entry]:
        if ticket.is_thread:
            return self.for_threads
        return self.for_processes if ticket.is_process else self.for_loop
