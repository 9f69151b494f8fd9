"""How often a system looks at its file."""

from __future__ import annotations

import asyncio

from dagger_actors import action
from dagger_actors.testing.simulation import simulate


@action
async def endless() -> None:
    await asyncio.sleep(3600)


def test_a_run_that_has_just_been_opened_is_looked_after_at_once():
    """Law: a cancel of another process lands within 150 ms, also right after a start in a system that was idle."""
    for seed in range(20):
        with simulate(seed) as sim:
            system = sim.system(actions=[endless])
            sim.advance(60)
            looks = []
            look = system._watch._look
            system._watch._look = lambda look=look, looks=looks, sim=sim: (looks.append(sim.now_s), look())
            began = sim.now_s
            system.flows.start({"name": "f", "nodes": [{"id": "n", "action": "endless"}]})
            sim.advance(0.5)
            gaps = [after - before for before, after in zip([began, *looks], looks, strict=False)]
            assert max(gaps) <= 0.06, gaps
