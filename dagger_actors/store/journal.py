"""The journal: the one writer of the file, many owners' units in one transaction, effects only after it.

**Group commit.** Whatever every owner has decided since the last commit goes into one transaction, so under load one
sync carries hundreds of transitions. Each statement runs once a group, over all its rows as one JSON array: APSW gives
the GIL away at every step, and beside one CPU-bound thread each row of its own would cost a switch interval. (Rows of
megabytes apart: there are few of them, and JSON inside JSON would cost more.)

**Order.** Owners hand over all they have decided as one unit when the journal asks, so their units are written in the
order of their decisions. Units share a group only while they touch different rows; two updates of one row in one
statement would be undefined.

**Failure.** The group runs without savepoints. On any error it is rolled back whole and replayed unit by unit under
savepoints, so that one bad unit does not take the others with it. After an I/O error the connection is opened anew from
the disk: a failed sync must never be tried again on the same file handle (the kernel forgets dirty pages it could not
write). Whatever happens, each unit is answered: committed, or rejected with the reason.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

import apsw
import msgspec

from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.protocols import Dispatcher, Owner, Unit, UserWork, Write
from dagger_actors.errors import StoreBusy, UnitRejected
from dagger_actors.store.connection import close, open_writer
from dagger_actors.store.home import Home
from dagger_actors.store.operations import Operations
from dagger_actors.store.refusals import busy, translate
from dagger_actors.store.statements import MEETS, RANK, WRITES, sql
from dagger_actors.store.user_work import WorkRunner

__all__ = ["Call", "Journal"]

logger = logging.getLogger("dagger_actors.store")

EXPECTED = (apsw.ConstraintError, msgspec.MsgspecError, UnicodeEncodeError)
"""What a unit can be refused for by what it brings; anything else is a mistake of ours, and refuses that unit alone too."""

GROUP_UNITS = 1024
"""Units in one group at most, so that one commit's latency stays bounded."""


class Call(msgspec.Struct, frozen=True):
    """A transaction of the store's own that must read before it writes.

    Attributes:
        run: Called inside a transaction of its own, on the journal's thread.
        done: Called with its result after the commit.
        failed: Called instead when it raised; nothing was written.
    """

    run: Callable[[apsw.Connection], Any]
    done: Callable[[Any], None]
    failed: Callable[[Exception], None]


