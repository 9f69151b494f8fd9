"""Opens the one SQLite file by the rules that keep it safe and fast.

The rules: WAL; ``synchronous=FULL`` unless the caller asks for less; no double-quoted strings, no trusted schema, no
shadow writes; a page cache for the working set and no memory map (an I/O error under a map is a SIGBUS). A file of
another program is refused before anything in it is changed, and so is one of a newer version.

Foreign keys are enforced: an orphan is refused where it is made, at 0.2 us a new row and nothing for an update (of 5 us
each in a group of 512). So in one transaction the statements that make parents come first. ``PRAGMA optimize`` is not
run: every statement of ours goes by primary key, and a plan that changes with statistics is a risk without a gain.

Checkpoints stay off the commit path: a background thread calls ``checkpoint`` on a writer's connection of its own,
which copies pages while commits go on. Only when the WAL outgrows ``WAL_BOUND_PAGES`` does a commit do the rest itself;
that is what bounds it while commits never pause. A reader that stays open holds both up; ``checkpoint`` tells.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import apsw
import apsw.bestpractice
import msgspec
import tenacity

from dagger_actors.errors import ReadOnlyDatabase, StoreBroken
from dagger_actors.store.migrate import check_identity, migrations
from dagger_actors.store.refusals import check_library, check_path, translate
from dagger_actors.store.task_refusals import install as install_refusals

__all__ = ["WalState", "checkpoint", "close", "open_reader", "open_writer", "rest_stamp", "transaction", "translate"]

LOOK_S = 0.0005
"""How often a writer looks whether another process has let go of the write lock; half of the gap that a busy one leaves."""

WAL_BOUND_PAGES = 16_384
"""Pages in the WAL (4 KiB each: 64 MiB) past which a commit checkpoints on its own; SQLite's default is 1,000."""

WAL_KEPT_BYTES = 64 * 1024 * 1024
"""A WAL that a long reader made larger than this is cut back when it starts anew."""

WRITER_CACHE_KIB = 64 * 1024
READER_CACHE_KIB = 16 * 1024
STATEMENTS_KEPT = 512


class WalState(msgspec.Struct, frozen=True, kw_only=True):
    """How far a checkpoint got.

    Attributes:
        pages: Pages in the WAL; 0 when it is empty.
        copied: How many of them the database file holds by now; at ``pages`` the next commit starts the WAL anew.
        busy: Another connection was checkpointing; nothing was done.
    """

    pages: int
    copied: int
    busy: bool


def open_writer(
    path: str | Path,
    *,
    synchronous: Literal["full", "normal"] = "full",
    busy_timeout_ms: int = 5000,
    vfs: str | None = None,
) -> apsw.Connection:
    """Open the file to write, and make it if it is missing; its schema is ``migrate``'s business.

    Args:
        path: The database; its folder must exist.
        synchronous: ``full``: a commit survives a power cut; ``normal``: the last ones may be lost, the file is whole.
        busy_timeout_ms: How long a statement waits for another process's lock; 0 or more.
        vfs: The name of an APSW VFS, for tests; None is the system's own.

    Returns:
        A connection; ``with transaction(connection):`` writes.

    Raises:
        UnsafeSQLite: The SQLite library is older than 3.51.3.
        NotADatabase: The file is something else, or another program's database; it was not changed.
        NewerSchema: A newer version of this package wrote it.
        ReadOnlyDatabase: The file or its folder cannot be written, or the folder is missing.
        NetworkFilesystem: It lies where locks do not hold.
        StoreBusy, StoreFull, StoreBroken: As SQLite met it.
    """
    where = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links and change the name shown
    check_library(where)
    check_path(where, writing=True)
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    try:
        connection = apsw.Connection(str(where), flags=flags, vfs=vfs, statementcachesize=STATEMENTS_KEPT)
        try:
            _harden(connection, busy_timeout_ms)
            connection.set_busy_handler(_patience(busy_timeout_ms))
            check_identity(connection, where, known=len(migrations()), may_be_blank=True)
            _enter_wal(connection, where, busy_timeout_ms)
            connection.pragma("synchronous", synchronous)
            connection.pragma("cache_size", -WRITER_CACHE_KIB)
            connection.pragma("journal_size_limit", WAL_KEPT_BYTES)
            connection.wal_autocheckpoint(WAL_BOUND_PAGES)
            connection.transaction_mode = "IMMEDIATE"
            install_refusals(connection, where)
        except BaseException:
            close(connection)
            raise
    except apsw.Error as error:
        raise translate(error, where) from error
    return connection


def close(connection: apsw.Connection) -> None:
    """Let go of a connection, whatever the disk says: the checkpoint that it could not do, the next one to open does."""
    with suppress(apsw.Error):
        connection.close()


