"""What a task's body is given, in whichever way it runs: on a thread, on the event loop, in a worker process."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from dagger_actors import ActorSystem, TaskEnded
from tests.unit.tasks.asking import (
    Growing,
    OnLoop,
    Order,
    Plain,
    Receipt,
    Resourceful,
    Telling,
    Till,
    Told,
    leaf,
    passing,
)

AGENTS = [
    Plain.configured(name="thread"),
    OnLoop.configured(name="loop"),
    Plain.configured(name="process", isolation="process"),
    OnLoop.configured(name="loop in a process", isolation="process"),
    Resourceful,
    Growing.configured(name="growing"),
    Growing.configured(name="growing in a process", isolation="process"),
    leaf,
    Telling.configured(name="telling"),
    Telling.configured(name="telling in a process", isolation="process"),
    passing,
]
Rows = Callable[..., list[tuple[Any, ...]]]
WAYS = ["thread", "loop", "process", "loop in a process"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("context")


@pytest.fixture(scope="module")
def system(folder: Path) -> Iterator[ActorSystem]:
    schema = folder / "schema.sql"
    schema.write_text("CREATE TABLE IF NOT EXISTS payments (task INTEGER, attempt INTEGER) STRICT;")
    with ActorSystem(folder / "x.db", agents=AGENTS, schema=schema, processes=1, resources={Till: Till}) as one:
        yield one


@pytest.fixture
def rows(folder: Path) -> Rows:
    def query(text: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with closing(apsw.Connection(str(folder / "x.db"))) as connection:
            return list(connection.execute(text, parameters))

    return query


@pytest.mark.parametrize("way", WAYS)
def test_all_of_a_context_works_for_tasks_and_is_committed_once_over_a_wait_and_a_retry(
    way: str, system: ActorSystem, tmp_path: Path, rows: Rows
) -> None:
    """Law: the first attempt waits, the second fails, the third succeeds; statements are of the last one alone, a step and a
    shared change of the first one."""
    task = system.tasks.submit(way, Order(str(tmp_path / "log"), fails=1))
    told = task.result(60)
    key = task.id
    assert told == Told((key, way, None, None, 3, 2, f"task/{key}"), Receipt(2000), counted=0, shared=1)
    assert rows("SELECT attempt FROM payments WHERE task = ?", key) == [(3,)]
    assert (tmp_path / "log").read_text() == "paid\n"
    names = "SELECT name, output FROM task_steps WHERE task_key = ? AND name = 'pay'"
    assert rows(names, key) == [("pay", "7")]
    saved = "SELECT name, media_type, CAST(inline_data AS TEXT) FROM task_artifacts JOIN artifacts USING (artifact_id) WHERE task_key = ?"
    assert rows(saved, key) == [("note", "text/plain", "careful")]
    logs = "SELECT attempt, text FROM task_logs WHERE task_key = ? ORDER BY 1"
    assert rows(logs, key) == [(number, f"attempt {number}\n") for number in (1, 2, 3)]
    assert rows("SELECT attempt, outcome FROM task_attempts WHERE task_key = ?", key) == [(2, "failed")]
    assert rows("SELECT parent_key, spawn_key, payload FROM tasks WHERE parent_key = ?", key) == [(key, "#0", None)]


@pytest.mark.parametrize("way", WAYS)
def test_the_job_is_known_and_children_join_it(way: str, system: ActorSystem, tmp_path: Path, rows: Rows) -> None:
    job = system.tasks.job(f"job of {way}")
    task = job.submit(way, Order(str(tmp_path / "log")))
    told = task.result(60)
    assert told.facts == (task.id, way, f"job of {way}", None, 2, 1, f"task/{task.id}")
    job.wait(60)
    assert rows("SELECT total, succeeded FROM jobs WHERE job_id = ?", job.id) == [(2, 2)]


@pytest.mark.parametrize("way", ["telling", "telling in a process"])
def test_how_far_a_body_is_is_known_while_it_runs(way: str, system: ActorSystem, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    task = system.tasks.submit(way, str(pipe))
    with pipe.open("w"):  # it has told, and stays until this is closed
        deadline = time.monotonic() + 60
        while not system.tasks.progress():
            assert time.monotonic() < deadline
            system.tasks.submit(passing, 0).result(60)
        (told,) = system.tasks.progress()
    assert (told.task, told.agent, told.attempt, told.done, told.total) == (task.id, way, 1, 3.0, 10.0)
    task.result(60)
    assert system.tasks.progress() == []


def test_a_resource_is_given_to_a_task(system: ActorSystem) -> None:
    assert system.tasks.submit(Resourceful, "!").result(60) == "till!"


@pytest.mark.parametrize("way", ["growing", "growing in a process"])
def test_a_child_may_be_spawned_by_name_and_key_with_plain_data(way: str, system: ActorSystem) -> None:
    wanted = [("leaf", {"path": "ab"}, "a"), ("leaf", {"path": "abc"}, None), ("leaf", {"path": "ab"}, "a")]
    assert system.tasks.submit(way, wanted).result(60) == [{"number": 2}, {"number": 3}, {"number": 2}]


@pytest.mark.parametrize("way", ["growing", "growing in a process"])
@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ([("leaf", {"path": 1}, None)], r"PayloadRefused: .*Expected `str`, got `int`"),
        ([("leaf", {"path": "", "more": 1}, None)], r"PayloadRefused: .*more"),
        ([("leaf", 2**20, None)], r"PayloadRefused: .*1,048,576 are allowed"),
        ([("leaf", {"path": "a"}, "#0")], r"SpawnRefused: .*does not begin with '#'"),
        (
            [("leaf", {"path": "a"}, "k"), ("leaf", {"path": "b"}, "k")],
            r"SpawnMismatch: .*'k' was spawned with the payload",
        ),
        ([("leaves", {"path": "a"}, None)], r"UnknownAgent: there is no agent 'leaves'; did you mean 'leaf'"),
    ],
)
def test_what_cannot_be_spawned_fails_the_attempt(
    way: str, wanted: list[Any], message: str, system: ActorSystem, tmp_path: Path, rows: Rows
) -> None:
    task = system.tasks.submit(way, wanted, try_count=1)
    with pytest.raises(TaskEnded):
        task.result(60)
    ((error,),) = rows("SELECT error FROM tasks WHERE task_key = ?", task.id)
    found = msgspec.json.decode(error)
    assert re.search(message, f"{found['type'].rpartition('.')[2]}: {found['message']}"), found
    assert rows("SELECT count(*) FROM tasks WHERE parent_key = ?", task.id) == [(0,)]
