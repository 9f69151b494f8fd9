"""Statements of users outside a unit: checked where they are written, and queries of the last commit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import apsw

from dagger_actors.core.messages import SqlValue
from dagger_actors.errors import StatementRefused, SystemClosed
from dagger_actors.store.connection import close, open_reader
from dagger_actors.store.guard import Guard
from dagger_actors.store.home import Home
from dagger_actors.store.reader import Readers
from dagger_actors.store.refusals import translate

__all__ = ["DISK", "MOST_ROWS", "PROGRESS_OPS", "UserTables", "step_limit"]

MOST_ROWS = 100_000
"""Rows one query may give."""

PROGRESS_OPS = 1_000_000
"""SQLite's steps between two looks at how far a statement is."""

QUERY_STEPS = 2_000
"""Looks after which a query is ended: 2,000 million steps, a minute or more."""

DISK = (
    apsw.IOError, apsw.FullError, apsw.CorruptError, apsw.BusyError, apsw.LockedError, apsw.ReadOnlyError,
    apsw.CantOpenError, apsw.NotADBError, apsw.ProtocolError, apsw.InternalError, apsw.NoMemError,
)  # fmt: skip
"""What is the fault of the disk or the machine, never of a statement."""


class UserTables:
    """Reads for users; any thread.

    Args:
        path: The database.
        size: Queries at once; one beyond waits.
        vfs: As in ``open_reader``.
    """

    def __init__(self, path: Path, *, size: int = 5, vfs: str | None = None) -> None:
        self._path = path
        self._vfs = vfs
        self._readers = Readers(path, size=size, vfs=vfs, prepare=_guard)
        self._home = Home(path)
        self._lock = threading.Lock()
        self._checker: apsw.Connection | None = None
        self._is_closed = False
        self._guard = Guard("change")

    def check(self, sql: str, args: Sequence[SqlValue]) -> None:
        """Compile one statement that is to change rows, without running it.

        Raises:
            StatementRefused: It is not one such statement, or does not take these arguments.
            StoreError: The file cannot be read.
        """
        first: list[tuple[str, bool]] = []

        def look(cursor: apsw.Cursor, text: str, _bindings: object) -> bool:
            first.append((text, cursor.is_readonly or bool(cursor.is_explain)))
            return False

        self._home.check()
        with self._lock:
            if self._is_closed:
                raise SystemClosed
            if self._checker is None:
                self._checker = open_reader(self._path, vfs=self._vfs)
                self._checker.authorizer = self._guard
            cursor = self._checker.cursor()
            cursor.exec_trace = look
            self._guard.is_change = False
            try:
                cursor.execute(sql, tuple(args), can_cache=False)
            except apsw.ExecTraceAbort:
                pass
            except DISK as error:
                raise translate(error, self._path) from error
            except (apsw.Error, UnicodeEncodeError, OverflowError, ValueError) as error:
                raise StatementRefused(sql, _reason(error, self._guard)) from None
            is_change = self._guard.is_change
        text, is_no_change = first[0] if first else ("", True)
        if sql[len(text) :].strip():
            raise StatementRefused(sql, "it is more than one statement; call ctx.execute for each")
        if is_no_change or not is_change:
            raise StatementRefused(sql, "it changes nothing; read with ctx.query")

    def query(self, sql: str, args: Sequence[SqlValue]) -> list[tuple[SqlValue, ...]]:
        """Run one query on the last commit.

        Raises:
            StatementRefused: It is no single query, does not take these arguments, or gives more than 100,000 rows.
            StoreError: The file cannot be read.
        """
        with self._readers.use() as connection:
            cursor = connection.cursor()
            seen: list[str] = []

            def look(_cursor: apsw.Cursor, text: str, _bindings: object) -> bool:
                seen.append(text)
                return not sql[len(text) :].strip()

            cursor.exec_trace = look
            connection.set_progress_handler(step_limit(QUERY_STEPS), PROGRESS_OPS)
            rows: list[tuple[SqlValue, ...]] = []
            try:
                for row in cursor.execute(sql, tuple(args), can_cache=False):
                    if len(rows) == MOST_ROWS:
                        raise StatementRefused(
                            sql, f"it gives more than {MOST_ROWS:,} rows; read them in parts (LIMIT)"
                        )
                    rows.append(row)
            except apsw.ExecTraceAbort:
                raise StatementRefused(sql, "it is more than one statement") from None
            except DISK as error:
                raise translate(error, self._path) from error
            except (apsw.Error, UnicodeEncodeError, OverflowError, ValueError) as error:
                guard = connection.authorizer
                raise StatementRefused(sql, _reason(error, guard if isinstance(guard, Guard) else Guard())) from None
            finally:
                cursor.close(True)  # noqa: FBT003 - apsw takes it by place
                connection.set_progress_handler(None)
            return rows

    def close(self) -> None:
        """Close every connection."""
        self._readers.close()
        with self._lock:
            checker, self._checker = self._checker, None
            self._is_closed = True
        if checker is not None:
            close(checker)
        self._home.close()


def step_limit(looks: int) -> Callable[[], bool]:
    """A progress handler that ends a statement after so many looks."""
    left = looks

    def is_over() -> bool:
        nonlocal left
        left -= 1
        return left < 0

    return is_over


def _guard(connection: apsw.Connection) -> None:
    connection.authorizer = Guard("read")


def _reason(error: Exception, guard: Guard) -> str:
    reason, guard.reason = guard.reason, ""
    if isinstance(error, apsw.AuthError) and reason:
        return reason
    if isinstance(error, apsw.InterruptError):
        return "it takes too long"
    if str(error).startswith("no such table"):
        return f"{error}; make your tables with ActorSystem(schema=...), --schema FILE, or `schema` in the system file"
    return str(error)
