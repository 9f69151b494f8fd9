"""Users' own part of a unit: blamed alone, whatever it does to the transaction; and units that build on a refused one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from dagger_actors.core.messages import RunValue, Statement
from dagger_actors.core.protocols import Runnable, Unit, UserWork, Write
from dagger_actors.errors import StatementFailed, SystemClosed, WorkRejected
from dagger_actors.store.connection import open_writer
from dagger_actors.store.guard import our_names
from dagger_actors.store.journal import Journal
from dagger_actors.store.migrate import migrate
from dagger_actors.store.statements import sql
from dagger_actors.store.user_schema import apply_schema
from dagger_actors.store.user_tables import UserTables

SCHEMA = "CREATE TABLE t (a PRIMARY KEY); INSERT INTO t VALUES (1);"


class Never:
    """Gives no turn by itself: the test does."""

    def schedule(self, runnable: Runnable, *, here: bool = False) -> None:
        del runnable, here


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.db"
    connection = open_writer(path)
    migrate(connection, path)
    apply_schema(connection, path, "s.sql", SCHEMA)
    connection.close()
    return path


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    journal = Journal(path, dispatcher=Never())
    yield journal
    journal.close()


class Owner:
    def __init__(self, number: int, *statements: str | tuple[str, tuple[object, ...]]) -> None:
        self.outcome: object = "nothing"
        self.number = number
        said = [(one, ()) if isinstance(one, str) else one for one in statements]
        self.work = UserWork((number, 0, -1, 1), tuple(Statement(text, args) for text, args in said), (), 0)

    def unit(self, *, is_void: bool = False) -> Unit:
        return Unit(
            [Write("workers.insert", ((self.number, 1, 0, 0, "x"),), 1)],
            lambda: self.hear("committed"),
            self.hear,
            [self.work],
            lambda: is_void,
        )

    def hear(self, outcome: object) -> None:
        self.outcome = outcome


def rows(path: Path, text: str) -> list[tuple[object, ...]]:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return list(connection.execute(text))
    finally:
        connection.close()


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize(
    "bad", ["INSERT INTO t VALUES (1)", "INSERT OR ROLLBACK INTO t VALUES (1)", "INSERT OR FAIL INTO t VALUES (9), (1)"]
)
def test_in_one_group_a_refused_statement_costs_its_own_unit_alone(path: Path, journal: Journal, bad: str, at: int):
    """Law: even a statement that rolls the whole transaction back takes nobody else's work with it, and none of its own stays."""
    owners = [Owner(10 + one, f"INSERT INTO t VALUES ({100 + one})") for one in range(3)]
    owners[at] = Owner(10 + at, "INSERT INTO t VALUES (50)", bad)
    for owner in owners:
        journal.submit(owner.unit())
    journal.run_turn()
    for one, owner in enumerate(owners):
        if one != at:
            assert owner.outcome == "committed"
        else:
            assert isinstance(owner.outcome, WorkRejected)
            assert owner.outcome.place == (10 + at, 0, -1, 1)
            assert isinstance(owner.outcome.cause, StatementFailed)
    others = {100 + one for one in range(3)} - {100 + at}
    assert {value for (value,) in rows(path, "SELECT a FROM t")} == {1, *others}
    assert {value for (value,) in rows(path, "SELECT worker_id FROM workers")} == {10, 11, 12} - {10 + at}


def test_a_text_of_our_own_that_is_compiled_already_is_refused_too(path: Path, journal: Journal):
    """Law: the guard is asked about every statement of a user's, also one whose text the connection knows."""
    first = Owner(10)
    journal.submit(first.unit())
    journal.run_turn()
    assert first.outcome == "committed"
    thief = Owner(11, (sql("workers.insert"), ("[[99, 1, 0, 0, 'x']]",)))
    journal.submit(thief.unit())
    journal.run_turn()
    assert isinstance(thief.outcome, WorkRejected)
    assert "workers belongs to dagger_actors" in str(thief.outcome)


def test_a_unit_that_builds_on_a_refused_one_is_neither_written_nor_answered(path: Path, journal: Journal):
    """Law: after a refusal its owner's later units are dropped: the owner tells all of it again."""
    void, other = Owner(10, "INSERT INTO t VALUES (2)"), Owner(11, "INSERT INTO t VALUES (3)")
    journal.submit(void.unit(is_void=True))
    journal.submit(other.unit())
    journal.run_turn()
    assert (void.outcome, other.outcome) == ("nothing", "committed")
    assert rows(path, "SELECT a FROM t ORDER BY a") == [(1,), (3,)]


def test_a_run_value_that_is_no_json_is_its_attempts_fault(journal: Journal):
    """Law: what SQLite cannot read as JSON, however deep, fails that attempt."""
    owner = Owner(10)
    deep = b"[" * 2000 + b"]" * 2000
    owner.work = UserWork((1, 0, -1, 1), (), (RunValue("k", deep, is_append=True),), 0)
    journal.submit(owner.unit())
    journal.run_turn()
    assert isinstance(owner.outcome, WorkRejected)
    assert "ctx.cache cannot take the key 'k'" in str(owner.outcome)


def test_everything_a_migration_makes_is_ours(path: Path):
    """Law: no table, index or view of this package is a user's."""
    found = {name.lower() for (name,) in rows(path, "SELECT name FROM sqlite_schema") if isinstance(name, str)}
    assert {name for name in found if not name.startswith("sqlite_")} - our_names() == {"t"}
    assert {"flow_runs", "node_runs", "steps", "run_values", "tasks"} <= our_names()


def test_whoever_asks_a_closed_store_is_told_so(path: Path):
    """Law: a body that outlives its system opens no file behind its back."""
    tables = UserTables(path)
    tables.check("DELETE FROM t", ())
    tables.close()
    with pytest.raises(SystemClosed):
        tables.check("DELETE FROM t", ())
    with pytest.raises(SystemClosed):
        tables.query("SELECT 1", ())
