"""The journal: the one writer of the file, many owners' units in one transaction, effects only after it.

**Group commit.** Whatever every owner has decided since the last commit goes into one transaction, so under load one
sync carries hundreds of transitions; ``writer`` has that transaction.

**Order.** Owners hand over all they have decided as one unit when the journal asks, so their units are written in the
order of their decisions. Units share a group only while they touch different rows; two updates of one row in one
statement would be undefined.

**Failure.** Whatever happens, each unit is answered: committed, or rejected with the reason. One bad unit takes no other
with it.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

import apsw

from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.protocols import Dispatcher, Owner, Unit, Write
from dagger_actors.errors import StoreBusy
from dagger_actors.store.home import Home
from dagger_actors.store.refusals import translate
from dagger_actors.store.statements import WRITES
from dagger_actors.store.writer import Call, Writer

__all__ = ["Journal"]

logger = logging.getLogger("dagger_actors.store")

GROUP_UNITS = 1024
"""Units in one group at most, so that one commit's latency stays bounded."""


class Journal:
    """Writes units; implements ``core.protocols.Journal`` and is itself run by a dispatcher.

    Args:
        path: The database.
        dispatcher: Gives it turns; one at a time.
        synchronous: As in ``open_writer``.
        vfs: As in ``open_writer``.
        connection: That of an open file; None = a new one.

    Attributes:
        writer: Has the transactions.
        pause: Called after each group; True = let another process have the write lock for a moment.
    """

    def __init__(
        self,
        path: Path,
        *,
        dispatcher: Dispatcher,
        synchronous: Literal["full", "normal"] = "full",
        vfs: str | None = None,
        connection: apsw.Connection | None = None,
    ) -> None:
        self._path = path
        self._home = Home(path)
        self.writer = Writer(path, synchronous=synchronous, vfs=vfs, connection=connection)
        self._dispatcher = dispatcher
        self._lock = threading.Lock()
        self._queue: deque[Owner | Unit | Call] = deque()
        self._awake: set[int] = set()
        self._is_scheduled = False
        self._is_closed = False
        self.pause: Callable[[Callable[[], None]], bool] | None = None

    # --- from any thread

    def wake(self, owner: Owner) -> None:
        """Tell that the owner has a unit; idempotent until it is taken."""
        with self._lock:
            if id(owner) in self._awake:
                return
            self._awake.add(id(owner))
        self._enqueue(owner)

    def submit(self, unit: Unit) -> None:
        """Hand over a unit that belongs to no owner's order."""
        self._enqueue(unit)

    def transact(self, call: Call) -> None:
        """Run a transaction of the store's own, in order with the units."""
        self._enqueue(call)

    def _enqueue(self, entry: Owner | Unit | Call) -> None:
        self._home.check()
        with self._lock:
            self._queue.append(entry)
            if self._is_scheduled or self._is_closed:
                return
            self._is_scheduled = True
        self._dispatcher.schedule(self)

    def write_now(self, writes: list[Write]) -> None:
        """Write on the caller's thread; for the very last words, when nobody gives turns any more.

        Raises:
            StoreError: It was refused.
        """
        outcome = self.writer.write([Unit(writes, lambda: None, lambda _error: None)])[0]
        if outcome is not None:
            raise outcome

    def close(self) -> None:
        """Close the connection; the journal must be idle."""
        with self._lock:
            self._is_closed = True
        self.writer.close()
        self._home.close()

    # --- on the journal's own turns

    def run_turn(self) -> bool:
        """Write one group; True when there is more."""
        if self._is_closed:
            return False
        units, call = self._gather()
        try:
            if units and not self._write(units):
                with self._lock:  # all of it is still to be written, in this order
                    self._queue.extendleft(reversed([*units, *([call] if call is not None else [])]))
            elif call is not None:
                self.writer.run(call)
        except Exception:  # the journal belongs to all: whatever one of its callers did, the next turn is taken
            logger.exception("%s: a turn of the journal failed", self._path, extra=LogFields(path=str(self._path)))
        with self._lock:
            if not self._queue:
                self._is_scheduled = False
                return False
        # Another process waits for the write lock too, and SQLite's lock is not fair: leave it a moment.
        return not (self.pause is not None and self.pause(self._resume))

    def _resume(self) -> None:
        self._dispatcher.schedule(self)

    def _gather(self) -> tuple[list[Unit], Call | None]:
        units: list[Unit] = []
        taken: set[tuple[object, ...]] = set()
        while len(units) < GROUP_UNITS:
            with self._lock:
                if not self._queue:
                    break
                entry = self._queue.popleft()
                self._awake.discard(id(entry))
            if isinstance(entry, Call):
                return units, entry
            unit = entry if isinstance(entry, Unit) else entry.take_unit()
            if unit is None or unit.is_void():
                continue
            keys = _keys(unit.writes)
            if units and not taken.isdisjoint(keys):
                with self._lock:
                    self._queue.appendleft(unit)
                break
            taken |= keys
            units.append(unit)
        return units, None

    def _write(self, units: list[Unit]) -> bool:
        """Write a group and answer its units; False when somebody else holds the file."""
        try:
            outcomes: list[Exception | None] = self.writer.write(units)
        except StoreBusy as error:
            # Back-pressure, not failure.
            logger.warning("%s; still trying", error, extra=LogFields(path=str(self._path), reason=str(error)))
            return False
        except Exception as error:  # noqa: BLE001  nothing of it is written, and everybody must hear that
            outcomes = [translate(error, self._path) if isinstance(error, apsw.Error) else error] * len(units)
        for at, (unit, outcome) in enumerate(zip(units, outcomes, strict=True)):
            try:
                if outcome is None:
                    if unit.work:
                        unit.answered(self.writer.answers[at])
                    unit.committed()
                else:
                    unit.rejected(outcome)
            except Exception:  # one owner's mistake must not keep the others' effects from going out
                logger.exception(
                    "an owner failed to take the outcome of its unit", extra=LogFields(path=str(self._path))
                )
        return True


def _keys(writes: Iterable[Write]) -> set[tuple[object, ...]]:
    keys: set[tuple[object, ...]] = set()
    for write in writes:
        statement = WRITES[write.statement]
        width = statement.key_width
        if width == 1:
            keys.update((statement.table, _cells(row)[0]) for row in write.rows)
        elif width:
            # Rows below a run are fenced by the run's own row, which is in the same unit: that one speaks for them.
            keys.update((statement.table, _cells(row)[0]) for row in write.rows[:1])
    return keys


def _cells(row: Any) -> tuple[Any, ...]:
    return row if isinstance(row, tuple) else (row.run_key,)
