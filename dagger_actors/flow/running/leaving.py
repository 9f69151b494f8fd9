"""Runs inside others that are awaited no more and have yet to be cancelled: whoever leaves the system waits for them.

A run that is over needs nothing of those inside it, so it does not wait for their ends. A process that went at once would leave
them in the file, as if they went on, until a worker that takes runs over looks for such runs.
"""

from __future__ import annotations

import threading

from dagger_actors.actors.reply import ReplyFuture

__all__ = ["Leaving"]


class Leaving:
    """Counts them; any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parents: dict[str, int] = {}
        self._none: ReplyFuture[None] | None = None
        self._is_closed = False

    def add(self, run_id: str, parent_run: int) -> None:
        """A run is to be cancelled, which one of this key has awaited."""
        with self._lock:
            if not self._is_closed:
                self._parents[run_id] = parent_run

    def parent_of(self, run_id: str) -> int | None:
        """Who has awaited a run that is to be cancelled; None when it is none of these."""
        return self._parents.get(run_id)

    def remove(self, run_id: str) -> None:
        """A run is over, or somebody else sees to it."""
        with self._lock:
            self._parents.pop(run_id, None)
            if self._none is not None and not self._parents:
                self._none.set_once(None)

    def none(self) -> ReplyFuture[None]:
        """Resolved once there is none."""
        with self._lock:
            none = self._none = self._none or ReplyFuture()
            if not self._parents:
                none.set_once(None)
        return none

    def close(self) -> None:
        """Count no more: what is left is in the file, for whoever comes."""
        with self._lock:
            self._is_closed = True
            self._parents.clear()
