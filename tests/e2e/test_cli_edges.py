"""Mistakes and odd surroundings: one sentence, the documented status, no traceback; and options that beat the file."""

import os
import signal
import subprocess
from pathlib import Path

import msgspec
import pytest

PRINTS = """
from dagger_actors import action

@action
def prints() -> int:
    print("working...")
    return 1
"""


@pytest.mark.parametrize(
    "words",
    [
        ("runs", "--db", "x" * 300),
        ("show", "r", "--db", "x" * 300),
        ("resume", "r", "--db", "x" * 300),
        ("run", "fan.yaml", "--import", "x" * 300 + ".py"),
        ("run", "fan.yaml", "--db", "a\udcff.db"),
        ("run", "fan.yaml", "--parallel", "0"),
        ("run", "fan.yaml", "--parallel", "10001"),
        ("run", "fan.yaml", "--parallel", "65"),
        ("validate", "wide.yaml"),
        ("run", "wide.yaml"),
    ],
)
def test_a_mistake_is_one_sentence_and_status_2_and_leaves_nothing_behind(program, words):
    """Law: no traceback, whatever is typed; and no database made by a command that could not begin."""
    fan = (program.folder / "fan.yaml").read_text()
    (program.folder / "wide.yaml").write_text(
        fan.replace("inputs:\n", "config: {max_parallel_nodes: 65}\ninputs:\n", 1)
    )
    before = set(program.folder.iterdir())
    done = program(*words)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("dagger-actors: ")
    assert {path for path in program.folder.iterdir() if path.name != "__pycache__"} == before


@pytest.mark.parametrize("run_id", ["a\udcff", "a\nb", "nope"])
def test_a_run_id_that_cannot_be_is_a_run_that_is_not_there(program, run_id):
    """Law: an argument that is no text is told as any other unknown id."""
    assert program("run", "fan.yaml").returncode == 0
    done = program("show", run_id)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert "no run" in done.stderr


def test_a_folder_without_permission_is_told(program):
    """Law: a database that cannot be looked at is one sentence."""
    closed = program.folder / "closed"
    closed.mkdir(mode=0)
    done = program("runs", "--db", "closed/x.db")
    if os.geteuid() == 0:  # nothing is closed to root: the file is just not there
        assert "there is no database" in done.stderr
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr


def test_parallel_beats_a_flow_that_is_too_wide(program):
    """Law: what counts is what would run at once."""
    fan = (program.folder / "fan.yaml").read_text()
    (program.folder / "wide.yaml").write_text(
        fan.replace("inputs:\n", "config: {max_parallel_nodes: 65}\ninputs:\n", 1)
    )
    assert program("run", "wide.yaml", "--parallel", "4").returncode == 0
    assert program("run", "wide.yaml", "--sequential").returncode == 0


def test_what_actions_print_does_not_stand_in_the_json(program):
    """Law: with --json stdout is one document, also when an action prints."""
    (program.folder / "prints.py").write_text(PRINTS)
    (program.folder / "prints.yaml").write_text("name: p\nactions: [prints.py]\nnodes: [{id: n, action: prints}]\n")
    done = program("run", "prints.yaml", "--json")
    assert msgspec.json.decode(done.stdout)["outputs"] == {"n": 1}
    assert "working..." in done.stderr
    assert "working..." in program("run", "prints.yaml").stdout


MOVES = """
import os, threading
from dagger_actors import Context, action

@action
def moves() -> str:
    os.chdir("elsewhere")
    return os.getcwd()

@action
def large(moves: str, ctx: Context) -> str:
    ctx.save("kept.bin", b"k" * 50_000)
    return "x" * 50_000

@action
def there() -> str:
    return os.getcwd()

@action
def total(large: str, ctx: Context) -> int:
    return len(large) + len(ctx.query("SELECT 1"))

@action
def waits(ctx: Context) -> None:
    while not ctx.cancelled:
        threading.Event().wait(0.01)
"""
MOVING = """
name: moving
actions: [moves.py]
nodes:
  - {id: moves, action: moves}
  - {id: large, action: large, dependencies: [moves]}
  - {id: there, action: there, isolation: process, dependencies: [large]}
  - {id: total, action: total, dependencies: [large]}
"""


def test_an_action_that_changes_the_folder_moves_nothing_of_ours(program, wait_for):
    """FAULTS 15: the database and all that lies beside it stay where they were, also when they were named relatively."""
    (program.folder / "moves.py").write_text(MOVES)
    (program.folder / "moving.yaml").write_text(MOVING)
    (program.folder / "left.yaml").write_text(
        "name: left\nactions: [moves.py]\nnodes:\n  - {id: moves, action: moves}\n"
        "  - {id: waits, action: waits, dependencies: [moves]}\n"
    )
    elsewhere = program.folder / "elsewhere"
    elsewhere.mkdir()
    done = program("run", "moving.yaml", "--run-id", "r", "--json")
    assert done.returncode == 0, done.stderr
    assert msgspec.json.decode(done.stdout)["outputs"]["total"] == 50_001
    assert program("artifacts", "export", "r", "out").returncode == 0
    assert (program.folder / "out" / "large--kept.bin").read_bytes() == b"k" * 50_000
    process = program.start("run", "left.yaml", "--run-id", "left")
    wait_for(process, "waits ready")
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, "resume left" in told) == (130, True), told
    assert [path.name for path in elsewhere.iterdir() if path.name != "__pycache__"] == []


def test_one_run_that_cannot_go_on_does_not_keep_the_others(program, wait_for):
    """Law: resume --all goes on with what can; what cannot is named, and the status says that something was refused."""
    (program.folder / "gone.py").write_text(
        "import threading\nfrom dagger_actors import action\n@action\ndef gone() -> None:\n    threading.Event().wait()\n"
    )
    (program.folder / "gone.yaml").write_text("name: gone\nactions: [gone.py]\nnodes: [{id: n, action: gone}]\n")
    for spec, run_id in (("gone.yaml", "a-gone"), ("slow.yaml", "b-slow")):
        process = program.start("run", spec, "--run-id", run_id)
        wait_for(process, f"run {run_id} in")
        process.kill()
        process.wait()
    (program.folder / "gone.py").unlink()
    (program.folder / "go").touch()
    done = program("resume", "--all", "--json")
    assert done.returncode == 2, done.stderr
    assert "run a-gone cannot go on" in done.stderr
    (report,) = msgspec.json.decode(done.stdout)
    assert (report["run_id"], report["state"]) == ("b-slow", "succeeded")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_run_goes_on_without_anybody_to_tell(program, closed):
    """Law: a closed stream loses words, not work."""
    command = " ".join(program.command("run", "fan.yaml", "--run-id", "one")) + f" {closed}"
    done = subprocess.run(
        ["sh", "-c", command], cwd=program.folder, env=program.environment, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert program.report("one")["state"] == "succeeded"


def test_a_full_stdout_is_told(program):
    """Law: one sentence on stderr, status 1."""
    assert program("run", "fan.yaml").returncode == 0
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            program.command("runs"), cwd=program.folder, env=program.environment, stdout=full, stderr=subprocess.PIPE,
            text=True, timeout=60, check=False,
        )  # fmt: skip
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert "stdout cannot be written" in done.stderr


def test_help_tells_the_exit_statuses(program):
    """Law: what a script needs to know stands in --help."""
    told = " ".join(program("--help").stdout.split())
    for words in ("0 succeeded", "1 failed", "2 bad definition", "3 paused", "130 interrupted"):
        assert words in told