class Journal:
    """Writes units; implements ``core.protocols.Journal`` and is itself run by a dispatcher.

    Args:
        path: The database.
        dispatcher: Gives it turns; one at a time.
        synchronous: As in ``open_writer``.
        vfs: As in ``open_writer``.
        pace: Called after each group; True = let another process have the write lock for a moment.
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
        self._synchronous = synchronous
        self._vfs = vfs
        self._home = Home(path)
        self._connection: apsw.Connection | None = connection or self._open()
        self._dispatcher = dispatcher
        self._work = WorkRunner(path)
        self._operations = Operations(path)
        self._answers: list[list[Any]] = []
        self._lock = threading.Lock()
        self._queue: deque[Owner | Unit | Call] = deque()
        self._awake: set[int] = set()
        self._is_scheduled = False
        self._is_closed = False
        self.on_commit: Callable[[str], None] | None = None
        """Told ``before`` and ``after`` each commit; for the test kit, which kills workers there."""
        self.pause: Callable[[Callable[[], None]], bool] | None = None

    def _open(self) -> apsw.Connection:
        return open_writer(self._path, synchronous=self._synchronous, vfs=self._vfs)

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
        outcome = self._commit_group([Unit(writes, lambda: None, lambda _error: None)])[0]
        if outcome is not None:
            raise outcome

    def close(self) -> None:
        """Close the connection; the journal must be idle."""
        with self._lock:
            self._is_closed = True
        self._drop_connection()
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
                self._run_call(call)
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
            outcomes: list[Exception | None] = self._commit_group(units)
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
                        unit.answered(self._answers[at])
                    unit.committed()
                else:
                    unit.rejected(outcome)
            except Exception:  # one owner's mistake must not keep the others' effects from going out
                logger.exception(
                    "an owner failed to take the outcome of its unit", extra=LogFields(path=str(self._path))
                )
        return True

    def _commit_group(self, units: list[Unit]) -> list[Exception | None]:
        if not any(unit.writes or unit.work for unit in units):
            return [None] * len(units)  # whoever only waits for what was handed over before
        try:
            self._begin()
            has_met = self._execute_all(units)
            self._answers = [self._run_work(unit, has_met=has_met) for unit in units]
        except StoreBusy:
            raise
        except Exception as error:  # noqa: BLE001  the replay finds out whose it is
            self._roll_back(error)
            return self._replay(units)
        try:
            self._commit()  # the test kit kills workers here, by an exception that is nobody's fault
        except apsw.Error as error:
            self._roll_back(error)
            return self._replay(units)
        return [None] * len(units)

    def _replay(self, units: list[Unit]) -> list[Exception | None]:
        outcomes: list[Exception | None] = []
        refused: dict[int, Exception] = {}
        self._answers = []
        try:
            self._begin()
            while len(outcomes) < len(units):
                at = len(outcomes)
                self._answers.append([])
                outcomes.append(refused.get(at) or self._try_unit(units[at]))
                if not self._use().in_transaction:
                    # A statement of a user's has rolled all back (INSERT OR ROLLBACK): the others are written anew.
                    refused[at] = outcomes[at] or UnitRejected(str(self._path), "ROLLBACK", 0, 0)
                    outcomes = []
                    self._answers = []
                    self._begin()
            self._commit()
        except apsw.Error as error:
            self._roll_back(error)
            failure = translate(error, self._path)
            outcomes = [outcome or failure for outcome in outcomes]
            outcomes.extend([failure] * (len(units) - len(outcomes)))
        return outcomes

    def _try_unit(self, unit: Unit) -> Exception | None:
        """One unit under a savepoint; what is wrong with it alone is its answer, what is wrong with the disk is raised."""
        connection = self._use()
        connection.execute("SAVEPOINT unit")
        try:
            self._answers[-1] = self._run_work(unit, has_met=self._execute_all([unit]))
        except Exception as error:
            if isinstance(error, apsw.Error) and not isinstance(error, apsw.ConstraintError):
                raise
            if connection.in_transaction:
                connection.execute("ROLLBACK TO unit")
                connection.execute("RELEASE unit")
            if isinstance(error, UnitRejected):
                return error
            if isinstance(error, EXPECTED):
                return UnitRejected(str(self._path), str(error), 0, 0)
            logger.exception("%s: an operation failed", self._path, extra=LogFields(path=str(self._path)))
            return UnitRejected(str(self._path), f"{type(error).__name__}: {error}", 0, 0)
        connection.execute("RELEASE unit")
        return None

    def _execute_all(self, units: list[Unit]) -> bool:
        """Execute the rows; tells whether a task that has ended was waited for by another."""
        changed: dict[str, int] = {}
        for name, writes in _by_statement(units):
            after = WRITES[name].only_after
            if after is None or changed.get(after):
                changed[name] = self._execute(name, [row for write in writes for row in write.rows], _expected(writes))
        return bool(changed.get(MEETS))

    def _execute(self, name: str, rows: list[Any], expect: int | None) -> int:
        """Execute a statement once for all its rows; answers how many it changed."""
        connection = self._use()
        if WRITES[name].is_wide:
            assert expect is None, "SQLite tells the changes of the last row alone"
            connection.executemany(sql(name), rows)
            return len(rows)
        connection.execute(sql(name), (msgspec.json.encode(rows).decode(),))
        changes = connection.changes()
        if expect is not None and changes != expect:
            raise UnitRejected(str(self._path), name, expect, changes)
        return changes

    def _run_work(self, unit: Unit, *, has_met: bool) -> list[Any]:
        answers: list[Any] = []
        for work in unit.work:
            if isinstance(work, UserWork):
                answers.append(self._work.run(self._use(), work))
            else:
                answers.append(self._operations.run(self._use(), work, has_met=has_met))
        return answers

    def _commit(self) -> None:
        if self.on_commit is not None:
            self.on_commit("before")
        self._use().execute("COMMIT")
        if self.on_commit is not None:
            self.on_commit("after")

    def _begin(self) -> None:
        try:
            self._use().execute("BEGIN IMMEDIATE")
        except apsw.BusyError as error:
            raise busy(self._path, str(error)) from error

    def _roll_back(self, error: Exception) -> None:
        connection = self._connection
        is_beyond_trust = isinstance(error, apsw.IOError | apsw.CorruptError | apsw.ReadOnlyError)
        if connection is not None and not is_beyond_trust and connection.in_transaction:
            connection.execute("ROLLBACK")
        elif is_beyond_trust:
            fields = LogFields(path=str(self._path), reason=str(error))
            logger.error("%s: %s; opening it anew", self._path, error, extra=fields)
            self._drop_connection()

    def _use(self) -> apsw.Connection:
        if self._connection is None:
            self._connection = self._open()
        return self._connection

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            close(connection)

    def _run_call(self, call: Call) -> None:
        try:
            self._begin()
            result = call.run(self._use())
            self._use().execute("COMMIT")
        except apsw.Error as error:
            self._roll_back(error)
            call.failed(translate(error, self._path))
        except Exception as error:  # noqa: BLE001  whoever asked must hear of it
            self._roll_back(error)
            call.failed(error)
        else:
            call.done(result)


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


def _by_statement(units: list[Unit]) -> list[tuple[str, list[Write]]]:
    found: dict[str, list[Write]] = {}
    for unit in units:
        for write in unit.writes:
            found.setdefault(write.statement, []).append(write)
    return sorted(found.items(), key=lambda entry: RANK[entry[0]])


def _expected(writes: list[Write]) -> int | None:
    if any(write.expect is None for write in writes):
        return None
    return sum(write.expect or 0 for write in writes)
