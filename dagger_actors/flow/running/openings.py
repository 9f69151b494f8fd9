"""Runs that this worker may be about to open: asked of the journal, and not yet open here.

Between the commit that makes a run this worker's and the moment it is open, its row names an owner that lives and does
not run it. Who looks just then must wait, or the run would be taken twice, by one worker from itself.
"""

from __future__ import annotations

import threading

from dagger_actors.actors.reply import ReplyFuture

__all__ = ["Opening", "Openings"]


class Opening:
    """One try to become the owner of a run and open it.

    Attributes:
        is_won: Whether the run is this worker's by it, so that it will be opened.
        over: Resolved when the run is open, or will not be opened by this try.
    """

    def __init__(self) -> None:
        self.is_won = False
        self.over: ReplyFuture[None] = ReplyFuture()


class Openings:
    """All such tries of one worker; any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_run: dict[str, list[Opening]] = {}

    def __bool__(self) -> bool:
        return bool(self._by_run)

    def begin(self, run_id: str) -> Opening:
        """Note a try, before anything of it can be seen in the file."""
        opening = Opening()
        with self._lock:
            self._by_run.setdefault(run_id, []).append(opening)
        return opening

    def lost(self, run_id: str, opening: Opening) -> None:
        """Note that a try has come to nothing."""
        self._end(run_id, [opening])

    def opened(self, run_id: str) -> None:
        """Note that a run is open, or that opening it has failed for good."""
        with self._lock:
            won = [opening for opening in self._by_run.get(run_id, ()) if opening.is_won]
        self._end(run_id, won)

    def of(self, run_id: str) -> ReplyFuture[None] | None:
        """What is to be waited for before a run is looked at; None = nothing."""
        with self._lock:
            found = self._by_run.get(run_id)
            return found[0].over if found else None

    def _end(self, run_id: str, ended: list[Opening]) -> None:
        with self._lock:
            left = [opening for opening in self._by_run.get(run_id, ()) if opening not in ended]
            if left:
                self._by_run[run_id] = left
            else:
                self._by_run.pop(run_id, None)
        for opening in ended:
            opening.over.set(None)
