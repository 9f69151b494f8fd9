"""The benchmark of actors runs on all it measures, beside pykka, and leaves nothing behind."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
BARE = {"bare_wire", "bare_hand_offs", "restart_wall", "awaiting_at_once"}
MILLION = {"million_memory", "million_collection", "million_pause", "million_spawned"}
BESIDE_PYKKA = {
    "tell",
    "fan_in",
    "fan_out",
    "fan_out_at_once",
    "ring",
    "ask",
    "ask_by_hand_off",
    "ask_pipelined",
    "spawn",
    "spawn_and_stop",
    "spawn_tell_stop",
    "bytes_new",
    "bytes_used",
    "restart_cpu",
    "awaiting",
}


def run_benchmark(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(ROOT / "benchmarks" / "actors.py"), "--db", str(folder), *arguments]
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.defpath}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=280, check=False
    )


def test_the_quick_benchmark_of_actors_prints_the_machine_and_every_figure_and_leaves_nothing_behind(tmp_path):
    """Law: one JSON object a line, the machine first; what pykka can do stands beside what pykka did; no file stays."""
    done = run_benchmark(tmp_path, "--quick")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    machine, *lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert machine["pykka"]
    assert {line["name"] for line in lines} == BARE | MILLION | BESIDE_PYKKA
    for line in lines:
        assert line["target"] is None, "a quick run is too small to be held against the targets"
        assert line["min"] <= line["value"] <= line["max"]
        assert line["value"] > 0 or line["name"] in MILLION, "so few actors cause no collection"
        assert (line["ratio"] is not None) == (line["name"] in BESIDE_PYKKA)
    assert list(tmp_path.iterdir()) == []


def test_a_figure_of_actors_that_does_not_exist_is_refused_by_name(tmp_path):
    """Law: nothing is accepted and ignored."""
    done = run_benchmark(tmp_path, "--only", "speed")
    assert done.returncode == 2
    assert "speed" in done.stderr
