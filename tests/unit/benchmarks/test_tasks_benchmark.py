"""The benchmark of tasks runs beside the task systems that are installed, and says of the others how to have them."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
BENCHMARKS = ROOT / "benchmarks"
LINES = (
    "bare_rows",
    "one_process",
    "two_processes",
    "two_smaller_share",
    "latency_one_p50",
    "latency_one_p99",
    "latency_two_p50",
    "latency_two_p99",
    "stored_cpu",
    "stored_wall",
    "huey",
    "dbos",
    "against",
    "memory_growth",
    "memory_cached",
    "memory_whole",
    "memory_rate",
)
MAY_BE_NOTHING = {"two_smaller_share", "memory_growth", "memory_cached"}
PEERS = ("huey", "dbos")
NEED_PEERS = (*PEERS, "against")
"""They are measured together, or not at all: then ``against`` says why."""

UNKNOWN_PACKAGE = """
import sys
from command import run
from figures import Figure, Target
def measure(folder, sizes):
    raise SystemExit("measured without its package")
targets = {"beside": Target(bound=1)} if sys.argv[1] == "asked" else {"beside": None}
figure = Figure(name="beside", unit="s", measure=measure, targets=targets, needs=("no-such-package-anywhere",))
sys.exit(run((figure,), None, None, "x", ["--check"]))
"""


def run_python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": os.pathsep.join((str(ROOT), str(BENCHMARKS))), "PATH": os.defpath}
    command = [sys.executable, "-W", "error", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=280, check=False
    )


def test_the_quick_benchmark_of_tasks_measures_what_is_installed_and_tells_how_to_install_the_rest(tmp_path):
    """Law: one JSON object a line, the machine first; a peer that is not there has a line too; no file stays."""
    done = run_python(tmp_path, str(BENCHMARKS / "tasks.py"), "--quick")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    machine, *lines = [json.loads(line) for line in done.stdout.splitlines()]
    missing = [package for package in PEERS if not importlib.util.find_spec(package)]
    expected = [name for name in LINES if not missing or name not in PEERS]
    assert [line["name"] for line in lines] == expected
    for line in lines:
        if missing and line["name"] in NEED_PEERS:
            assert line["ok"] is None
            assert all(machine[package] is None and package in line["skipped"] for package in missing)
            assert "pip install" in line["skipped"]
        else:
            assert line["value"] > 0 or line["name"] in MAY_BE_NOTHING
            assert line["target"] is None, "a quick run is too small to be held against the targets"
            assert (line["ratio"] is None) == (line["limit"] is None)
    assert list(tmp_path.iterdir()) == []


def test_a_figure_without_its_package_is_not_measured_and_fails_a_check_exactly_when_something_was_asked_for(tmp_path):
    """Law: what could not be compared is never said to be met."""
    for asked, ok in (("asked", False), ("nothing", None)):
        done = run_python(tmp_path, "-c", UNKNOWN_PACKAGE, asked)
        assert done.returncode == (1 if ok is False else 0), done.stderr
        _, line = [json.loads(line) for line in done.stdout.splitlines()]
        assert line["ok"] is ok
        assert "no-such-package-anywhere" in line["skipped"]


def test_a_result_that_is_not_the_payload_s_is_refused(tmp_path):
    """Law: a peer whose stored results are wrong has no figure."""
    wrong = "from task_work import *; check(Question(3, 'a'), Answer(9, 'A')); check(Question(3, 'a'), Answer(9, 'a'))"
    done = run_python(tmp_path, "-c", wrong)
    assert done.returncode == 1
    assert "Answer(square=9, upper='a')" in done.stderr


def test_tasks_of_ours_are_counted_in_the_file_and_a_wrong_result_has_no_figure(tmp_path):
    """Law: what was not stored, or is not the payload's answer, is not measured."""
    told = {"Answer(-1, question.text)": "Answer(square=-1", "fail()": "of 20 tasks: {'failed': 20}"}
    for instead, complaint in told.items():
        script = f"""
from pathlib import Path
import task_agents, task_rates
from dagger_actors import Fatal
from task_work import Answer, Sizes
def fail():
    raise Fatal("no answer")
task_agents.answer = lambda question: {instead}
task_rates.one(Path("."), Sizes(processed=20))
"""
        folder = tmp_path / complaint[:3]
        folder.mkdir()
        done = run_python(folder, "-c", script)
        assert done.returncode == 1
        assert complaint in done.stderr
