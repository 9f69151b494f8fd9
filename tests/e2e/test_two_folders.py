"""Flows in two folders, each with actions of its own that have the same names: every run runs its own code."""

from __future__ import annotations

import logging
import logging.handlers
import queue
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from dagger_actors import ActorSystem, DefinitionError, action

ACTIONS = """
import os, signal
from pathlib import Path
from dagger_actors import action
import helper

HERE = Path(__file__).parent

@action{mark}
def load() -> str:
    if not (HERE / "mended").exists():
        if (HERE / "deadly").exists():
            os.kill({victim}, signal.SIGKILL)
            while True: signal.pause()
        raise ValueError("not yet")
    return helper.WHO

@action
{async_}def finish(loaded: str, who: str) -> str:
    return f"{who}: {{loaded}} for {{who}}"
"""
FLOW = """
name: nightly
actions: [{reference}]
config: {{on_failure: pause}}
inputs: {{who: {{type: str}}}}
nodes:
  - {{id: load, action: load, cache: {cache}{isolation}}}
  - {{id: finish, action: finish, inputs: {{loaded: load, who: inputs.who}}}}
"""


def write(folder: Path, who: str, *, in_process: bool = False, cache: bool = False, version: str = "") -> Path:
    """Write a flow and its actions; gives the flow."""
    (folder / who).mkdir()
    mark = f'(version="{version}")' if version else ""
    victim = "os.getppid()" if in_process else "os.getpid()"
    # One of them is a coroutine function: another code would not even be another function of the same kind.
    text = ACTIONS.format(who=who, mark=mark, victim=victim, async_="async " if who == "b" else "")
    (folder / who / "actions.py").write_text(text)
    (folder / who / "helper.py").write_text(f"WHO = {who!r}")
    isolation = ", isolation: process" if in_process else ""
    flow = folder / who / "flow.yaml"
    flow.write_text(
        FLOW.format(reference="actions.py", cache="{ttl_s: 3600}" if cache else "false", isolation=isolation)
    )
    return flow


def mend(folder: Path) -> None:
    for who in "ab":
        (folder / who / "mended").touch()


def outputs(who: str) -> dict[str, str]:
    return {"finish": f"{who}: {who} for {who}"}


@pytest.fixture
def paused(tmp_path: Path) -> Path:
    """Give a database with a paused run of each flow, begun in systems of their own."""
    for who in "ab":
        flow = write(tmp_path, who)
        with ActorSystem(tmp_path / "one.db") as system:
            assert system.flows.start(flow, {"who": who}, run_id=who).wait().state == "paused"
    mend(tmp_path)
    return tmp_path / "one.db"


def begin_both(program, status: int, **options: bool) -> None:
    """Begin a run of each by the command line, and wait for how it ends."""
    for who in "ab":
        write(program.folder, who, **options)
        if status < 0:
            (program.folder / who / "deadly").touch()
    begun = [program.start("run", f"{who}/flow.yaml", "--run-id", who, "-i", f"who={who}") for who in "ab"]
    assert [one.wait(60) for one in begun] == [status] * 2
    mend(program.folder)


@pytest.mark.parametrize(("in_process", "is_killed"), [(False, False), (False, True), (True, True)])
def test_resume_all_runs_each_with_its_own_code(program, in_process: bool, is_killed: bool) -> None:
    """Law: whether the runs paused or their process was killed, in threads and in worker processes."""
    begin_both(program, -signal.SIGKILL if is_killed else 3, in_process=in_process)
    done = program("resume", "--all", "--processes", "1", "--json")
    assert done.returncode == 0, done.stderr
    reports = msgspec.json.decode(done.stdout)
    assert {report["run_id"]: report["outputs"] for report in reports} == {who: outputs(who) for who in "ab"}


@pytest.mark.parametrize("in_process", [False, True])
def test_one_system_starts_both_and_each_is_itself(tmp_path: Path, in_process: bool) -> None:
    """Law: also at once, and in a worker process that both use."""
    flows = {who: write(tmp_path, who, in_process=in_process) for who in "ab"}
    mend(tmp_path)
    with ActorSystem(processes=1) as system:
        runs = {who: system.flows.start(flow, {"who": who}) for who, flow in flows.items() for _ in range(3)}
        assert {who: run.result() for who, run in runs.items()} == {who: outputs(who) for who in "ab"}
        assert {one.place.split("/")[-2] for one in system.flows.schemas() if one.name == "load"} == {"a", "b"}


