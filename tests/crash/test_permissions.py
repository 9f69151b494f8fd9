"""FAULTS 7 under a running system: permissions flip, reading still works, and all goes on when they flip back.

Root may write anywhere, so the system runs without the capabilities that let it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.crash.test_refusals import WITHOUT_OVERRIDE

SCRIPT = """
import json, os, sys
from pathlib import Path
from dagger_actors import ActorSystem, DaggerError, action

folder, what = Path(sys.argv[1]), sys.argv[2]
db, artifacts = folder / "runs.db", folder / "runs.db-artifacts"
told = {}
ran = []

@action
def first() -> int:
    ran.append("first")
    return 1

@action
def large(first: int) -> str:
    ran.append("large")
    return "x" * 40_000

def lock(is_locked):
    if what in ("folder", "both"):
        folder.chmod(0o555 if is_locked else 0o755)
    if what in ("file", "both"):
        db.chmod(0o444 if is_locked else 0o644)
    if what in ("artifacts", "both"):
        for path in (artifacts, *artifacts.glob("*")):
            path.chmod((0o555 if path.is_dir() else 0o444) if is_locked else (0o755 if path.is_dir() else 0o644))

def attempt(do):
    try:
        return do()
    except DaggerError as error:
        return f"{type(error).__name__}: {error}"

FLOW = {"name": "f", "nodes": [{"id": "first", "action": "first"}, {"id": "large", "action": "large", "inputs": {"first": "first"}}]}
SMALL = {"name": "g", "nodes": [{"id": "first", "action": "first"}]}
with ActorSystem(db, actions=[first, large]) as system:
    system.artifacts.put(b"y" * 40_000)
    system.flows.start(SMALL, run_id="before").result(60)
    lock(True)
    run = attempt(lambda: system.flows.start(FLOW, run_id="r"))
    told["state"] = attempt(lambda: run.wait(60).state)
    told["error"] = attempt(lambda: run.report().error)
    told["runs"] = sorted(one.run_id for one in system.flows.runs())
    with ActorSystem.look(db) as here:
        told["looked"] = here.flows.report("before").outputs
    told["second"] = attempt(lambda: ActorSystem(db).stop())
    told["put"] = attempt(lambda: system.artifacts.put(os.urandom(40_000)).kind)
    lock(False)
    if run.report().state == "failed":
        system.flows.retry("r")
    told["later"] = run.wait(60).state
told["ran"] = ran
with ActorSystem(db) as again:
    told["again"] = again.flows.report("r").state
print(json.dumps(told))
"""


@pytest.mark.parametrize("what", ["folder", "file", "artifacts", "both"])
def test_what_is_open_goes_on_reading_and_what_cannot_be_written_is_named(tmp_path: Path, what: str) -> None:
    """Law: an error with the place and what to do, nothing lost, nothing done twice."""
    prefix = WITHOUT_OVERRIDE.replace('"-m", "dagger_actors", *sys.argv[1:]', "*sys.argv[1:]")
    assert prefix != WITHOUT_OVERRIDE
    done = subprocess.run(
        [sys.executable, "-c", prefix, "-c", SCRIPT, str(tmp_path), what],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["runs"] == ["before", "r"]
    assert told["looked"] == {"first": 1}
    assert (told["later"], told["again"]) == ("succeeded", "succeeded")
    is_stuck = what in ("artifacts", "both")
    assert told["state"] == ("failed" if is_stuck else "succeeded")
    assert told["ran"] == ["first", "first", "large", *(["large"] if is_stuck else [])]
    if is_stuck:
        place = tmp_path / "runs.db-artifacts"
        assert told["error"].startswith(f"large: ReadOnlyDatabase: {place} cannot be written (Permission denied); give")
        assert told["put"].startswith(f"ReadOnlyDatabase: {place} cannot be written")
    if what in ("folder", "both"):
        assert f"no permission to write in the folder {tmp_path}" in told["second"]
    elif what == "file":
        assert "no permission to write the file" in told["second"]
