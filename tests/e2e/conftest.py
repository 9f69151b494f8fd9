"""The program as a person runs it: real processes, in an empty folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dagger_actors.cli import main
from tests.busy import COMMAND_S
from tests.spawner import Spawner

REPOSITORY = Path(__file__).parents[2]

ACTIONS = """
import os, threading, time
from dagger_actors import Context, action

def note(text):
    with open("log.txt", "a") as log:
        log.write(text + "\\n")

@action
def numbers(count: int = 3) -> dict[str, list[int]]:
    return {"numbers": list(range(count))}

@action
def work(number: int, pause_s: float = 0.0) -> int:
    note(f"work {number}")
    time.sleep(pause_s)
    return number * 2

@action
def total(results: list[int]) -> int:
    note("total")
    return sum(results)

@action
def fail() -> int:
    note("fail")
    if os.path.exists("mended"):
        return 7
    raise ValueError("broken \\x1b[2J on purpose")

@action
def after(value: int) -> int:
    note("after")
    return value + 1

@action
def until_cancelled(ctx: Context) -> str:
    note("waiting")
    while not ctx.cancelled:
        threading.Event().wait(0.01)
    return "told"

@action
def stuck() -> None:
    note("stuck")
    threading.Event().wait()

@action
def until_go() -> str:
    note("until go")
    while not os.path.exists("go"):
        time.sleep(0.01)
    return "done"

@action
def many_rows(count: int) -> list[dict[str, int]]:
    return [{"n": n, "square": n * n} for n in range(count)]
"""

FLOWS = {
    "fan.yaml": """
name: fan
actions: [actions.py]
inputs:
  count: {type: int, default: 3}
  pause_s: {type: float, default: 0}
nodes:
  - {id: numbers, action: numbers, inputs: {count: inputs.count}}
  - {id: work, action: work, inputs: {pause_s: inputs.pause_s}, map: {over: numbers.numbers, item: number}}
  - {id: total, action: total, inputs: {results: work}}
outputs: {total: total}
""",
    "broken.yaml": """
name: broken
actions: [actions.py]
config: {on_failure: %s}
nodes:
  - {id: fail, action: fail}
  - {id: after, action: after, inputs: {value: fail}}
""",
    "endless.yaml": """
name: endless
actions: [actions.py]
nodes:
  - {id: wait, action: until_cancelled}
""",
    "stuck.yaml": """
name: stuck
actions: [actions.py]
nodes:
  - {id: wait, action: stuck}
""",
    "slow.yaml": """
name: slow
actions: [actions.py]
nodes:
  - {id: first, action: until_go}
  - {id: second, action: until_go, dependencies: [first]}
""",
    "rows.yaml": """
name: rows
actions: [actions.py]
inputs: {count: {type: int, default: 3}}
nodes:
  - {id: rows, action: many_rows, inputs: {count: inputs.count}}
""",
}


class Program:
    """``dagger-actors`` in one working folder.

    Attributes:
        folder: The folder.
        started: Processes to be ended with the test.
    """

    def __init__(self, folder: Path, spawner: Spawner) -> None:
        self.folder = folder
        self._spawner = spawner
        self.started: list[subprocess.Popen[str]] = []
        # PYTHONPATH serves a checkout that is not installed; where it is, it is the same code.
        self.environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"}
        self.environment.pop("COLUMNS", None)

    def __call__(self, *words: str, keys: str = "") -> subprocess.CompletedProcess[str]:
        """Run one command to its end, with ``keys`` typed."""
        if self._spawner.fits(self.environment):
            return self._spawner.run(
                *words, folder=self.folder, environment=self.environment, keys=keys, timeout_s=COMMAND_S
            )
        return subprocess.run(
            self.command(*words), cwd=self.folder, env=self.environment, capture_output=True, text=True,
            timeout=COMMAND_S, input=keys, check=False,
        )  # fmt: skip

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start one command; its stderr can be read while it runs."""
        process = subprocess.Popen(
            self.command(*words), cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self.started.append(process)
        return process

    @staticmethod
    def command(*words: str) -> list[str]:
        return [sys.executable, "-m", "dagger_actors", *words]

    def report(self, run_id: str) -> dict[str, object]:
        """Read a run as JSON."""
        shown = self("show", run_id, "--json")
        assert shown.returncode == 0, shown.stderr
        return msgspec.json.decode(shown.stdout)

    def log(self) -> list[str]:
        """Read what the actions noted."""
        path = self.folder / "log.txt"
        return path.read_text().split("\n")[:-1] if path.exists() else []


def wait_for_line(process: subprocess.Popen[str], *parts: str, is_end_enough: bool = False) -> list[str]:
    """Read stderr until each of ``parts`` was in a line, in whichever order; the lines read, the last one included.

    ``is_end_enough``: to its end, if they never come.
    """
    assert process.stderr is not None
    lines, left = [], set(parts)
    for line in process.stderr:
        lines.append(line)
        left -= {part for part in left if part in line}
        if not left:
            return lines
    if is_end_enough:
        return lines
    raise AssertionError(f"{left} never came, only: {''.join(lines)}")


@pytest.fixture
def wait_for():
    return wait_for_line


@pytest.fixture(scope="session")
def spawner() -> Iterator[Spawner]:
    one = Spawner(REPOSITORY)
    yield one
    one.close()


@pytest.fixture
def program(tmp_path: Path, spawner: Spawner) -> Iterator[Program]:
    (tmp_path / "actions.py").write_text(ACTIONS)
    for name, text in FLOWS.items():
        (tmp_path / name).write_text(text.replace("%s", "stop"))
    one = Program(tmp_path, spawner)
    yield one
    for process in one.started:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()


@pytest.fixture
def repository() -> Path:
    return REPOSITORY


TASK_AGENTS = """
import threading
from pathlib import Path
import msgspec
from dagger_actors import Fatal, RetryPolicy, TaskContext, task_agent

class Word(msgspec.Struct, frozen=True):
    text: str

@task_agent(retry=RetryPolicy(tries=1))
def measure(task: Word, ctx: TaskContext) -> dict[str, int]:
    ctx.log(f"measures \\x1b[2J{task.text}")
    return {"letters": len(task.text)}

@task_agent(retry=RetryPolicy(tries=2))
def fail(task: Word) -> int:
    if Path("mended").exists():
        return 7
    raise ValueError(f"broken \\x1b[2J {task.text}")

@task_agent
def parent(task: Word, ctx: TaskContext) -> list[int]:
    children = [ctx.spawn(measure, Word(word)) for word in task.text.split()]
    return [one["letters"] for one in ctx.gather(children)]

@task_agent(durability="at_most_once")
def patient(task: Word, ctx: TaskContext) -> str:
    ctx.log("has begun")
    while not ctx.cancelled and not Path("go").exists():
        threading.Event().wait(0.005)
    return "told"
"""


class Typed:
    """Commands in this process, as ``main`` runs them; what they wrote and their status."""

    def __init__(self, folder: Path, captured: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._captured = captured

    def __call__(self, *words: str) -> tuple[int, str, str]:
        self._captured.readouterr()
        status = main(words)
        out, err = self._captured.readouterr()
        return status, out, err

    def json(self, *words: str) -> Any:
        """Run one that prints JSON and succeeds."""
        status, out, err = self(*words, "--json")
        assert status == 0, err
        return msgspec.json.decode(out)


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    (tmp_path / "agents.py").write_text(TASK_AGENTS)
    monkeypatch.chdir(tmp_path)
    return Typed(tmp_path, capsys)
