"""A07 with a death around each commit: a cancel is as quick, a call has its time once more, and the clock stands as still."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from dagger_actors import ActorSystem, HookEvent, Report
from dagger_actors.errors import RunNotFound, RunOwned, SystemClosed
from dagger_actors.testing import WorkerKilled, explore
from dagger_actors.testing.simulation import Simulation
from tests.acceptance.test_A07_everywhere import CALLS, LIMIT_S, Stage, folder, some_of, spec

__all__ = ["folder"]

OPEN = {"pending", "ready", "running", "waiting"}
BODIES = ("a body, and a person", "an item of a map", "a flow inside", "what was added")


def not_over(report: Report) -> set[str]:
    return {node.state for node in report.nodes} & OPEN


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("where", some_of(*BODIES))
@pytest.mark.parametrize("who", ["here", "elsewhere"])
def test_whichever_commit_a_process_dies_at_a_cancel_is_as_quick(where: str, who: str) -> None:
    """Law: within 100 ms here, 150 ms elsewhere, whoever has died; what a living process runs is stopped by then."""
    took: list[float] = []

    def cancels(sim: Simulation) -> None:
        stage = Stage()
        owner = sim.system(actions=stage.actions)
        with contextlib.suppress(WorkerKilled, SystemClosed):
            owner.flows.start(spec(where), run_id="r")
        with contextlib.suppress(WorkerKilled, SystemClosed):
            sim.advance(0.5)

        def cancel(system: ActorSystem) -> None:
            since_s = sim.now_s
            with contextlib.suppress(RunNotFound):  # its process died before it was there
                assert system.flows.cancel("r").state == "cancelled"
                took.append(sim.now_s - since_s)
                assert not_over(system.flows.report("r")) == set()

        try:
            if who == "here" and sim.is_alive(owner):
                cancel(owner)
        except (WorkerKilled, SystemClosed):
            assert not sim.is_alive(owner)
        if who == "elsewhere" or not sim.is_alive(owner):
            sim.keep_going(cancel)
        began = list(stage.began)
        with contextlib.suppress(WorkerKilled, SystemClosed):
            sim.advance(0.25)
        if sim.is_alive(owner):
            assert sorted(stage.ended) == sorted(what for what in began if what != "quick")
        sim.keep_going(lambda _: sim.advance(5), actions=stage.actions, recover=True)
        assert stage.began == began

    assert explore(cancels, seeds=1, crash="every_commit").commits >= 2
    assert max(took) <= (0.1 if who == "here" else 0.15)
    assert len(took) > 4


FEW_CALLS = ("the hook of its start", "a failure action")
CALLED = [name if name in FEW_CALLS else pytest.param(name, marks=pytest.mark.full) for name in CALLS]


def flow_of(stage: Stage) -> list[str]:
    """What has begun of the flow's own nodes."""
    return [what for what in stage.began if what == "quick" or what.startswith("slow")]


@pytest.mark.parametrize("where", CALLED)
def test_whichever_commit_a_process_dies_at_a_call_has_its_time_once_more(where: str) -> None:
    """Law: what was used up as of the last commit is used up; a call that hangs is stopped when the time is up twice."""

    def times_out(sim: Simulation) -> None:
        stage = Stage()

        def play(system: ActorSystem) -> Report:
            return system.flows.start(spec(where, timeout_seconds=LIMIT_S), run_id="r").wait()

        report = sim.keep_going(play, actions=stage.actions)
        assert report.state == "timed_out"
        # A process that takes it over opens it first, which takes its time too.
        assert 0 <= report.elapsed_us - 2 * LIMIT_S * 1_000_000 <= 10_000
        assert not_over(report) == set()

    assert explore(times_out, seeds=1, crash="every_commit").commits >= 4


