"""A06, control of runs with runs of flows inside: a pause, a resume and a cancel of the one reach the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dagger_actors import ActorSystem, HookEvent, Report, Run
from dagger_actors.errors import IllegalTransition
from dagger_actors.testing import explore
from dagger_actors.testing.simulation import Simulation

CHAIN = """
name: chain
inputs: {name: {type: str, default: x}}
nodes:
  - {id: a, action: work, inputs: {name: inputs.name, step: {value: a}}}
  - {id: b, action: work, inputs: {name: inputs.name, step: {value: b}}, dependencies: [a]}
  - {id: c, action: work, inputs: {name: inputs.name, step: {value: c}}, dependencies: [b]}
"""
OUTER = """
name: outer
nodes:
  - {id: sub, flow: chain.yaml}
  - {id: beside, action: work, inputs: {name: {value: o}, step: {value: a}}}
  - {id: last, action: work, inputs: {name: {value: o}, step: {value: b}}, dependencies: [sub, beside]}
"""
DEEP = """
name: deep
nodes:
  - {id: far, flow: outer.yaml}
"""
MAPPED = """
name: mapped
config: {max_parallel_nodes: 2}
nodes:
  - {id: sub, flow: chain.yaml, map: {over: names, item: name}}
  - {id: names, action: names}
"""
FAILING = """
name: failing
nodes:
  - {id: sub, flow: chain.yaml}
  - {id: bad, action: fails, on_failure: POLICY}
"""

BAD = """
name: bad
nodes:
  - {id: bad, action: fails, on_failure: pause}
"""
ASKING = """
name: asking
nodes:
  - {id: question, approval: {message: "so?", type: bool}}
  - {id: stuck, flow: bad.yaml}
"""
AROUND = """
name: around
nodes:
  - {id: far, flow: asking.yaml}
  - {id: beside, action: work, inputs: {name: {value: o}, step: {value: a}}}
"""

HEARD = """
name: heard
hooks: {run_end: hears}
nodes:
  - {id: question, approval: {}}
"""


class Stage:
    """Actions that note what begins; each takes one virtual second, or as many as it is told."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.heard: list[str] = []
        self.failing = True
        self.takes_s = 1.0

    @property
    def actions(self) -> list[Any]:
        async def work(name: str, step: str) -> str:
            self.began.append(name + step)
            await asyncio.sleep(self.takes_s)
            return name

        async def fails() -> int:
            await asyncio.sleep(0.5)
            if self.failing:
                raise ValueError("not yet")
            return 1

        def names() -> list[str]:
            return [f"n{at}" for at in range(5)]

        def hears(event: HookEvent) -> None:
            self.heard.append(event.state)

        return [work, names, fails, hears]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def written(folder: Path, policy: str = "pause") -> Path:
    flows = {
        "chain": CHAIN,
        "outer": OUTER,
        "deep": DEEP,
        "mapped": MAPPED,
        "bad": BAD,
        "asking": ASKING,
        "around": AROUND,
        "heard": HEARD,
        "failing": FAILING.replace("POLICY", policy),
    }
    for name, text in flows.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder / "outer.yaml"


def state(system: ActorSystem, run_id: str) -> str:
    return system.flows.report(run_id, outputs=False).state


def states(system: ActorSystem) -> set[str]:
    return {one.state for one in system.flows.runs(inside=True)}


EACH = {
    "outer": ["oa", "ob", "xa", "xb", "xc"],
    "deep": ["oa", "ob", "xa", "xb", "xc"],
    "mapped": [f"n{at}{step}" for at in range(5) for step in "abc"],
}


def started(sim: Simulation, stage: Stage, path: Path) -> tuple[ActorSystem, Run]:
    system = sim.system(actions=stage.actions)
    run = system.flows.start(path, run_id="r")
    sim.advance(0.5)
    return system, run


@pytest.mark.parametrize("who", ["here", "elsewhere"])
@pytest.mark.parametrize("name", EACH)
def test_a_pause_reaches_down_and_a_resume_too(
    sim: Simulation, stage: Stage, tmp_path: Path, who: str, name: str
) -> None:
    """Law: nothing inside begins while the run above is paused; resumed, all goes on, each body once."""
    system, run = started(sim, stage, written(tmp_path).with_name(f"{name}.yaml"))
    teller = system if who == "here" else sim.system()
    begun = list(stage.began)
    teller.flows.pause("r")
    assert run.wait().state == "paused"
    assert states(system) == {"paused"}
    assert not system._hub.active
    sim.advance(100)
    assert stage.began == begun
    report = system.flows.resume("r").wait()
    assert report.state == "succeeded", report
    assert sorted(stage.began) == EACH[name]
    assert states(system) == {"succeeded"}


