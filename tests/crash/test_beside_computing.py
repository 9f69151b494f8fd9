"""What everything else gets beside one thread that computes in pure Python and never lets go of the GIL by itself."""

from __future__ import annotations

import statistics

import pytest

from tests.busy import BUSY
from tests.crash.flows import BODIES

CHAIN_MS = 500
GROUP_MS = 25


@pytest.mark.parametrize("rounds", [3, pytest.param(10, marks=pytest.mark.full)])
def test_chains_and_groups_keep_their_pace_beside_a_thread_that_computes(stage, figure, rounds):
    """Law: 50 no-op nodes in a row under 0.5 s, a group of 512 rows committed under 25 ms."""
    burner = {"id": "burn", "action": "burn", "inputs": {"path": {"value": str(stage.gate)}}}
    stage.perform({"name": "burner", "actions": [str(BODIES)], "nodes": [burner]})
    child = stage.child("beside", rounds=rounds)
    chains = [child.answer("chain") for _ in range(3)]
    groups = [child.answer("group")["ms"] for _ in range(3)]
    assert child.end() == ""
    for one in chains:
        figure(
            f"chain of 50, {one['chain']}, beside a burner: median {statistics.median(one['ms']):.0f} ms, most {max(one['ms']):.0f} ms"
        )
    medians = [statistics.median(batch) for batch in groups]
    shown = ", ".join(f"{median:.1f}" for median in medians)
    figure(
        f"512-row group beside a burner: medians of three batches {shown} ms, most {max(max(batch) for batch in groups):.1f} ms"
    )
    for one in chains:
        # In the slice the best round is held to the bound: three are too few for a median on a machine that is shared.
        is_kept = statistics.median(one["ms"]) < CHAIN_MS if rounds > 3 else min(one["ms"]) < BUSY * CHAIN_MS
        assert is_kept, one
    # The best of three batches: what else this machine does can only add to the figure.
    assert min(medians) < (GROUP_MS if rounds > 3 else BUSY * GROUP_MS), groups