@pytest.mark.parametrize("takes_s", [6, 100])
def test_whichever_commit_a_process_dies_at_an_end_that_is_heard_has_its_time_once_more(takes_s: float) -> None:
    """Law: a success stays one though the time is up while it is heard; only a hook that hangs for as long again fails it."""

    def is_heard(sim: Simulation) -> None:
        async def work() -> None:
            await asyncio.sleep(4)

        async def hear(event: HookEvent) -> None:
            assert event.state == "succeeded"
            await asyncio.sleep(takes_s)

        nodes = [{"id": "a", "action": "work"}]
        flow = {"name": "f", "config": {"timeout_seconds": 7}, "hooks": {"run_end": "hear"}, "nodes": nodes}
        report = sim.keep_going(lambda system: system.flows.start(flow, run_id="r").wait(), actions=[work, hear])
        is_cut = takes_s > 7
        assert (report.state, report.error is None) == ("failed" if is_cut else "succeeded", not is_cut)
        assert [node.state for node in report.nodes if node.called_for] == ["cancelled" if is_cut else "succeeded"]

    assert explore(is_heard, seeds=2, crash="every_commit").commits >= 4


@pytest.mark.parametrize("where", CALLED)
def test_whichever_commit_a_process_dies_at_a_cancel_waits_for_what_was_called(where: str) -> None:
    """Law: once it is recorded nothing of the flow begins, whoever takes the run over; the call comes to its end, once."""

    def cancels(sim: Simulation) -> None:
        stage = Stage()

        def play(system: ActorSystem) -> Report:
            run = system.flows.start(spec(where), run_id="r")
            row = system.flows._caller.row("r")
            is_recorded = row.status == "cancelled" or row.ending == "cancelled"
            if not is_recorded:
                sim.advance(5)
            began = flow_of(stage)
            report = run.wait() if is_recorded else run.cancel()
            assert flow_of(stage) == began
            return report

        report = sim.keep_going(play, actions=stage.actions)
        assert report.state == "cancelled"
        assert not_over(report) == set()
        assert {node.state for node in report.nodes if node.called_for} == {"succeeded"}

    assert explore(cancels, seeds=1, crash="every_commit").commits >= 4


Rest = Callable[[Simulation, ActorSystem], None]


def pauses(sim: Simulation, system: ActorSystem) -> None:
    sim.advance(0.5)
    system.flows.pause("r")


def is_asked(sim: Simulation, system: ActorSystem) -> None:
    del sim, system


RESTS: dict[str, tuple[dict[str, Any], Rest]] = {
    "paused": ({"id": "between", "action": "work"}, pauses),
    "a person is asked": ({"id": "between", "approval": {}}, is_asked),
}


@pytest.mark.parametrize("why", RESTS)
def test_whichever_commit_a_process_dies_at_the_clock_stands_still_at_rest(why: str) -> None:
    """Law: a run that rests uses no time, whoever dies meanwhile; what it uses before and after counts, as of its last commit."""
    between, rest = RESTS[why]

    def rests(sim: Simulation) -> None:
        async def work() -> None:
            await asyncio.sleep(1)

        first, last = {"id": "first", "action": "work"}, {"id": "last", "action": "work", "dependencies": ["between"]}
        nodes = [first, {**between, "dependencies": ["first"]}, last]
        flow = {"name": "f", "config": {"timeout_seconds": 5}, "nodes": nodes}
        rested: list[float] = []

        def play(system: ActorSystem) -> Report:
            run = system.flows.start(flow, run_id="r")
            if not rested:
                rest(sim, system)
                assert run.wait().state == "paused"
                sim.advance(20)
                rested.append(sim.now_s)
            if why == "paused":
                with contextlib.suppress(RunOwned):  # a resume that was recorded when its process died is going on
                    system.flows.resume("r")
            else:
                system.flows.signal("r", "between", value=True)
            return run.wait()

        report = sim.keep_going(play, actions=[work], recover=True)
        took_us, lost_us = (3_000_000 if why == "paused" else 2_000_000), 1_000_000 * len(sim.deaths)
        assert report.state == "succeeded"
        assert took_us - lost_us <= report.elapsed_us <= took_us + lost_us

    assert explore(rests, seeds=1, crash="every_commit").commits > 6
