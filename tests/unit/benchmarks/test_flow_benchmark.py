"""The benchmark runs, tells what it measured, and fails a check exactly when a target is missed."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BENCHMARKS = ROOT / "benchmarks"
LINES = [
    "chain",
    "fan",
    "fan_of_map",
    "independent",
    "independent_at_4",
    "group_beside_cpu",
    "chain_beside_cpu",
    "cancel_beside_cpu",
    "cancel_by_row_beside_cpu",
    "large_load",
    "large_run",
    "large_peak",
]


def run_benchmark(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(BENCHMARKS / "flow.py"), "--db", str(folder), *arguments]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=280, check=False
    )


@pytest.fixture(scope="module")
def figures():
    spec = importlib.util.spec_from_file_location("benchmark_figures", BENCHMARKS / "figures.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_quick_benchmark_prints_the_machine_and_every_figure_and_leaves_nothing_behind(tmp_path):
    """Law: one JSON object a line, the machine first; each line has what a reader compares; no file stays."""
    done = run_benchmark(tmp_path, "--quick")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    machine, *lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert machine["synchronous"] == "full"
    assert machine["cores"] >= 1
    assert [line["name"] for line in lines] == LINES
    for line in lines:
        assert line["value"] > 0
        assert line["min"] <= line["value"] <= line["max"]
        assert line["target"] is None, "a quick run is too small to be held against the targets"
        assert (line["ratio"] is None) == (line["limit"] is None)
    assert list(tmp_path.iterdir()) == []


def test_a_figure_that_does_not_exist_is_refused_by_name(tmp_path):
    """Law: nothing is accepted and ignored."""
    done = run_benchmark(tmp_path, "--only", "speed")
    assert done.returncode == 2
    assert "speed" in done.stderr


@pytest.mark.parametrize(
    ("values", "limit", "target", "ok"),
    [
        ((1.0, 2.0, 9.0), 1.0, {"of": "value", "bound": 2.0, "is_floor": False}, True),
        ((1.0, 2.1, 9.0), 1.0, {"of": "value", "bound": 2.0, "is_floor": False}, False),
        ((2.0, 2.0, 2.0), 0.5, {"of": "ratio", "bound": 4.0, "is_floor": False}, True),
        ((2.1, 2.1, 2.1), 0.5, {"of": "ratio", "bound": 4.0, "is_floor": False}, False),
        ((10.0, 11.0, 12.0), 50.0, {"of": "value", "bound": 11.0, "is_floor": True}, True),
        ((10.0, 10.9, 12.0), 50.0, {"of": "value", "bound": 11.0, "is_floor": True}, False),
        ((1.0, 1.0, 1.0), None, {"of": "ratio", "bound": 4.0, "is_floor": False}, False),
    ],
)
def test_a_target_is_judged_by_the_median(figures, values, limit, target, ok):
    """Law: median against bound, in the target's direction; a ratio without a limit is not met."""
    samples = [figures.Sample(value=value, limit=limit) for value in values]
    line = figures.judge("one", "s", figures.Target(**target), samples)
    assert line.ok is ok
    assert line.value == sorted(values)[1]
    assert (line.min, line.max, line.repeats) == (min(values), max(values), 3)
