"""A07, runs inside one that is over and that still come to their ends: whoever runs that again waits for them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from dagger_actors import ActorSystem, Context, HookEvent, Report
from dagger_actors.testing import explore
from dagger_actors.testing.simulation import Simulation

INNER = """
name: inner
hooks: {run_end: hear}
nodes: [{id: long, action: long}]
"""
OUTER = """
name: outer
nodes:
  - {id: sub, flow: inner.yaml}
  - {id: fails, action: fails, on_failure: stop}
"""


class Bodies:
    """What the nodes do before and after they are mended, and what the hooks of ends have heard.

    Attributes:
        is_mended: Whether nothing fails any more, or takes long.
        heard: Runs, each with the state it ended in.
    """

    def __init__(self) -> None:
        self.is_mended = False
        self.heard: list[tuple[str, str]] = []

    def actions(self) -> list[Any]:
        async def long() -> int:
            await asyncio.sleep(0 if self.is_mended else 1000)
            return 1

        async def fails() -> int:
            await asyncio.sleep(2)
            if not self.is_mended:
                raise ValueError("not yet")
            return 2

        async def hear(event: HookEvent, ctx: Context) -> None:
            await asyncio.sleep(60)
            self.heard.append((event.run_id, event.state))

        return [long, fails, hear]


@pytest.fixture
def outer(tmp_path: Path) -> Path:
    (tmp_path / "inner.yaml").write_text(INNER)
    return tmp_path / "outer.yaml"


@pytest.mark.parametrize("who", ["the same process", "another process"])
def test_who_tries_a_run_again_waits_for_what_is_still_cancelled_inside(sim: Simulation, outer: Path, who: str) -> None:
    """Law: the flow inside is tried again too; its earlier end is not what comes of that, and is heard once."""
    outer.write_text(OUTER)
    bodies = Bodies()
    system = sim.system(actions=bodies.actions())
    run = system.flows.start(outer, run_id="r")
    assert run.wait().state == "failed"
    assert system.flows.report("r/sub").state == "running"
    bodies.is_mended = True
    other = system if who == "the same process" else sim.system(actions=bodies.actions())
    report = other.flows.retry("r").wait()
    assert (report.state, report.outputs) == ("succeeded", {"sub": {"long": 1}, "fails": 2})
    assert bodies.heard == [("r/sub", "cancelled"), ("r/sub", "succeeded")]


def test_who_resumes_a_run_waits_for_what_has_run_out_of_time_inside(sim: Simulation, outer: Path) -> None:
    """Law: a flow whose time was up, which paused the run, is run again with it once its end has been heard."""
    outer.write_text("name: outer\nnodes: [{id: sub, flow: inner.yaml, timeout: 5, on_failure: pause}]\n")
    bodies = Bodies()
    system = sim.system(actions=bodies.actions())
    assert system.flows.start(outer, run_id="r").wait().state == "paused"
    assert system.flows.report("r/sub").state == "running"
    bodies.is_mended = True
    sim.stub("hear")
    report = system.flows.resume("r").wait()
    assert (report.state, report.outputs) == ("succeeded", {"sub": {"long": 1}})


def test_who_answers_in_a_run_does_not_cut_off_what_ends_inside_it(sim: Simulation, outer: Path) -> None:
    """Law: what is still being cancelled inside stays with the process that does it: its end is heard once, by that."""
    nodes = "[{id: sub, flow: inner.yaml, timeout: 5, on_failure: continue}, {id: ok, approval: {message: go on?}}]"
    outer.write_text(f"name: outer\nnodes: {nodes}\n")
    bodies = Bodies()
    system = sim.system(actions=bodies.actions())
    run = system.flows.start(outer, run_id="r")
    assert run.wait().state == "paused"
    assert system.flows.report("r/sub").state == "running"
    system.flows.signal("r", "ok", value=True)
    assert run.wait().state == "failed"
    sim.run()
    assert system.flows.report("r/sub").state == "cancelled"
    assert bodies.heard == [("r/sub", "cancelled")]


def test_what_has_come_to_its_end_inside_is_heard_though_the_run_above_stops(sim: Simulation, outer: Path) -> None:
    """Law: who awaits it no more is no reason to leave out what its end calls; what has succeeded is kept by a retry."""
    outer.write_text(OUTER)
    bodies = Bodies()
    sim.stub("long", returns=1)
    system = sim.system(actions=bodies.actions())
    assert system.flows.start(outer, run_id="r").wait().state == "failed"
    assert system.flows.report("r/sub").state == "running"
    bodies.is_mended = True
    assert system.flows.retry("r").wait().outputs == {"sub": {"long": 1}, "fails": 2}
    assert bodies.heard == [("r/sub", "succeeded")]
    hooks = [node for node in system.flows.report("r/sub").nodes if node.called_for]
    assert [(node.node_id, node.state, len(node.attempts)) for node in hooks] == [("run_end", "succeeded", 1)]


def tries_again(sim: Simulation, outer: Path) -> None:
    bodies = Bodies()

    def play(system: ActorSystem) -> Report:
        report = system.flows.start(outer, run_id="r").wait()
        if report.state == "failed":
            bodies.is_mended = True
            report = system.flows.retry("r").wait()
        return report

    report = sim.keep_going(play, actions=bodies.actions())
    assert (report.state, report.outputs) == ("succeeded", {"sub": {"long": 1}, "fails": 2})
    assert sim.keep_going(lambda system: system.flows.report("r/sub").state) == "succeeded"


def test_whenever_a_process_dies_what_was_left_inside_is_tried_again_with_the_run(outer: Path) -> None:
    """Law: also where a death has left it, to be cancelled or with its end to be heard."""
    outer.write_text(OUTER)
    assert explore(lambda sim: tries_again(sim, outer), seeds=1, crash="every_commit").commits > 8


def quick() -> int:
    return 1


def test_what_is_left_inside_goes_to_whoever_takes_the_run_above_at_that_moment(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Law: who cancelled the node has nothing more to do with the run inside: it leaves at once, and no error is told."""

    def leaves(sim: Simulation) -> None:
        first = sim.system(actions=[quick])
        first.flows.load({"name": "inner", "nodes": [{"id": "a", "action": "quick"}]})
        first.flows.start({"name": "outer", "nodes": [{"id": "a", "flow": "inner"}]}, run_id="r")
        sim.kill_at(first, 2)
        sim.settle()
        second = sim.system(actions=[quick])
        second.flows.cancel("r", node="a")
        third = sim.system(actions=[quick], recover=True)
        sim.settle()
        before_s = sim.now_s
        second.stop()
        assert sim.now_s - before_s < 1
        sim.advance(30)
        assert third.flows.report("r").state == "succeeded"
        assert {run.state for run in third.flows.runs(inside=True)} <= {"succeeded", "cancelled"}
        assert not caplog.records

    explore(leaves, seeds=16)


