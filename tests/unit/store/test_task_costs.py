"""What a task costs does not depend on how many are stored: every frequent statement goes by an index, and sorts nothing."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import apsw
import pytest

from dagger_actors.core.task_rows import NewTask
from dagger_actors.core.tasks import AddDependencies, CancelTasks, RetryTasks, SettleSuspended, SubmitTasks
from dagger_actors.store.connection import transaction
from dagger_actors.store.statements import sql
from tests.tasks_on_file import TasksOnFile

FREQUENT = {
    "submission": ("read.task_agents", "read.keyed", "read.spawned", "read.task_states", "read.job_doors"),
    "claim": (
        "tasks.candidates",
        "tasks.oldest",
        "tasks.lease",
        "tasks.lease_running",
        "read.leased",
        "task_agents.take",
    ),
    "release": ("tasks.release", "read.ended_of"),
    "end": ("tasks.run", "tasks.end", "task_dependencies.meet", "tasks.unblock"),
    "stranding": ("read.dependents", "read.stuck_behind", "tasks.strand", "tasks.unstick"),
    "time": (
        "tasks.promote",
        "read.promoted_blocked",
        "read.expired",
        "read.next_due",
        "read.stalled_jobs",
        "read.next_stall",
    ),
    "takeover": (
        "tasks.take",
        "tasks.take_ended",
        "read.tasks_of_worker",
        "read.left_ended",
        "task_attempts.interrupt",
        "task_stops.take",
    ),
    "growth": ("read.closes_cycle", "tasks.block", "tasks.wake"),
    "cancel": ("tasks.cancel", "task_stops.put", "task_attempts.cut_off", "read.open_of_job"),
    "retry": ("tasks.reopen", "task_dependencies.review", "task_dependencies.unmeet", "jobs.reopen"),
    "pruning": ("read.prunable", "tasks.prune", "jobs.prune"),
}
MINUTE_US = 60_000_000
TABLES = "tasks|task_dependencies|task_agents|jobs|task_stops|task_attempts|theirs|waiting|culprit|child|parent"


@pytest.fixture
def file(memory: Path) -> Iterator[TasksOnFile]:
    file = TasksOnFile(memory / "a.db")
    file.agent("a")
    yield file
    file.close()


def plan(file: TasksOnFile, name: str) -> list[str]:
    text = sql(name)
    numbers = [int(number) for number in re.findall(r"\?(\d)", text)]
    count = max(numbers) if numbers else text.split("\n", 1)[1].count("?")
    return [row[3] for row in file.rows("EXPLAIN QUERY PLAN " + text, *[None] * count)]


@pytest.mark.parametrize("name", [name for names in FREQUENT.values() for name in names])
def test_a_frequent_statement_scans_no_table_and_sorts_nothing(file: TasksOnFile, name: str) -> None:
    lines = plan(file, name)
    assert not [line for line in lines if re.match(rf"SCAN ({TABLES})\b", line)], lines
    # DISTINCT over what one operation names, and the oldest of at most 256 levels, are bounded.
    bounded = {"read.dependents": "json_group_array(DISTINCT)", "read.prunable": "", "tasks.oldest": "ORDER BY"}
    assert not [line for line in lines if "TEMP B-TREE" in line and bounded.get(name, "?") not in line], lines


def test_the_candidates_come_from_their_index_in_its_order(file: TasksOnFile) -> None:
    assert "SEARCH tasks USING INDEX tasks_claimable (agent=?)" in plan(file, "tasks.candidates")


class Steps:
    """Counts steps of SQLite's machine, which are the same on every computer, however busy it is."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self.count = 0
        self._seen: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, self._add)
        return self

    def __exit__(self, *_exception: object) -> None:
        self._connection.trace_v2(0, None)

    def _add(self, event: dict[str, Any]) -> None:
        # A statement that is kept and executed again counts on.
        so_far = event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"]
        before = self._seen.get(event["sql"], 0)
        self.count += so_far - (before if before <= so_far else 0)
        self._seen[event["sql"]] = so_far


def fill(file: TasksOnFile, first: int, count: int) -> None:
    for start in range(first, first + count, 1000):
        end = min(start + 1000, first + count)
        rows = [(key, "a", "ready", key % 5, "1", None, None, None, None, None, None, key) for key in range(start, end)]
        with transaction(file.connection):
            file.put("tasks.insert", *rows)


def work_off(file: TasksOnFile, count: int) -> None:
    leased = file.claim("a", count)
    rows = [
        (task.task_key, 1, task.epoch, "completed", 1, 1, 0, "1", None, None, None, None, 1, 2, 3) for task in leased
    ]
    with transaction(file.connection):
        assert file.put("tasks.end", *rows) == count
        file.put("task_dependencies.meet", *((task.task_key,) for task in leased))
        file.put("tasks.unblock", *((task.task_key, 3) for task in leased))