@pytest.mark.parametrize("who", ["here", "elsewhere"])
@pytest.mark.parametrize("name", EACH)
def test_a_pause_that_is_called_off_stops_nothing_inside(
    sim: Simulation, stage: Stage, tmp_path: Path, who: str, name: str
) -> None:
    """Law: resumed while what runs holds the pause up, all goes on at once."""
    system, run = started(sim, stage, written(tmp_path).with_name(f"{name}.yaml"))
    teller = system if who == "here" else sim.system()
    teller.flows.pause("r")
    teller.flows.resume("r")
    assert run.wait(100).state == "succeeded"
    assert sorted(stage.began) == EACH[name]


@pytest.mark.parametrize("is_called_off", [True, False])
def test_a_resume_reaches_what_is_stuck_inside_one_that_asks_people(
    sim: Simulation, stage: Stage, tmp_path: Path, is_called_off: bool
) -> None:
    """Law: resumed while it pauses, or once it has, what failed and paused deeper inside is tried again."""
    stage.takes_s = 30.0
    system, run = started(sim, stage, written(tmp_path).with_name("around.yaml"))
    sim.advance(5)
    assert [state(system, one) for one in ("r", "r/far", "r/far/stuck")] == ["running", "paused", "paused"]
    system.flows.pause("r")
    if not is_called_off:
        assert run.wait().state == "paused"
    stage.failing = False
    system.flows.resume("r")
    sim.advance(5)
    assert state(system, "r/far/stuck") == "succeeded"
    system.flows.signal("r/far", "question", value=True)
    assert run.wait().state == "succeeded"


def test_a_failure_that_pauses_the_run_pauses_what_is_inside(sim: Simulation, stage: Stage, tmp_path: Path) -> None:
    """Law: by ``on_failure: pause`` too nothing inside begins any more, until the resume."""
    system = sim.system(actions=stage.actions)
    report = system.flows.start(written(tmp_path).with_name("failing.yaml"), run_id="r").wait()
    assert [report.state, state(system, "r/sub")] == ["paused", "paused"]
    assert stage.began == ["xa"]
    stage.failing = False
    assert system.flows.resume("r").wait().state == "succeeded"
    assert stage.began == ["xa", "xb", "xc"]


def test_a_failure_that_stops_the_run_cancels_what_is_inside(sim: Simulation, stage: Stage, tmp_path: Path) -> None:
    """Law: ``on_failure: stop`` cancels the runs inside with all they run."""
    system = sim.system(actions=stage.actions)
    assert system.flows.start(written(tmp_path, "stop").with_name("failing.yaml"), run_id="r").wait().state == "failed"
    sim.advance(10)
    assert [state(system, "r/sub"), stage.began] == ["cancelled", ["xa"]]


@pytest.mark.parametrize("name", ["outer", "deep"])
def test_a_node_that_is_cancelled_takes_its_flow_with_it(
    sim: Simulation, stage: Stage, tmp_path: Path, name: str
) -> None:
    """Law: ``cancel --node`` of a node that runs a flow cancels that run, and what is inside it."""
    system, run = started(sim, stage, written(tmp_path).with_name(f"{name}.yaml"))
    system.flows.cancel("r", node="far" if name == "deep" else "sub")
    run.wait()
    sim.advance(10)
    inside = ["r/far", "r/far/sub"] if name == "deep" else ["r/sub"]
    assert {state(system, one) for one in inside} == {"cancelled"}
    assert "xb" not in stage.began


