"""The one file is opened by the rules, and what is wrong with it is said before anything in it is changed."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import apsw
import pytest

from dagger_actors import errors
from dagger_actors.store import connection as connections
from dagger_actors.store import refusals
from dagger_actors.store.connection import checkpoint, open_reader, open_writer, translate
from dagger_actors.store.migrate import migrate

NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that another user can reach, too; pytest's own is closed to others."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def database(folder: Path) -> Path:
    path = folder / "runs.db"
    connection = open_writer(path)
    migrate(connection, path)
    connection.close()
    return path


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Permissions do not hold for root, so act as nobody."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_writer_keeps_the_rules(database: Path) -> None:
    """WAL, FULL, enforced keys, no map, an untrusted schema and immediate transactions."""
    connection = open_writer(database)
    values = {
        name: connection.pragma(name)
        for name in ("journal_mode", "synchronous", "foreign_keys", "mmap_size", "trusted_schema", "cache_size")
    }
    assert values == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "mmap_size": 0,
        "trusted_schema": 0,
        "cache_size": -65536,
    }
    with connection:
        assert connection.txn_state("main") == apsw.SQLITE_TXN_WRITE
    with pytest.raises(apsw.SQLError, match="no such column"):
        connection.execute('SELECT "a text in double quotes"')
    connection.close()


def test_normal_is_a_choice(database: Path) -> None:
    """``synchronous="normal"`` is what the caller gets when asked for."""
    connection = open_writer(database, synchronous="normal")
    assert connection.pragma("synchronous") == 1
    connection.close()


def test_a_reader_sees_the_last_commit_and_changes_nothing(database: Path) -> None:
    """A reader reads beside the writer and is refused every write."""
    writer, reader = open_writer(database), open_reader(database)
    writer.execute("UPDATE id_ranges SET next = 7 WHERE name = 'run'")
    assert next(reader.execute("SELECT next FROM id_ranges WHERE name = 'run'")) == (7,)
    with pytest.raises(apsw.ReadOnlyError) as caught:
        reader.execute("UPDATE id_ranges SET next = 8")
    assert isinstance(translate(caught.value, database), errors.ReadOnlyDatabase)
    reader.close()
    writer.close()


@pytest.mark.parametrize("content", [b"x", b"not a database, " * 500, b"\0" * 4096, b"SQLite format 3\0" + b"x" * 5000])
def test_another_kind_of_file_is_refused_and_left_as_it_was(folder: Path, content: bytes) -> None:
    """What is no database is called so, by writer and reader, and not one byte of it changes."""
    path = folder / "notes.txt"
    path.write_bytes(content)
    for opening in (open_writer, open_reader):
        with pytest.raises(errors.NotADatabase, match=r"notes\.txt is not a dagger_actors database"):
            opening(path)
    assert path.read_bytes() == content
    assert [file.name for file in folder.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    "sql",
    ["CREATE TABLE theirs (x)", "PRAGMA application_id = 7", "PRAGMA user_version = 1", "PRAGMA user_version = 99"],
)
def test_another_programs_database_is_refused_and_left_as_it_was(folder: Path, sql: str) -> None:
    """Our mark must be in it; a foreign database does not even enter WAL mode."""
    path = folder / "theirs.db"
    connection = apsw.Connection(str(path))
    connection.execute(sql)
    connection.close()
    before = path.read_bytes()
    for opening in (open_writer, open_reader):
        with pytest.raises(errors.NotADatabase, match="another program made it"):
            opening(path)
    assert path.read_bytes() == before


def test_a_newer_schema_is_refused(database: Path) -> None:
    """A file of a newer version is not touched; the message names both versions."""
    connection = open_writer(database)
    connection.pragma("user_version", 999)
    connection.close()
    for opening in (open_writer, open_reader):
        with pytest.raises(errors.NewerSchema, match="schema version 999"):
            opening(database)


def test_a_reader_makes_no_file(folder: Path) -> None:
    """Reading a missing or an empty database is refused and leaves nothing behind."""
    with pytest.raises(errors.NotADatabase, match="there is no such file"):
        open_reader(folder / "missing.db")
    assert list(folder.iterdir()) == []
    (folder / "empty.db").touch()
    with pytest.raises(errors.NotADatabase, match="it is empty"):
        open_reader(folder / "empty.db")


def test_paths_that_hold_no_file_are_refused(folder: Path) -> None:
    """A folder, a pipe, a missing folder and a NUL byte each get their own sentence."""
    os.mkfifo(folder / "pipe")
    for opening in (open_writer, open_reader):
        with pytest.raises(errors.NotADatabase, match="it is a folder"):
            opening(folder)
        with pytest.raises(errors.NotADatabase, match="it is no regular file"):
            opening(folder / "pipe")
        with pytest.raises(errors.ReadOnlyDatabase, match=r"the folder .*/nowhere does not exist"):
            opening(folder / "nowhere" / "runs.db")
        with pytest.raises(errors.StoreBroken, match="null byte"):
            opening(f"{folder}/a\0b")


def test_a_read_only_file_or_folder_refuses_the_writer_and_serves_the_reader(database: Path) -> None:
    """Fault 7: a clear error, and reading still works."""
    database.chmod(0o444)
    with unprivileged(), pytest.raises(errors.ReadOnlyDatabase, match="no permission to write"):
        open_writer(database)
    database.parent.chmod(0o777)
    with unprivileged(), pytest.raises(errors.ReadOnlyDatabase, match="no permission to write the file"):
        open_writer(database)
    database.parent.chmod(0o555)
    with unprivileged(), pytest.raises(errors.ReadOnlyDatabase, match="no permission to write in the folder"):
        open_writer(database.parent / "new.db")
    with unprivileged():
        reader = open_reader(database)
        assert reader.pragma("user_version") >= 1
        reader.close()
    database.parent.chmod(0o755)


def test_an_old_sqlite_is_refused(folder: Path) -> None:
    """Below 3.51.3 two connections can corrupt a WAL file."""
    refusals.check_library(folder, "3.51.3")
    refusals.check_library(folder, "4.0.0")
    for version in ("3.51.2", "3.7.0", "3.9.99"):
        with pytest.raises(errors.UnsafeSQLite, match=version):
            refusals.check_library(folder, version)


MOUNTS = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:40 / /mnt/team rw - nfs4 server:/export rw
31 30 254:1 / /mnt/team/local rw - xfs /dev/vdb rw
32 22 0:41 / /mnt/with\\040space rw shared:7 - fuse.sshfs user@host: rw
33 22 0:42 / /mnt/over rw - ext4 /dev/vdc rw
34 33 0:43 / /mnt/over rw - cifs //host/share rw
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home", "ext4"),
        ("/mnt/team", "nfs4"),
        ("/mnt/team/deep/er", "nfs4"),
        ("/mnt/teamwork", "ext4"),
        ("/mnt/team/local/x", "xfs"),
        ("/mnt/with space/x", "fuse.sshfs"),
        ("/mnt/over", "cifs"),
    ],
)
def test_the_file_system_is_that_of_the_innermost_mount(folder: str, kind: str) -> None:
    """The longest mount point that holds the folder decides, and of two on one point the later."""
    assert refusals.filesystem_of(Path(folder), MOUNTS) == kind


def test_a_network_file_system_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database where locks do not hold is refused by writer and reader, before a file is made."""
    kind = refusals.filesystem_of(Path(os.path.realpath(folder)))
    monkeypatch.setattr(refusals, "NETWORK_FILESYSTEMS", frozenset({kind}))
    with pytest.raises(errors.NetworkFilesystem, match=kind):
        open_writer(folder / "runs.db")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (apsw.SQLITE_FULL, errors.StoreFull),
        (apsw.SQLITE_IOERR_SHMSIZE, errors.StoreFull),
        (apsw.SQLITE_IOERR_FSYNC, errors.StoreBroken),
        (apsw.SQLITE_CORRUPT, errors.StoreBroken),
        (apsw.SQLITE_NOTADB, errors.NotADatabase),
        (apsw.SQLITE_READONLY, errors.ReadOnlyDatabase),
        (apsw.SQLITE_READONLY_DBMOVED, errors.StoreBroken),
        (apsw.SQLITE_CANTOPEN, errors.ReadOnlyDatabase),
        (apsw.SQLITE_PERM, errors.ReadOnlyDatabase),
        (apsw.SQLITE_BUSY, errors.StoreBusy),
        (apsw.SQLITE_BUSY_SNAPSHOT, errors.StoreBusy),
        (apsw.SQLITE_LOCKED, errors.StoreBusy),
        (apsw.SQLITE_CONSTRAINT, errors.StoreBroken),
    ],
)
def test_every_sqlite_error_has_one_of_ours(code: int, kind: type[errors.StoreError]) -> None:
    """No APSW exception leaves the store; each class of failure keeps its own error."""
    error = apsw.exception_for(code)
    assert isinstance(error, apsw.Error)
    ours = translate(error, "/somewhere/runs.db")
    assert type(ours) is kind
    assert "/somewhere/runs.db" in str(ours)


