"""FAULTS 12: a process is forked while a system is open in it: the child is refused, and harms its parent in nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import asyncio, json, multiprocessing, os, sys, threading, traceback
from pathlib import Path
from dagger_actors import ActorSystem, Context, action

path = sys.argv[1]
told = {}

@action
def one() -> int:
    return 1

@action
def gated() -> int:
    go.wait(60)
    return 2

@action
def forks(how: str) -> int:
    pid = os.fork()
    if pid == 0:
        if how == "returns":
            return 7
        if how == "exits":
            sys.exit(3)
        raise ValueError("in the copy")
    os.waitpid(pid, 0)
    return pid

@action
async def forks_too(how: str) -> int:
    return forks(how)

def flow(name, **inputs):
    given = {key: {"value": value} for key, value in inputs.items()}
    return {"name": name, "nodes": [{"id": name, "action": name, "inputs": given}]}

def in_child(name, do):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            text = repr(do())
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        os.write(writer, text.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answers:
        told[name] = answers.read()
    os.waitpid(pid, 0)

def leaves_its_block():
    with system:
        raise KeyError("on the way out")

go = threading.Event()
with ActorSystem(path, actions=[one, gated, forks, forks_too]) as system:
    ended = system.flows.start(flow("one"), run_id="ended")
    ended.result(60)
    live = system.flows.start(flow("gated"), run_id="live")
    files = {str(file) for file in Path(path).parent.rglob("*")}
    for name, do in {
        "start": lambda: system.flows.start(flow("one")),
        "resume": lambda: system.flows.resume("ended"),
        "retry": lambda: system.flows.retry("ended"),
        "cancel": lambda: live.cancel(),
        "wait": lambda: live.wait(60),
        "await": lambda: asyncio.run(live.await_report()),
        "report": lambda: ended.report(),
        "runs": lambda: system.flows.runs(),
        "put": lambda: system.artifacts.put(b"x"),
        "list": lambda: system.artifacts.list(),
        "open again": lambda: ActorSystem(path),
        "look": lambda: ActorSystem.look(path),
        "open another": lambda: ActorSystem().stop(),
        "leave": leaves_its_block,
        "stop": lambda: system.stop(),
    }.items():
        in_child(name, do)
    other = multiprocessing.get_context("fork").Process(target=system.stop)
    other.start()
    other.join()
    told["files"] = sorted({str(file) for file in Path(path).parent.rglob("*")} ^ files)
    go.set()
    told["live"] = live.result(60)
    told["copies"] = []
    for name in ("forks", "forks_too"):
        for how in ("returns", "exits", "raises"):
            report = system.flows.start(flow(name, how=how)).wait(60)
            told["copies"].append([report.state, report.outputs[name] not in (7, os.getpid())])
    told["pid"] = os.getpid()
def reopens():
    with ActorSystem(path, actions=[one]) as again:
        return again.flows.start(flow("one")).result(60)
in_child("after it was closed", reopens)
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What a script tells that forks in every way: in a process of its own, for this one has threads of other tests."""
    path = tmp_path_factory.mktemp("fork") / "runs.db"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, str(path)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    answers: dict[str, object] = json.loads(done.stdout)
    return answers | {"path": str(path)}


@pytest.mark.parametrize(
    "verb",
    ["start", "resume", "retry", "cancel", "wait", "await", "report", "runs", "put", "list", "open again", "look"],
)
def test_every_verb_is_refused_in_the_child_with_advice(told: dict[str, object], verb: str) -> None:
    """Law: it neither hangs nor writes: SQLite forbids a child what its parent has open, also by a new connection."""
    assert told[verb] == (
        f"SystemForked: {told['path']} is open in process {told['pid']}, of which this is a forked child, and that cannot "
        "use it safely; start a new process instead: subprocess, or multiprocessing with 'spawn'"
    )


def test_a_child_may_open_another_database_and_the_same_one_once_it_is_closed(told: dict[str, object]) -> None:
    assert told["open another"] == "None"
    assert told["after it was closed"] == "{'one': 1}"


def test_a_child_that_leaves_the_block_takes_nothing_with_it(told: dict[str, object]) -> None:
    """Law: the parent's row, its proof of life and its run are the parent's; it goes on."""
    assert (told["leave"], told["stop"]) == ("KeyError: 'on the way out'", "None")
    assert told["files"] == []
    assert told["live"] == {"gated": 2}


def test_a_copy_of_a_body_is_no_second_attempt(told: dict[str, object]) -> None:
    """Law: whatever comes out of the function in the child, a result, an exit or an error, is nobody's."""
    assert told["copies"] == [["succeeded", True]] * 6


def test_a_temporary_database_outlives_the_children(tmp_path: Path) -> None:
    """Law: its folder is deleted by who made it."""
    script = (
        "import os, sys\nfrom dagger_actors import ActorSystem\n"
        "with ActorSystem() as system:\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n        sys.exit(0)\n"
        "    os.waitpid(pid, 0)\n"
        "    print(system.path.exists(), len(system._store.workers()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["True", "1"]
