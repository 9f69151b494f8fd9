"""``worker`` as a person runs it, and ``up`` with task agents."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path

import apsw
import pytest

from dagger_actors import ActorSystem
from dagger_actors.errors import RequestError

OTHER = """
from dagger_actors import task_agent

@task_agent
def other(task: dict[str, str]) -> int:
    return 0
"""
SYSTEM = """
system: small
agents:
  - {id: ruler, class: "agents.py:measure", tasks: {concurrency: 1}}
"""
WORKER = ("worker", "--import", "agents.py", "--until-rest")
ABC = '{"text": "abc"}'


def submit(typed, agent: str, *words: str, module: str = "agents.py") -> int:
    status, out, err = typed("tasks", "submit", agent, ABC, "--import", module, *words)
    assert status == 0, err
    return int(out)


def tables(db: str) -> set[str]:
    with contextlib.closing(apsw.Connection(db)) as connection:
        return {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}


def states(typed) -> dict[int, str]:
    return {one["id"]: one["state"] for one in typed.json("tasks", "list")}


def test_a_worker_does_what_waits_and_ends_at_rest(typed):
    """Law: all agents of the module; what is done, failed and tried again is counted in its last line."""
    tasks = [submit(typed, agent) for agent in ("measure", "parent", "fail")]
    status, out, err = typed(*WORKER)
    assert (status, out) == (0, "")
    assert err.splitlines()[0] == "worker on dagger.db: measure, fail, parent, patient"
    assert err.splitlines()[-1] == (
        "worker on dagger.db: 4 agents, 0 running, 0 waiting, 3 done, 1 failed, 1 to be tried again"
    )
    assert [states(typed)[task] for task in tasks] == ["completed", "completed", "failed"]


def test_rest_is_when_only_what_is_paused_or_stuck_is_open(typed):
    """Law: a delayed task is waited for, one behind a failed one is not."""
    delayed = submit(typed, "measure", "--delay", "0.3")
    failed = submit(typed, "fail")
    stuck = submit(typed, "measure", "--depends-on", str(failed))
    assert typed(*WORKER)[0] == 0
    assert states(typed) == {delayed: "completed", failed: "failed", stuck: "blocked"}
    assert typed(*WORKER)[0] == 0


def test_without_until_rest_a_worker_stays_for_what_comes(typed, program, wait_for):
    """Law: nothing to do is no end; what is submitted later is done, however often it has been at rest by then."""
    process = program.start("worker", "--import", "agents.py")
    wait_for(process, "worker on dagger.db")
    for _ in range(2):
        status, out, err = typed("tasks", "submit", "measure", ABC, "--wait", "--timeout", "30")
        assert (status, out, process.poll()) == (0, "letters: 3\n", None), err
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130


def test_concurrency_is_how_many_tasks_it_does_at_once(typed):
    """Law: at least one; a task that waits for its children's ends holds no place. (That it is no more: the test of signals.)"""
    submit(typed, "parent")
    assert typed(*WORKER, "--concurrency", "1")[0] == 0
    assert set(states(typed).values()) == {"completed"}
    status, _, err = typed(*WORKER, "--concurrency", "0")
    assert (status, "--concurrency 0 is out of range" in err) == (2, True), err
    with pytest.raises(RequestError, match="task_concurrency"):
        ActorSystem(task_concurrency=0)


def test_processes_reach_the_workers_system(typed):
    """Law: as with ``run``: a number that cannot be is refused before it joins."""
    status, _, err = typed(*WORKER, "--processes", "0")
    assert (status, "processes" in err) == (2, True), err


def test_a_worker_without_the_agents_of_what_waits_is_refused_with_their_names(typed):
    """Law: AgentsMissing, 2, before it joins; also one with other agents, or with none at all."""
    (typed.folder / "other.py").write_text(OTHER)
    task = submit(typed, "other", module="other.py")
    for words in (WORKER, ("worker", "--until-rest")):
        status, _, err = typed(*words)
        assert (status, "no agent for what waits ('other'); name their modules with --import" in err) == (2, True), err
    assert states(typed) == {task: "ready"}
    assert [one["name"] for one in typed.json("tasks", "agents")] == ["other"]


def test_what_nobody_else_does_is_told_by_a_worker_that_has_something_to_do(typed):
    (typed.folder / "other.py").write_text(OTHER)
    submit(typed, "other", module="other.py")
    submit(typed, "measure")
    status, _, err = typed(*WORKER)
    assert (status, "nobody does what waits for other agents: other; " in err) == (0, True), err