def test_a_lock_held_elsewhere_is_told_with_advice(database: Path) -> None:
    """A writer that meets another's lock past its time-out says that another program holds it."""
    holder, other = open_writer(database), open_writer(database, busy_timeout_ms=0)
    with holder, pytest.raises(apsw.BusyError) as caught:
        other.execute("BEGIN IMMEDIATE")
    assert "locked by another program" in str(translate(caught.value, database))
    other.close()
    holder.close()


def test_entering_wal_mode_waits_for_another_who_makes_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite answers busy at once, whatever the time-out, when two make one file; so the writer asks again."""
    path = folder / "runs.db"
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    waits: list[float] = []

    def give_way(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            other.execute("ROLLBACK")

    monkeypatch.setattr("tenacity.nap.time.sleep", give_way)
    open_writer(path).close()
    assert len(waits) == 3
    other.close()


def test_waiting_to_enter_wal_mode_ends(folder: Path) -> None:
    """Past its time-out the writer says that another program holds the lock."""
    path = folder / "runs.db"
    other = apsw.Connection(str(path))
    with other:
        other.execute("CREATE TABLE t (x)")
        with pytest.raises(errors.StoreBusy, match="locked by another program"):
            open_writer(path, busy_timeout_ms=0)
    other.close()


def test_a_full_file_is_told_and_heals(database: Path) -> None:
    """Fault 5: no space refuses the commit whole and is named; the next one succeeds once there is room."""
    connection = open_writer(database)
    connection.pragma("max_page_count", connection.pragma("page_count"))
    grow = "INSERT INTO definitions VALUES ('d', 'f', 1, zeroblob(100000) || '', 0)"
    with pytest.raises(apsw.Error) as caught, connection:
        connection.execute(grow)
    assert isinstance(translate(caught.value, database), errors.StoreFull)
    assert not connection.in_transaction
    connection.pragma("max_page_count", 1_000_000)
    connection.execute(grow)
    connection.close()


def test_a_damaged_page_is_told(database: Path) -> None:
    """A file whose header is ours and whose pages are noise is called broken, not something else."""
    with database.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * (database.stat().st_size - 100))
    with pytest.raises(errors.StoreBroken, match="malformed"):
        open_reader(database)


def test_a_checkpoint_copies_all_that_no_reader_holds(database: Path) -> None:
    """A checkpoint beside the writer empties the WAL; an open read transaction holds it up, and that is told."""
    writer, helper, reader = open_writer(database), open_writer(database), open_reader(database)
    checkpoint(helper, database)
    with reader:
        reader.execute("SELECT count(*) FROM id_ranges").fetchall()
        for n in range(5):
            writer.execute("UPDATE id_ranges SET next = ?", (n,))
        held = checkpoint(helper, database)
        assert held.copied < held.pages
    done = checkpoint(helper, database)
    assert done.copied == done.pages > 0
    writer.execute("UPDATE id_ranges SET next = 9")
    assert checkpoint(helper, database).pages < done.pages
    for connection in (reader, helper, writer):
        connection.close()


def test_the_wal_is_bounded_without_any_help(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the bound a commit checkpoints by itself, so the next one begins the WAL anew."""
    monkeypatch.setattr(connections, "WAL_BOUND_PAGES", 50)
    writer = open_writer(database)
    writer.execute("INSERT INTO definitions VALUES ('d', 'f', 1, '', 0)")
    for n in range(100):
        writer.execute("UPDATE definitions SET body = ?", (str(n) * 10_000,))
    assert database.with_name("runs.db-wal").stat().st_size < 80 * 4096
    writer.close()


