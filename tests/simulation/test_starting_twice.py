"""Starting twice is starting once, also when somebody else of the same process is about to open that very run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from dagger_actors import ActorSystem, action
from dagger_actors.testing import Simulation, explore

SPEC: dict[str, Any] = {
    "name": "two",
    "nodes": [{"id": "one", "action": "number"}, {"id": "two", "action": "number", "dependencies": ["one"]}],
}
CALLERS = 8
ROUNDS = 30


@action
def number() -> int:
    return 2


def test_a_run_that_recovery_is_opening_is_not_taken_once_more() -> None:
    """Law: one worker does not take a run from itself between the claim of it and its opening."""

    def test(sim: Simulation) -> None:
        def body(system: ActorSystem) -> dict[str, Any]:
            return system.flows.start(SPEC, run_id="r").result()

        assert sim.keep_going(body, actions=[number]) == {"two": 2}

    assert explore(test, seeds=8, crash="every_commit").runs > 8 * 5


def test_threads_that_start_the_same_run_at_once_all_get_it(open_system: Callable[..., ActorSystem]) -> None:
    """The same law with real threads: each caller gets the one run, whoever inserted it."""
    system = open_system(number)
    together = threading.Barrier(CALLERS)

    def start(run_id: str) -> dict[str, Any]:
        together.wait()
        return system.flows.start(SPEC, run_id=run_id).result(timeout=60)

    with ThreadPoolExecutor(CALLERS) as pool:
        for turn in range(ROUNDS):
            assert list(pool.map(start, [f"r{turn}"] * CALLERS)) == [{"two": 2}] * CALLERS
    assert len(system.flows.runs()) == ROUNDS