def test_a_worker_without_agents_is_refused_and_makes_no_database(typed):
    status, _, err = typed("worker")
    assert (status, "name their modules with --import" in err) == (2, True)
    assert typed("worker", "--import", "nowhere.py")[0] == 2
    for name, told in (("mesure", "did you mean agents.py:measure?"), ("msgspec", "mark it with @task_agent")):
        status, _, err = typed("worker", "--import", f"agents.py:{name}")
        assert (status, f"agents.py:{name} is no task agent" in err, told in err) == (2, True, True), err
    assert not list(Path().glob("*.db*"))


def test_system_files_give_a_worker_their_agents_under_their_names(typed):
    """Law: as the file configures them; without --import."""
    (typed.folder / "small.yaml").write_text(SYSTEM)
    assert typed("worker", "small.yaml", "--until-rest")[0] == 0
    assert [one["name"] for one in typed.json("tasks", "agents")] == ["ruler"]
    task = typed.json("tasks", "submit", "ruler", ABC)["id"]
    status, _, err = typed("worker", "small.yaml", "--until-rest")
    assert (status, "1 agent, 0 running, 0 waiting, 1 done" in err) == (0, True), err
    assert states(typed) == {task: "completed"}


def test_the_schema_of_its_file_is_there_for_a_worker(typed):
    """Law: tables of the file's schema are made; of two files with two, --schema says which."""
    for name in ("one", "two"):
        (typed.folder / f"{name}.yaml").write_text(f"{SYSTEM.replace('ruler', name)}schema: {name}.sql\n")
        (typed.folder / f"{name}.sql").write_text(f"CREATE TABLE IF NOT EXISTS table_{name} (x);\n")
    assert typed("worker", "one.yaml", "--until-rest")[0] == 0
    status, _, err = typed("worker", "one.yaml", "two.yaml", "--until-rest")
    assert (status, "--schema FILE" in err) == (2, True), err
    assert typed("worker", "one.yaml", "two.yaml", "--schema", "two.sql", "--until-rest")[0] == 0
    (typed.folder / "three.sql").write_text("CREATE TABLE IF NOT EXISTS table_three (x);\n")
    assert typed("worker", "one.yaml", "--schema", "three.sql", "--until-rest", "--db", "other.db")[0] == 0
    assert tables("dagger.db") >= {"table_one", "table_two"}
    assert tables("other.db") & {"table_one", "table_two", "table_three"} == {"table_three"}, "what is given goes first"


def test_up_does_the_tasks_of_its_agents_too_and_says_so(typed):
    """Law: at rest when no task is open either; its last line counts them."""
    (typed.folder / "small.yaml").write_text(SYSTEM)
    assert typed("worker", "small.yaml", "--until-rest")[0] == 0
    task = typed.json("tasks", "submit", "ruler", ABC)["id"]
    status, _, err = typed("up", "small.yaml", "--db", "dagger.db", "--until-rest")
    assert (status, "tasks: 1 agent, 0 running, 0 waiting, 1 done" in err) == (0, True), err
    assert states(typed) == {task: "completed"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_stopped_ends_what_it_has_in_hand_and_gives_the_rest_back(typed, program, wait_for, number):
    """Law: 130; the task that ran had its grace; those that had not begun are ready, nobody's, and not crashed."""
    ids = [str(submit(typed, "patient")) for _ in range(3)]
    process = program.start("worker", "--import", "agents.py", "--concurrency", "1")
    wait_for(process, "has begun")
    process.send_signal(number)
    wait_for(process, "once more to leave at once")
    (program.folder / "go").touch()
    assert process.wait(60) == 130
    shown = typed.json("tasks", "show", *ids)
    assert [(one["state"], one["crash_no"], one["worker_pid"]) for one in shown] == [
        ("completed", 0, None), ("ready", 0, None), ("ready", 0, None),
    ]  # fmt: skip


def test_the_second_signal_ends_a_worker_at_once_and_the_next_one_takes_over(typed, program, wait_for):
    """Law: 130; what was at most once and of unknown outcome is parked, and retry has it done."""
    task = str(submit(typed, "patient"))
    process = program.start("worker", "--import", "agents.py")
    wait_for(process, "has begun")
    process.send_signal(signal.SIGTERM)
    wait_for(process, "once more to leave at once")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 130
    (program.folder / "go").touch()
    assert typed(*WORKER)[0] == 0
    shown = typed.json("tasks", "show", task)
    assert (shown["state"], shown["reason"]) == ("paused", "interrupted")
    assert typed("tasks", "retry", task)[0] == 0
    assert typed(*WORKER)[0] == 0
    assert typed.json("tasks", "show", task)["result"] == "told"
