"""The proof of life of a worker ends with its process, whatever it leaves behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.crash.flows import BODIES, waiting
from tests.crash.stage import Stage
from tests.crash.test_channel_stopped import stop_between_transactions


def wait_for_file(path: Path, child) -> str:
    while not path.exists() and child.process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.process.wait(0.005)
    assert path.exists(), child.end()
    return path.read_text()


def wait_until_quiet(stage: Stage, child) -> None:
    """Wait until only the gated body runs and all else, its start included, is committed."""
    states = "SELECT state, count(*) FROM node_runs GROUP BY state ORDER BY state"
    while stage.query(states) != [("running", 1), ("succeeded", 30)]:
        assert child.process.poll() is None, child.end()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.process.wait(0.01)


FULL = pytest.mark.full


@pytest.mark.parametrize(
    "how",
    [
        "subprocess",
        "fork",
        pytest.param("subprocess with open files", marks=FULL),
        pytest.param("multiprocessing", marks=FULL),
    ],
)
def test_a_process_that_outlives_its_worker_holds_no_proof_of_life(stage: Stage, how):
    """Law: after kill -9 of the worker its run can be taken over at once, though a child that its action started lives."""
    told = stage.folder / "pid"
    inputs = {"how": {"value": how}, "path": {"value": str(told)}}
    nodes = [{"id": "leaves", "action": "leaves_a_child", "inputs": inputs}]
    stage.perform({"name": "leaving", "actions": [str(BODIES)], "nodes": nodes})
    child = stage.child("run")
    child.answer("started")
    orphan = int(wait_for_file(told, child))
    try:
        child.kill()
        os.kill(orphan, 0)  # it lives
        again = stage.child("resume")
        assert again.answer("state")["state"] == "succeeded"
        assert again.end() == ""
    finally:
        os.kill(orphan, signal.SIGKILL)


def test_a_stopped_process_keeps_its_runs(stage: Stage):
    """Law: SIGSTOP is not death: a resume is refused, naming the process; after SIGCONT it ends its run itself."""
    stage.perform(waiting(stage.gate))
    child = stage.child("run")
    child.answer("started")
    # Stopped inside a transaction it would hold SQLite's lock, and whoever comes is told that the file is busy.
    wait_until_quiet(stage, child)
    stop_between_transactions(stage, child)
    try:
        refused = stage.child("resume")
        assert refused.process.wait(60) == 0
        told = refused.process.stdout.read()
        assert '"RunOwned"' in told
        assert f'"pid": {child.pid}' in told
    finally:
        child.process.send_signal(signal.SIGCONT)
    stage.gate.touch()
    assert child.answer("state")["state"] == "succeeded"
    assert child.end() == ""
