"""Reading beside the writer: a small pool of read-only connections, each query one snapshot."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from dagger_actors.errors import SystemClosed
from dagger_actors.store.connection import close, open_reader, rest_stamp
from dagger_actors.store.home import Home
from dagger_actors.store.refusals import translate
from dagger_actors.store.statements import sql

__all__ = ["Readers"]


class Readers:
    """Read-only connections, opened as they are needed.

    Args:
        path: The database.
        size: Connections at most; a query beyond waits for one.
        is_quiet: Make no file beside a database that nobody has open.
        vfs: As in ``open_reader``.
        prepare: Told each connection before it is used.
    """

    def __init__(
        self,
        path: Path,
        *,
        size: int = 5,
        is_quiet: bool = False,
        vfs: str | None = None,
        prepare: Callable[[apsw.Connection], None] = lambda _connection: None,
    ) -> None:
        self._prepare = prepare
        self._path = path
        self._is_quiet = is_quiet
        self._vfs = vfs
        self._idle: list[apsw.Connection] = []
        self._permits = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._is_closed = False
        self._home = Home(path)
        self._watching: apsw.Connection | None = None

    def data_version(self) -> int:
        """A number that changes whenever anybody has committed; for one thread at a time.

        Source: SQLite, ``PRAGMA data_version``; it compares values of one connection only, so that one is kept apart.
        """
        if self._is_closed:
            raise SystemClosed
        if self._watching is None:
            self._watching = open_reader(self._path, vfs=self._vfs)
        try:
            return int(next(self._watching.execute("PRAGMA data_version"))[0])
        except apsw.Error as error:
            raise translate(error, self._path) from error

    def query(self, name: str, *parameters: int | str) -> list[tuple[Any, ...]]:
        """Run one statement of ``sql/`` and fetch all its rows.

        Raises:
            StoreError: The file cannot be read.
        """
        self._home.check()
        if self._is_quiet and (found := self._query_at_rest(name, parameters)) is not None:
            return found
        with self.use() as connection:
            try:
                return list(connection.execute(sql(name), parameters))
            except apsw.Error as error:
                raise translate(error, self._path) from error

    def _query_at_rest(self, name: str, parameters: tuple[int | str, ...]) -> list[tuple[Any, ...]] | None:
        """The rows, read without a lock; None when somebody had the file open, or opened it meanwhile."""
        stamp = None if self._is_closed else rest_stamp(self._path)
        if stamp is None:
            return None
        connection = open_reader(self._path, is_at_rest=True, vfs=self._vfs)
        try:
            found = list(connection.execute(sql(name), parameters))
        except apsw.Error as error:
            if rest_stamp(self._path) == stamp:
                raise translate(error, self._path) from error
            return None
        finally:
            close(connection)
        return found if rest_stamp(self._path) == stamp else None

    @contextmanager
    def use(self) -> Iterator[apsw.Connection]:
        """Borrow a connection for a while.

        Raises:
            SystemForked: In a forked child.
        """
        self._home.check()
        with self._permits:
            with self._lock:
                if self._is_closed:
                    raise SystemClosed
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                connection = open_reader(self._path, vfs=self._vfs)
                self._prepare(connection)
            try:
                yield connection
            finally:
                with self._lock:
                    is_kept = not self._is_closed
                    if is_kept:
                        self._idle.append(connection)
                if not is_kept:
                    close(connection)

    def close(self) -> None:
        """Close every connection; those in use are closed when they come back. A forked child leaves them alone."""
        if not self._home.is_here:
            return
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
            if self._watching is not None:
                idle.append(self._watching)
        for connection in idle:
            close(connection)
        self._home.close()
