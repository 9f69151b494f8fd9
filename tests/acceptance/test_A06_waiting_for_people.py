"""A06: a program waits for a run through what that asks people, as ``run --wait`` does."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from dagger_actors import ActorSystem, BlockingCall, RunCancelled, RunFailed, RunPaused
from dagger_actors.flow.reports.report import Report
from dagger_actors.flow.verbs.waiting import Waiting
from dagger_actors.testing import Simulation

PATIENCE_S = 60
YES = True
SHIPPED = {"ship": "shipped: True"}
AUTOPILOT = {"timeout_s": 3, "on_timeout": "autopilot", "default": True}


def ship(ok: bool) -> str:
    return f"shipped: {ok}"


def flow(**approval: Any) -> dict[str, Any]:
    nodes = [{"id": "ok", "approval": approval}, {"id": "ship", "action": "ship", "inputs": {"ok": "ok"}}]
    return {"name": "f", "nodes": nodes}


@pytest.mark.parametrize("recover", [True, False])
def test_the_autopilot_is_waited_for(sim: Simulation, recover: bool) -> None:
    """Law: who waits for people has the outputs when their time is up, also where nothing is taken over by itself."""
    run = sim.system(actions=[ship], recover=recover).flows.start(flow(**AUTOPILOT))
    with pytest.raises(RunPaused, match="wait_for_people=True"):
        run.result(20)
    assert run.result(20, wait_for_people=True) == SHIPPED
    assert 3 <= sim.now_s < 6


def test_who_waits_no_longer_than_people_take_leaves_the_run_as_it_is(sim: Simulation) -> None:
    """Law: a wait that times out raises the builtin error, and the run goes on resting."""
    run = sim.system(actions=[ship]).flows.start(flow())
    with pytest.raises(TimeoutError, match="people are still asked"):
        run.wait(5, wait_for_people=True)
    assert 5 <= sim.now_s < 6
    assert run.report().state == "paused"


def test_a_pause_is_not_waited_for(sim: Simulation) -> None:
    """Law: what no answer helps ends the wait, though people are asked as well."""
    system = sim.system(actions=[ship])
    run = system.flows.start(flow())
    run.wait()
    run.pause()
    with pytest.raises(RunPaused):
        run.result(5, wait_for_people=True)


def test_a_question_inside_is_waited_for_and_one_after_the_other(sim: Simulation) -> None:
    """Law: a run rests for people too when they are asked in a flow inside it; a second question is one more."""
    system = sim.system(actions=[ship], recover=True)
    system.flows.load({"name": "inner", "nodes": [{"id": "ok", "approval": AUTOPILOT}]})
    nodes: list[dict[str, Any]] = [
        {"id": "sub", "flow": "inner"},
        {"id": "also", "approval": AUTOPILOT, "dependencies": ["sub"]},
    ]
    assert system.flows.start({"name": "outer", "nodes": nodes}).result(20, wait_for_people=True) == {"also": True}
    assert sim.now_s >= 6


@pytest.mark.parametrize("who", ["r", "r/sub"])
def test_who_waits_for_a_run_inside_of_a_paused_one_goes_on_with_nothing(sim: Simulation, who: str) -> None:
    """Law: a wait is no command, whatever has been answered; the pause of the run above, at any depth, ends it."""
    system = sim.system(actions=[ship], recover=True)
    system.flows.load({**flow(), "name": "inner"})
    system.flows.load({"name": "middle", "nodes": [{"id": "far", "flow": "inner"}]})
    system.flows.start({"name": "outer", "nodes": [{"id": "sub", "flow": "middle"}]}, run_id="r").wait()
    system.flows.pause(who)
    system.flows.signal("r/sub/far", "ok", YES)
    sim.advance(5)
    events = list(system.flows.events("r"))
    assert system.flows.run("r/sub/far").wait(5, wait_for_people=True).state == "paused"
    sim.advance(5)
    assert (system.flows.report("r").state, list(system.flows.events("r"))) == ("paused", events)
    assert system.flows.resume("r").wait(5).state == "succeeded"


@pytest.fixture
def system(tmp_path: Path) -> Any:
    with ActorSystem(tmp_path / "x.db", actions=[ship]) as one:
        yield one


@pytest.mark.parametrize("answer", ["yes", "no", "cancel"])
def test_who_waits_hears_what_came_of_an_answer(system: ActorSystem, answer: str) -> None:
    """Law: the wait ends as the run does."""
    run = system.flows.start(flow())
    heard: list[object] = []

    def wait() -> None:
        try:
            heard.append(run.result(PATIENCE_S, wait_for_people=True))
        except (RunFailed, RunCancelled) as error:
            heard.append(type(error))

    thread = threading.Thread(target=wait)
    thread.start()
    assert run.wait(PATIENCE_S).state == "paused"
    if answer == "cancel":
        run.cancel()
    else:
        system.flows.signal(run.id, "ok", answer == "yes")
    thread.join(PATIENCE_S)
    assert heard == [{"yes": SHIPPED, "no": RunFailed, "cancel": RunCancelled}[answer]]


def test_on_a_loop_it_is_awaited(system: ActorSystem) -> None:
    """Law: the twins wait through questions too; the blocking verb is refused while people are asked."""

    async def go() -> None:
        run = await system.flows.astart(flow())
        assert (await run.await_report()).state == "paused"
        with pytest.raises(BlockingCall, match=r"await run.await_result\(wait_for_people=True\)"):
            run.result(1, wait_for_people=True)
        waits = asyncio.ensure_future(run.await_result(wait_for_people=True))
        report = asyncio.ensure_future(run.await_report(wait_for_people=True))
        await system.flows.asignal(run.id, "ok", YES)
        assert await waits == SHIPPED
        assert (await report).state == "succeeded"

    asyncio.run(go())


@pytest.mark.parametrize("wait_for_people", [False, True])
@pytest.mark.parametrize("on_a_loop", [False, True])
def test_a_run_that_is_answered_as_its_rest_is_heard_of_is_waited_for_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_a_loop: bool, wait_for_people: bool
) -> None:
    """Law: no wait tells of a run that goes on, however fast somebody has gone on with it."""
    is_looked_at = threading.Event()

    def ship(ok: bool) -> str:
        assert is_looked_at.wait(PATIENCE_S)
        return f"shipped: {ok}"

    with ActorSystem(tmp_path / "x.db", actions=[ship]) as system:
        run = system.flows.start(flow())
        assert run.wait(PATIENCE_S).state == "paused"
        goes_on, report = Waiting._goes_on, Waiting.report

        def rest_and_be_answered(flows: Waiting, run_id: str) -> bool:
            assert not goes_on(flows, run_id)
            monkeypatch.setattr(Waiting, "_goes_on", goes_on)
            system.flows.signal(run_id, "ok", YES)
            return False

        def report_and_let_go_on(flows: Waiting, run_id: str) -> Report:
            told = report(flows, run_id)
            is_looked_at.set()
            return told

        monkeypatch.setattr(Waiting, "_goes_on", rest_and_be_answered)
        monkeypatch.setattr(Waiting, "report", report_and_let_go_on)

        async def result() -> dict[str, Any]:
            return await run.await_result(wait_for_people=wait_for_people)

        if on_a_loop:
            assert asyncio.run(result()) == SHIPPED
        else:
            assert run.result(PATIENCE_S, wait_for_people=wait_for_people) == SHIPPED


def test_who_gives_up_waiting_for_another_process_holds_no_thread_of_the_loop(tmp_path: Path) -> None:
    """Law: a service that awaits runs of others with a time-out goes on, however few threads its loop has."""
    go = threading.Event()

    def work() -> str:
        assert go.wait(PATIENCE_S)
        return "done"

    async def give_up_and_go_on(other: ActorSystem, run_id: str) -> str:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(other.flows.run(run_id).await_report(), 0.1)
        await asyncio.wait_for(asyncio.to_thread(go.set), PATIENCE_S)
        return (await other.flows.run(run_id).await_report()).state

    with ActorSystem(tmp_path / "x.db", actions=[work]) as owner, ActorSystem(tmp_path / "x.db") as other:
        run = owner.flows.start({"name": "f", "nodes": [{"id": "a", "action": "work"}]})
        assert asyncio.run(give_up_and_go_on(other, run.id)) == "succeeded"