@pytest.mark.parametrize("who", ["here", "elsewhere", "elsewhere, with its code"])
@pytest.mark.parametrize("name", ["bad", "asking", "heard", "deeper"])
def test_a_run_that_goes_on_hears_at_once_that_one_inside_which_rests_was_cancelled(
    sim: Simulation, stage: Stage, tmp_path: Path, who: str, name: str
) -> None:
    """Law: whoever cancels it, and whatever it rests for; a hook of its end is called by who has its code, once."""
    stage.takes_s = 30.0
    path = written(tmp_path)
    inner = "asking" if name == "deeper" else name
    path.with_name("around.yaml").write_text(AROUND.replace("asking", inner))
    path.with_name("deeper.yaml").write_text("name: deeper\nnodes: [{id: deep, flow: around.yaml}]\n")
    system = sim.system(actions=stage.actions)
    top = "deeper.yaml" if name == "deeper" else "around.yaml"
    system.flows.start(path.with_name(top), run_id="r")
    sim.advance(2)
    inside = "r/deep/far" if name == "deeper" else "r/far"
    assert [state(system, one) for one in ("r", inside)] == ["running", "paused"]
    teller = system if who == "here" else sim.system(actions=[] if who == "elsewhere" else stage.actions)
    teller.flows.cancel(inside)
    sim.advance(1)
    assert [state(system, one) for one in ("r", inside)] == ["failed", "cancelled"]
    assert f"run '{inside}' cancelled" in (system.flows.report("r").error or "")
    assert stage.heard == (["cancelled"] if name == "heard" else [])


@pytest.mark.parametrize("name", ["bad", "heard"])
@pytest.mark.parametrize("is_dead", [True, False])
def test_a_run_that_rests_hears_when_it_is_taken_up_that_one_inside_was_cancelled(
    sim: Simulation, stage: Stage, tmp_path: Path, name: str, is_dead: bool
) -> None:
    """Law: by itself where people were asked, for nobody would answer; else at the next resume."""
    path = written(tmp_path).with_name("only.yaml")
    path.write_text(f"name: only\nnodes: [{{id: far, flow: {name}.yaml}}]\n")
    system = sim.system(actions=stage.actions)
    assert system.flows.start(path, run_id="r").wait().state == "paused"
    if is_dead:
        sim.kill(system)
    other = sim.system()
    other.flows.cancel("r/far")
    sim.advance(1)
    assert state(other, "r") == "paused"
    later = sim.system(actions=stage.actions, recover=True)
    sim.advance(1)
    if name == "bad":
        assert state(later, "r") == "paused"
        later.flows.resume("r").wait()
    assert [state(later, one) for one in ("r", "r/far")] == ["failed", "cancelled"]
    assert stage.heard == (["cancelled"] if name == "heard" else [])


@pytest.mark.parametrize("who", ["here", "elsewhere"])
def test_a_pause_inside_parks_that_run_alone(sim: Simulation, stage: Stage, tmp_path: Path, who: str) -> None:
    """Law: what else can run does; then the run above pauses, and its resume goes on inside."""
    system, run = started(sim, stage, written(tmp_path).with_name("mapped.yaml"))
    (system if who == "here" else sim.system()).flows.pause("r/sub/0")
    assert run.wait().state == "paused"
    assert [state(system, f"r/sub/{at}") for at in range(5)] == ["paused", *["succeeded"] * 4]
    assert system.flows.resume("r").wait().state == "succeeded"
    assert sorted(stage.began) == EACH["mapped"]


@pytest.mark.parametrize("who", ["here", "elsewhere"])
def test_a_run_inside_is_resumed_by_itself_while_the_run_above_goes_on(
    sim: Simulation, stage: Stage, tmp_path: Path, who: str
) -> None:
    """Law: whoever has the run above goes on with it; the others are not touched."""
    system, run = started(sim, stage, written(tmp_path).with_name("mapped.yaml"))
    for inside in ("r/sub/0", "r/sub/1"):
        system.flows.pause(inside)
    sim.advance(1.5)
    assert [state(system, one) for one in ("r", "r/sub/0", "r/sub/1")] == ["running", "paused", "paused"]
    (system if who == "here" else sim.system()).flows.resume("r/sub/0")
    assert run.wait().state == "paused"
    assert [state(system, f"r/sub/{at}") for at in range(5)] == ["succeeded", "paused", *["succeeded"] * 3]


