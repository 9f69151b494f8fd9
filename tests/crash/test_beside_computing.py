"""What everything else gets beside one thread that computes in pure Python and never lets go of the GIL by itself."""

from __future__ import annotations

import statistics

import pytest

from tests.crash.flows import BODIES


@pytest.mark.parametrize("rounds", [3, pytest.param(10, marks=pytest.mark.full)])
def test_chains_and_groups_keep_their_pace_beside_a_thread_that_computes(stage, figure, rounds):
    """Law: 50 no-op nodes in a row under 0.5 s, a group of 512 rows committed under 25 ms."""
    burner = {"id": "burn", "action": "burn", "inputs": {"path": {"value": str(stage.gate)}}}
    stage.perform({"name": "burner", "actions": [str(BODIES)], "nodes": [burner]})
    child = stage.child("beside", rounds=rounds)
    chains = [child.answer("chain") for _ in range(3)]
    groups = child.answer("group")
    assert child.end() == ""
    for one in chains:
        figure(f"chain of 50, {one['chain']}, beside a burner: median {statistics.median(one['ms']):.0f} ms, most {max(one['ms']):.0f} ms")
    figure(f"512-row group beside a burner: median {statistics.median(groups['ms']):.1f} ms, most {max(groups['ms']):.1f} ms")
    for one in chains:
        assert statistics.median(one["ms"]) < 500, one
    assert statistics.median(groups["ms"]) < 25, groups
