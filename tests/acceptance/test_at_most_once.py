"""`durability: at_most_once`: an attempt whose outcome nobody knows is parked, and only a person's `retry` repeats it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dagger_actors import DefinitionError
from dagger_actors.testing.errors import WorkerKilled
from dagger_actors.testing.simulation import Simulation

CAREFUL = {"id": "pay", "action": "pay", "inputs": {}, "durability": "at_most_once"}


def spec(*nodes: dict[str, Any], **config: Any) -> dict[str, Any]:
    return {"name": "f", "config": config, "nodes": list(nodes or (CAREFUL,))}


class Till:
    """Counts how often it was paid.

    Attributes:
        lasts_s: How long a payment takes.
    """

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.began = 0
        self.lasts_s = 5.0

    def actions(self) -> list[Any]:
        async def pay() -> str:
            self.began += 1
            await asyncio.sleep(self.lasts_s)
            return "paid"

        return [pay]


@pytest.fixture
def till(sim: Simulation) -> Till:
    return Till(sim)


def row(sim: Simulation, system: Any) -> tuple[str, str | None]:
    node = system.flows.report("r").nodes[0]
    return node.state, node.reason


@pytest.mark.parametrize("seed", range(5))
class TestAnUnknownOutcome:
    def test_of_a_crash_is_parked_and_released_by_retry(self, sim: Simulation, till: Till) -> None:
        system = sim.system(actions=till.actions())
        run = system.flows.start(spec(), run_id="r")
        sim.advance(1)
        assert till.began == 1
        sim.kill(system)
        system = sim.system(actions=till.actions())
        run = system.flows.resume("r")
        assert run.wait().state == "paused"
        assert row(sim, system) == ("waiting", "interrupted")
        assert till.began == 1
        assert system.flows.retry("r").wait().state == "succeeded"
        assert till.began == 2

    def test_of_a_time_out_is_parked(self, sim: Simulation, till: Till) -> None:
        system = sim.system(actions=till.actions())
        report = system.flows.start(spec({**CAREFUL, "timeout": 1}), run_id="r").wait()
        assert report.state == "paused"
        assert row(sim, system) == ("waiting", "interrupted")
        assert [attempt.state for attempt in report.nodes[0].attempts] == ["timed_out", "waiting"]
        assert till.began == 1

    def test_of_being_left_is_parked(self, sim: Simulation, till: Till) -> None:
        system = sim.system(actions=till.actions())
        system.flows.start(spec(), run_id="r")
        sim.advance(1)
        system.stop(grace_s=0)
        system = sim.system(actions=till.actions())
        assert system.flows.resume("r").wait().state == "paused"
        assert till.began == 1

    def test_siblings_go_on_while_it_is_parked(self, sim: Simulation, till: Till) -> None:
        ran: list[str] = []

        def other() -> None:
            ran.append("other")

        system = sim.system(actions=[*till.actions(), other])
        sibling = {"id": "b", "action": "other", "inputs": {}}
        report = system.flows.start(spec({**CAREFUL, "timeout": 1}, sibling), run_id="r").wait()
        assert (report.state, ran) == ("paused", ["other"])


@pytest.mark.parametrize("seed", range(40))
def test_a_kill_at_any_commit_repeats_nothing(sim: Simulation, seed: int) -> None:
    """Whatever of ten payments had begun when the worker died is parked or done; none is begun twice without a retry."""
    began: list[int] = []

    async def pay(value: int) -> int:
        began.append(value)
        await asyncio.sleep(0.1 * (value % 3))
        return value

    node = {**CAREFUL, "map": {"over": "inputs.l", "item": "value"}, "inputs": {}}
    flow = {"name": "f", "config": {"max_parallel_nodes": 3}, "inputs": {"l": list(range(10))}, "nodes": [node]}
    system = sim.system(actions=[pay])
    sim.kill_at(system, 1 + seed // 2, ("before", "after")[seed % 2])
    try:
        system.flows.start(flow, run_id="r").wait()
    except WorkerKilled:
        system = sim.system(actions=[pay])
        if not system.flows.runs():
            return
        system.flows.resume("r").wait()
    assert len(began) == len(set(began)), began
    states = {item.invocation_key: item.state for item in system.flows.report("r").nodes if item.invocation_key}
    assert set(states.values()) <= {"succeeded", "waiting"}


def test_what_was_only_granted_when_the_system_was_left_is_not_parked(sim: Simulation) -> None:
    """Its start was committed, and it is known not to have begun."""
    began: list[int] = []

    async def pay(value: int) -> None:
        began.append(value)
        await asyncio.sleep(5)

    node = {**CAREFUL, "map": {"over": "inputs.l", "item": "value"}, "inputs": {}}
    flow = {"name": "f", "config": {"max_parallel_nodes": 1}, "inputs": {"l": [0, 1, 2]}, "nodes": [node]}
    system = sim.system(actions=[pay])
    system.flows.start(flow, run_id="r")
    sim.advance(1)
    system.stop(grace_s=10)
    system = sim.system(actions=[pay])
    assert system.flows.resume("r").wait().state == "succeeded"
    assert began == [0, 1, 2]


class TestTries:
    def test_a_known_failure_is_final(self, sim: Simulation) -> None:
        ran: list[int] = []

        def pay() -> None:
            ran.append(1)
            raise ValueError("refused")

        system = sim.system(actions=[pay])
        report = system.flows.start(spec(max_attempts=3)).wait()
        assert (report.state, len(ran)) == ("failed", 1)

    def test_unless_the_exception_is_listed(self, sim: Simulation) -> None:
        ran: list[int] = []

        def pay() -> None:
            ran.append(1)
            raise ConnectionError("not sent")

        strategy = {"immediate": {}, "retry_on": ["ConnectionError"]}
        system = sim.system(actions=[pay])
        system.flows.start(spec({**CAREFUL, "try_count": 3, "retry_strategy": strategy})).wait()
        assert len(ran) == 3

    def test_tries_without_a_list_are_refused(self, sim: Simulation, till: Till) -> None:
        system = sim.system(actions=till.actions())
        with pytest.raises(DefinitionError, match="at_most_once has one try"):
            system.flows.start(spec({**CAREFUL, "try_count": 3}))

    def test_best_effort_is_an_alias_of_at_least_once(self, sim: Simulation, till: Till) -> None:
        system = sim.system(actions=till.actions())
        run = system.flows.start(spec({**CAREFUL, "durability": "best_effort"}), run_id="r")
        sim.advance(1)
        sim.kill(system)
        system = sim.system(actions=till.actions())
        run = system.flows.resume("r")
        assert (run.wait().state, till.began) == ("succeeded", 2)