@pytest.mark.parametrize("who", ["here", "elsewhere"])
def test_who_resumes_a_run_inside_does_not_wait_for_its_turn(
    sim: Simulation, stage: Stage, tmp_path: Path, who: str
) -> None:
    """Law: while another item of a map with a limit has the turn it is queued, and the resume returns."""
    path = written(tmp_path)
    path.with_name("turns.yaml").write_text(
        MAPPED.replace("item: name}", "item: name, limit: 1}").replace("max_parallel_nodes: 2", "max_parallel_nodes: 9")
    )
    system, run = started(sim, stage, path.with_name("turns.yaml"))
    system.flows.pause("r/sub/0")
    sim.advance(1)
    assert [state(system, f"r/sub/{at}") for at in range(2)] == ["paused", "running"]
    stage.takes_s = 30.0
    sim.advance(2)
    began_s = sim.now_s
    (system if who == "here" else sim.system()).flows.resume("r/sub/0")
    assert sim.now_s - began_s < 10
    assert run.wait().state == "succeeded"
    assert sorted(stage.began) == EACH["mapped"]


@pytest.mark.parametrize("who", ["here", "elsewhere"])
@pytest.mark.parametrize("verb", ["cancel", "pause"])
def test_who_cancels_or_pauses_a_run_inside_that_rests_waits_for_nobody(
    sim: Simulation, stage: Stage, tmp_path: Path, who: str, verb: str
) -> None:
    """Law: the run above goes on, but who has that does not have this one, and would not hear it."""
    stage.takes_s = 30.0
    system, _run = started(sim, stage, written(tmp_path).with_name("mapped.yaml"))
    system.flows.pause("r/sub/0")
    sim.advance(40)
    assert [state(system, one) for one in ("r", "r/sub/0", "r/sub/1")] == ["running", "paused", "running"]
    began_s = sim.now_s
    report = getattr((system if who == "here" else sim.system()).flows, verb)("r/sub/0")
    assert report.state == {"cancel": "cancelled", "pause": "paused"}[verb]
    assert sim.now_s - began_s < 1
    assert [state(system, one) for one in ("r", "r/sub/1")] == ["running", "running"]


def test_a_run_inside_does_not_go_on_where_one_above_it_is_paused(
    sim: Simulation, stage: Stage, tmp_path: Path
) -> None:
    """Law: its resume is refused, and names the outermost run that is paused."""
    system, run = started(sim, stage, written(tmp_path).with_name("deep.yaml"))
    system.flows.pause("r/far")
    with pytest.raises(IllegalTransition, match=r"resume r/far$"):
        system.flows.resume("r/far/sub")
    run.wait()
    for inside in ("r/far/sub", "r/far"):
        with pytest.raises(IllegalTransition, match=r"resume r$"):
            system.flows.resume(inside)
    assert states(system) == {"paused"}


def test_who_would_retry_a_run_inside_is_told_what_the_run_above_takes(
    sim: Simulation, stage: Stage, tmp_path: Path
) -> None:
    """Law: a run that goes on is resumed, one that is over or paused is tried again; what is told is not refused in turn."""
    system, run = started(sim, stage, written(tmp_path).with_name("deep.yaml"))
    run.pause()
    assert run.wait().state == "paused"
    with pytest.raises(IllegalTransition, match=r"retry r$"):
        system.flows.retry("r/far/sub")
    system.flows.retry("r")
    sim.advance(0.5)
    sim.kill(system)
    with pytest.raises(IllegalTransition, match=r"resume r$"):
        sim.system().flows.retry("r/far/sub")
    system = sim.system(actions=stage.actions)
    system.flows.resume("r")
    assert system.flows.cancel("r").state == "cancelled"
    with pytest.raises(IllegalTransition, match=r"retry r$"):
        system.flows.retry("r/far/sub")
    assert system.flows.retry("r").wait().state == "succeeded"


def test_runs_that_nobody_has_are_paused_together_without_their_code(
    sim: Simulation, stage: Stage, tmp_path: Path
) -> None:
    """Law: who has no code pauses what a death has left, at any depth, and whoever resumes it does the rest."""
    sim.kill(started(sim, stage, written(tmp_path).with_name("deep.yaml"))[0])
    stranger = sim.system()
    stranger.flows.pause("r")
    assert states(stranger) == {"paused"}
    sim.advance(50)
    assert sorted(stage.began) == ["oa", "xa"]
    system = sim.system(actions=stage.actions)
    assert system.flows.resume("r").wait().state == "succeeded"
    assert sorted(stage.began) == ["oa", "oa", "ob", "xa", "xa", "xb", "xc"]


