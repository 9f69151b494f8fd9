"""Flows in two folders, each with actions of its own that have the same names: every run runs its own code."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import msgspec
import pytest

from dagger_actors import ActorSystem, DefinitionError

ACTIONS = """
import os, signal
from pathlib import Path
from dagger_actors import action

HERE = Path(__file__).parent

@action{mark}
def load() -> str:
    if not (HERE / "mended").exists():
        if (HERE / "deadly").exists():
            os.kill({victim}, signal.SIGKILL)
            while True: signal.pause()
        raise ValueError("not yet")
    return "{who}"

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
    isolation = ", isolation: process" if in_process else ""
    flow = folder / who / "flow.yaml"
    flow.write_text(FLOW.format(reference="actions.py", cache=str(cache).lower(), isolation=isolation))
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


@pytest.mark.parametrize("in_process", [False, True])
@pytest.mark.parametrize("is_killed", [False, True])
def test_resume_all_runs_each_with_its_own_code(program, in_process: bool, is_killed: bool) -> None:
    """Law: whether the runs paused or their process was killed, in threads and in worker processes."""
    for who in "ab":
        write(program.folder, who, in_process=in_process)
        if is_killed:
            (program.folder / who / "deadly").touch()
        begun = program("run", f"{who}/flow.yaml", "--run-id", who, "-i", f"who={who}")
        assert begun.returncode == (-signal.SIGKILL if is_killed else 3), begun.stderr
    mend(program.folder)
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
    for who in "ab":
        write(program.folder, who)
        (program.folder / who / "deadly").touch()
        assert program("run", f"{who}/flow.yaml", "--run-id", who, "-i", f"who={who}").returncode == -signal.SIGKILL
    mend(program.folder)
    with ActorSystem(program.folder / "dagger.db") as system:
        system.flows.load(program.folder / "b/flow.yaml")
        assert system.flows.run("b").result(timeout=30) == outputs("b")
        assert system.flows.resumable() == ["a"]
        system.flows.load(program.folder / "a/flow.yaml")
        assert system.flows.run("a").result(timeout=30) == outputs("a")
