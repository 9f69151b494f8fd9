"""FAULTS 25: code and files change under a run: it is pinned to its definition, and what no longer fits is a named error."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dagger_actors import ActorSystem, Context, DefinitionError, RunConflict, action
from dagger_actors.testing.simulation import Simulation

FLOW: dict[str, Any] = {
    "name": "pinned",
    "nodes": [
        {"id": "first", "action": "work", "inputs": {"n": {"value": 1}}},
        {"id": "pauses", "action": "pauses", "dependencies": ["first"], "on_failure": "pause"},
        {
            "id": "second",
            "action": "work",
            "inputs": {"n": {"value": 2}},
            "dependencies": ["pauses"],
            "isolation": "async",
        },
    ],
    "outputs": {"second": "second"},
}


class Code:
    """Versions of the actions, and what they did."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, int]] = []
        self.is_open = False

    def pauses(self) -> Callable[..., Any]:
        @action(name="pauses")
        async def pauses() -> None:
            await asyncio.sleep(10)
            if not self.is_open:
                raise PermissionError("nobody has approved")

        return pauses

    def note(self, ctx: Context) -> None:
        self.ran.append((ctx.node_id, ctx.attempt))

    def as_it_was(self) -> Callable[..., Any]:
        @action(name="work")
        async def work(n: int, ctx: Context) -> int:
            self.note(ctx)
            return n * 10

        return work

    def renamed(self) -> Callable[..., Any]:
        @action(name="works")
        async def works(n: int, ctx: Context) -> int:
            self.note(ctx)
            return n

        return works

    def one_parameter_more(self) -> Callable[..., Any]:
        @action(name="work")
        async def work(n: int, scale: int, ctx: Context) -> int:
            self.note(ctx)
            return n * scale

        return work

    def one_parameter_less(self) -> Callable[..., Any]:
        @action(name="work")
        async def work(ctx: Context) -> int:
            self.note(ctx)
            return 0

        return work

    def another_parameter(self) -> Callable[..., Any]:
        @action(name="work")
        async def work(number: int, ctx: Context) -> int:
            self.note(ctx)
            return number

        return work

    def another_kind(self) -> Callable[..., Any]:
        @action(name="work")
        def work(n: int, ctx: Context) -> int:
            self.note(ctx)
            return n

        return work

    def a_default_more(self) -> Callable[..., Any]:
        @action(name="work")
        async def work(n: int, ctx: Context, scale: int = 10) -> int:
            self.note(ctx)
            return n * scale

        return work


CHANGES = [
    pytest.param(Code.renamed, "node 'first': there is no action 'work' any more", "--import", id="renamed"),
    pytest.param(Code.one_parameter_more, "the action 'work' needs 'scale' now", "pinned", id="one parameter more"),
    pytest.param(Code.one_parameter_less, "the action 'work' no longer takes 'n'", "pinned", id="one parameter less"),
    pytest.param(Code.another_parameter, "the action 'work' needs 'number' now", "pinned", id="another parameter"),
    pytest.param(
        Code.another_kind, "node 'second': `isolation: async` needs a coroutine", "async def", id="another kind"
    ),
]
STATES = ["paused", "interrupted", "failed"]


def bring_to(sim: Simulation, code: Code, state: str) -> None:
    """A run that stands in this state, with nobody running it."""
    system = sim.system(actions=[code.as_it_was(), code.pauses()])
    spec = FLOW
    if state == "failed":
        spec = {**FLOW, "nodes": [{**node, "on_failure": "stop"} for node in FLOW["nodes"]]}
    run = system.flows.start(spec, run_id="r")
    if state == "interrupted":
        sim.advance(5)
        sim.kill(system)
    else:
        assert run.wait().state == state
        system.stop()
    assert code.ran == [("first", 1)]


def go_on(system: ActorSystem, state: str) -> Any:
    return system.flows.retry("r") if state == "failed" else system.flows.resume("r")


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(("change", "message", "advice"), CHANGES)
def test_code_that_no_longer_fits_is_refused_by_name_and_the_run_waits_for_code_that_does(
    sim: Simulation, change: Callable[[Code], Any], message: str, advice: str, state: str
) -> None:
    """Law: nothing starts, nothing changes; with the old signature it goes on where it was, by its own definition."""
    code = Code()
    bring_to(sim, code, state)
    code.is_open = True
    changed = sim.system(actions=[change(code), code.pauses()])
    before = changed.flows.report("r")
    with pytest.raises(DefinitionError) as refused:
        go_on(changed, state)
    assert message in str(refused.value)
    assert advice in str(refused.value)
    sim.advance(60)
    assert changed.flows.report("r") == before
    changed.stop()
    right = sim.system(actions=[code.a_default_more(), code.pauses()])
    assert go_on(right, state).result() == {"second": 20}
    assert code.ran == [("first", 1), ("second", 1)]


@pytest.mark.parametrize(("change", "message", "advice"), CHANGES)
def test_who_takes_over_by_itself_leaves_such_a_run_alone_and_says_why(
    sim: Simulation,
    caplog: pytest.LogCaptureFixture,
    change: Callable[[Code], Any],
    message: str,
    advice: str,
) -> None:
    """Law: recovery fails nobody's run for code that this process happens to have; the reason is told once."""
    code = Code()
    bring_to(sim, code, "interrupted")
    code.is_open = True
    changed = sim.system(actions=[change(code), code.pauses()], recover=True)
    with caplog.at_level(logging.WARNING, "dagger_actors.flow"):
        sim.advance(120)
    assert changed.flows.report("r").state == "running"
    assert changed.flows.resumable() == ["r"]
    assert code.ran == [("first", 1)]
    if "no action" not in message:  # what is not loaded at all is some other process's business
        told = [record.getMessage() for record in caplog.records if message in record.getMessage()]
        assert len(told) == 1, caplog.text
        assert "run r" in told[0]
    right = sim.system(actions=[code.as_it_was(), code.pauses()], recover=True)
    sim.advance(60)
    assert right.flows.report("r").outputs == {"second": 20}


