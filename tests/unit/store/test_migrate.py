"""The schema moves one whole step at a time, whoever else starts and whatever dies."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from dagger_actors.errors import NewerSchema, NotADatabase, StoreBroken
from dagger_actors.store.connection import open_reader, open_writer
from dagger_actors.store.migrate import APPLICATION_ID, Migration, migrate, migrations

FIRST = Migration(version=1, name="0001_first.sql", sql="CREATE TABLE a (x); INSERT INTO a VALUES (1);")
SECOND = Migration(version=2, name="0002_second.sql", sql="CREATE TABLE b (y); INSERT INTO b VALUES (2);")


def test_a_new_file_gets_the_schema_and_our_mark(tmp_path: Path) -> None:
    """From nothing to the newest version; then a reader opens it."""
    path = tmp_path / "runs.db"
    connection = open_writer(path)
    assert migrate(connection, path) == len(migrations()) >= 1
    assert connection.pragma("application_id") == APPLICATION_ID
    connection.close()
    reader = open_reader(path)
    assert reader.execute("SELECT * FROM runs").fetchall() == []
    reader.close()


def test_a_second_time_writes_nothing(tmp_path: Path) -> None:
    """An up-to-date file is left alone, even while somebody else holds the write lock."""
    path = tmp_path / "runs.db"
    connection, other = open_writer(path, busy_timeout_ms=0), open_writer(path)
    migrate(connection, path)
    with other:
        assert migrate(connection, path) == len(migrations())
    connection.close()
    other.close()


def test_only_what_is_missing_runs(tmp_path: Path) -> None:
    """A file of version 1 gets step 2 alone and keeps its rows."""
    path = tmp_path / "runs.db"
    connection = open_writer(path)
    assert migrate(connection, path, steps=[FIRST]) == 1
    assert migrate(connection, path, steps=[FIRST, SECOND]) == 2
    assert connection.execute("SELECT x, y FROM a, b").fetchall() == [(1, 2)]
    connection.close()


def test_a_failing_step_leaves_the_version_before(tmp_path: Path) -> None:
    """A step that fails in its middle is taken back whole, schema and version; the steps before it stand."""
    path = tmp_path / "runs.db"
    connection = open_writer(path)
    broken = Migration(version=2, name="0002_broken.sql", sql=SECOND.sql + "INSERT INTO missing VALUES (1);")
    with pytest.raises(StoreBroken, match="missing"):
        migrate(connection, path, steps=[FIRST, broken])
    assert connection.pragma("user_version") == 1
    assert not connection.table_exists("main", "b")
    assert not connection.in_transaction
    assert migrate(connection, path, steps=[FIRST, SECOND]) == 2
    connection.close()


DIE = """
import os, sys
from dagger_actors.store.connection import open_writer
from dagger_actors.store.migrate import Migration, migrate
connection = open_writer(sys.argv[1])
connection.create_scalar_function("die", lambda: os._exit(9), 0)
migrate(connection, sys.argv[1], steps=[Migration(version=1, name="one", sql="CREATE TABLE a (x); SELECT die();")])
"""


def test_a_crash_in_the_middle_leaves_the_version_before(tmp_path: Path) -> None:
    """Fault 1, migration: the process dies inside the step; the next start does it again, whole."""
    path = tmp_path / "runs.db"
    done = subprocess.run([sys.executable, "-c", DIE, str(path)], timeout=60, check=False)
    assert done.returncode == 9
    connection = open_writer(path)
    assert connection.pragma("user_version") == 0
    assert migrate(connection, path, steps=[FIRST]) == 1
    connection.close()


RACE_TO_OPEN = """
import sys
from dagger_actors.store.connection import open_writer
from dagger_actors.store.migrate import migrate
print("ready", flush=True)
for line in sys.stdin:
    connection = open_writer(line.strip())
    print(migrate(connection, line.strip()), flush=True)
    connection.close()
"""
RACE_TO_MIGRATE = """
import sys
from dagger_actors.store.connection import open_writer
from dagger_actors.store.migrate import Migration, migrate
steps = [Migration(version=v, name=f"{v}", sql=f"CREATE TABLE t{v} (x); INSERT INTO t{v} VALUES (1);") for v in (1, 2, 3)]
for line in sys.stdin:
    connection = open_writer(line.strip())
    print("ready", flush=True)
    sys.stdin.readline()
    print(migrate(connection, line.strip(), steps=steps), flush=True)
    connection.close()
"""


class Racers:
    """Four processes that each obey one line at a time."""

    def __init__(self, program: str) -> None:
        self.processes = [
            subprocess.Popen(
                [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
            )
            for _ in range(4)
        ]

    def tell(self, line: object) -> None:
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.write(f"{line}\n")

    def answers(self) -> list[str]:
        return [process.stdout.readline().strip() for process in self.processes if process.stdout is not None]

    def stop(self) -> None:
        for process in self.processes:
            process.communicate(timeout=30)


def test_processes_that_make_one_file_at_once_all_succeed(tmp_path: Path) -> None:
    """Whoever comes first, all find the whole schema."""
    racers = Racers(RACE_TO_OPEN)
    assert racers.answers() == ["ready"] * 4
    for n in range(10):
        racers.tell(tmp_path / f"{n}.db")
        assert racers.answers() == [str(len(migrations()))] * 4
    racers.stop()


def test_processes_that_migrate_at_once_apply_each_step_once(tmp_path: Path) -> None:
    """Three steps, four processes: every one ends at version 3, and no CREATE meets its own table."""
    racers = Racers(RACE_TO_MIGRATE)
    for n in range(10):
        racers.tell(tmp_path / f"{n}.db")
        assert racers.answers() == ["ready"] * 4
        racers.tell("go")
        assert racers.answers() == ["3"] * 4
    racers.stop()


def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    """A program that knows fewer steps does not touch the file, not even when the newer one came in between."""
    path = tmp_path / "runs.db"
    connection = open_writer(path)
    migrate(connection, path, steps=[FIRST, SECOND])
    with pytest.raises(NewerSchema) as caught:
        migrate(connection, path, steps=[FIRST])
    assert (caught.value.found, caught.value.known) == (2, 1)
    connection.close()


def test_a_foreign_database_gets_no_tables_of_ours(tmp_path: Path) -> None:
    """Also past the check at the opening, migrations refuse what is not ours."""
    path = tmp_path / "theirs.db"
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE theirs (x)")
    with pytest.raises(NotADatabase, match="another program made it"):
        migrate(connection, path)
    assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("theirs",)]
    connection.close()