@contextmanager
def transaction(connection: apsw.Connection) -> Iterator[None]:
    """Commit what the block writes, or nothing of it; a ``BEGIN IMMEDIATE`` transaction.

    APSW's own ``with connection:`` keeps the GIL while it waits for the lock. When a thread of this very process holds
    that lock, neither gets on until the time-out; and any other process's transaction would freeze all of this one.

    Args:
        connection: A writer's, outside a transaction.

    Raises:
        apsw.Error: SQLite refused; nothing was written.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # an I/O error may have rolled it back already
            connection.execute("ROLLBACK")
        raise


def open_reader(path: str | Path, *, is_at_rest: bool = False, vfs: str | None = None) -> apsw.Connection:
    """Open the file to read only; it works on a read-only file or folder too.

    Args:
        path: The database.
        is_at_rest: The caller has its ``rest_stamp`` and compares it again after reading: no lock is taken and no file
            made, and what somebody writes meanwhile would be read torn.
        vfs: The name of an APSW VFS, for tests; None is the system's own.

    Returns:
        A connection that can change nothing.

    Raises:
        UnsafeSQLite: The SQLite library is older than 3.51.3.
        NotADatabase: The file is missing, empty, something else, or another program's database.
        NewerSchema: A newer version of this package wrote it.
        NetworkFilesystem: It lies where locks do not hold.
        StoreBusy, StoreBroken, ReadOnlyDatabase: As SQLite met it.
    """
    where = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links and change the name shown
    check_library(where)
    check_path(where, writing=False)
    name, flags = str(where), apsw.SQLITE_OPEN_READONLY
    if is_at_rest or _is_frozen(where):
        name, flags = f"file:{quote(name)}?immutable=1", flags | apsw.SQLITE_OPEN_URI
    try:
        connection = apsw.Connection(name, flags=flags, vfs=vfs, statementcachesize=STATEMENTS_KEPT)
        try:
            _harden(connection, busy_timeout_ms=5000)
            connection.pragma("query_only", 1)
            connection.pragma("cache_size", -READER_CACHE_KIB)
            check_identity(connection, where, known=len(migrations()), may_be_blank=False)
        except BaseException:
            close(connection)
            raise
    except apsw.Error as error:
        raise translate(error, where) from error
    return connection


def checkpoint(connection: apsw.Connection, path: str | Path) -> WalState:
    """Copy what commits have left in the WAL into the database, waiting for no one and holding no one up.

    Args:
        connection: A writer's connection that does nothing else, outside a transaction.
        path: The database, for messages.

    Returns:
        How far it got. ``pages`` far above ``copied`` for long means that a reader stays open.

    Raises:
        StoreError: The disk refused; the WAL still holds everything.
    """
    try:
        pages, copied = connection.wal_checkpoint("main", apsw.SQLITE_CHECKPOINT_PASSIVE)
    except apsw.BusyError:
        return WalState(pages=0, copied=0, busy=True)
    except apsw.Error as error:
        raise translate(error, path) from error
    return WalState(pages=max(pages, 0), copied=max(copied, 0), busy=False)


def _harden(connection: apsw.Connection, busy_timeout_ms: int) -> None:
    # Its functions one by one: bestpractice.apply() would hook every connection of the whole process.
    apsw.bestpractice.connection_busy_timeout(connection, busy_timeout_ms)
    apsw.bestpractice.connection_dqs(connection)
    apsw.bestpractice.connection_enable_foreign_keys(connection)
    apsw.bestpractice.connection_recursive_triggers(connection)
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    # Else what it knows of a partial index by a parameter's value it must know anew: such a statement was compiled at each
    # execution, the claim of tasks for one. (https://sqlite.org/queryplanner-ng.html, "Query Planner Stability Guarantee")
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    connection.pragma("mmap_size", 0)


def _patience(timeout_ms: int) -> Callable[[int], bool]:
    """A busy handler that looks every ``LOOK_S``, however long it has waited.

    SQLite's own looks ever more seldom, up to 100 ms apart, and so misses the gaps that a busy process leaves between its
    commits: of two that wrote all the time, with gaps of 1 ms, one waited 54 ms at the median and 2.4 s at worst; so, 6 and 12.
    """
    began = 0.0

    def is_patient(looks: int) -> bool:
        nonlocal began
        if not looks:
            began = time.monotonic()
        if time.monotonic() - began >= timeout_ms / 1000:
            return False
        time.sleep(LOOK_S)
        return True

    return is_patient


def _enter_wal(connection: apsw.Connection, where: Path, busy_timeout_ms: int) -> None:
    # Two processes that make the file at once both hold a read lock and want the write lock; SQLite answers busy to one
    # of them at once, whatever its time-out, because waiting would be a deadlock.
    patiently = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(apsw.BusyError),
        stop=tenacity.stop_after_delay(busy_timeout_ms / 1000),
        wait=tenacity.wait_fixed(0.005),
        reraise=True,
    )
    mode = patiently(connection.pragma, "journal_mode", "wal")
    if mode != "wal":
        raise StoreBroken(str(where), f"it does not enter WAL mode, it stays in {mode}")


def rest_stamp(path: str | Path) -> tuple[int, int, int] | None:
    """Tell whether nobody has the database open, and everything committed is in its file.

    Whoever opens it makes a ``-shm`` file at once and removes it as the last one leaves, having copied its commits into
    the database. So two equal stamps mean that what was read between them was whole.

    Args:
        path: The database.

    Returns:
        What changes with the file (inode, size, time of the last change); None when somebody has it open, or when a
        process that died left commits beside it.
    """
    where = os.path.realpath(path)
    try:
        if os.path.lexists(f"{where}-shm") or os.path.lexists(f"{where}-journal"):
            return None
        wal = Path(f"{where}-wal")
        if wal.exists() and wal.stat().st_size:
            return None
        found = Path(where).stat()
    except (OSError, ValueError):
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _is_frozen(where: Path) -> bool:
    # Reading a WAL database needs its -shm file, or the right to make it. Without that right, and with nobody there who
    # has it open, the file is whole on its own.
    folder = Path(os.path.realpath(where)).parent
    if os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        return False
    if rest_stamp(where) is not None:
        return True
    real = os.path.realpath(where)
    if not os.path.lexists(f"{real}-shm"):
        raise ReadOnlyDatabase(
            str(where),
            f"reading the commits in {where.name}-wal needs a -shm file beside it, and the folder {folder} cannot be "
            f"written; copying both files to a folder of yours helps too",
        )
    return False