def test_one_system_resumes_and_retries_both(paused: Path) -> None:
    """Law: in either order, one taken up beside the other."""
    with ActorSystem(paused, recover=False) as system:
        runs = [system.flows.resume(who) for who in "ba"]
        assert [run.result() for run in runs] == [outputs("b"), outputs("a")]
        again = [system.flows.retry(who, start_from=["load"]) for who in "ab"]
        assert [run.result() for run in again] == [outputs("a"), outputs("b")]


def test_one_system_recovers_both_from_processes_that_were_killed(program) -> None:
    """Law: it takes over only the run whose flow it has loaded, and the other when it has loaded that one too."""
    begin_both(program, -signal.SIGKILL)
    with ActorSystem(program.folder / "dagger.db") as system:
        system.flows.load(program.folder / "b/flow.yaml")
        assert system.flows.run("b").result(timeout=30) == outputs("b")
        assert system.flows.resumable() == ["a"]
        system.flows.load(program.folder / "a/flow.yaml")
        assert system.flows.run("a").result(timeout=30) == outputs("a")


def test_equal_versions_do_not_share_a_cached_output(tmp_path: Path) -> None:
    """Law: the file is part of what an action is, also where the module's name and the version are the same."""
    flows = {who: write(tmp_path, who, cache=True, version="1") for who in "ab"}
    mend(tmp_path)
    for _ in range(2):
        with ActorSystem(tmp_path / "one.db") as system:
            runs = {who: system.flows.start(flow, {"who": who}) for who, flow in flows.items()}
            assert {who: run.result() for who, run in runs.items()} == {who: outputs(who) for who in "ab"}
            reasons = [run.report().nodes[0].reason or "" for run in runs.values()]
    assert [reason.partition(":")[0] for reason in reasons] == ["cached"] * 2


SCRIPT = """
import sys
from dagger_actors import ActorSystem, action

@action(version="1")
def load() -> str:
    return sys.argv[2]

if __name__ == "__main__":
    with ActorSystem(sys.argv[1], actions=[load]) as system:
        nodes = [{"id": "load", "action": "load", "cache": {"ttl_s": 3600}}]
        print(system.flows.start({"name": "nightly", "nodes": nodes}).result()["load"])
"""


def test_equal_versions_in_two_scripts_do_not_share_a_cached_output(tmp_path: Path) -> None:
    """Law: every script is the module `__main__`, and that says nothing of whose code it is."""
    for who in "ab":
        (tmp_path / f"{who}.py").write_text(SCRIPT)

    def play(script: str, word: str) -> str:
        words = [sys.executable, str(tmp_path / script), str(tmp_path / "one.db"), word]
        return subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout.strip()

    assert [play("a.py", "one"), play("b.py", "two"), play("a.py", "three")] == ["one", "two", "one"]


OTHER = """
from dagger_actors import action

@action
def load() -> str:
    return "other"
"""


def other(folder: Path) -> Path:
    """Write another action of the name `load`."""
    path = folder / "other.py"
    path.write_text(OTHER)
    return path


def other_load() -> object:
    """Give another action of the name `load`, as a function."""

    @action
    def load() -> str:
        return "given"

    return load


def test_what_is_imported_on_purpose_goes_before_a_flows_own(paused: Path) -> None:
    """Law: at the start and when a run is taken up; in a flow whose actions lack the name too."""
    folder = paused.parent
    with ActorSystem(paused, imports=[str(other(folder))]) as system:
        assert system.flows.start(folder / "a/flow.yaml", {"who": "a"}).result() == {"finish": "a: other for a"}
        assert system.flows.resume("b").result() == {"finish": "b: other for b"}


