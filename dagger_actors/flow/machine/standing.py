"""How one run stands: its state, its time, its first failure and how it is to end; and the row that says so."""

from __future__ import annotations

from typing import Final

from dagger_actors.core.protocols import Cell, Now
from dagger_actors.core.states import RUN_TRANSITIONS, is_legal
from dagger_actors.flow.machine.invocations import RunIdentity

__all__ = ["HELD", "RunStanding"]

HELD: Final = 2
"""``flow_runs.pausing`` of a run that pauses, or has paused, because the run above it does."""


class RunStanding:
    """The standing of one run; mutable, the machine's own.

    Args:
        identity: Under which keys its row is written.
        status: The run's state as stored.
        elapsed_us: Time it has run before.
        error: Its first failure so far.
        ending: The state it is to end in, once all that its end calls is done; None = its end is not decided.
        started_at: When it first ran, if it has.
        is_pausing: Whether nothing more of it begins, and it pauses when what runs has ended.
        is_held: Whether that is because the run above it pauses.

    Attributes:
        ends_since_us: Time it had run when its end was decided, or when it was opened with that; None = it is not decided.
        is_end_announced: Whether its hooks have been told of its end.
        is_bare: Whether the run's code is not at hand: nothing is granted, and it comes to rest only when it is told.
        was_asking: Whether it is opened without its code, and rested because people are asked.
        is_detached: Whether it is given back: it is nobody's.
        is_stopping: Whether a failure stops it: of what is skipped for that, no start is announced.
        is_changed: Whether the event in hand has changed what its row says.
    """

    def __init__(
        self,
        identity: RunIdentity,
        *,
        status: str,
        elapsed_us: int,
        error: str | None,
        ending: str | None,
        started_at: int | None,
        is_pausing: bool,
        is_held: bool,
    ) -> None:
        self._identity = identity
        self.status = status
        self.error = error
        self.ending = ending
        self.ends_since_us: int | None = None
        self.is_end_announced = False
        self.started_at = started_at
        self.finished_at: int | None = None
        self.is_pausing, self.is_held = is_pausing or is_held, is_held
        self.is_bare = False
        self.was_asking = False
        self.is_detached = False
        self.is_stopping = False
        self.is_changed = False
        self._elapsed_us = elapsed_us
        self._running_since: int | None = None

    def become(self, status: str, now: Now) -> None:
        """Change the run's state; its clock runs while it is ``running``."""
        assert is_legal(RUN_TRANSITIONS, self.status, status), (self.status, status)
        self.status = status
        self.is_changed = True
        if status != "running":
            self.stop_clock(now)
            return
        self._running_since = now.mono_us
        if self.started_at is None:
            self.started_at = now.wall_us

    # --- its time

    def elapsed_us(self, now: Now) -> int:
        """Time the run has run until ``now``, pauses apart."""
        since = self._running_since
        return self._elapsed_us + (now.mono_us - since if since is not None else 0)

    def stop_clock(self, now: Now) -> None:
        """Count the time until now, and no further."""
        self._elapsed_us = self.elapsed_us(now)
        self._running_since = None

    def forget_elapsed(self) -> None:
        """Begin the run's time anew."""
        self._elapsed_us = 0

    # --- its failure

    def note_failure(self, error: str) -> None:
        """The first failure is the run's error."""
        if self.error is None:
            self.error = error
            self.is_changed = True

    def forget_failure(self) -> None:
        """Nothing of the run has failed any more."""
        self.error = None
        self.is_changed = True

    # --- its row

    def row(self, now: Now, last_seq: int) -> tuple[Cell, ...]:
        """The run's own row, as ``flow_runs.put`` takes it; a run at rest, or given back, is nobody's.

        Args:
            now: When it is written.
            last_seq: The highest number that an event of the run has.
        """
        identity = self._identity
        is_kept = (self.status == "running" or self.is_bare) and not self.is_detached
        return (
            identity.run_key,
            identity.owner,
            identity.epoch,
            self.status,
            self.error,
            self.started_at,
            self.finished_at,
            self.elapsed_us(now),
            identity.owner if is_kept else None,
            self.ending,
            self._pausing(),
            last_seq,
        )

    def _pausing(self) -> int:
        """The cell that tells whether the run pauses; one that has paused with the run above it goes on with that."""
        if self.ending is not None:
            return 0  # the end is decided: there is no pause to call off
        if self.is_held and self.status in ("running", "paused"):
            return HELD
        return int(self.is_pausing and self.status == "running")
