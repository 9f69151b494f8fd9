"""Looking at a database: filters, and FAULTS 7: reading works where nothing can be written, and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dagger_actors import ActorSystem
from dagger_actors.errors import NotADatabase, OlderSchema, ReadOnlyDatabase, RequestError, RunNotFound, SystemClosed
from dagger_actors.store import connection as connections
from dagger_actors.store.connection import open_writer, rest_stamp

NOBODY = 65534
LARGE = os.urandom(100 * 1024)


def good() -> bytes:
    return LARGE


def bad() -> int:
    raise ValueError("on purpose")


@contextmanager
def unprivileged() -> Iterator[None]:
    """Root may write everywhere; the test is about those who may not."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that another user can reach, too; pytest's own is closed to others."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)
        Path(name).chmod(0o755)


def one(action: str) -> dict[str, Any]:
    return {"name": f"{action} flow", "nodes": [{"id": "node", "action": action}]}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def database(folder: Path) -> Path:
    """Two runs, and nobody who has it open."""
    path = folder / "runs.db"
    with ActorSystem(path, actions=[good, bad]) as system:
        for action in ("good", "bad"):
            system.flows.start(one(action), run_id=action).wait(30)
    return path


def check_everything(path: Path) -> None:
    with ActorSystem.look(path) as here:
        assert [run.run_id for run in here.flows.runs()] == ["bad", "good"]
        assert here.flows.report("good").state == "succeeded"
        assert here.flows.resumable() == []
        (entry,) = here.artifacts.list()
        assert here.artifacts.get(entry) == LARGE


def test_looking_changes_nothing_at_all(database) -> None:
    """Law: not a byte, not a file; no worker either."""
    before = contents(database.parent)
    check_everything(database)
    assert contents(database.parent) == before


def test_a_read_only_folder_can_be_looked_at(database) -> None:
    """FAULTS 7: nothing is made, so nothing has to be writable."""
    database.parent.chmod(0o555)
    with unprivileged():
        check_everything(database)


def test_a_read_only_file_can_be_looked_at(database) -> None:
    """FAULTS 7: no -shm of a stranger is left in the way of its owner."""
    database.chmod(0o444)
    database.parent.chmod(0o777)
    before = contents(database.parent)
    with unprivileged():
        check_everything(database)
    assert contents(database.parent) == before


def test_what_another_process_is_writing_is_seen_also_from_a_read_only_folder(database) -> None:
    """Law: while somebody has it open, the looker sees each commit."""
    with ActorSystem(database, actions=[good, bad]) as system:
        database.parent.chmod(0o555)
        with unprivileged(), ActorSystem.look(database) as here:
            assert len(here.flows.runs()) == 2
            database_runs = here.flows.runs
            before = {run.run_id for run in database_runs()}
        database.parent.chmod(0o755)
        system.flows.start(one("good"), run_id="third").wait(30)
        with ActorSystem.look(database) as here:
            assert {run.run_id for run in here.flows.runs()} - before == {"third"}


def test_one_look_sees_what_is_committed_while_it_is_open(database) -> None:
    """Law: a database at rest may be opened by somebody between two questions."""
    with ActorSystem.look(database) as here:
        assert len(here.flows.runs()) == 2
        with ActorSystem(database, actions=[good, bad]) as system:
            system.flows.start(one("good"), run_id="third").wait(30)
            assert len(here.flows.runs()) == 3
        assert len(here.flows.runs()) == 3


def test_what_is_written_during_a_look_is_never_read_torn(database, monkeypatch) -> None:
    """Law: a file that somebody opened and left again while it was read is read again."""
    from dagger_actors.store import reader as readers

    opened = readers.open_reader
    torn = 0

    class Torn:
        """What reading without a lock may give while pages are copied."""

        def execute(self, *_: Any) -> Iterator[tuple[Any, ...]]:
            return iter(())

        def close(self) -> None:
            pass

    def meanwhile(path: Path, *, is_at_rest: bool = False, vfs: str | None = None) -> Any:
        nonlocal torn
        if not is_at_rest or torn:
            return opened(path, is_at_rest=is_at_rest, vfs=vfs)
        torn += 1
        with ActorSystem(path, actions=[good, bad]) as system:
            system.flows.start(one("good"), run_id="third").wait(30)
        return Torn()

    with ActorSystem.look(database) as here:
        monkeypatch.setattr(readers, "open_reader", meanwhile)
        assert here.flows.report("third").state == "succeeded"
    assert torn == 1


