"""The parent of temporary actors: whatever ends one, it is gone."""

from __future__ import annotations

import contextlib
import queue
import threading

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.actors.settings import hold_crowd, release_crowd, set_aside
from dagger_actors.supervised.family import ChildHandle, ExitKind
from dagger_actors.supervised.lifecycle import Lifecycle

__all__ = ["CROWD", "Nursery"]

CROWD = 25_000
"""So many are a crowd: what they are made of is kept from the garbage collector, each time that so many more have come."""


class Nursery:
    """The parent of temporary actors: whatever ends one, it is gone."""

    def __init__(self) -> None:
        self.cells: dict[int, Lifecycle] = {}
        self._empty: ReplyFuture[None] | None = None
        self.is_closing = False
        self._crowding = threading.Lock()
        self._crowd_at = CROWD

    def take(self, cell: Lifecycle) -> bool:
        """Take a new one; False when none is taken any more."""
        self.cells[cell.number] = cell  # before the look: whoever closes sees it, or is seen
        if self.is_closing:
            self.cells.pop(cell.number, None)
            self._look()
            return False
        if len(self.cells) >= self._crowd_at:
            self._grown()
        return True

    def take_no_more(self) -> list[Lifecycle]:
        """Take none from now on; those that are there, the newest last."""
        self.is_closing = True
        return list(self.cells.values())

    def is_empty(self) -> ReplyFuture[None]:
        """Resolved when the last one is gone."""
        self._empty = ReplyFuture()
        self._look()
        return self._empty

    def child_started(self, child: ChildHandle, incarnation: int) -> None:
        """Nothing waits for it."""

    def child_failed_to_start(self, child: ChildHandle, incarnation: int, error: BaseException) -> None:
        """It never came up."""
        del incarnation
        assert isinstance(child, Lifecycle)
        child.more().error = error
        self._is_gone(child)

    def child_exited(self, child: ChildHandle, incarnation: int, kind: ExitKind, error: BaseException | None) -> None:
        """It is over."""
        del incarnation, kind, error
        assert isinstance(child, Lifecycle)
        self._is_gone(child)

    def drop(self, cell: Lifecycle) -> None:
        """Close one that never begins."""
        self._is_gone(cell)

    def _is_gone(self, cell: Lifecycle) -> None:
        cell.close()
        self.cells.pop(cell.number, None)  # only now: whoever finds it empty finds the names free
        if self._crowd_at > CROWD and len(self.cells) < CROWD // 2:
            self._shrunk()
        self._look()

    def _grown(self) -> None:
        if not self._crowding.acquire(blocking=False):
            return  # somebody is at it; maybe this very thread, in the finalizer of something that is collected
        try:
            if len(self.cells) >= self._crowd_at:
                if self._crowd_at == CROWD:
                    hold_crowd()
                set_aside()
                self._crowd_at += CROWD
        finally:
            self._crowding.release()

    def _shrunk(self) -> None:
        if not self._crowding.acquire(blocking=False):
            return  # the next one that goes looks again
        try:
            if self._crowd_at > CROWD:
                self._crowd_at = CROWD
                release_crowd()
        finally:
            self._crowding.release()

    def _look(self) -> None:
        empty = self._empty
        if empty is not None and not self.cells and not empty.is_done():
            with contextlib.suppress(queue.Full):  # two were the last at the same moment
                empty.set(None)
