"""A cancel from another process lands while people still look at the screen, also beside code that computes."""

from __future__ import annotations

import statistics
import sys

import pytest

from dagger_actors.watch import BEAT_US
from tests.crash.flows import endless
from tests.crash.stage import Stage

LIMIT_MS = 150
PARALLEL = 16
"""Bodies of a run at once, when its flow says nothing."""


def cancel_once(stage: Stage, *, with_burner: bool) -> dict[str, float]:
    stage.perform(endless(stage.gate, with_burner=with_burner))
    owner = stage.child("run")
    owner.answer("started")
    canceller = stage.child("cancel")
    canceller.answer("ready")
    stage.wait_for_log(100, owner)
    canceller.go()
    told = canceller.answer("state")
    assert told["state"] == "cancelled"
    assert owner.answer("state")["state"] == "cancelled"
    assert owner.end() == ""
    assert canceller.end() == ""
    check_cancelled(stage, told["log_size"])
    return told


def check_cancelled(stage: Stage, log_size: int) -> None:
    """Nothing has started after the cancel but threads that had been given their body by then; what never started has none."""
    late = [line for line in stage.lines(log_size) if line.mark == "start"]
    assert len(late) <= PARALLEL, "it started after the cancel was recorded"
    skipped = set(stage.query("SELECT node_id, invocation_key FROM node_runs WHERE state = 'skipped'"))
    assert skipped, "the run was over before it was cancelled"
    assert {(line.node, line.key) for line in stage.lines()} & skipped == set()
    assert stage.query("SELECT count(*) FROM node_runs WHERE state IN ('ready', 'running', 'waiting')") == [(0,)]
    assert stage.query("SELECT count(*) FROM commands") == [(0,)]


def p95(values: list[float]) -> float:
    return sorted(values)[max(0, -(-len(values) * 95 // 100) - 1)]


@pytest.mark.parametrize("with_burner", [False, True], ids=["alone", "beside-a-thread-that-computes"])
@pytest.mark.parametrize("count", [3, pytest.param(20, marks=[pytest.mark.full, pytest.mark.timeout(900)])])
def test_a_cancel_from_another_process_lands_in_150_ms(stages, figure, count, with_burner):
    """Law: from the call to the row `cancelled` 95 of 100 take under 150 ms; nothing starts afterwards."""
    told = [cancel_once(stages(), with_burner=with_burner) for _ in range(count)]
    recorded = [one["recorded_ms"] for one in told]
    returned = [one["returned_ms"] for one in told]
    figure(
        f"cancel {'beside a burner' if with_burner else 'alone'}: {count} rounds; recorded median "
        f"{statistics.median(recorded):.1f} ms, p95 {p95(recorded):.1f} ms; returned median "
        f"{statistics.median(returned):.1f} ms, p95 {p95(returned):.1f} ms"
    )
    # The slice sees whether a beat is waited for: beside whoever else wants the core even the best of three may take a second.
    assert p95(recorded) < LIMIT_MS if count >= 20 else min(recorded) < BEAT_US / 4e3


def test_the_command_cancels_a_run_of_another_process(stage):
    """Law: `cancel` exits with 0 when it is recorded; nothing starts afterwards."""
    stage.perform(endless(stage.gate))
    owner = stage.start(
        sys.executable, "-m", "dagger_actors", "run", "flow.json", "--db", str(stage.db), "--run-id", "r"
    )
    stage.wait_for_log(100, owner)
    done = stage.cli("cancel", "r", "--db", str(stage.db))
    size = stage.log_size()
    assert done.returncode == 0, done.stderr
    owner.end()
    assert owner.process.returncode == 1
    check_cancelled(stage, size)