# --- whichever commit a worker dies at


sim_of: list[Simulation] = []


def story(
    stage: Stage, path: Path, play: Callable[[ActorSystem, Run], Report], check: Callable[[ActorSystem], None]
) -> Any:
    def told(sim: Simulation) -> None:
        stage.began.clear()
        sim_of[:] = [sim]

        def body(system: ActorSystem) -> Report:
            run = system.flows.start(path, run_id="r")
            if sim.now_s < 0.4:
                sim.advance(0.5)
            return play(system, run)

        sim.keep_going(body, actions=stage.actions, recover=True)
        check(sim.system(actions=stage.actions))

    return told


@pytest.mark.parametrize("name", ["outer", "deep", pytest.param("mapped", marks=pytest.mark.full)])
def test_whichever_commit_a_worker_dies_at_a_pause_holds_inside(stage: Stage, tmp_path: Path, name: str) -> None:
    """Law: a pause that was recorded is kept inside by whoever comes, and the resume does the rest."""
    path = written(tmp_path).with_name(f"{name}.yaml")

    def play(system: ActorSystem, run: Run) -> Report:
        if "paused" not in stage.began and run.report().state in ("pending", "running", "paused"):
            system.flows.pause("r")
            assert run.wait().state == "paused"
            assert states(system) <= {"paused", "pending", "succeeded"}
            begun = list(stage.began)
            sim_of[0].advance(20)
            assert stage.began == begun
            stage.began.append("paused")
        if run.report().state == "paused":
            run.resume()
        return run.wait()

    def check(system: ActorSystem) -> None:
        assert states(system) == {"succeeded"}
        assert {one for one in stage.began if one != "paused"} == set(EACH[name])

    assert explore(story(stage, path, play, check), seeds=1, crash="every_commit").commits >= 8


def test_whichever_commit_a_worker_dies_at_a_cancelled_node_takes_its_flow_with_it(
    sim: Simulation, stage: Stage, tmp_path: Path
) -> None:
    """Law: nothing inside is left open, though the worker dies before it could cancel that."""
    del sim
    path = written(tmp_path).with_name("deep.yaml")

    def play(system: ActorSystem, run: Run) -> Report:
        report = run.report()
        if not report.nodes or report.nodes[0].state not in ("cancelled", "succeeded"):
            system.flows.cancel("r", node="far")
        return run.wait()

    def told(sim: Simulation) -> None:
        story(stage, path, play, lambda _: None)(sim)

        def looked(system: ActorSystem) -> set[str]:
            sim.advance(45)  # longer than a lease and a look at who has left what
            return {one.state for one in system.flows.runs(inside=True) if one.run_id != "r"}

        assert sim.keep_going(looked, actions=stage.actions, recover=True) == {"cancelled"}

    assert explore(told, seeds=1, crash="every_commit").commits >= 4


@pytest.mark.parametrize("who", ["the same", "another"])
@pytest.mark.parametrize("what", ["cancel", "cancel a node", "pause"])
def test_a_run_inside_one_that_is_nobodys_is_told_though_that_was_told_something_before(
    sim: Simulation, what: str, who: str
) -> None:
    """Law: who only told the run above something has none of what is inside: others need not wait for its process to end."""

    async def long() -> None:
        await asyncio.sleep(1000)

    nodes = [{"id": "sub", "flow": "inner"}, {"id": "last", "action": "long", "dependencies": ["sub"]}]
    first = sim.system(actions=[long])
    first.flows.load({"name": "inner", "nodes": [{"id": "a", "action": "long"}, {"id": "b", "action": "long"}]})
    first.flows.start({"name": "outer", "nodes": nodes}, run_id="r")
    sim.advance(1)
    sim.kill(first)
    second = sim.system(actions=[long])
    second.flows.cancel("r", node="last")
    third = second if who == "the same" else sim.system(actions=[long])
    if what == "cancel":
        assert third.flows.cancel("r/sub").state == "cancelled"
    elif what == "pause":
        assert third.flows.pause("r/sub").state == "paused"
    else:
        report = third.flows.cancel("r/sub", node="b")
        assert {node.node_id: node.state for node in report.nodes}["b"] == "cancelled"