def test_a_hint_that_changed_fails_the_attempt_by_name(sim: Simulation) -> None:
    """Law: what a signature takes is checked with its values; corrected, a retry goes on."""
    code = Code()
    bring_to(sim, code, "paused")
    code.is_open = True

    @action(name="work")
    async def work(n: list[int]) -> int:
        return len(n)

    changed = sim.system(actions=[work, code.pauses()])
    report = changed.flows.resume("r").wait()
    assert report.state == "failed"
    assert "InputError: action 'work' cannot take its input 'n': Expected `array`, got `int`" in (report.error or "")
    changed.stop()
    assert sim.system(actions=[code.as_it_was(), code.pauses()]).flows.retry("r").result() == {"second": 20}


ACTIONS = """
import os
from dagger_actors import action

@action
def work(n: int) -> int:
    with open("log.txt", "a") as log:
        log.write(f"{n}\\n")
    return n * 10

@action
def gate() -> None:
    if not os.path.exists("open"):
        raise PermissionError("nobody has approved")
"""
SPEC = """
name: pinned
actions: [acts.py]
nodes:
  - {id: first, action: work, inputs: {n: {value: 1}}}
  - {id: gate, action: gate, dependencies: [first], on_failure: pause}
  - {id: second, action: work, inputs: {n: {value: 2}}, dependencies: [gate]}
outputs: {second: second}
"""
OTHER = """
name: pinned
actions: [acts.py]
nodes:
  - {id: another, action: gone}
  - {id: second, action: work, inputs: {n: {value: 99}}}
"""


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dagger_actors", *words],
        cwd=folder, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_a_run_of_the_commands_is_pinned_to_its_file_as_it_was(tmp_path: Path) -> None:
    """Law: another file of the same name is another run; the old one goes on by what it began with."""
    (tmp_path / "acts.py").write_text(ACTIONS)
    (tmp_path / "flow.yaml").write_text(SPEC)
    assert command(tmp_path, "run", "flow.yaml", "--run-id", "r").returncode == 3
    (tmp_path / "flow.yaml").write_text(OTHER)
    (tmp_path / "acts.py").write_text(ACTIONS.replace("def work(n: int)", "def labour(n: int)"))
    (tmp_path / "open").touch()
    refused = command(tmp_path, "resume", "r")
    assert (refused.returncode, "Traceback" in refused.stderr) == (2, False)
    assert "node 'first': there is no action 'work' any more" in refused.stderr
    assert command(tmp_path, "show", "r").returncode == 0
    (tmp_path / "acts.py").write_text(ACTIONS.replace("def work(n: int)", "def work(n: int, unit: str)"))
    refused = command(tmp_path, "resume", "r")
    assert refused.returncode == 2
    assert "node 'first': the action 'work' needs 'unit' now" in refused.stderr
    (tmp_path / "flow.yaml").unlink()
    (tmp_path / "acts.py").write_text(ACTIONS)
    done = command(tmp_path, "resume", "r")
    assert (done.returncode, done.stdout.split()) == (0, ["second:", "20"]), done.stderr
    assert (tmp_path / "log.txt").read_text().split() == ["1", "2"]


def test_the_same_run_id_with_another_file_is_a_conflict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: never two definitions under one run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "acts.py").write_text(ACTIONS)
    (tmp_path / "flow.yaml").write_text(SPEC)
    with ActorSystem(tmp_path / "runs.db") as system:
        system.flows.start(tmp_path / "flow.yaml", run_id="r").wait(60)
        (tmp_path / "flow.yaml").write_text(SPEC.replace("value: 2", "value: 3"))
        with pytest.raises(RunConflict, match="another definition"):
            system.flows.start(tmp_path / "flow.yaml", run_id="r")


@pytest.mark.parametrize(
    ("new", "words"),
    [("def labour(n: int)", "has no attribute 'work'"), ("def work(n: int, unit: str)", "'unit'")],
)
def test_a_file_that_changed_under_a_running_system_fails_attempts_in_processes_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new: str, words: str
) -> None:
    """Law: a worker process spawned later finds the new code; its attempt fails for that, and a retry mends it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "acts.py").write_text(ACTIONS)
    spec = {
        "name": "f",
        "actions": ["acts.py"],
        "nodes": [{"id": "work", "action": "work", "inputs": {"n": {"value": 2}}, "isolation": "process"}],
    }
    with ActorSystem(tmp_path / "runs.db", processes=1, process_attempts=1) as system:
        assert system.flows.start(spec).result(60) == {"work": 20}
        (tmp_path / "acts.py").write_text(ACTIONS.replace("def work(n: int)", new))
        report = system.flows.start(spec, run_id="r").wait(60)
        assert report.state == "failed"
        assert words in (report.error or "")
        (tmp_path / "acts.py").write_text(ACTIONS)
        assert system.flows.retry("r").result(60) == {"work": 20}
