"""FAULTS 5 on a real file system: a small tmpfs that runs full under a command, in whatever it writes just then."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.crash.flows import BODIES
from tests.crash.stage import Stage

MOUNT = 'mount -t tmpfs -o size=12m none "$0" || exit 99; exec "$@"'

DRIVER = """
import json, os, pathlib, subprocess, sys

disk, database, steps = pathlib.Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
answers = []
for step in steps:
    if step == "free":
        (disk / "filler").unlink()
        continue
    if step == "more":
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        continue
    done = subprocess.run([sys.executable, "-m", "dagger_actors", *step, "--db", database],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=90)
    answers.append([done.returncode, done.stdout, done.stderr])
print(json.dumps(answers))
"""


def drive(stage: Stage, *steps: Any, disk: str) -> list[tuple[int, str, str]]:
    """Run commands one after the other, with a disk of 12 MiB there; ``free`` deletes the filler, ``more`` makes it larger."""
    small = stage.folder / disk
    small.mkdir()
    database = small / "r.db" if disk == "disk" else stage.folder / "r.db"
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", MOUNT, small, sys.executable, "-c", DRIVER, small, database, json.dumps(steps)],
        cwd=stage.folder, env=stage.environment, text=True, capture_output=True, timeout=280, check=False,
    )  # fmt: skip
    if done.returncode in (1, 99, 127) and "Traceback" not in done.stderr:
        pytest.skip(f"this container may not mount: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return [tuple(answer) for answer in json.loads(done.stdout)]


def begun(stage: Stage, node: str) -> int:
    return sum(line.mark == "start" and line.node == node for line in stage.lines())


def test_a_database_that_has_no_room_is_told_and_the_run_goes_on_when_it_has(stage: Stage) -> None:
    """Law: no space for a commit: one sentence, exit 2, still readable; with space the run goes on, nothing is done twice."""
    path = {"value": str(stage.folder / "disk" / "filler")}
    stage.perform(
        {
            "name": "full",
            "actions": [str(BODIES)],
            "nodes": [
                {"id": "before", "action": "plain", "inputs": {"n": {"value": 1}}},
                {"id": "fills", "action": "fills", "inputs": {"path": path}, "dependencies": ["before"]},
                *[
                    {"id": f"after{at}", "action": "plain", "inputs": {"n": {"value": at}}, "dependencies": ["fills"]}
                    for at in range(40)
                ],
            ],
        }
    )
    full, shown, gone_on = drive(
        stage, ("run", "flow.json", "--run-id", "r"), ("show", "r"), "free", ("resume", "r"), disk="disk"
    )
    assert full[0] == 2, full
    told = full[2].splitlines()[-2:]
    assert "no space left for" in told[0]
    assert told[1].startswith("  then go on with: dagger-actors resume r --db ")
    assert "Traceback" not in full[2]
    assert shown[0] == 0, shown
    assert "before" in shown[1] + shown[2]
    assert gone_on[0] == 0, gone_on
    assert (begun(stage, "before"), [begun(stage, f"after{at}") for at in range(40)]) == (1, [1] * 40)
    assert begun(stage, "fills") <= 2


def test_an_artifact_that_has_no_room_fails_its_node_and_a_retry_makes_it(stage: Stage) -> None:
    """Law: no space for artifacts: the node fails by name, exit 1; with space a retry makes what is missing, and only that."""
    items = {"over": "numbers", "item": "n"}
    stage.perform(
        {
            "name": "full",
            "actions": [str(BODIES)],
            "config": {"on_failure": "continue", "max_parallel_nodes": 2},
            "nodes": [
                {"id": "numbers", "action": "numbers", "inputs": {"count": {"value": 20}}},
                {"id": "each", "action": "megabyte", "map": items},
                {"id": "total", "action": "total", "inputs": {"values": "sizes"}, "dependencies": ["sizes"]},
                {"id": "sizes", "action": "size_of", "map": {"over": "each", "item": "content"}},
            ],
        }
    )
    full, shown, again = drive(
        stage, ("run", "flow.json", "--run-id", "r"), ("show", "r"), "more", ("retry", "r"), disk="r.db-artifacts"
    )
    assert full[0] == 1, full
    assert "StoreFull: no space left for" in full[2]
    assert shown[0] == 0, shown
    assert again[0] == 0, again
    assert again[1].split() == ["total:", str(20 << 20)]
    counts = [
        sum(line.mark == "start" and line.key == str(at) and line.node == "each" for line in stage.lines())
        for at in range(20)
    ]
    assert set(counts) <= {1, 2}
    assert counts.count(1) >= 3, "what was stored is not made again"
