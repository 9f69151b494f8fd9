"""A15, to look at, for runs with flows inside, mapped and nested, with growth and hooks: trees, pictures, charts, diffs, events, replays."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dagger_actors import ActorSystem, Context, EmitEvent, HookEvent
from dagger_actors.errors import ReplayRefused
from dagger_actors.flow.replaying.replaying import replay_attempt
from dagger_actors.flow.reports.run_diff import RunDiff, diff_runs
from dagger_actors.flow.reports.run_gantt import chart_of_run
from dagger_actors.flow.reports.run_picture import picture_of_run
from dagger_actors.flow.reports.run_tree import Branch, tree_of
from dagger_actors.store.reader import Readers
from dagger_actors.testing.simulation import Simulation, simulate
from tests.acceptance.test_A15_looking import assert_pictures, assert_svg
from tests.acceptance.test_hostile_ids import run as command

PATIENCE_S = 600

INNER = """
name: inner
inputs: {number: {type: int}}
hooks: {node_success: told}
nodes:
  - {id: doubled, action: double, inputs: {number: inputs.number}}
  - {id: planned, action: plan, inputs: {number: doubled}}
outputs: {number: doubled}
"""
MIDDLE = """
name: middle
inputs: {number: {type: int}}
nodes:
  - {id: deepest, flow: inner.yaml, inputs: {number: inputs.number}}
outputs: {number: deepest.number}
"""
OUTER = """
name: outer
inputs: {numbers: {type: list}}
config: {on_failure: continue}
nodes:
  - {id: once, flow: middle.yaml, inputs: {number: {value: 7}}}
  - {id: each, flow: inner.yaml, map: {over: inputs.numbers, item: number}}
  - {id: asked, approval: {message: "Is it good?", type: bool}, dependencies: [once]}
  - {id: last, action: total, inputs: {of: once.number}, dependencies: [asked, once]}
"""
DOUBLING = """
from dagger_actors import action

@action
async def double(number: int) -> int:
    raise ValueError(f"{number} is too small")
"""


async def double(number: int) -> int:
    await asyncio.sleep(number)
    if number < 0:
        raise ValueError(f"{number} is too small")
    return number * 2


def plan(number: int, ctx: Context) -> None:
    ctx.add_nodes([{"id": "more", "action": "total", "inputs": {"of": {"value": number}}}])


def total(of: int) -> int:
    return of


def told(event: HookEvent) -> EmitEvent:
    return EmitEvent("done", {"of": event.node_id})


ACTIONS = [double, plan, total, told]


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    for name, text in {"inner": INNER, "middle": MIDDLE, "outer": OUTER}.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    with simulate(1, tmp_path) as found:
        yield found


def play(sim: Simulation, numbers: list[int], run_id: str = "r") -> ActorSystem:
    system = sim.system(actions=ACTIONS)
    run = system.flows.start(sim.path.with_name("outer.yaml"), {"numbers": numbers}, run_id=run_id)
    run.wait(PATIENCE_S)
    system.flows.signal(run_id, "asked", value=True)
    run.wait(PATIENCE_S)
    return system


def tree(system: ActorSystem, run_id: str, **options: Any) -> dict[str, Branch]:
    branches = tree_of(system.flows.definition(run_id), system.flows.report(run_id), **options)
    return {one.node_id: one for one in branches}


def differences(sim: Simulation, one: str, other: str) -> RunDiff:
    with ActorSystem.look(sim.path) as here:
        flows = here.flows
        given = [dict(flows.inputs_of(flows.row(run_id)).fingerprints()) for run_id in (one, other)]
        return diff_runs(flows.report(one), flows.report(other), (given[0], given[1]), calls=True)


def test_a_tree_costs_no_look_for_each_run_inside(sim: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: a run's own tree is as quick to look at however many runs are inside; only where theirs are shown, they are looked at."""
    for run_id, count in (("few", 1), ("many", 9)):
        play(sim, list(range(count)), run_id)
    looks: list[str] = []
    query = Readers.query

    def noted(readers: Readers, name: str, *parameters: int | str) -> list[tuple[Any, ...]]:
        looks.append(name)
        return query(readers, name, *parameters)

    monkeypatch.setattr(Readers, "query", noted)

    def looked(*words: str) -> int:
        looks.clear()
        assert command("tree", *words, "--db", str(sim.path))[0] == 0
        return len(looks)

    assert looked("many") == looked("few") < looked("few", "--inside") < looked("many", "--inside")