def cost(file: TasksOnFile, steps: Steps) -> tuple[int, float]:
    before, began = steps.count, time.process_time()
    work_off(file, 500)
    return steps.count - before, time.process_time() - began


def test_a_task_takes_the_same_steps_among_a_thousand_and_among_many(file: TasksOnFile) -> None:
    with Steps(file.connection) as steps:
        fill(file, 1, 1_000)
        few, _ = cost(file, steps)
        fill(file, 1_001, 40_000)
        many, _ = cost(file, steps)
    assert many < few * 1.1


@pytest.mark.full
def test_a_task_takes_the_same_time_among_a_thousand_and_among_a_million(file: TasksOnFile) -> None:
    with Steps(file.connection) as steps:
        fill(file, 1, 4_000)
        few = [cost(file, steps) for _ in range(6)]
        fill(file, 4_001, 1_000_000)
        many = [cost(file, steps) for _ in range(20)]
    assert min(steps for steps, _ in many) < min(steps for steps, _ in few) * 1.1
    assert min(seconds for _, seconds in many) < min(seconds for _, seconds in few) * 1.5


def test_no_statement_of_a_submission_is_one_for_each_task(file: TasksOnFile) -> None:
    executed = []
    file.connection.exec_trace = lambda _cursor, text, _bindings: executed.append(text) or True
    plain = tuple(NewTask(key, "a", "1") for key in range(1, 500))
    bound = tuple(NewTask(key, "a", "1", key=str(key), depends_on=(key - 499,)) for key in range(500, 999))
    file.run(SubmitTasks(plain, 0), SubmitTasks(bound, 0))
    file.connection.exec_trace = None
    assert len(executed) < 20


@pytest.mark.parametrize("shape", ["chain", "star"])
@pytest.mark.parametrize("size", [2_000, pytest.param(100_000, marks=pytest.mark.full)])
def test_what_hangs_on_one_failed_task_is_stuck_and_free_again_in_a_few_steps_each(
    file: TasksOnFile, shape: str, size: int
) -> None:
    for start in range(1, size + 1, 1000):
        keys = range(start, start + 1000)
        on = [() if key == 1 else (key - 1,) if shape == "chain" else (1,) for key in keys]
        file.submit(*(NewTask(key, "a", "1", depends_on=others) for key, others in zip(keys, on, strict=True)))
    with Steps(file.connection) as steps:
        file.run(CancelTasks((1,), "no", 0))
        assert file.rows("SELECT count(*) FROM tasks WHERE is_stuck") == [(size - 1,)]
        file.run(RetryTasks((1,), 0))
        assert file.rows("SELECT count(*) FROM tasks WHERE is_stuck") == [(0,)]
    assert steps.count < 1_500 * size


@pytest.mark.parametrize("size", [2_000, pytest.param(100_000, marks=pytest.mark.full)])
def test_each_of_many_children_costs_the_same_whatever_their_number(file: TasksOnFile, size: int) -> None:
    file.agent("parent")
    file.submit(NewTask(1, "parent", "1"))
    (parent,) = file.claim("parent")
    children = range(2, size + 2)
    for start in range(2, size + 2, 1000):
        file.submit(*(NewTask(key, "a", "1", parent_key=1, spawn_key=str(key)) for key in range(start, start + 1000)))
    wait = AddDependencies(1, tuple(children), "end", 0, 1, parent.epoch)
    assert file.end(parent, "blocked", more=(wait, SettleSuspended(1, 0)))
    with Steps(file.connection) as steps:
        for _ in range(size // 500):
            assert file.task(1)["state"] == "blocked"
            work_off(file, 500)
    assert file.task(1)["state"] == "ready"
    assert steps.count < 1_000 * size


def test_no_statement_is_compiled_again_for_what_is_bound_to_it(file: TasksOnFile) -> None:
    """Law: what is executed all the time is compiled once, whatever its parameters are."""
    compiled: list[int] = []

    def note(*asked: object) -> int:  # SQLite asks while it compiles, and at no other time
        compiled.append(len(asked))
        return apsw.SQLITE_OK

    file.connection.authorizer = note
    for at in range(3):
        if at == 1:
            assert compiled
            compiled.clear()
        first = 100 * at + 1
        file.submit(*(NewTask(key, "a", "1", priority=at) for key in range(first, first + 40)))
        for task in file.claim("a", 40 - at, now_us=MINUTE_US * (at + 2)):
            assert file.end(task)
    assert not compiled
