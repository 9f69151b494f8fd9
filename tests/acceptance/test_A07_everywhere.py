"""A07, wherever a run is: cancelled, out of time or killed while a person, a hook, a flow inside or a retry is waited for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dagger_actors import ActorSystem, Context, HookEvent, NodeError, Report
from dagger_actors.testing import explore
from dagger_actors.testing.simulation import Simulation

LIMIT_S = 20
LONG_S = 60.0
NEXT: dict[str, Any] = {"id": "next", "action": "quick", "trigger": "all_done"}


def nodes(*given: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """A flow whose last node waits for all others."""
    last = {**NEXT, "dependencies": [one["id"] for one in given]}
    return {"name": "f", **keys, "nodes": [*given, last]}


SLOW = {"id": "slow", "action": "slow"}
QUICK = {"id": "quick", "action": "quick"}
PERSON = {"id": "ask", "approval": {}}
RETRY = {"linear": {"delay_secs": LONG_S}}
FLOWS: dict[str, dict[str, Any]] = {
    "a body": nodes(SLOW),
    "a body, and a person": nodes(SLOW, PERSON),
    "an item of a map": nodes({"id": "all", "action": "slow", "map": {"over": "inputs.items", "item": "item"}}),
    "a retry": nodes({"id": "bad", "action": "fails", "try_count": 3, "retry_strategy": RETRY}),
    "a retry, and a person": nodes({"id": "bad", "action": "fails", "try_count": 3, "retry_strategy": RETRY}, PERSON),
    "a flow inside": nodes({"id": "sub", "flow": "slow.yaml"}),
    "flows inside": nodes({"id": "sub", "flow": "slow.yaml", "map": {"over": "inputs.items", "item": "item"}}),
    "a flow inside whose end is heard": nodes({"id": "sub", "flow": "heard.yaml"}),
    "a flow inside a flow": nodes({"id": "sub", "flow": "outer.yaml"}),
    "a person inside, and a body": nodes({"id": "sub", "flow": "asks.yaml"}, SLOW),
    "what was added": nodes({"id": "grow", "action": "grows"}),
}
CALLS: dict[str, dict[str, Any]] = {
    "the hook of its start": nodes(QUICK, hooks={"run_start": "hangs"}),
    "the hook of a node": nodes(QUICK, hooks={"node_start": "hangs"}),
    "the hook of a success": nodes(QUICK, hooks={"node_success": "hangs"}),
    "the hook of a retry": nodes({"id": "bad", "action": "fails", "try_count": 2}, hooks={"node_retry": "hangs"}),
    "a failure action": nodes({"id": "bad", "action": "fails", "failure": "mends", "on_failure": "continue"}),
}
"""What a run has called may end, also when it is cancelled or its time is up; for that it has its time once more."""
RESTING = {"a person": nodes(PERSON), "a person inside": nodes({"id": "sub", "flow": "asks.yaml"})}
"""Only people are awaited: the clock stands still, and nobody runs the run."""


class Stage:
    """Actions that note what begins and what is cancelled."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.ended: list[str] = []

    async def stay(self, what: str) -> None:
        self.began.append(what)
        try:
            await asyncio.sleep(LONG_S)
        finally:
            self.ended.append(what)

    @property
    def actions(self) -> list[Callable[..., Any]]:
        async def slow(item: int = 0) -> int:
            await self.stay(f"slow {item}")
            return item

        async def hangs(event: HookEvent) -> None:
            await self.stay(event.event)

        async def mends(error: NodeError) -> None:
            await self.stay(f"failure {error.node_id}")

        def hears(event: HookEvent) -> None:
            del event

        def quick() -> int:
            self.began.append("quick")
            return 1

        def fails() -> int:
            raise ValueError("on purpose")

        def grows(ctx: Context) -> None:
            ctx.add_nodes([{"id": "added", "action": "slow"}])

        return [slow, hangs, hears, mends, quick, fails, grows]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the flows inside are."""
    inner = [{"id": "n", "action": "slow"}, {"id": "m", "action": "quick", "dependencies": ["n"]}]
    (tmp_path / "slow.yaml").write_text(json.dumps({"name": "slow", "inputs": {"item": 0}, "nodes": inner}))
    (tmp_path / "asks.yaml").write_text("{name: asks, nodes: [{id: n, approval: {}}]}")
    (tmp_path / "heard.yaml").write_text("{name: heard, hooks: {run_end: hears}, nodes: [{id: n, action: slow}]}")
    (tmp_path / "outer.yaml").write_text("{name: outer, nodes: [{id: n, flow: slow.yaml}]}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def spec(where: str, **config: Any) -> dict[str, Any]:
    found = {**FLOWS, **CALLS, **RESTING}[where]
    return {**found, "config": {"on_failure": "continue", **config}, "inputs": {"items": [1, 2]}}


def some_of(*names: str) -> list[Any]:
    """A death at each commit takes its time: a few are enough for each change."""
    few = ("a body, and a person", "a retry", "a flow inside", "a person inside")
    return [name if name in few else pytest.param(name, marks=pytest.mark.full) for name in names]


def check_over(sim: Simulation, system: ActorSystem, stage: Stage, state: str) -> None:
    """It is over, with all inside: nothing runs, nothing begins, and the next run works."""
    report = system.flows.report("r")
    assert report.state == state
    assert not {node.state for node in report.nodes} & {"pending", "ready", "running", "waiting"}
    sim.advance(1)
    began = list(stage.began)
    assert sorted(stage.ended) == sorted(what for what in began if what != "quick")
    sim.advance(2 * LONG_S)
    assert stage.began == began
    assert system.flows.report("r") == report
    runs = system.flows.runs(inside=True)
    assert {run.state for run in runs if run.run_id != "r"} <= {"cancelled"}
    assert system.flows.start({"name": "g", "nodes": [QUICK]}).result() == {"quick": 1}


@pytest.mark.parametrize("who", ["here", "elsewhere", "after a death"])
@pytest.mark.parametrize("where", [*FLOWS, *RESTING])
def test_a_cancel_reaches_whatever_a_run_waits_for(sim: Simulation, folder: Path, where: str, who: str) -> None:
    """Law: recorded within 100 ms here and 150 ms from elsewhere; bodies are cancelled, and nothing begins any more."""
    stage = Stage()
    system = sim.system(actions=stage.actions)
    run = system.flows.start(spec(where), run_id="r")
    sim.advance(5)
    began_s = sim.now_s
    if who == "here":
        assert run.cancel().state == "cancelled"
        assert sim.now_s - began_s <= 0.1
    elif who == "elsewhere":
        assert sim.system().flows.cancel("r").state == "cancelled"
        assert sim.now_s - began_s <= 0.15
    else:
        sim.kill(system)
        stage.ended = [what for what in stage.began if what != "quick"]
        system = sim.system(actions=stage.actions, recover=True)
        assert system.flows.cancel("r").state == "cancelled"
    check_over(sim, system, stage, "cancelled")


@pytest.mark.parametrize("where", CALLS)
def test_a_cancel_waits_for_what_the_run_has_called(sim: Simulation, folder: Path, where: str) -> None:
    """Law: it is recorded at once, so that nothing else begins, whoever takes the run over; the call comes to its end."""
    stage = Stage()
    system = sim.system(actions=stage.actions)
    run = system.flows.start(spec(where), run_id="r")
    sim.advance(5)
    began = list(stage.began)
    assert run.cancel().state == "cancelled"
    assert LONG_S <= sim.now_s < LONG_S + 1
    assert stage.began == began
    check_over(sim, system, stage, "cancelled")


@pytest.mark.parametrize("where", CALLS)
def test_what_a_run_has_called_has_its_time_once_more(sim: Simulation, folder: Path, where: str) -> None:
    """Law: when the time is up nothing else begins, and a call that hangs is stopped when the time is up twice."""
    stage = Stage()
    system = sim.system(actions=stage.actions)
    report = system.flows.start(spec(where, timeout_seconds=LIMIT_S), run_id="r").wait()
    assert (report.state, report.elapsed_us) == ("timed_out", 2 * LIMIT_S * 1_000_000)
    check_over(sim, system, stage, "timed_out")


@pytest.mark.parametrize("end", ["succeeded", "failed", "cancelled"])
@pytest.mark.parametrize("takes_s", [8, 100])
def test_what_the_end_of_a_run_calls_has_its_time_once_more_too(sim: Simulation, end: str, takes_s: float) -> None:
    """Law: an end that is decided stays as it is though the time is up while it is heard; what hangs fails a success."""

    async def work() -> None:
        await asyncio.sleep(4)
        if end == "failed":
            raise ValueError("on purpose")

    async def hear(event: HookEvent) -> None:
        assert event.state == end
        await asyncio.sleep(takes_s)

    flow = {
        "name": "f",
        "config": {"timeout_seconds": 7},
        "hooks": {"run_end": "hear"},
        "nodes": [{"id": "a", "action": "work"}],
    }
    run = sim.system(actions=[work, hear]).flows.start(flow, run_id="r")
    sim.advance(3.5)
    if end == "cancelled":
        run.cancel()
    report = run.wait()
    is_cut = takes_s > 10
    assert report.state == ("failed" if is_cut and end == "succeeded" else end)
    assert [node.state for node in report.nodes if node.called_for] == ["cancelled" if is_cut else "succeeded"]
    began_us = 3_500_000 if end == "cancelled" else 4_000_000
    assert report.elapsed_us == (14_000_000 if is_cut else began_us + 8_000_000)
    assert (report.error is None) == (end != "failed" and not is_cut)


HEARD = "{name: heard, hooks: {run_end: hangs}, nodes: [{id: n, action: slow}]}"
DEEP = "{name: deep, nodes: [{id: sub, flow: heard.yaml}]}"


@pytest.mark.parametrize("inner", ["heard", "deep"])
@pytest.mark.parametrize("is_cancelled", [True, False])
@pytest.mark.parametrize("dies", [True, False])
def test_what_the_end_of_a_run_inside_calls_has_the_time_of_the_run_above(
    sim: Simulation, folder: Path, inner: str, is_cancelled: bool, dies: bool
) -> None:
    """Law: where its own flow has none: that long after its end was decided, or was taken over, what hangs is stopped."""
    (folder / "heard.yaml").write_text(HEARD)
    (folder / "deep.yaml").write_text(DEEP)
    stage = Stage()
    system = sim.system(actions=stage.actions)
    flow = {**nodes({"id": "sub", "flow": f"{inner}.yaml"}), "config": {"timeout_seconds": LIMIT_S}}
    run = system.flows.start(flow, run_id="r")
    sim.advance(5)
    if is_cancelled:
        run.cancel()
    assert run.wait().state == ("cancelled" if is_cancelled else "timed_out")
    inside = "r/sub" if inner == "heard" else "r/sub/sub"
    sim.advance(1)
    assert (system.flows.report(inside).state, stage.began) == ("running", ["slow 0", "run_end"])
    if dies:
        sim.kill(system)
        system = sim.system(actions=stage.actions, recover=True)
        sim.advance(1)
    sim.advance(LIMIT_S - 2)
    assert system.flows.report(inside).state == "running"
    sim.advance(3)
    report = system.flows.report(inside)
    assert report.state == "cancelled"
    assert [node.state for node in report.nodes if node.called_for] == ["cancelled"]
    assert stage.ended[-1] == "run_end"


@pytest.mark.parametrize("who", ["here", "elsewhere"])
def test_a_second_cancel_stops_what_the_end_of_a_run_inside_calls(sim: Simulation, folder: Path, who: str) -> None:
    """Law: as what the end of the run itself calls; what hangs has no time of its own, nor one of a run above, but ends."""
    (folder / "heard.yaml").write_text(HEARD)
    stage = Stage()
    system = sim.system(actions=stage.actions)
    run = system.flows.start(nodes({"id": "sub", "flow": "heard.yaml"}), run_id="r")
    sim.advance(5)
    assert run.cancel().state == "cancelled"
    sim.advance(1)
    assert system.flows.report("r/sub").state == "running"
    began_s = sim.now_s
    teller = system if who == "here" else sim.system()
    assert teller.flows.cancel("r").state == "cancelled"
    assert sim.now_s - began_s < 1
    assert system.flows.report("r/sub").state == "cancelled"
    sim.advance(1)
    assert stage.ended == ["slow 0", "run_end"]


@pytest.mark.parametrize("where", FLOWS)
def test_the_time_of_a_run_is_up_whatever_it_waits_for(sim: Simulation, folder: Path, where: str) -> None:
    """Law: at its moment, though a hook, a flow inside, a body or a retry holds it up; and what its end calls ends too."""
    stage = Stage()
    system = sim.system(actions=stage.actions)
    run = system.flows.start(spec(where, timeout_seconds=LIMIT_S), run_id="r")
    report = run.wait()
    assert (report.state, report.elapsed_us) == ("timed_out", LIMIT_S * 1_000_000)
    assert report.error is not None
    assert "timeout_seconds" in report.error
    check_over(sim, system, stage, "timed_out")


@pytest.mark.parametrize("where", RESTING)
def test_the_clock_stands_still_while_only_people_are_awaited(sim: Simulation, folder: Path, where: str) -> None:
    """Law: however long that is; then it goes on from where it stood."""
    system = sim.system(actions=Stage().actions, recover=True)
    system.flows.start(spec(where, timeout_seconds=LIMIT_S), run_id="r")
    sim.advance(5 * LONG_S)
    assert system.flows.report("r").state in ("paused", "running")
    run_id, node = ("r/sub", "n") if "inside" in where else ("r", "ask")
    system.flows.signal(run_id, node, value=True)
    report = system.flows.run("r").wait()
    assert (report.state, report.elapsed_us < 1_000_000) == ("succeeded", True)


@pytest.mark.parametrize("where", some_of(*FLOWS))
def test_whichever_commit_a_process_dies_at_the_time_is_up_once(folder: Path, where: str) -> None:
    """Law: what the run has used up, as of its last commit, is used up for whoever takes it over."""

    def times_out(sim: Simulation) -> None:
        stage = Stage()

        def play(system: ActorSystem) -> Report:
            return system.flows.start(spec(where, timeout_seconds=LIMIT_S), run_id="r").wait()

        report = sim.keep_going(play, actions=stage.actions)
        assert report.state == "timed_out"
        assert not {node.state for node in report.nodes} & {"pending", "ready", "running", "waiting"}

        def looked(system: ActorSystem) -> set[str]:
            sim.advance(3)
            return {run.state for run in system.flows.runs(inside=True) if run.run_id != "r"}

        assert sim.keep_going(looked, actions=stage.actions, recover=True) <= {"cancelled"}

    assert explore(times_out, seeds=1, crash="every_commit").commits >= 2


@pytest.mark.parametrize("where", some_of(*FLOWS, *RESTING))
def test_whichever_commit_a_process_dies_at_a_cancel_is_kept(folder: Path, where: str) -> None:
    """Law: once cancel has returned the run is over, with all that is inside it, whoever dies next."""

    def cancels(sim: Simulation) -> None:
        stage = Stage()

        def play(system: ActorSystem) -> Report:
            run = system.flows.start(spec(where), run_id="r")
            sim.settle()
            return run.cancel()

        assert sim.keep_going(play, actions=stage.actions).state == "cancelled"

        def looked(system: ActorSystem) -> set[str]:
            began = list(stage.began)
            sim.advance(3)
            assert stage.began == began
            return {run.state for run in system.flows.runs(inside=True)}

        assert sim.keep_going(looked, actions=stage.actions, recover=True) == {"cancelled"}

    assert explore(cancels, seeds=1, crash="every_commit").commits >= 2