def test_a_chart_draws_a_flow_inside_that_is_not_over_as_at_work(sim: Simulation) -> None:
    """Law: each bar has one of the states that the picture has colours for, also while the run inside goes on or is paused."""
    system = sim.system(actions=ACTIONS)
    run = system.flows.start(sim.path.with_name("outer.yaml"), {"numbers": [5, 500]}, run_id="r")
    sim.advance(20)
    for stop in (None, run.pause):
        if stop is not None:
            stop()
            sim.advance(600)
        drawn = chart_of_run(system.flows.definition("r"), system.flows.report("r"), now_us=0)
        states = {row.title: [one.state for one in row.segments if one.kind == "running"] for row in drawn.rows}
        assert (states["0"], states["1"]) == (["succeeded"], ["running"])


def test_the_tree_and_the_picture_name_the_runs_inside(sim: Simulation) -> None:
    """Law: each node that runs a flow tells in which runs; these have trees and pictures of their own, nested as deep as they are."""
    system = play(sim, [1, 2, -3])
    above = tree(system, "r")
    assert above["once"].runs == ("r/once",)
    assert above["each"].runs == ("r/each/2", "r/each/0", "r/each/1")  # what failed comes first
    assert (above["each"].state, above["each"].states) == ("failed", {"succeeded": 2, "failed": 1})
    assert [(twig.invocation_key, twig.state) for twig in above["each"].items] == [("2", "failed")]
    assert "r/each/2" in above["each"].items[0].problem
    assert above["once"].problem == ""
    assert tree(system, "r/once")["deepest"].runs == ("r/once/deepest",)
    deepest = tree(system, "r/once/deepest", calls=True)
    assert deepest["more"].added_by == "planned"
    assert {one.parent for one in deepest.values() if one.called_for == "node_success"} == {
        "doubled",
        "planned",
        "more",
    }
    lines = command("tree", "r", "--db", str(sim.path))[1]
    assert "(run r/once)" in lines
    assert "(run r/each/2 and 2 more)" in lines
    lines = command("tree", "r", "--inside", "--db", str(sim.path))[1].splitlines()
    every = ["r", "r/once", "r/once/deepest", "r/each/2", "r/each/0", "r/each/1"]
    assert [line.split()[1] for line in lines if line.startswith("run ")] == every
    whole = msgspec.json.decode(command("tree", "r", "--inside", "--json", "--db", str(sim.path))[1])
    assert list(whole) == every
    assert [one["node_id"] for one in whole["r/once"]] == ["deepest"]
    drawn = picture_of_run(system.flows.definition("r"), system.flows.report("r"), calls=True)
    assert_pictures(drawn)
    facts = {node.title: dict(node.facts) for node in drawn.nodes}
    assert (facts["once"]["run"], facts["each"]["runs"]) == ("r/once", "r/each/2, r/each/0, r/each/1")
    assert "reason" not in facts["once"]
    assert [node.title for node in drawn.nodes if node.is_whole] == ["once", "each"]
    assert_pictures(
        picture_of_run(system.flows.definition("r/once/deepest"), system.flows.report("r/once/deepest"), calls=True)
    )


