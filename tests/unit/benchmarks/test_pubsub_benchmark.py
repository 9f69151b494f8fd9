"""The benchmark of channels runs, and has no figure for what was not handled once and stored."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BENCHMARKS = ROOT / "benchmarks"
MEMORY = ("growth", "cached", "whole", "rate")
RATES = (
    "publish",
    "ephemeral_one",
    "ephemeral_fan_out",
    "ephemeral_stages",
    "batches",
    "single",
    "fan_out",
    "stages",
    "distinct_keys",
    "few_keys",
    "stateful_fan_out",
    "stateful_stages",
    "against_durable",
    "against_ephemeral",
)
LINES = (
    *RATES,
    *(f"latency_{which}_{what}" for which in ("100", "1000", "4000", "two") for what in ("p50", "p99", "max")),
    *(f"{which}_{what}" for which in ("passed", "stuck") for what in MEMORY),
    *(f"keys_{what}" for what in (*MEMORY, "active")),
    *(f"many_passed_{what}" for what in MEMORY),
    *(f"many_keys_{what}" for what in (*MEMORY, "active")),
)

WRONG = {
    "seen.append(-7) if one.number == 7 else seen.append(one.number)": "of 220 messages 220 were handled, or others",
    "seen.append(one.number) if one.number != 7 else fail()": "given up: 1 of 20 messages",
    "seen.extend([one.number] * (1 + (one.number == 7)))": "of 220 messages 221 were handled, or others",
    "self.state.__setattr__('total', 1), seen.append(one.number)": "of 220 messages are in the states",
}
"""What a handler does wrong, and what is said of it."""


def run_python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": os.pathsep.join((str(ROOT), str(BENCHMARKS))), "PATH": os.defpath}
    command = [sys.executable, "-W", "error", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=280, check=False
    )


def test_the_quick_benchmark_of_channels_prints_a_line_for_each_figure_and_leaves_nothing_behind(tmp_path):
    """Law: one JSON object a line, the machine first; small sizes are held against no target; no file stays."""
    done = run_python(tmp_path, str(BENCHMARKS / "pubsub.py"), "--quick")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    _, *lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert tuple(line["name"] for line in lines) == LINES
    active = [line["value"] for line in lines if line["name"].endswith("_active")]
    assert active == [500, 5_000]
    for line in lines:
        assert line["value"] > 0 or line["name"].endswith(("growth", "cached"))
        assert line["target"] is None
        assert (line["ratio"] is None) == (line["limit"] is None)
    assert list(tmp_path.iterdir()) == []


def test_what_takes_long_is_measured_no_more_often_than_it_says(tmp_path):
    """Law: however many repeats are asked for."""
    script = """
import sys
from command import run
from figures import Figure, Sample
def measure(folder, sizes):
    return {"x": Sample(value=1.0)}
once = Figure(name="x", unit="s", measure=measure, targets={"x": None}, most_repeats=1)
sys.exit(run((once,), None, None, "x", [], repeats=3))
"""
    done = run_python(tmp_path, "-c", script)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[1])["repeats"] == 1


@pytest.mark.parametrize("wrong", WRONG)
def test_what_was_not_handled_once_by_whom_it_was_for_and_stored_has_no_figure(tmp_path, wrong):
    """Law: a message that was lost, handled twice or given up, or a state that lacks one, is no delivery."""
    script = f"""
from pathlib import Path
import channel_rates
from channel_work import Item, Count, seen
from dagger_actors import Fatal, Subscriber, subscribe
def fail():
    raise Fatal("no answer")
class Keyed(Subscriber):
    state: Count
    @subscribe("items", key="key")
    def take(self, one: Item) -> None:
        self.state.total += 1
        {wrong}
channel_rates.Keyed = Keyed
from channel_work import Sizes
channel_rates.few_keys(Path("."), Sizes(handled=20, keys=4))
"""
    done = run_python(tmp_path, "-c", script)
    assert done.returncode == 1, done.stderr
    assert WRONG[wrong] in done.stderr