def test_what_ends_inside_a_run_stays_with_who_hears_its_end_out_though_another_takes_the_run(sim: Simulation) -> None:
    """Law: nobody dies, so no hook is called twice: the run above, which rested, goes on elsewhere with an answer."""
    heard: list[str] = []

    async def long() -> None:
        await asyncio.sleep(1000)

    async def hear(event: HookEvent) -> None:
        heard.append(f"{event.run_id} {event.state}")
        await asyncio.sleep(60)

    inner = {"name": "inner", "hooks": {"run_end": "hear"}, "nodes": [{"id": "long", "action": "long"}]}
    outer = {
        "name": "outer",
        "nodes": [{"id": "sub", "flow": "inner", "on_failure": "continue"}, {"id": "ask", "approval": {}}],
    }
    first = sim.system(actions=[long, hear])
    second = sim.system(actions=[long, hear])
    for system in (first, second):
        system.flows.load(inner)
    first.flows.start(outer, run_id="r")
    sim.advance(1)
    first.flows.cancel("r", node="sub")
    sim.advance(1)
    assert first.flows.report("r").state == "paused"
    second.flows.signal("r", "ask", True)  # noqa: FBT003
    second.flows.resume("r")
    sim.advance(100)
    assert second.flows.report("r/sub").state == "cancelled"
    assert heard == ["r/sub cancelled"]
