"""What the threads of callers wait for: a row, a commit, a claim, a key; never called by a turn of an actor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeVar, cast

from dagger_actors.actors.inside import outside_turn
from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.core.protocols import Write
from dagger_actors.errors import RunNotFound
from dagger_actors.flow.running.hub import FlowHub
from dagger_actors.flow.stored.rows import RunRow

__all__ = ["POLL_S", "TURN_US", "Caller"]

T = TypeVar("T")

POLL_S = 0.02
"""How often a wait for another process's run looks at the file."""

TURN_US: Final = 5_000_000
"""How long is waited for the turn of a run inside that was told something; what it was told is written by then."""


class Caller:
    """Blocks the calling thread until the store has answered.

    Args:
        hub: Keeps the runs that are open here.
    """

    def __init__(self, hub: FlowHub) -> None:
        self._hub = hub

    def row(self, run_id: str) -> RunRow:
        """The row of a run.

        Raises:
            RunNotFound: There is none.
        """
        row = self._hub.archive.find(run_id)
        if row is None:
            raise RunNotFound(run_id, str(self._hub.store.path))
        return row

    def commit(self, writes: Sequence[Write]) -> None:
        """Write one unit; it is durable when this returns.

        Raises:
            UnitRejected: One of its expectations did not hold.
            StoreError: It could not be written.
        """
        future: ReplyFuture[None] = ReplyFuture()
        self._hub.store.write(writes, lambda error: _resolve(future, None, error))
        self.wait(future)

    def claim(self, row: RunRow, *, is_alone: bool = False) -> None:
        """Take a run from the owner its row names.

        Args:
            row: The run, as it stands.
            is_alone: Without those inside it.

        Raises:
            RunOwned: Somebody else was faster.
        """
        self.wait(self._hub.claim(row, is_alone=is_alone))

    def wait(self, future: ReplyFuture[T]) -> T:
        """Wait for the journal, or for the machine of a run; an action may, for its pool is not what they run on."""
        with outside_turn():
            return cast("T", self._hub.runtime.wait(future, None))

    def next_run_key(self) -> int:
        """Take a run key; reserves another range when the last one is used up."""
        while True:
            key = self._hub.store.next_run_key()
            if key is not None:
                return key
            self._reserve()

    def pause(self) -> None:
        """Let a moment pass before the file is looked at again."""
        never: ReplyFuture[None] = ReplyFuture()
        try:
            with outside_turn():
                self._hub.runtime.wait(never, POLL_S)
        except TimeoutError:
            return

    def _reserve(self) -> None:
        future: ReplyFuture[Any] = ReplyFuture()
        self._hub.store.reserve_run_keys(lambda first, error: _resolve(future, first, error))
        self.wait(future)


def _resolve(future: ReplyFuture[Any], value: Any, error: Exception | None) -> None:
    if error is None:
        future.set(value)
    else:
        future.set_exception((type(error), error, None))
