"""A database that cannot be used: one sentence, exit 2, nothing changed; real commands as a person types them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.crash.flows import BODIES
from tests.crash.stage import Stage

COMMANDS = (
    ("run", "flow.json", "--run-id", "new"),
    ("resume", "r"),
    ("resume", "--all"),
    ("retry", "r"),
    ("cancel", "r"),
    ("runs",),
    ("show", "r"),
    ("show", "r", "--json"),
)
LOOKING = ("runs", "show")
"""Commands that change nothing."""

WITHOUT_OVERRIDE = """
import ctypes, os, sys
# Root may write anywhere. Without these two capabilities it may not, and permission bits bind for it as for anybody.
libc = ctypes.CDLL(None, use_errno=True)
for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    if libc.prctl(24, capability, 0, 0, 0) and os.geteuid() == 0:  # PR_CAPBSET_DROP
        sys.exit("cannot drop a capability: " + os.strerror(ctypes.get_errno()))
os.execv(sys.executable, [sys.executable, "-m", "dagger_actors", *sys.argv[1:]])
"""


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def refuse(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    """One clear sentence, exit 2."""
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("dagger-actors: ")
    for part in parts:
        assert part in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def prepared(stage: Stage) -> Stage:
    """A stage with a flow, and a database with one run that ended."""
    stage.perform(
        {
            "name": "one",
            "actions": [str(BODIES)],
            "nodes": [{"id": "n", "action": "plain", "inputs": {"n": {"value": 1}}}],
        }
    )
    done = stage.cli("run", "flow.json", "--db", str(stage.db), "--run-id", "r")
    assert done.returncode == 0, done.stderr
    return stage


def each(*, always: tuple[int, ...]) -> list[Any]:
    """Some commands always, all of them in the full run."""
    return [
        pytest.param(words, id=" ".join(words), marks=[] if at in always else [pytest.mark.full])
        for at, words in enumerate(COMMANDS)
    ]


@pytest.mark.parametrize("words", each(always=(0,)))
@pytest.mark.parametrize("kind", ["text", "another program's"])
def test_a_file_that_is_no_database_of_ours_is_refused_and_left_alone(stage, words, kind):
    """Law: exit 2, the file named, not a byte changed, nothing made beside it."""
    stage.perform(
        {
            "name": "one",
            "actions": [str(BODIES)],
            "nodes": [{"id": "n", "action": "plain", "inputs": {"n": {"value": 1}}}],
        }
    )
    if kind == "text":
        stage.db.write_text("Dear diary,\n" * 400)
    else:
        connection = apsw.Connection(str(stage.db))
        connection.execute("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)")
        connection.close()
    before = contents(stage.folder)
    refuse(stage.cli(*words, "--db", str(stage.db)), f"{stage.db} is not a dagger_actors database", "--db")
    assert contents(stage.folder) == before


@pytest.mark.parametrize("words", each(always=(5,)))
def test_a_database_of_a_newer_version_is_refused_and_left_alone(prepared, words):
    """Law: exit 2, both versions named, not a byte changed."""
    connection = apsw.Connection(str(prepared.db))
    connection.pragma("user_version", 999)
    connection.pragma("journal_mode", "wal")
    connection.close()
    before = contents(prepared.folder)
    refuse(prepared.cli(*words, "--db", str(prepared.db)), "has schema version 999", "upgrade dagger-actors")
    assert contents(prepared.folder) == before


@pytest.fixture
def freeze() -> Iterator[list[Path]]:
    """Paths whose permissions are given back after the test."""
    frozen: list[Path] = []
    yield frozen
    for path in frozen:
        path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.mark.parametrize("words", each(always=(0, 5)))
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_database_that_may_not_be_written_can_be_looked_at_and_is_left_alone(prepared, freeze, words, kind):
    """Law: who would write: exit 2, what is missing named; who looks is served; not a byte changed, for root neither."""
    place = prepared.folder / "kept"
    place.mkdir()
    shutil.move(prepared.db, place / "crash.db")
    prepared.db = place / "crash.db"
    frozen = prepared.db if kind == "file" else place
    freeze.append(frozen)
    frozen.chmod(0o444 if kind == "file" else 0o555)
    before = contents(prepared.folder)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_OVERRIDE, *words, "--db", str(prepared.db)], cwd=prepared.folder,
        env=prepared.environment, text=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=90, check=False,
    )  # fmt: skip
    if words[0] in LOOKING:
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        assert "succeeded" in done.stdout
    else:
        refuse(done, f"{prepared.db} cannot be written", "no permission to write")
    assert contents(prepared.folder) == before


@pytest.mark.parametrize("words", [("cancel", "r"), ("runs",), ("show", "r")])
def test_a_database_on_a_read_only_mount_can_only_be_looked_at(prepared, words):
    """Law: the same where not permissions but the file system forbids it."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" || exit 99; exec "$@"'
    command = [sys.executable, "-m", "dagger_actors", *words, "--db", str(prepared.db)]
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, str(prepared.folder), *command], cwd="/", env=prepared.environment,
        text=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=90, check=False,
    )  # fmt: skip
    if done.returncode in (1, 99, 127) and "dagger-actors" not in done.stderr:
        pytest.skip(f"this container may not mount: {done.stderr.strip()}")
    if words[0] in LOOKING:
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
    else:
        refuse(done, f"{prepared.db} cannot be written")


def test_a_folder_that_is_not_there_is_refused(stage):
    """Law: exit 2, the folder named, and it is not made."""
    stage.perform(
        {
            "name": "one",
            "actions": [str(BODIES)],
            "nodes": [{"id": "n", "action": "plain", "inputs": {"n": {"value": 1}}}],
        }
    )
    refuse(stage.cli("run", "flow.json", "--db", "none/x.db"), "the folder", "none does not exist")
    assert not (stage.folder / "none").exists()
