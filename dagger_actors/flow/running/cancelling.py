"""Cancels the runs of flows that are awaited no more, whoever has them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.core.flow_messages import CancelRun, Detach
from dagger_actors.core.states import FINAL_RUN
from dagger_actors.errors import RunOwned, StoreError
from dagger_actors.flow.machine.events import Mode
from dagger_actors.flow.running.awaited import Runs
from dagger_actors.flow.running.errands import Errands
from dagger_actors.flow.running.leaving import Leaving
from dagger_actors.flow.stored.rows import RunRow

__all__ = ["Cancelling"]


class Cancelling:
    """Sees to it that they end.

    Args:
        hub: Opens and keeps runs.
        errands: What the root does.
        begins: Called on the root before one is cancelled: nothing is told of it any more.

    Attributes:
        leaving: Those that have yet to be cancelled.
    """

    def __init__(self, hub: Runs, errands: Errands, *, begins: Callable[[str], None]) -> None:
        self._hub = hub
        self._errands = errands
        self._begins = begins
        self.leaving = Leaving()
        self._is_closed = False

    def leave(self, run_id: str, parent_run: int) -> None:
        """Cancel a run that one of this key has awaited; any thread."""
        self.leaving.add(run_id, parent_run)
        self._errands.do(run_id, partial(self._leave, run_id, parent_run))

    def rested(self, run_id: str) -> None:
        """A run has come to rest here: it may have paused just before it was cancelled; any thread."""
        if (parent_run := self.leaving.parent_of(run_id)) is not None:
            self.leave(run_id, parent_run)

    def cancel_left(self, row: RunRow) -> None:
        """Cancel a run that nobody awaits and nobody has; one whose end calls something is left to whoever has its code."""
        if not self._is_for_others(row):
            self._hub.claim(row).add_done(partial(self._cancel, row))

    def close(self) -> None:
        """Open no more to cancel them."""
        self._is_closed = True

    # --- on the root

    def _leave(self, run_id: str, parent_run: int) -> None:
        self._begins(run_id)
        row = self._hub.archive.find(run_id)
        if row is None or row.parent_run != parent_run or row.status in FINAL_RUN or self._is_for_others(row):
            self.leaving.remove(run_id)
            return
        active, opening = self._hub.find_open(run_id), self._hub.openings.of(run_id)
        if active is not None:
            active.tell(CancelRun(is_left=True))
        elif opening is not None:
            opening.add_done(lambda _opened: self.leave(run_id, parent_run))  # it is just being taken
        elif not self._is_closed:
            self._hub.claim(row).add_done(partial(self._cancel, row))

    def _is_for_others(self, row: RunRow) -> bool:
        """Tell whether its end is decided, and what that calls is left to whoever has its code."""
        return row.ending is not None and self._hub.code_of(row) is None

    def _cancel(self, row: RunRow, future: ReplyFuture[None]) -> None:
        try:
            future.get(timeout=0)
        except (RunOwned, StoreError):
            self.leaving.remove(row.run_id)
            return  # somebody looks after it, or will: nobody awaits it
        self._errands.do(row.run_id, partial(self._open_to_cancel, row))

    def _open_to_cancel(self, row: RunRow) -> None:
        hub = self._hub
        current = hub.archive.find(row.run_id)
        if current is None or current.owner != hub.store.worker_id:
            # Whoever has taken the run above since has taken this with it, and sees to it.
            hub.openings.opened(row.run_id)
            self.leaving.remove(row.run_id)
            return
        actions = hub.code_of(row)
        # (Where its end is decided it has been cancelled, and only what that calls is left.)
        mode: Mode | None = None if row.ending is None else "recover"
        active = hub.open(row.run_id, mode, former=row.owner, actions=actions, is_bare=actions is None)
        if actions is None:
            active.tell(Detach(now=True))