def test_a_database_is_at_rest_only_when_nobody_has_it_open(database) -> None:
    """Law: an open one is not, though its WAL be empty; nor is one that is gone."""
    assert rest_stamp(database) == rest_stamp(database) is not None
    connection = open_writer(database)
    connection.execute("UPDATE flow_runs SET error = error")
    connection.pragma("wal_checkpoint(truncate)")
    assert database.with_name("runs.db-wal").stat().st_size == 0
    assert rest_stamp(database) is None
    connection.close()
    assert rest_stamp(database) is not None
    assert rest_stamp(database.with_name("missing.db")) is None


def left_by_a_death(database: Path) -> None:
    """As a process that died leaves it: commits in the WAL; its -shm file is lost, as in a copy."""
    place = database.parent / "copy"
    place.mkdir()
    with ActorSystem(database, actions=[good, bad]) as system:
        system.flows.start(one("good"), run_id="third").wait(30)
        for name in ("runs.db", "runs.db-wal"):
            shutil.copy(database.parent / name, place / name)
    shutil.copytree(f"{database}-artifacts", place / "runs.db-artifacts")


def test_commits_that_only_the_wal_holds_are_never_left_out(database) -> None:
    """Law: where they cannot be read, the refusal says so; where they can, they are read."""
    left_by_a_death(database)
    path = database.parent / "copy" / "runs.db"
    assert path.with_name("runs.db-wal").stat().st_size
    path.parent.chmod(0o555)
    with unprivileged(), pytest.raises(ReadOnlyDatabase, match=r"runs\.db-wal needs a -shm file beside it"):
        ActorSystem.look(path)
    path.parent.chmod(0o755)
    with ActorSystem.look(path) as here:
        assert len(here.flows.runs()) == 3


def test_a_wal_and_its_index_left_behind_are_read_in_a_read_only_folder(database) -> None:
    """Law: with both files of a dead process there, reading needs no right to write."""
    left_by_a_death(database)
    path = database.parent / "copy" / "runs.db"
    connections.open_reader(path).execute("SELECT count(*) FROM runs").fetchall()
    assert path.with_name("runs.db-shm").exists()
    path.parent.chmod(0o555)
    with unprivileged(), ActorSystem.look(path) as here:
        assert len(here.flows.runs()) == 3


def test_what_is_no_database_of_ours_is_refused_in_one_sentence(folder, database) -> None:
    """Law: missing, something else, older: each named, nothing made."""
    (folder / "text.db").write_text("x" * 5000)
    with pytest.raises(NotADatabase, match="no such file"):
        ActorSystem.look(folder / "missing.db")
    with pytest.raises(NotADatabase, match="something else"):
        ActorSystem.look(folder / "text.db")
    connection = open_writer(database)
    connection.pragma("user_version", 1)
    connection.close()
    with pytest.raises(OlderSchema, match="schema version 1"):
        ActorSystem.look(database)
    assert not (folder / "missing.db").exists()


def test_a_closed_look_says_so(database) -> None:
    """Law: as a closed system does."""
    with ActorSystem.look(database) as here:
        pass
    with pytest.raises(SystemClosed):
        here.flows.runs()


class TestRuns:
    def test_each_filter_filters_in_a_system_and_in_a_look(self, database) -> None:
        """Law: state, flow, since and limit each leave out what they do not name."""
        with ActorSystem(database) as system, ActorSystem.look(database) as here:
            for flows in (system.flows, here.flows):

                def found(flows: Any = flows, **filters: Any) -> list[str]:
                    return [run.run_id for run in flows.runs(**filters)]

                assert found() == ["bad", "good"]
                assert found(state="failed") == ["bad"]
                assert found(state=["failed", "succeeded"]) == ["bad", "good"]
                assert found(state=["cancelled"]) == []
                assert found(flow="good flow") == ["good"]
                assert found(since="1h") == ["bad", "good"]
                assert found(since=timedelta(0)) == []
                assert found(since="2001-01-01", limit=1) == ["bad"]
                with pytest.raises(RequestError, match=r"no run is ever 'faild' .did you mean 'failed'"):
                    found(state="faild")
                with pytest.raises(RequestError, match="limit is a whole number"):
                    found(limit=0)
                with pytest.raises(RequestError, match="flow is the name of a flow"):
                    found(flow="")
                with pytest.raises(RequestError, match="neither an age nor a date"):
                    found(since="soon")
                with pytest.raises(RunNotFound):
                    flows.report("nope")

    def test_a_run_whose_process_is_gone_is_interrupted_and_not_running(self, database) -> None:
        """Law: the file says `running`; the owner's flock says otherwise."""
        connection = open_writer(database)
        connection.execute("UPDATE flow_runs SET status = 'running', owner = 99 WHERE run_id = 'bad'")
        connection.close()
        with ActorSystem.look(database) as here:
            assert [run.run_id for run in here.flows.runs(state="interrupted")] == ["bad"]
            assert here.flows.runs(state="running") == []
            assert here.flows.resumable() == ["bad"]