def test_the_chart_shows_how_long_the_runs_inside_took(sim: Simulation) -> None:
    """Law: a node that runs a flow is at work as long as its run is; an approval awaits somebody outside."""
    system = play(sim, [1, 2, 3])
    report = system.flows.report("r")
    drawn = chart_of_run(system.flows.definition("r"), report, now_us=report.created_us)
    assert_svg(command("graph", "--run", "r", "--gantt", "--calls", "--db", str(sim.path))[1])
    rows = {row.title: row for row in drawn.rows}
    assert {row.title: [(one.kind, one.state) for one in row.segments] for row in drawn.rows if not row.is_many} == {
        "once": [("running", "succeeded")],
        "0": [("running", "succeeded")], "1": [("running", "succeeded")], "2": [("running", "succeeded")],
        "asked": [("outside", "")],
        "last": [("running", "succeeded")],
    }  # fmt: skip
    inside = system.flows.report("r/each/2")
    (bar,) = rows["2"].segments
    assert (bar.start_us, bar.end_us - bar.start_us >= 3_000_000) == (inside.created_us, True)
    assert rows["asked"].segments[0].start_us >= rows["once"].segments[0].end_us


def test_a_fork_that_shares_runs_inside_does_not_differ(sim: Simulation) -> None:
    """Law: what is shared is the same, its inputs too; it is named, drawn and replayed by the run that made it, also in a fork of a fork."""
    system = play(sim, [1, 2, 3])
    system.flows.fork("r", start_from=["last"], run_id="f").wait(PATIENCE_S)
    system.flows.fork("f", start_from=["last"], run_id="g").wait(PATIENCE_S)
    for fork in ("f", "g"):
        assert differences(sim, "r", fork).is_empty
        assert tree(system, fork)["once"].runs == ("r/once",)
        assert tree(system, fork)["each"].runs == ("r/each/0", "r/each/1", "r/each/2")
        drawn = chart_of_run(system.flows.definition(fork), system.flows.report(fork), now_us=0)
        assert ([row.title for row in drawn.rows], "3 nodes shared with another run" in drawn.subtitle) == (
            ["last"],
            True,
        )
        assert "without an attempt" not in drawn.subtitle
        shown = command("show", fork, "--db", str(sim.path))[1]
        assert "once is run r/once" in shown
        assert [one.state for one in system.flows.runs(inside=True) if one.run_id.startswith(f"{fork}/")] == []
    system.flows.fork("r", start_from=["once"], run_id="anew").wait(PATIENCE_S)
    system.flows.signal("anew", "asked", value=False)
    system.flows.report("anew")
    found = differences(sim, "r", "anew")
    assert [one.node_id for one in found.nodes if one.states.one != one.states.other] == ["asked", "last"]
    assert tree(system, "anew")["once"].runs == ("anew/once",)


def test_a_failure_inside_is_replayed_by_its_run_and_events_are_those_of_each_run(sim: Simulation) -> None:
    """Law: the node that runs a flow names the run in which there is an attempt to be made again; each run has its own events."""
    system = play(sim, [-3])
    events = list(system.events("r"))
    assert {one.run_id for one in events} == {"r"}
    assert [one.seq for one in events] == sorted({one.seq for one in events})
    inside = list(system.events("r/each/0"))
    (failed,) = [one for one in inside if one.name == "failed" and one.kind == "ended"]
    assert (failed.run_id, failed.node_id, failed.attempt) == ("r/each/0", "doubled", 1)
    assert failed.error is not None
    assert failed.error.message == "-3 is too small"
    sim.path.with_name("doubling.py").write_text(DOUBLING)
    with ActorSystem.look(sim.path) as here:

        def again(run_id: str, node_id: str, item: str = "") -> Any:
            return replay_attempt(
                here.flows, run_id, node_id, item, imports=["doubling.py"], folder=sim.path.parent,
                call=lambda action, given: asyncio.run(action.function(**given)), write=lambda _level, _text: None,
            )  # fmt: skip

        with pytest.raises(ReplayRefused, match="replay a node of its run: dagger-actors replay r/each/0 NODE"):
            again("r", "each", "0")
        with pytest.raises(
            ReplayRefused, match="replay a node of one of its runs: dagger-actors replay r/each/KEY NODE"
        ):
            again("r", "each")
        done = again("r/each/0", "doubled")
        assert (done.error.message, done.output) == ("-3 is too small", None)
