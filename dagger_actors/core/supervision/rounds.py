"""A round: several children are stopped in reverse order, one at a time, then started in order, one at a time.

The first start is a round that has nothing to stop; a restart of ``one_for_all`` and ``rest_for_one`` is one; the end of the
supervisor is one that starts nothing. A supervisor has one round at a time: a child that fails meanwhile begins another
one, which takes the place of the first and covers all that it had still to do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Literal

from dagger_actors.core.supervision.book import Book, Entry

__all__ = ["Round"]


class Round:
    """One round; ``advance`` it after every event until it is over.

    Attributes:
        phase: ``stopping``, then ``waiting`` for the back-offs of its members, then ``starting``, then ``over``.
    """

    def __init__(self, book: Book, members: Iterable[Entry], *, is_start: bool = False) -> None:
        """Begin a round.

        Args:
            book: The children.
            members: Those concerned, in start order; ``is_due`` says which will be started.
            is_start: Whether none of them can be alive.
        """
        self.phase: Literal["stopping", "waiting", "starting", "over"] = "stopping"
        self._book = book
        self._members: set[str] = set()
        self._to_stop: list[Entry] = []
        self._to_start: deque[Entry] = deque()
        self._current: Entry | None = None
        for entry in members:
            self._members.add(entry.child.id)
            if entry.is_alive:
                self._to_stop.append(entry)
        if is_start:
            self._begin_to_start()

    def is_stopping(self, entry: Entry) -> bool:
        """Tell whether a child is down by this round's doing, or will be."""
        return self.phase == "stopping" and entry.child.id in self._members

    def covers(self, entry: Entry) -> bool:
        """Tell whether a child that is down would be started by this round, were it due."""
        return entry.child.id in self._members

    def join(self, entry: Entry) -> None:
        """Have the newest child, which is due, started with the others."""
        self._members.add(entry.child.id)
        if self.phase == "starting":
            self._to_start.append(entry)

    def advance(self, now_us: int) -> None:
        """Do what can be done now."""
        if self.phase == "stopping" and self._stop(now_us):
            self.phase = "waiting"
        if self.phase == "waiting" and self._members.isdisjoint(self._book.delayed):
            self._begin_to_start()
        if self.phase == "starting" and self._start():
            self.phase = "over"

    def _stop(self, now_us: int) -> bool:
        """Stop the next one; tell whether all are down."""
        while self._members.isdisjoint(self._book.stopping):
            if not self._to_stop:
                return True
            entry = self._to_stop.pop()
            if entry.is_alive:
                self._book.stop(entry, now_us)
        return False

    def _begin_to_start(self) -> None:
        self.phase = "starting"
        self._to_start.extend(
            self._book.entries[child_id] for child_id in self._book.entries if child_id in self._members
        )

    def _start(self) -> bool:
        """Start the next one; tell whether all have been started."""
        while self._current is None or self._current.status != "starting":
            if not self._to_start:
                return True
            entry = self._to_start.popleft()
            self._members.discard(entry.child.id)
            if entry.is_due:
                self._current = entry
                self._book.start(entry)
        return False
