"""What a member has decided and the journal has not written, in order: one unit at a time, whatever has gathered meanwhile.

Later decisions stand on earlier ones. So there is never a unit on its way behind one that may be refused; and while one is
being written, the next one gathers. When one is refused, all that has gathered behind it is taken back with it. The next
one is not written either while something that the last one published waits for room: so whoever publishes goes no faster
than it is taken, and no more waits than one unit has published.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.core.protocols import Clock, Journal, Unit
from dagger_actors.pubsub.members.batch import Batch, Outlets

__all__ = ["Uncommitted"]


class Uncommitted:
    """Batches on their way; an owner of the journal's.

    Args:
        journal: The writer.
        clock: The time.
        outlets: Knows the channels.
        committed: Lets out what a batch has caused that is in the file, given its operations and their answers; on the
            journal's thread, must not block.
        let_out: Told each batch of which all is let out; there, too.
        denied: Told what refused a batch; nothing is written then until ``take_back``. Must not block.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        clock: Clock,
        outlets: Outlets,
        committed: Callable[[Batch, Sequence[Any], Sequence[Any]], None],
        let_out: Callable[[Batch], None],
        denied: Callable[[Batch, Exception], None],
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._outlets = outlets
        self._committed = committed
        self._let_out = let_out
        self._denied = denied
        self._lock = threading.Lock()
        self._flying: Batch | None = None
        self._gathered: Batch | None = None
        self._alone: list[Batch] = []
        self._is_broken = False
        self._is_letting_out = False
        self._held = 0

    def __bool__(self) -> bool:
        # Who asks whether all is done counts what is let out: so what is in the file is not done before.
        return self._flying is not None or self._is_letting_out or self._gathered is not None or bool(self._alone)

    def submit(self, batch: Batch, *, is_alone: bool = False) -> None:
        """Hand a batch over, behind all that was handed over before.

        Args:
            batch: The batch.
            is_alone: Whether it is to have a unit of its own.
        """
        with self._lock:
            if is_alone or self._alone:
                self._alone.append(batch)
            elif self._gathered is None:
                self._gathered = batch
            else:
                self._gathered.take(batch)
        self._journal.wake(self)

    def take_unit(self) -> Unit | None:
        """Hand over what has gathered, unless something is on its way already; for the journal."""
        with self._lock:
            if self._flying is not None or self._is_broken or self._held:
                return None
            batch = self._flying = self._next()
        if batch is None:
            return None
        now_us = self._clock.now().wall_us
        work = batch.work(now_us, self._outlets)
        answers: list[Any] = []
        return Unit(
            batch.writes(now_us),
            lambda: self._has_committed(batch, work, answers),
            lambda error: self._has_denied(batch, error),
            work,
            answered=answers.extend,
        )

    def hold(self, waited: Iterable[ReplyFuture[Any]]) -> None:
        """Write nothing until these are resolved; on the journal's thread."""
        for future in waited:
            with self._lock:
                self._held += 1
            future.add_done(self._let_go)

    def _let_go(self, _future: ReplyFuture[Any]) -> None:
        with self._lock:
            self._held -= 1
            is_free = not self._held
        if is_free:
            self._journal.wake(self)

    def _next(self) -> Batch | None:
        batch, self._gathered = self._gathered, None
        if batch is None and self._alone:
            batch = self._alone.pop(0)
        return batch

    def take_back(self) -> list[Batch]:
        """Give back all that is not written, in order; it goes on with what is handed over next."""
        with self._lock:
            batches = [one for one in (self._flying, self._gathered, *self._alone) if one is not None]
            self._flying = self._gathered = None
            self._alone = []
            self._is_broken = False
        return batches

    def _has_committed(self, batch: Batch, work: Sequence[Any], answers: Sequence[Any]) -> None:
        with self._lock:
            is_ours = self._flying is batch
            if is_ours:
                self._flying, self._is_letting_out = None, True
        if is_ours:  # else whoever handed it over has crashed since
            try:
                self._committed(batch, work, answers)
            finally:
                self._is_letting_out = False
            self._let_out(batch)
        with self._lock:
            has_more = self._gathered is not None or bool(self._alone)
        if has_more:
            self._journal.wake(self)

    def _has_denied(self, batch: Batch, error: Exception) -> None:
        with self._lock:
            if self._flying is not batch:
                return
            self._is_broken = True
        self._denied(batch, error)
