"""Leaving a system whose run comes to rest at that very moment waits for nobody."""

from __future__ import annotations

import asyncio
from pathlib import Path

from dagger_actors import action
from dagger_actors.core.messages import CancelRun, Detach
from dagger_actors.testing.simulation import simulate


@action
async def endless() -> None:
    await asyncio.sleep(3600)


def test_who_waits_for_the_last_body_is_answered_when_the_run_ends_first(tmp_path: Path) -> None:
    """Law: the end of a run answers everybody; nobody sits out the grace for bodies that are nobody's any more."""
    for seed in range(20):
        folder = tmp_path / str(seed)
        folder.mkdir()
        with simulate(seed, folder) as sim:
            system = sim.system(actions=[endless])
            run = system.flows.start({"name": "f", "nodes": [{"id": "n", "action": "endless", "dependencies": []}]})
            sim.advance(1)
            active = system._hub.active[run.id]
            cancelled, idle = active.ask(CancelRun()), active.ask(Detach())
            sim.settle()
            assert cancelled.is_done()
            assert idle.is_done()
