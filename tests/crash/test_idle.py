"""A system that waits for a person uses next to nothing."""

from __future__ import annotations

import pytest

from tests.crash.flows import BODIES, waiting

FULL = pytest.mark.full


@pytest.mark.parametrize(
    ("neighbour", "seconds", "stretches", "limit"),
    [
        ("alone", 1.0, 3, 0.01),
        pytest.param("alone", 12.0, 1, 0.002, marks=FULL),
        pytest.param("beside a dead worker", 12.0, 1, 0.002, marks=FULL),
    ],
)
def test_a_system_with_a_paused_run_uses_a_fifth_of_a_percent_of_a_core(
    stage, figure, neighbour, seconds, stretches, limit
):
    """Law: under 0.2 % of a core over 12 s; what dead workers left behind changes nothing.

    The slice is too short for that figure; its best stretch counts, for what has to come to rest may take its time to.
    """
    if neighbour != "alone":
        stage.perform(waiting(stage.gate))
        child = stage.child("run", run_id="other")
        child.answer("started")
        stage.wait_for_log(10, child)
        child.kill()
        stage.gate.touch()
        again = stage.child("resume", run_id="other")
        assert again.answer("state")["state"] == "succeeded"
        assert again.end() == ""
    nodes = [{"id": "fails", "action": "fails"}]
    stage.perform({"name": "paused", "actions": [str(BODIES)], "config": {"on_failure": "pause"}, "nodes": nodes})
    child = stage.child("idle", seconds=seconds, stretches=stretches, recover=True)
    told = child.answer("share")
    assert child.end() == ""
    figure(f"idle, {neighbour}: {told['share']:.3%} of a core over {told['seconds']:.1f} s, {told['threads']} threads")
    assert told["share"] < limit
