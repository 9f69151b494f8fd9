"""The journal's transactions: a group of units in one, and if that fails each unit under a savepoint of its own.

**Statements.** Each runs once a group, over all its rows as one JSON array: APSW gives the GIL away at every step, and
beside one CPU-bound thread each row of its own would cost a switch interval. (Rows of megabytes apart: there are few of
them, and JSON inside JSON would cost more.)

**Failure.** The group runs without savepoints. On any error it is rolled back whole and replayed unit by unit under
savepoints, so that one bad unit does not take the others with it. After an I/O error the connection is opened anew from
the disk: a failed sync must never be tried again on the same file handle (the kernel forgets dirty pages it could not
write).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import apsw
import msgspec

from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.protocols import Unit, UserWork, Write
from dagger_actors.errors import StoreBusy, UnitRejected
from dagger_actors.store.connection import close, open_writer
from dagger_actors.store.operations import Operations
from dagger_actors.store.refusals import busy, translate
from dagger_actors.store.statements import MEETS, RANK, WRITES, sql
from dagger_actors.store.user_work import WorkRunner

__all__ = ["Call", "Writer"]

logger = logging.getLogger("dagger_actors.store")

EXPECTED = (apsw.ConstraintError, msgspec.MsgspecError, UnicodeEncodeError)
"""What a unit can be refused for by what it brings; anything else is a mistake of ours, and refuses that unit alone too."""


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


class Writer:
    """Has the one connection that writes; on one thread at a time.

    Args:
        path: The database.
        synchronous: As in ``open_writer``.
        vfs: As in ``open_writer``.
        connection: That of an open file; None = a new one.

    Attributes:
        answers: What the work of each unit of the last group has answered, in order.
        on_commit: Told ``before`` and ``after`` each commit; for the test kit, which kills workers there.
    """

    def __init__(
        self,
        path: Path,
        *,
        synchronous: Literal["full", "normal"] = "full",
        vfs: str | None = None,
        connection: apsw.Connection | None = None,
    ) -> None:
        self._path = path
        self._synchronous = synchronous
        self._vfs = vfs
        self._connection: apsw.Connection | None = connection or self._open()
        self._work = WorkRunner(path)
        self._operations = Operations(path)
        self.answers: list[list[Any]] = []
        self.on_commit: Callable[[str], None] | None = None

    def _open(self) -> apsw.Connection:
        return open_writer(self._path, synchronous=self._synchronous, vfs=self._vfs)

    def write(self, units: list[Unit]) -> list[Exception | None]:
        """Write a group; gives for each unit None, or why nothing of it was written.

        Raises:
            StoreBusy: Another process has held the file for too long; nothing was written.
        """
        if not any(unit.writes or unit.work for unit in units):
            return [None] * len(units)  # whoever only waits for what was handed over before
        try:
            self._begin()
            has_met = self._execute_all(units)
            self.answers = [self._run_work(unit, has_met=has_met) for unit in units]
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
        self.answers = []
        try:
            self._begin()
            while len(outcomes) < len(units):
                at = len(outcomes)
                self.answers.append([])
                outcomes.append(refused.get(at) or self._try_unit(units[at]))
                if not self._use().in_transaction:
                    # A statement of a user's has rolled all back (INSERT OR ROLLBACK): the others are written anew.
                    refused[at] = outcomes[at] or UnitRejected(str(self._path), "ROLLBACK", 0, 0)
                    outcomes = []
                    self.answers = []
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
            self.answers[-1] = self._run_work(unit, has_met=self._execute_all([unit]))
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

    def run(self, call: Call) -> None:
        """Run a transaction of the store's own, and tell whoever asked."""
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

    def close(self) -> None:
        """Close the connection."""
        self._drop_connection()


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