def test_a_checkpoint_waits_for_nobody(database: Path) -> None:
    """While another connection writes, a checkpoint returns at once; while another checkpoints, it says busy."""
    writer, helper = open_writer(database), open_writer(database)
    with writer:
        writer.execute("UPDATE id_ranges SET next = 3")
        assert not checkpoint(helper, database).busy
    writer.set_busy_handler(lambda _: False)
    seen = []
    # The busy handler of a truncating checkpoint runs while that one holds the checkpoint lock.
    reader = open_reader(database)
    with reader:
        reader.execute("SELECT count(*) FROM id_ranges").fetchall()
        writer.execute("UPDATE id_ranges SET next = 4")

        def ask(_: int) -> bool:
            seen.append(checkpoint(helper, database).busy)
            return False

        writer.set_busy_handler(ask)
        with pytest.raises(apsw.BusyError):
            writer.wal_checkpoint("main", apsw.SQLITE_CHECKPOINT_TRUNCATE)
    assert seen == [True]
    for connection in (reader, helper, writer):
        connection.close()


def test_a_writer_that_waits_looks_as_often_at_the_end_as_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: a gap of a millisecond between another process's commits is enough, however long it was waited for."""
    now, looks = [0.0], 0

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(connections, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    is_patient = connections._patience(60)
    while is_patient(looks):
        looks += 1
    assert looks >= 12, "SQLite's own handler looks seven times in 60 ms, and then every 25 to 100 ms"
