"""Runs that turns start: an id that is taken by a run inside another is refused at the commit too."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagger_actors.core.run_rows import NewRun, StartRuns
from dagger_actors.errors import RunConflict
from dagger_actors.store.connection import open_writer, transaction
from dagger_actors.store.migrate import migrate
from dagger_actors.store.run_starting import start_runs
from dagger_actors.store.statements import sql


@pytest.mark.parametrize("is_unique", [True, False])
def test_a_run_that_is_inside_another_by_now_is_no_run_of_a_turn(memory: Path, is_unique: bool) -> None:
    """Law: what was not there when the turn asked, and is at its commit, is refused there; other ids of the turn are new."""
    connection = open_writer(memory / "a.db", synchronous="normal")
    migrate(connection, memory / "a.db")
    inside = NewRun("g/c/0", "f", "d", "{}", "{}", "{}", definition=(1, "{}"), is_unique=is_unique)
    free = NewRun("g/c/1", "f", "d", "{}", "{}", "{}", is_unique=is_unique)
    with transaction(connection):
        connection.execute(sql("workers.insert"), ("[[1, 1, 0, 0, 1]]",))
        connection.execute(sql("definitions.put"), ("d", "f", 1, "{}", 0))
        rows = '[[90, "g", 90, null, "f", "d", "{}", "{}", "{}", 0, 1, null], [91, "g/c/0", 90, 90, "f", "d", "{}", "{}", "{}", 0, 1, null]]'
        connection.execute(sql("flow_runs.insert"), (rows,))
    with pytest.raises(RunConflict, match="made by another run or trigger"), transaction(connection):
        start_runs(connection, StartRuns((inside,), 0))
    with transaction(connection):
        assert start_runs(connection, StartRuns((free, free), 0)) == (True, False)
    connection.close()
