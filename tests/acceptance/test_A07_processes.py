"""A07 with processes: a cancel is recorded, kills within 250 ms more, and the next run works."""

import os
import select
import threading
import time
from pathlib import Path

import pytest

from dagger_actors import ActorSystem

KILLED_S = 0.25
PATIENCE_S = 20.0
"""The slice sees whether it is killed; its body would stay three times as long."""
BODIES = str(Path(__file__).parents[1] / "unit" / "bodies" / "processes" / "bodies.py")


@pytest.mark.parametrize("limit_s", [PATIENCE_S, pytest.param(KILLED_S, marks=pytest.mark.full)])
def test_a_cancel_kills_the_worker_and_the_next_run_works(tmp_path: Path, limit_s: float) -> None:
    path = tmp_path / "begun"
    stay = {"id": "stay", "action": "stay", "isolation": "process", "inputs": {"path": {"value": str(path)}}}
    who = {"id": "who", "action": "who", "isolation": "process"}
    with ActorSystem(tmp_path / "a.db", processes=1) as system:
        run = system.flows.start({"name": "f", "actions": [BODIES], "nodes": [stay]})
        pause = threading.Event()
        while not (path.exists() and path.read_text().endswith("\n")):
            pause.wait(0.005)
        pid = int(path.read_text())
        descriptor = os.pidfd_open(pid)
        report = system.flows.cancel(run.id)
        recorded = time.monotonic()
        assert report.state == "cancelled"
        assert report.nodes[0].state == "cancelled"
        assert select.select([descriptor], [], [], PATIENCE_S)[0]
        assert time.monotonic() - recorded <= limit_s
        os.close(descriptor)
        again = system.flows.start({"name": "g", "actions": [BODIES], "nodes": [who]}).result(60)
        assert again["who"] != pid
    assert len(path.read_text().splitlines()) == 1
