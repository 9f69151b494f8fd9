"""What reading a run's events costs the file: a page costs what it holds, however many nodes the run has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from dagger_actors.store.connection import open_writer
from dagger_actors.store.migrate import migrate
from dagger_actors.store.statements import sql

PAGE = 50


@pytest.fixture
def file(tmp_path: Path) -> Iterator[apsw.Connection]:
    connection = open_writer(tmp_path / "a.db")
    migrate(connection, tmp_path / "a.db")
    connection.pragma("foreign_keys", 0)  # the rows of nodes alone
    yield connection
    connection.close()


def node(run_key: int, number: int, state: str, seq: int, **more: Any) -> list[Any]:
    """A row as ``node_runs.put`` takes it."""
    tail = (None, None, more.get("reason"), None, None, more.get("started_at"), more.get("finished_at"), seq)
    return [run_key, number, -1, 1, f"run{run_key}", f"n{number}", "", state, 1, 0, "1", *tail]


def put(file: apsw.Connection, rows: list[list[Any]]) -> None:
    file.execute(sql("node_runs.put"), (json.dumps(rows),))


def fill(file: apsw.Connection, run_key: int, first: int, count: int) -> None:
    """Nodes that waited, then ran, then ended; two numbers for each."""
    numbers = range(first, first + count)
    put(file, [node(run_key, number, "waiting", 4 * number) for number in numbers])
    put(file, [node(run_key, number, "running", 4 * number + 1, started_at=1) for number in numbers])
    put(
        file,
        [node(run_key, number, "succeeded", 4 * number + 2, started_at=1, finished_at=2) for number in numbers],
    )


def page(file: apsw.Connection, after: int) -> tuple[list[int], int]:
    """The numbers on the page behind one, and the steps that SQLite's machine took for it."""
    spent = 0

    def add(event: dict[str, Any]) -> None:
        nonlocal spent
        spent += event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"]

    # A statement that is kept and executed again counts on, so this one is not kept.
    file.trace_v2(apsw.SQLITE_TRACE_PROFILE, add)
    rows = list(file.execute(sql("read.run_events"), (1, after, PAGE), can_cache=False))
    file.trace_v2(0, None)
    return [row[0] for row in rows], spent


def test_events_are_read_from_indexes_in_their_order(file: apsw.Connection) -> None:
    """Law: no table is scanned, nothing is sorted: the parts are merged."""
    plan = [row[3] for row in file.execute("EXPLAIN QUERY PLAN " + sql("read.run_events"), (1, 0, 1))]
    assert not [line for line in plan if "SCAN" in line or "TEMP B-TREE" in line], plan
    assert sum("_seq>?" in line for line in plan) == 3, plan


def test_a_page_costs_what_it_holds(file: apsw.Connection) -> None:
    """Law: at the beginning, in the middle and at the end, a page of a run of 30 times the nodes takes the same steps."""
    fill(file, 1, 0, 200)
    places = (0, 400, 700)
    before = [page(file, after) for after in places]
    fill(file, 1, 200, 6_000)
    fill(file, 2, 0, 1_000)
    assert [page(file, after) for after in places] == before
    numbers, spent = page(file, 4 * 6_199)
    assert (numbers, spent < before[0][1]) == ([4 * 6_199 + 1, 4 * 6_199 + 3], True)
    assert page(file, 10**9)[0] == []


def test_every_number_is_on_one_page(file: apsw.Connection) -> None:
    """Law: page by page, each event comes once and in order, whichever of its run's rows it is told by."""
    fill(file, 1, 0, 100)
    file.execute(sql("run_events.put"), (json.dumps([[1, 10**6, "run", "", "succeeded", None, 3]]),))
    found: list[int] = []
    while numbers := page(file, found[-1] if found else 0)[0]:
        found += numbers
    waited = [4 * number for number in range(1, 100)]  # the first one's number is 0, behind which one begins
    begun_and_ended = [4 * number + more for number in range(100) for more in (1, 3)]
    assert found == sorted([*waited, *begun_and_ended, 10**6])
