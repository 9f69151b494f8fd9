"""Work that outlives its workers: ``restart`` and ``keep_going``, and what a death looks like to who waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from dagger_actors import ActorSystem, action
from dagger_actors.errors import RequestError, RunFailed, SystemClosed
from dagger_actors.testing import Kill, NeverSettles, NotRepeatable, Simulation, WorkerKilled, simulate

SPEC: dict[str, Any] = {
    "name": "f",
    "nodes": [
        {"id": "one", "action": "work"},
        {"id": "two", "action": "work", "dependencies": ["one"]},
    ],
}


@action
async def work() -> int:
    await asyncio.sleep(1)
    return 1


@action
async def sleeps() -> None:
    await asyncio.sleep(100)


@action
async def fails() -> None:
    raise ValueError("always")


def start(system: ActorSystem) -> dict[str, Any]:
    return system.flows.start(SPEC, run_id="r").result()


@pytest.mark.parametrize("seed", range(5))
def test_the_body_is_called_again_with_the_next_worker_until_it_returns(seed: int) -> None:
    """Law: whoever dies, the work is done once and told once."""
    with simulate(seed) as sim:
        workers: list[ActorSystem] = []

        def body(system: ActorSystem) -> dict[str, Any]:
            workers.append(system)
            if len(workers) <= 2:  # three deaths would park the work
                sim.kill_at(system, 2)
            return start(system)

        assert sim.keep_going(body, actions=[work]) == {"two": 1}
        assert sim.deaths == ["w1", "w2"]
        assert len(set(workers)) == 3
        assert sim.is_alive(workers[-1])


@pytest.mark.parametrize(
    "go_on",
    [lambda sim: sim.run(), lambda sim: sim.advance(60), lambda sim: sim.settle() or sim.advance(9)],
    ids=["run", "advance", "settle"],
)
def test_a_death_ends_whatever_lets_the_world_go_on(go_on: Callable[[Simulation], None]) -> None:
    """Law: the body does not go on with a dead worker, and the next one starts at the time of the death."""
    with simulate(1) as sim:
        times: list[float] = []
        sim.system(actions=[sleeps]).flows.start({"name": "g", "nodes": [{"id": "n", "action": "sleeps"}]})

        def body(system: ActorSystem) -> str:
            times.append(sim.now_s)
            if len(times) == 1:
                sim.kill_at(system, 3)
            run = system.flows.start(SPEC, run_id="r")
            go_on(sim)
            return run.report().state

        assert sim.keep_going(body, actions=[work]) == "succeeded"
        assert len(times) == 2
        assert times[1] < 3


@pytest.mark.parametrize(
    "go_on",
    [lambda sim: sim.run(), lambda sim: sim.advance(9), lambda sim: sim.settle()],
    ids=["run", "advance", "settle"],
)
def test_nothing_behind_the_death_is_run_with_the_dead(go_on: Callable[[Simulation], None]) -> None:
    """Law: what a body asserts behind ``run`` and the like is asserted of a worker that has lived through it."""
    with simulate(1) as sim:
        lived: list[bool] = []

        def body(system: ActorSystem) -> None:
            run = system.flows.start(SPEC, run_id="r")
            if not lived and not sim.deaths:
                sim.kill_at(system, 1)
            go_on(sim)
            lived.append(sim.is_alive(system))
            run.result()

        sim.keep_going(body, actions=[work])
        assert sim.deaths == ["w1"]
        assert lived == [True]


def test_a_body_that_returns_with_its_worker_dead_is_called_again() -> None:
    """Law: what it has done may be gone with the worker."""
    with simulate(1) as sim:
        calls: list[int] = []

        def body(system: ActorSystem) -> int:
            calls.append(1)
            if len(calls) == 1:
                sim.kill(system)
            return len(calls)

        assert sim.keep_going(body) == 2


def test_the_options_stay_and_the_next_worker_recovers() -> None:
    """Law: ``restart`` is the same program once more: it takes over what was left, without being told."""
    with simulate(1) as sim:
        first = sim.system(actions=[work])
        first.flows.start(SPEC, run_id="r")
        sim.advance(0.5)
        second = sim.restart(first)
        assert not sim.is_alive(first)
        sim.run()
        assert second.flows.report("r").state == "succeeded"


def test_a_worker_that_must_not_recover_does_not() -> None:
    """Law: an option that was given is kept."""
    with simulate(1) as sim:
        first = sim.system(actions=[work], recover=False)
        first.flows.start(SPEC, run_id="r")
        sim.advance(0.5)
        second = sim.restart(first)
        sim.run()
        assert second.flows.report("r").state == "running"


def test_errors_of_the_body_are_its_own() -> None:
    """Law: with its worker alive nothing is caught, ``SystemClosed`` neither; an assertion never is."""
    with simulate(1) as sim:
        with pytest.raises(RunFailed):
            sim.keep_going(
                lambda system: system.flows.start({"name": "f", "nodes": [{"id": "n", "action": "fails"}]}).result(),
                actions=[fails],
            )

        def leaves_another(system: ActorSystem) -> None:
            with sim.system() as other:
                pass
            other.flows.runs()

        with pytest.raises(SystemClosed):
            sim.keep_going(leaves_another)

        def dies_and_asserts(system: ActorSystem) -> None:
            sim.kill(system)
            raise AssertionError("of the test")

        with pytest.raises(AssertionError, match="of the test"):
            sim.keep_going(dies_and_asserts)


def test_deaths_are_limited() -> None:
    """Law: work that kills every worker ends the test."""
    with simulate(1) as sim:
        with pytest.raises(NeverSettles, match="4 workers have died"):
            sim.keep_going(sim.kill, most_deaths=3)
        assert len(sim.deaths) == 4


@pytest.mark.parametrize("moment", ["before", "after"])
def test_the_commit_of_a_plan_is_counted_over_all_workers(moment: Any) -> None:
    """Law: whoever makes that commit dies, at that moment, and nobody else."""
    with simulate(1) as sim:
        sim.fates.plan(Kill(6, moment))
        first, second = sim.system(actions=[work]), sim.system(actions=[work])
        first.flows.start(SPEC, run_id="a")
        second.flows.start(SPEC, run_id="b")
        sim.run()
        assert len(sim.deaths) == 1
        assert sim.fates.commits > 6
        assert sim.fates.planned is None


def test_a_plan_for_a_commit_that_is_over_is_refused() -> None:
    """Law: it would never come."""
    with simulate(1) as sim:
        start(sim.system(actions=[work]))
        with pytest.raises(RequestError, match="comes too late"):
            sim.fates.plan(Kill(1, "after"))


def test_a_plan_that_never_came_is_an_error_at_the_end() -> None:
    """Law: a test that was to be killed and was not has shown nothing."""

    def test() -> None:
        with simulate(1) as sim:
            sim.fates.plan(Kill(999, "before"))
            start(sim.system(actions=[work]))

    with pytest.raises(NotRepeatable, match=r"before commit 999, but only [0-9]+ commits were made"):
        test()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_worker_that_dies_of_its_very_last_commit_dies(moment: Any) -> None:
    """Law: what it writes as it leaves, in no turn of anybody, is a commit as any other."""
    with simulate(1) as sim:
        system = sim.system(actions=[work])
        start(system)
        sim.run()
        sim.kill_at(system, 1, moment)
        with pytest.raises(WorkerKilled):
            system.stop()
        assert sim.deaths == ["w1"]
        assert start(sim.restart(system)) == {"two": 1}
