"""What is shown of tasks: each filter, each field, the same for a system and for somebody who only looks."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dagger_actors import ActorSystem, TaskContext, task_agent
from dagger_actors.errors import ArtifactMissing, JobNotFound, RequestError, TaskNotFound
from dagger_actors.store.statements import sql
from tests.tasks_on_file import TasksOnFile


class Word(msgspec.Struct, frozen=True):
    """A payload."""

    text: str = ""


@task_agent
async def echo(task: Word, ctx: TaskContext) -> str:
    """Give the text after a second."""
    ctx.log(f"saying {task.text}")
    await asyncio.sleep(1)
    return task.text


@task_agent(name="fail")
async def fail(task: Word) -> str:
    """Fail."""
    raise ValueError(f"no {task.text}")


@task_agent(concurrency=1, per_key=("text", 1), rate="2/s", capacity=50, overflow="reject", name="slow")
async def slow(task: Word) -> str:
    """Give the text after a while."""
    await asyncio.sleep(50)
    return task.text


@pytest.fixture
def system(sim: Any) -> ActorSystem:
    found: ActorSystem = sim.system(agents=[echo, fail, slow])
    return found


def test_a_report_tells_all_that_is_known_of_a_task(sim: Any, system: ActorSystem) -> None:
    tasks = system.tasks
    first = tasks.submit(echo, Word("a"))
    sim.advance(2)
    task = tasks.submit(
        fail, Word("b"), priority=4, depends_on=[first], job="j", key="k", try_count=2, expires=1000, delay=1
    )
    report = task.report()
    assert (report.state, report.attempts, report.due_us is not None, report.expires_us is not None) == (
        "pending",
        (),
        True,
        True,
    )
    sim.run()
    report = task.report()
    assert (report.id, report.agent, report.state, report.is_stuck, report.is_held) == (
        task.id,
        "fail",
        "failed",
        False,
        False,
    )
    assert (report.payload, report.result, report.why) == ({"text": "b"}, None, "ValueError: no b")
    assert report.error is not None
    assert report.error.type == "builtins.ValueError"
    assert [(one.attempt, one.outcome, one.error) for one in report.attempts] == [
        (1, "failed", report.error),
        (2, "failed", report.error),
    ]
    assert (report.attempt, report.try_no, report.try_count, report.crash_no) == (2, 2, 2, 0)
    assert (report.job, report.key, report.priority, report.parent, report.children) == ("j", "k", 4, None, 0)
    assert [(one.id, one.kind, one.is_met, one.state) for one in report.dependencies] == [
        (first.id, "success", True, "completed")
    ]
    assert report.created_us < (report.started_us or 0) <= (report.finished_us or 0) <= report.updated_us
    assert report.version > 1
    assert report.worker_pid is None
    done = first.report()
    assert (done.state, done.result, done.why, done.error) == ("completed", "a", "", None)
    assert [(one.attempt, one.text.endswith("saying a\n")) for one in done.log] == [(1, True)]
    assert tasks.logs(first.id) == done.log


def test_a_report_names_the_process_that_runs_a_task_and_who_is_held_behind_it(sim: Any, system: ActorSystem) -> None:
    one, two = system.tasks.submit_many(slow, [Word("a")] * 2)
    sim.advance(1)
    assert (one.report().state, one.report().worker_pid, one.report().limit_key) == ("running", os.getpid(), "a")
    assert (two.report().state, two.report().worker_pid, two.report().is_held) == ("ready", None, True)
    sim.system(recover=False)
    assert sim.system().tasks.get(one.id).report().worker_pid == os.getpid()


def test_a_task_and_its_children_name_each_other(sim: Any) -> None:
    @task_agent(name="parent")
    def parent(task: Word, ctx: TaskContext) -> list[str]:
        return ctx.gather([ctx.spawn(echo, Word(task.text * at)) for at in (1, 2)])

    system = sim.system(agents=[echo, parent])
    task = system.tasks.submit(parent, Word("x"))
    assert task.result() == ["x", "xx"]
    assert task.report().children == 2
    assert [one.parent for one in system.tasks.tasks(agent="echo")] == [task.id] * 2


def test_tasks_are_listed_by_each_filter_newest_first(sim: Any, system: ActorSystem) -> None:
    tasks = system.tasks
    made = {
        "completed": tasks.submit(echo, Word("Apple")),
        "failed": tasks.submit(fail, Word("pear"), try_count=1, job="j"),
        "running": tasks.submit(slow, Word("held"), job="j"),
        "held": tasks.submit(slow, Word("held")),
        "retrying": tasks.submit(fail, Word("again"), try_count=9000),
    }
    sim.advance(5)
    made["stuck"] = tasks.submit(echo, Word(), depends_on=[made["failed"]], job="j")
    made["blocked"] = tasks.submit(echo, Word(), depends_on=[made["running"]])
    made["pending"] = tasks.submit(echo, Word(), delay=1000)
    made["cancelled"] = tasks.submit(echo, Word(), delay=1000)
    made["cancelled"].cancel("Never mind")
    made["accepted"] = made["completed"]
    names = {task.id: name for name, task in made.items() if name != "accepted"}

    def listed(**filters: Any) -> list[str]:
        return [names[one.id] for one in tasks.tasks(**filters)]

    everything = [names[key] for key in sorted(names, reverse=True)]
    assert listed() == everything
    assert listed(limit=3) == everything[:3]
    for state, wanted in (
        ("completed", ["completed"]),
        ("failed", ["failed"]),
        ("running", ["running"]),
        ("ready", ["retrying", "held"]),
        ("blocked", ["blocked", "stuck"]),
        ("stuck", ["stuck"]),
        ("pending", ["pending"]),
        ("cancelled", ["cancelled"]),
        ("accepted", []),
        (["failed", "completed", "stuck"], ["stuck", "failed", "completed"]),
    ):
        assert listed(state=state) == wanted, state
        of_job = [name for name in wanted if name in ("failed", "running", "stuck")]
        assert listed(state=state, job="j") == of_job, state
        for agent in ("echo", "fail", "slow"):
            assert listed(state=state, agent=agent) == [
                name for name in wanted if made[name].report().agent == agent
            ], (state, agent)
    assert listed(job="j") == ["stuck", "running", "failed"]
    assert listed(agent="slow") == ["held", "running"]
    assert listed(since="3s") == ["cancelled", "pending", "blocked", "stuck"]
    assert listed(text="APPLE") == ["completed"]
    assert listed(text="never") == ["cancelled"]
    assert listed(text="No Pear") == ["failed"]
    assert listed(text="pear", state="completed") == []
    assert listed(state=["failed", "completed", "stuck"], limit=2) == ["stuck", "failed"]
    tasks.accept(made["completed"])
    assert listed(state="accepted") == ["completed"]
    summary = tasks.tasks(state="failed")[0]
    assert (summary.reason, summary.job, summary.attempt, summary.agent) == ("ValueError: no pear", "j", 1, "fail")


def test_a_text_is_looked_for_in_large_payloads_too(sim: Any) -> None:
    """Law: in all that lie in the database; of larger ones, in files, nothing is read."""
    tasks = sim.system(agents=[echo], artifact_threshold=4000).tasks
    sizes = {}
    for size in (20, 2000, 5000):
        for word in ("Needle", "straw"):
            for delay in (0, 500):
                task = tasks.submit(echo, Word(f"{word} {'x' * size}"), job="j", delay=delay)
                sizes[task.id] = size
                if delay and size == 2000:
                    task.cancel()
    sim.advance(50)

    def listed(**filters: Any) -> list[int]:
        return sorted(sizes[one.id] for one in tasks.tasks(text="needLE", **filters))

    assert listed() == listed(job="j") == [20, 20, 2000, 2000]
    assert listed(state="completed") == [20, 2000]
    assert (listed(state="pending"), listed(state="cancelled"), listed(state="cancelled", job="j")) == (
        [20],
        [2000],
        [2000],
    )
    sim.system().tasks.submit("echo", Word(f"Needle {'x' * 2000}"))
    assert [one.state for one in tasks.tasks(text="needle", state="ready")] == ["ready"]
    sim.run()


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ({"state": "stuk"}, r"no task is ever 'stuk' \(did you mean 'stuck'\?\)"),
        ({"agent": ""}, "agent is the name of an agent"),
        ({"limit": 0}, "limit is a whole number"),
        ({"limit": True}, "limit is a whole number"),
        ({"since": "soon"}, "neither an age nor a date"),
        ({"job": "nope"}, "no job 'nope'"),
    ],
)
def test_a_filter_that_cannot_be_is_refused(system: ActorSystem, filters: dict[str, Any], told: str) -> None:
    with pytest.raises((RequestError, JobNotFound), match=told):
        system.tasks.tasks(**filters)


def test_agents_are_listed_with_their_limits_and_the_processes_that_do_their_tasks(
    sim: Any, system: ActorSystem
) -> None:
    other = sim.system(agents=[slow])
    system.tasks.submit_many(slow, [Word()] * 3)
    found = {one.name: one for one in other.tasks.agents()}
    assert list(found) == ["echo", "fail", "slow"]
    one = found["slow"]
    assert (one.open, one.capacity, one.overflow, one.per_key, one.rate) == (3, 50, "reject", 1, 2.0)
    assert "test_looking.py:" in one.place
    assert one.payload_schema["$defs"]["Word"]["properties"]["text"] == {"type": "string", "default": ""}
    assert one.result_schema == {"type": "string"}
    assert (one.worker_pids, found["echo"].worker_pids) == ((os.getpid(), os.getpid()), (os.getpid(),))
    other.stop()
    assert {one.name: one for one in system.tasks.agents()}["slow"].worker_pids == (os.getpid(),)


def test_a_database_can_be_looked_at_without_joining_it(tmp_path: Path) -> None:
    db = tmp_path / "a.db"
    with ActorSystem(db, agents=[echo, fail], synchronous="normal") as system:
        task = system.tasks.submit(echo, Word("x" * 2000), job="j")
        task.result(30)
        report = task.report()
    before = sorted(path.name for path in tmp_path.iterdir())
    with ActorSystem.look(db) as look:
        assert look.tasks.report(task.id) == report
        assert [one.id for one in look.tasks.tasks(job="j")] == [task.id]
        assert look.tasks.job_report("j").state == "succeeded"
        assert [one.id for one in look.tasks.jobs()] == ["j"]
        assert [(one.name, one.worker_pids) for one in look.tasks.agents()] == [("echo", ()), ("fail", ())]
        assert look.tasks.logs(task.id) == report.log
        with pytest.raises(TaskNotFound, match=r"no task 999 in .*a\.db"):
            look.tasks.report(999)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_payload_that_is_lost_can_be_left_out_of_a_report(tmp_path: Path) -> None:
    with ActorSystem(tmp_path / "a.db", agents=[echo], synchronous="normal", artifact_threshold=0) as system:
        task = system.tasks.submit(echo, Word("x" * 2000), delay=1000)
        (kept,) = [path for path in tmp_path.rglob("*") if path.is_file() and len(path.name) >= 60]
        kept.unlink()
        with pytest.raises(ArtifactMissing):
            task.report()
        assert system.tasks.report(task.id, values=False).payload is None


# --- at a million rows


LISTS = (
    "read.task_keys",
    "read.task_keys_of_job",
    "read.task_keys_notable",
    "read.task_keys_open",
    "read.job_problems",
)
POINTS = (
    "read.task",
    "read.task_result",
    "read.task_door",
    "read.child_count",
    "read.task_attempts",
    "read.task_dependencies",
    "read.tasks",
    "read.tasks_at_rest",
    "read.jobs_at_rest",
    "read.job_row",
    "read.job_settings",
    "read.job_results",
)


def plan(file: TasksOnFile, name: str) -> list[str]:
    text = sql(name)
    numbered = any(f"?{number}" in text for number in range(1, 10))
    count = (
        max(number for number in range(1, 10) if f"?{number}" in text)
        if numbered
        else text.split("\n", 1)[1].count("?")
    )
    return [row[3] for row in file.rows("EXPLAIN QUERY PLAN " + text, *[None] * count)]


@pytest.fixture
def file(memory: Path) -> TasksOnFile:
    return TasksOnFile(memory / "a.db")


@pytest.mark.parametrize("name", POINTS)
def test_what_is_asked_of_one_task_or_job_scans_no_table(file: TasksOnFile, name: str) -> None:
    lines = plan(file, name)
    tables = ("tasks", "jobs", "task_attempts", "task_dependencies", "artifacts", "task_agents", "waiting")
    assert not [line for line in lines if line.startswith("SCAN ") and line.split()[1] in tables], lines
    file.close()


def test_a_list_goes_by_ids_or_by_the_index_of_its_states(file: TasksOnFile) -> None:
    """Law: the newest of many are found without a look at the others, and few without a look at the many."""
    wanted = {
        "read.task_keys": "SCAN tasks",
        "read.task_keys_of_job": "SEARCH tasks USING INDEX tasks_of_job (job_key=?)",
        "read.task_keys_notable": "SEARCH tasks USING INDEX tasks_notable (state=?)",
        "read.job_problems": "SEARCH tasks USING INDEX tasks_notable (state=?)",
    }
    for name, line in wanted.items():
        lines = plan(file, name)
        assert line in lines, lines
        assert name == "read.job_problems" or not [one for one in lines if "TEMP B-TREE" in one], lines
    lines = plan(file, "read.task_keys_open")
    assert not [line for line in lines if line == "SCAN tasks"], lines
    file.close()
