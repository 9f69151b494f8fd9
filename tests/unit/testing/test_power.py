"""The replayed power cuts are legal, and harsh enough to catch a store that promises too early."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from dagger_actors.store.connection import checkpoint, open_writer
from dagger_actors.store.migrate import migrate
from dagger_actors.testing.power import PowerVFS
from dagger_actors.testing.power_log import Acknowledged, Cut, Deleted, Entry, Found, Made, Synced, Written
from dagger_actors.testing.power_states import CrashState, crash_states

COMMITS = 24


def scripted(folder: Path, synchronous: str) -> PowerVFS:
    """Commit numbers in order, acknowledging each, with a checkpoint and the WAL begun anew in between."""
    vfs = PowerVFS(f"power-{synchronous}-{folder.name}")
    with vfs:
        path = folder / "t.db"
        writer, helper = open_writer(path, vfs=vfs.name), open_writer(path, vfs=vfs.name)
        for connection in (writer, helper):
            connection.pragma("synchronous", synchronous)
        writer.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, x BLOB)")
        for n in range(COMMITS):
            with writer:
                writer.execute("INSERT INTO t VALUES (?, randomblob(?))", (n, n * 397 % 9000))
            vfs.acknowledged(n)
            if n % 7 == 6:
                checkpoint(helper, path)
        helper.close()
        writer.close()
    return vfs


def surviving(state: CrashState) -> int:
    """Check the restored file whole; return how many commits it holds; -1 when it is damaged."""
    path = state.folder / "t.db"
    if not path.exists():
        return 0
    connection = apsw.Connection(str(path))
    try:
        if connection.pragma("integrity_check") != "ok":
            return -1
        if not connection.table_exists("main", "t"):
            return 0
        numbers = [n for (n,) in connection.execute("SELECT n FROM t ORDER BY n")]
    except (apsw.CorruptError, apsw.NotADBError):
        return -1
    finally:
        connection.close()
    return len(numbers) if numbers == list(range(len(numbers))) else -1


def verdicts(tmp_path: Path, synchronous: str) -> list[tuple[int, int]]:
    """Commits found and commits promised, for every state."""
    (tmp_path / "live").mkdir()
    (tmp_path / "cut").mkdir()
    vfs = scripted(tmp_path / "live", synchronous)
    assert vfs.marks == list(range(COMMITS))
    return [(surviving(state), len(state.acknowledged)) for state in vfs.states(tmp_path / "cut", seed=1, per_cut=5)]


def test_at_full_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    """Promise a: at FULL every cut leaves a whole file with at least what was acknowledged."""
    found = verdicts(tmp_path, "full")
    assert len(found) > 100
    assert {promised for _, promised in found} == set(range(COMMITS + 1))
    assert all(survived >= promised for survived, promised in found)


def test_at_normal_the_last_acknowledged_is_lost_and_the_file_stays_whole(tmp_path: Path) -> None:
    """The oracle can fail: NORMAL promises too early, and the cuts show it; but it never damages the file."""
    found = verdicts(tmp_path, "normal")
    assert any(survived < promised for survived, promised in found)
    assert all(survived >= 0 for survived, _ in found)


def test_without_syncs_the_file_itself_is_damaged(tmp_path: Path) -> None:
    """The cuts are harsh: at OFF some reordering of unsynced writes leaves no whole database."""
    assert any(survived == -1 for survived, _ in verdicts(tmp_path, "off"))


def replayed(tmp_path: Path, log: list[Entry], *, per_cut: int, seed: int = 1) -> list[tuple[int, dict[str, bytes]]]:
    into = tmp_path / f"into-{seed}-{per_cut}-{len(list(tmp_path.iterdir()))}"
    into.mkdir()
    return [
        (state.position, {file.name: file.read_bytes() for file in state.folder.iterdir()})
        for state in crash_states(log, into, seed=seed, per_cut=per_cut)
    ]


def test_only_a_sync_makes_writes_and_names_last(tmp_path: Path) -> None:
    """Dropping all that was not synced: content lasts by its file's sync, a name by its folder's."""
    log: list[Entry] = [
        Made("/d/a", 1),
        Written(1, 0, b"one"),
        Synced(1, folder=False),
        Synced(1, folder=True),
        Written(1, 3, b"two"),
    ]
    assert replayed(tmp_path, [*log, Deleted("/d/a", folder=True)], per_cut=1) == [
        (0, {}),
        (2, {}),
        (3, {}),
        (5, {"a": b"one"}),
        (6, {}),
    ]


def test_a_sync_is_for_its_own_file(tmp_path: Path) -> None:
    """What was written to one file does not last because another was synced."""
    log: list[Entry] = [Found("/d/a", 1, b""), Found("/d/b", 2, b""), Written(1, 0, b"A"), Written(2, 0, b"B")]
    assert replayed(tmp_path, [*log, Synced(2, folder=True)], per_cut=1)[-1] == (5, {"a": b"", "b": b"B"})


def test_only_the_first_sync_of_a_new_wal_syncs_the_folder(tmp_path: Path) -> None:
    """As SQLite does it: one for each time a journal or WAL was opened to be made, not one for each commit."""
    vfs = scripted(tmp_path, "full")
    syncs = [entry for entry in vfs.log if isinstance(entry, Synced)]
    assert len(syncs) > COMMITS
    assert 1 <= sum(sync.folder for sync in syncs) <= 3


def test_all_that_was_written_may_have_come_through(tmp_path: Path) -> None:
    """The second state of a cut keeps everything, synced or not, in its order."""
    log: list[Entry] = [Found("/d/a", 1, b"old!"), Written(1, 1, b"AB"), Cut(1, 3), Written(1, 2, b"Z")]
    assert replayed(tmp_path, log, per_cut=2)[-1] == (4, {"a": b"oAZ"})


def test_a_write_tears_only_at_sectors_and_only_inside_its_range(tmp_path: Path) -> None:
    """Each sector is the old one or the new one, whole; the bytes beside a write are untouched."""
    log: list[Entry] = [Found("/d/a", 1, b"o" * 2048), Written(1, 100, b"n" * 1500)]
    seen = {state["a"] for _, state in replayed(tmp_path, log, per_cut=600)}
    pieces = ((100, 512), (512, 1024), (1024, 1536), (1536, 1600))
    for content in seen:
        assert (content[:100], content[1600:]) == (b"o" * 100, b"o" * 448)
        assert all(len(set(content[start:stop])) == 1 for start, stop in pieces)
    assert len(seen) == 16


def test_later_writes_may_overtake_earlier_ones(tmp_path: Path) -> None:
    """Of two unsynced writes either may be kept without the other, and a longer file may hold zeros."""
    log: list[Entry] = [Found("/d/a", 1, b""), Written(1, 0, b"a" * 512), Written(1, 512, b"b" * 512)]
    seen = {state["a"] for _, state in replayed(tmp_path, log, per_cut=100)}
    assert {b"", b"a" * 512, b"a" * 512 + b"b" * 512, bytes(512) + b"b" * 512, bytes(512)} <= seen


def test_a_mark_counts_from_the_cut_after_it(tmp_path: Path) -> None:
    """A cut just before the acknowledgement owes nothing yet; just after, it owes it."""
    log: list[Entry] = [Found("/d/a", 1, b""), Acknowledged("x"), Acknowledged("y")]
    (tmp_path / "into").mkdir()
    states = list(crash_states(log, tmp_path / "into", seed=1))
    assert [(state.position, state.acknowledged) for state in states] == [(1, ()), (2, ("x",)), (3, ("x", "y"))]


def test_the_same_seed_replays_the_same_states(tmp_path: Path) -> None:
    """A failing state can be had again by its seed."""
    log: list[Entry] = [Found("/d/a", 1, b"o" * 4096), *(Written(1, n * 300, bytes([n]) * 300) for n in range(9))]
    assert replayed(tmp_path, log, per_cut=20) == replayed(tmp_path, log, per_cut=20)
    assert replayed(tmp_path, log, per_cut=20) != replayed(tmp_path, log, per_cut=20, seed=2)


def test_a_database_from_before_the_log_is_durable(tmp_path: Path) -> None:
    """What was there when the VFS first opened a file is not lost by any cut."""
    path = tmp_path / "live" / "t.db"
    path.parent.mkdir()
    connection = open_writer(path)
    migrate(connection, path)
    connection.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, x BLOB)")
    connection.close()
    (tmp_path / "cut").mkdir()
    with PowerVFS("power-before") as vfs:
        connection = open_writer(path, vfs=vfs.name)
        connection.execute("INSERT INTO t VALUES (0, NULL)")
        connection.close()
    for state in vfs.states(tmp_path / "cut", seed=3):
        assert surviving(state) in {0, 1}
        assert (state.folder / "t.db").exists() or state.position == 0


def test_the_name_is_free_after_the_block(tmp_path: Path) -> None:
    """The VFS is registered for its block alone."""
    with PowerVFS("power-once") as vfs:
        assert vfs.name in apsw.vfs_names()
    assert vfs.name not in apsw.vfs_names()
    with pytest.raises(apsw.SQLError, match="no such vfs"):
        apsw.Connection(str(tmp_path / "t.db"), vfs=vfs.name)