def test_an_import_of_the_start_is_found_where_it_was(program, tmp_path: Path) -> None:
    """Law: relative to the folder in which the run was started, though one of that name is beside the flow."""
    write(program.folder, "a")
    (program.folder / "a/other.py").write_text(OTHER.replace('"other"', '"wrong"'))
    (program.folder / "other.py").write_text(
        OTHER.replace("return", "import os\n    os.stat(f'{os.path.dirname(__file__)}/a/mended')\n    return")
    )
    begun = program("run", "a/flow.yaml", "--import", "other.py", "--run-id", "one", "-i", "who=a")
    assert begun.returncode == 3, begun.stderr
    (program.folder / "a/mended").touch()
    program.folder = tmp_path / "elsewhere"
    program.folder.mkdir()
    done = program("resume", "one", "--db", "../dagger.db", "--json")
    assert msgspec.json.decode(done.stdout)["outputs"] == {"finish": "a: other for a"}, done.stderr


def test_what_is_given_stands_for_what_a_flow_lacks(paused: Path) -> None:
    """Law: a flow's own goes before a function that the system was given, and a file that is gone leaves it to that."""
    folder = paused.parent
    with ActorSystem(paused, actions=[other_load()], recover=False) as system:
        assert system.flows.start(folder / "a/flow.yaml", {"who": "a"}).result() == outputs("a")
        assert system.flows.resume("b").result() == outputs("b")
        text = (folder / "a/actions.py").read_text()
        (folder / "a/rest.py").write_text(text.replace("@action\ndef load", "def load"))
        (folder / "a/flow.yaml").write_text(FLOW.format(reference="rest.py", cache="false", isolation=""))
        assert system.flows.start(folder / "a/flow.yaml", {"who": "a"}).result() == {"finish": "a: given for a"}


def test_a_flows_own_file_that_no_longer_loads_is_not_replaced_by_chance(program) -> None:
    """Law: while it is there, a function of the name from elsewhere may be another flow's; when it is gone, it is that."""
    folder = program.folder
    begin_both(program, 3)
    (folder / "a/actions.py").write_text("1 / 0")
    with ActorSystem(folder / "dagger.db", actions=[other_load(), finish], recover=False) as system:
        with pytest.raises(DefinitionError) as caught:
            system.flows.resume("a")
        messages = [problem.message for problem in caught.value.problems]
        assert messages[0].startswith("importing 'actions.py' failed: ZeroDivisionError")
        assert messages[1].startswith(
            f"node 'load': its action 'load' may be that of {folder}/a/actions.py, which is not"
        )
        (folder / "a/actions.py").unlink()
        assert system.flows.resume("a").result() == {"finish": "a: given for a"}


@action
def finish(loaded: str, who: str) -> str:
    """Stand for that of the flows."""
    return f"{who}: {loaded} for {who}"


@pytest.fixture
def told() -> Iterator[queue.SimpleQueue[logging.LogRecord]]:
    """Give what the flow paradigm logs, as it comes."""
    records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    handler = logging.handlers.QueueHandler(records)
    logging.getLogger("dagger_actors.flow").addHandler(handler)
    yield records
    logging.getLogger("dagger_actors.flow").removeHandler(handler)


def test_a_run_is_not_recovered_with_a_function_that_may_be_of_another_flow(program, told) -> None:
    """Law: a process that has only a function of that name from elsewhere says so, once, and leaves the run alone."""
    begin_both(program, -signal.SIGKILL)
    with ActorSystem(program.folder / "dagger.db", actions=[other_load(), finish]) as system:
        said = sorted(told.get(timeout=30).getMessage() for _ in "ab")
        for who, message in zip("ab", said, strict=True):
            assert message.startswith(f"run {who} is not taken over: node 'load': its action 'load' may be that of ")
        system.flows.load(program.folder / "a/flow.yaml")
        assert system.flows.run("a").result(timeout=30) == outputs("a")
        assert system.flows.resumable() == ["b"]
    assert told.empty()


def test_starting_the_same_run_again_goes_on_with_the_code_of_the_caller(program) -> None:
    """Law: the id of a run whose process died, started from a copy of its flow, runs the actions beside the copy."""
    begin_both(program, -signal.SIGKILL)
    with ActorSystem(program.folder / "dagger.db", recover=False) as system:
        run = system.flows.start(program.folder / "b/flow.yaml", {"who": "a"}, run_id="a")
        assert run.result(timeout=30) == {"finish": "b: b for a"}
