"""FAULTS 15 and 12: user code that takes the whole process with it, every time; and a worker that hears nothing of its death."""

from __future__ import annotations

import json

import pytest

from tests.crash.flows import BODIES
from tests.crash.stage import Stage
from tests.crash.test_kill import kill_after
from tests.crash.test_processes import wait_until_gone

FULL = pytest.mark.full


@pytest.mark.parametrize(
    ("how", "isolation", "status"),
    [
        ("os._exit", "thread", 7),
        pytest.param("segfault", "thread", -11, marks=FULL),
        pytest.param("kill", "thread", -9, marks=FULL),
        ("parent", "process", -9),
    ],
)
def test_work_that_kills_its_system_every_time_is_parked_after_three(
    stage: Stage, how: str, isolation: str, status: int
) -> None:
    """Law: the rest of the run is done once, the poison is parked with its reason, exit 3; a retry releases it."""
    inputs = {"how": {"value": how}, "path": {"value": str(stage.gate)}}
    stage.perform(
        {
            "name": "poison",
            "actions": [str(BODIES)],
            "config": {"on_failure": "continue"},
            "nodes": [
                {"id": "before", "action": "plain", "inputs": {"n": {"value": 1}}},
                {"id": "dies", "action": "dies", "inputs": inputs, "isolation": isolation, "dependencies": ["before"]},
                {"id": "after", "action": "plain", "inputs": {"n": {"value": 2}}, "dependencies": ["dies"]},
            ],
        }
    )
    db = ("--db", str(stage.db))
    assert stage.cli("run", "flow.json", "--run-id", "r", *db).returncode == status
    for _ in range(2):
        assert stage.cli("resume", "r", *db).returncode == status
    parked = stage.cli("resume", "r", *db)
    assert parked.returncode == 3, parked.stderr
    assert "retry r" in parked.stderr
    rows = stage.query("SELECT attempt, state, reason FROM node_runs WHERE node_id = 'dies' ORDER BY attempt")
    assert rows == [(at, "interrupted", "its process died") for at in (1, 2, 3)] + [(4, "waiting", "poison")]
    assert "its process died under it again and again, so it is parked" in stage.cli("why", "r", "dies", *db).stdout
    stage.gate.touch()
    assert stage.cli("retry", "r", *db).returncode == 0
    begun = [line.node for line in stage.lines() if line.mark == "start"]
    assert begun == ["before", "dies", "dies", "dies", "dies", "after"]


def test_a_worker_that_holds_the_interpreter_dies_with_its_system_too(stage: Stage) -> None:
    """Law: none of its threads can run to hear of the death; the kernel sees to it."""
    node = {"id": "holds_the_interpreter", "action": "holds_gil", "isolation": "process"}
    stage.perform({"name": "holds", "actions": [str(BODIES)], "nodes": [node]})
    child = stage.child("run")
    stage.wait_for_log(1, child)
    kill_after(stage, child, 0)
    (worker,) = {line.pid for line in stage.lines()}
    wait_until_gone(worker)
    shown = json.loads(stage.cli("show", "r", "--json", "--db", str(stage.db)).stdout)
    assert shown["state"] == "running"
