"""A06, people asked inside: a run and the runs of flows inside it rest together, and go on with the answer together."""

from __future__ import annotations

import asyncio
import pickle
from pathlib import Path
from typing import Any

import pytest

from dagger_actors import ActorSystem, Report
from dagger_actors.errors import AlreadyAnswered, NotAsked, RequestError, UnknownNode
from dagger_actors.store.reader import Readers
from dagger_actors.testing import explore
from dagger_actors.testing.simulation import Simulation

YES = True

INNER = """
name: inner
inputs: {number: {type: int, default: 1}}
nodes:
  - {id: drafted, action: double, inputs: {number: inputs.number}}
  - {id: ok, approval: {message: "Ship it?"%s}, dependencies: [drafted]}
  - {id: shipped, action: double, inputs: {number: drafted}, dependencies: [ok]}
outputs: {number: shipped}
"""
OUTER = """
name: outer
nodes:
  - {id: sub, flow: inner.yaml%s}
  - {id: last, action: double, inputs: {number: sub.number}}
"""
DEEP = """
name: deep
nodes:
  - {id: far, flow: outer.yaml}
outputs: {number: far.last}
"""
MAPPED = """
name: mapped
inputs: {numbers: {type: list}}
config: {max_parallel_nodes: 2}
nodes:
  - {id: sub, flow: inner.yaml, map: {over: inputs.numbers, item: number}}
outputs: {all: sub}
"""
BESIDE = """
name: beside
nodes:
  - {id: sub, flow: inner.yaml}
  - {id: long, action: long}
outputs: {number: sub.number}
"""
FAILING = """
name: failing
inputs: {numbers: {type: list}}
nodes:
  - {id: sub, flow: inner.yaml, map: {over: inputs.numbers, item: number}}
  - {id: late, action: late}
"""


def double(number: int) -> int:
    return number * 2


async def long() -> int:
    await asyncio.sleep(1000)
    return 1


async def late() -> int:
    await asyncio.sleep(10)
    raise ValueError("too late")


ACTIONS = [double, long, late]
DONE = {"last": 8}


def written(folder: Path, *, asks: str = "", sub: str = "", **flows: str) -> Path:
    texts = {"inner": INNER % asks, "outer": OUTER % sub, "deep": DEEP, "mapped": MAPPED, "beside": BESIDE, **flows}
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder / "outer.yaml"


def worker(sim: Simulation) -> ActorSystem:
    return sim.system(actions=ACTIONS, recover=True)


def state(system: ActorSystem, run_id: str) -> str:
    return system.flows.report(run_id, outputs=False).state


def asking(sim: Simulation, path: Path, **inputs: Any) -> ActorSystem:
    """A worker with a run that rests because people are asked inside."""
    system = worker(sim)
    assert system.flows.start(path, inputs, run_id="r").wait().state == "paused"
    return system


@pytest.mark.parametrize(("run_id", "node"), [("r/sub", "ok"), ("r", "sub/ok")])
def test_both_rest_and_both_go_on(sim: Simulation, tmp_path: Path, run_id: str, node: str) -> None:
    """Law: nothing of either is in memory; the answer, told to the run inside or by the path to it, wakes both."""
    system = asking(sim, written(tmp_path))
    assert not system._hub.active
    assert state(system, "r/sub") == "paused"
    (question,) = system.flows.questions("r")
    assert (question.run_id, question.node_id, question.message) == ("r/sub", "ok", "Ship it?")
    system.flows.signal(run_id, node, YES)
    assert system.flows.run("r").wait().outputs == DONE
    assert state(system, "r/sub") == "succeeded"
    assert not system.flows.questions("r")


@pytest.mark.parametrize(("name", "run_id", "node"), [("outer", "r/sub", "sub"), ("deep", "r/far/sub", "far")])
def test_whoever_answers_otherwise_is_told_how_to_ask_anew(
    sim: Simulation, tmp_path: Path, name: str, run_id: str, node: str
) -> None:
    """Law: what has succeeded inside is asked anew in a fork of the run above alone; the advice does what it says."""
    system = asking(sim, written(tmp_path).with_name(f"{name}.yaml"))
    system.flows.signal(run_id, "ok", YES)
    assert system.flows.run("r").wait().state == "succeeded"
    with pytest.raises(AlreadyAnswered, match=f"to ask anew: dagger-actors fork r --from {node}$") as caught:
        system.flows.reject(run_id, "ok")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    fork = system.flows.fork("r", start_from=[node])
    assert fork.wait().state == "paused"
    assert [question.node_id for question in system.flows.questions(fork.id)] == ["ok"]


def test_who_answers_does_not_wait_for_the_turn_of_the_run(sim: Simulation, tmp_path: Path) -> None:
    """Law: of a map with a limit another flow may have the turn for long: the answer is written, and taken when it is over."""
    slow = "{name: slow, inputs: {number: 0}, nodes: [{id: ok, approval: {}}, {id: long, action: long, dependencies: [ok]}]}"
    turns = """
name: turns
inputs: {numbers: {type: list}}
nodes: [{id: sub, flow: slow.yaml, map: {over: inputs.numbers, item: number, limit: 1}}]
"""
    system = asking(sim, written(tmp_path, slow=slow, turns=turns).with_name("turns.yaml"), numbers=[1, 2, 3])
    for key in range(3):
        system.flows.signal(f"r/sub/{key}", "ok", YES)
    assert sim.now_s < 60
    assert system.flows.run("r").wait().state == "succeeded"
    assert 3000 <= sim.now_s < 3060


def test_it_is_so_at_any_depth(sim: Simulation, tmp_path: Path) -> None:
    """Law: all runs above the one that asks rest, and go on."""
    system = asking(sim, written(tmp_path).with_name("deep.yaml"))
    assert not system._hub.active
    assert [question.run_id for question in system.flows.questions("r")] == ["r/far/sub"]
    system.flows.signal("r", "far/sub/ok", YES)
    assert system.flows.run("r").wait().outputs == {"number": 8}


def test_another_process_answers_and_whoever_has_the_code_goes_on(sim: Simulation, tmp_path: Path) -> None:
    """Law: the answer is recorded by who has no code, with no owner alive; the next worker takes both by itself."""
    sim.kill(asking(sim, written(tmp_path).with_name("deep.yaml")))
    stranger = sim.system()
    stranger.flows.signal("r/far/sub", "ok", YES)
    assert [state(stranger, one) for one in ("r", "r/far", "r/far/sub")] == ["paused"] * 3
    system = worker(sim)
    sim.advance(2)
    assert system.flows.report("r").outputs == {"number": 8}


def test_a_worker_that_is_there_hears_the_answer_of_another(sim: Simulation, tmp_path: Path) -> None:
    """Law: it goes on by itself, whoever has answered."""
    system = asking(sim, written(tmp_path))
    sim.system().flows.signal("r/sub", "ok", YES)
    sim.advance(2)
    assert system.flows.report("r").outputs == DONE


@pytest.mark.parametrize("who", ["here", "elsewhere"])
def test_a_run_inside_that_asks_goes_on_while_other_nodes_run(sim: Simulation, tmp_path: Path, who: str) -> None:
    """Law: it rests though the run above does not, and the answer wakes it at once."""
    system = sim.system(actions=ACTIONS)
    run = system.flows.start(written(tmp_path).with_name("beside.yaml"), run_id="r")
    sim.advance(1)
    assert [state(system, one) for one in ("r", "r/sub")] == ["running", "paused"]
    assert list(system._hub.active) == ["r"]
    (system if who == "here" else sim.system()).flows.signal("r/sub", "ok", YES)
    sim.advance(1)
    assert [state(system, one) for one in ("r", "r/sub")] == ["running", "succeeded"]
    assert run.wait().outputs == {"number": 4}


def test_items_rest_and_go_on_each_by_itself(sim: Simulation, tmp_path: Path) -> None:
    """Law: who waits for a person holds no place of a map, nor of the run; an answer wakes the run of its item alone."""
    system = asking(sim, written(tmp_path).with_name("mapped.yaml"), numbers=[1, 2, 3, 4, 5])
    assert [question.run_id for question in system.flows.questions("r")] == [f"r/sub/{item}" for item in range(5)]
    system.flows.signal("r/sub/3", "ok", YES)
    assert system.flows.run("r").wait().state == "paused"
    assert [state(system, f"r/sub/{item}") for item in range(5)] == [*["paused"] * 3, "succeeded", "paused"]
    assert len(system.flows.report("r/sub/0").nodes[1].attempts) == 1
    for item in (0, 1, 2, 4):
        system.flows.signal("r", f"sub/{item}/ok", YES)
    assert system.flows.run("r").wait().outputs == {"all": [{"number": number * 4} for number in range(1, 6)]}


AUTOPILOT = ", timeout_s: 60, on_timeout: autopilot, default: true"


@pytest.mark.parametrize("name", ["outer", "deep", "beside"])
def test_the_time_of_a_question_inside_is_kept(sim: Simulation, tmp_path: Path, name: str) -> None:
    """Law: the autopilot answers inside in its time, be the run above at rest or open."""
    system = worker(sim)
    system.flows.start(written(tmp_path, asks=AUTOPILOT).with_name(f"{name}.yaml"), run_id="r")
    inside = "r/far/sub" if name == "deep" else "r/sub"
    sim.advance(55)
    assert state(system, inside) == "paused"
    sim.advance(10)
    assert state(system, inside) == "succeeded"
    assert system.flows.run("r").wait().state == "succeeded"


def test_the_time_of_the_node_that_runs_the_flow_is_kept(sim: Simulation, tmp_path: Path) -> None:
    """Law: its time-out fails the node while both rest, and cancels the run inside."""
    system = asking(sim, written(tmp_path, sub=", timeout: 60"))
    sim.advance(70)
    report = system.flows.report("r")
    assert (report.state, report.nodes[0].state) == ("failed", "timed_out")
    sim.settle()
    assert state(system, "r/sub") == "cancelled"


@pytest.mark.parametrize("which", ["r", "r/sub"])
def test_a_cancel_reaches_what_rests(sim: Simulation, tmp_path: Path, which: str) -> None:
    """Law: cancelled at rest, a run takes the one inside with it; that one, cancelled by itself, fails its node."""
    system = asking(sim, written(tmp_path))
    system.flows.cancel(which)
    sim.settle()
    assert state(system, "r/sub") == "cancelled"
    report = system.flows.report("r") if which == "r" else system.flows.resume("r").wait()
    assert report.state == ("cancelled" if which == "r" else "failed")


@pytest.mark.parametrize("what", ["the run", "its node", "a failure"])
def test_whoever_leaves_at_once_leaves_nothing_inside_that_goes_on(sim: Simulation, tmp_path: Path, what: str) -> None:
    """Law: what a run takes with it has ended when the process that ended it has gone, though nobody looks after it later."""
    path = written(tmp_path, failing=FAILING).with_name("failing.yaml" if what == "a failure" else "mapped.yaml")
    system = worker(sim)
    run = system.flows.start(path, {"numbers": [1, 2, 3, 4, 5]}, run_id="r")
    if what == "a failure":
        assert run.wait().state == "failed"
    else:
        assert run.wait().state == "paused"
        system.flows.cancel("r", node="sub" if what == "its node" else None)
    system.stop()
    there = sim.system(actions=ACTIONS)
    assert {state(there, f"r/sub/{item}") for item in range(5)} == {"cancelled"}
    assert not there.flows.questions("r")


def test_a_run_inside_that_is_cancelled_while_it_rests_is_heard_of_at_once(sim: Simulation, tmp_path: Path) -> None:
    """Law: the open run above is told of the end, though what it awaits rests."""
    system = sim.system(actions=ACTIONS)
    run = system.flows.start(written(tmp_path).with_name("beside.yaml"), run_id="r")
    sim.advance(1)
    system.flows.cancel("r/sub")
    assert run.wait().state == "failed"
    assert sim.now_s < 100


@pytest.mark.parametrize("who", ["here", "elsewhere"])
@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize(("name", "inside"), [("outer", "r/sub"), ("deep", "r/far/sub")])
def test_a_question_inside_that_is_cancelled_is_waited_for_no_more(
    sim: Simulation, tmp_path: Path, name: str, inside: str, held: bool, who: str
) -> None:
    """Law: the runs above, at any depth, go on with the rest of it by themselves, unless somebody has paused them."""
    system = asking(sim, written(tmp_path).with_name(f"{name}.yaml"))
    if held:
        system.flows.pause("r")
    (system if who == "here" else sim.system()).flows.cancel(inside, node="ok")
    sim.advance(5)
    assert [state(system, one) for one in ("r", inside)] == (["paused"] * 2 if held else ["failed"] * 2)
    if held:
        assert system.flows.resume("r").wait(5).state == "failed"
    assert not system.flows.questions("r")


def test_an_answer_wakes_only_what_rests_for_people(sim: Simulation, tmp_path: Path) -> None:
    """Law: what failed and paused inside beside it is tried again by a resume of the run, not by the answer."""
    tries: list[int] = []

    def fails() -> int:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("not yet")
        return 1

    path = written(
        tmp_path,
        bad="name: bad\nconfig: {on_failure: pause}\nnodes: [{id: fails, action: fails}]\n",
        both="name: both\nnodes:\n  - {id: bad, flow: bad.yaml}\n  - {id: sub, flow: inner.yaml}\noutputs: {number: sub.number}\n",
    )
    system = sim.system(actions=[*ACTIONS, fails], recover=True)
    assert system.flows.start(path.with_name("both.yaml"), run_id="r").wait().state == "paused"
    system.flows.signal("r/sub", "ok", YES)
    assert system.flows.run("r").wait().state == "paused"
    assert [state(system, one) for one in ("r/bad", "r/sub")] == ["paused", "succeeded"]
    assert len(tries) == 1
    assert system.flows.resume("r").wait().outputs == {"number": 4}


@pytest.mark.parametrize("which", ["r", "r/sub"])
def test_a_paused_run_takes_the_answer_when_it_is_resumed(sim: Simulation, tmp_path: Path, which: str) -> None:
    """Law: who has paused it, or the run inside, does not see it go on by an answer."""
    system = asking(sim, written(tmp_path))
    system.flows.pause(which)
    system.flows.signal("r/sub", "ok", YES)
    sim.advance(5)
    assert [state(system, one) for one in ("r", "r/sub")] == ["paused", "paused"]
    assert system.flows.resume("r").wait().outputs == DONE


def test_a_wrong_place_is_refused_with_the_right_one(sim: Simulation, tmp_path: Path) -> None:
    """Law: who answers the node that runs the flow is told which run and node asks; a path that leads nowhere is no node."""
    system = asking(sim, written(tmp_path))
    with pytest.raises(NotAsked, match="it is node 'ok' of run 'r/sub' that asks"):
        system.flows.signal("r", "sub", YES)
    for node in ("sub/no", "gone/ok", "sub/ok/ok"):
        with pytest.raises(UnknownNode):
            system.flows.signal("r", node, YES)
    with pytest.raises(UnknownNode, match="did you mean 'sub/ok'") as caught:
        system.flows.signal("r", "ok", YES)
    system.flows.signal("r", caught.value.near, YES)
    with pytest.raises(NotAsked, match="in which nobody is asked now"):
        system.flows.signal("r", "sub", YES)


def test_what_is_asked_in_all_runs_is_listed(sim: Simulation, tmp_path: Path) -> None:
    """Law: those inside others too, the oldest first, and no more than wanted; answered, cancelled and ended ones are left out."""
    system = asking(sim, written(tmp_path))
    for run in ("s", "t"):
        system.flows.start(tmp_path / "outer.yaml", run_id=run).wait()

    def listed(**wanted: Any) -> list[str]:
        return [question.run_id for question in system.flows.questions(**wanted)]

    assert listed() == ["r/sub", "s/sub", "t/sub"]
    assert listed(limit=2) == ["r/sub", "s/sub"]
    assert listed(run_id="s") == listed(run_id="s/sub") == ["s/sub"]
    system.flows.cancel("s")
    sim.advance(1)
    system.flows.pause("r")
    assert listed() == ["r/sub", "t/sub"]
    system.flows.signal("r/sub", "ok", YES)
    assert state(system, "r/sub") == "paused"
    assert listed() == ["t/sub"]
    with pytest.raises(RequestError, match="limit is a whole number, 1 or more"):
        system.flows.questions(limit=0)


def test_what_is_asked_in_many_runs_costs_no_look_each(
    sim: Simulation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: one look at the database tells what is asked in all runs, or in those inside one, and one at most how each flow asks."""
    system = asking(sim, written(tmp_path))
    system.flows.start(tmp_path / "mapped.yaml", {"numbers": [1, 2, 3, 4]}, run_id="m").wait()
    looks: list[str] = []
    query = Readers.query

    def noted(readers: Readers, name: str, *parameters: int | str) -> list[tuple[Any, ...]]:
        looks.append(name)
        return query(readers, name, *parameters)

    monkeypatch.setattr(Readers, "query", noted)
    for run_id, count, most in ((None, 5, 2), ("m", 4, 3)):
        looks.clear()
        assert len(system.flows.questions(run_id)) == count
        assert len(looks) <= most, looks


def test_why_names_who_is_asked_inside(sim: Simulation, tmp_path: Path) -> None:
    """Law: of the node that runs the flow, and of one that maps it, ``why`` says which run and node asks, and what."""
    told = "a person is asked at node 'ok' of run 'r/{}': Ship it?"
    system = asking(sim, written(tmp_path))
    assert told.format("sub") in system.flows.explain("r", "sub").sentences
    system.flows.start(tmp_path / "mapped.yaml", {"numbers": [1, 2]}, run_id="m").wait()
    sentences = system.flows.explain("m", "sub").sentences
    assert [sentence for sentence in sentences if "asked" in sentence] == [
        told.format(f"sub/{item}").replace("r/", "m/") for item in range(2)
    ]


@pytest.mark.parametrize(("name", "seeds"), [("outer", 1), ("deep", 1), ("mapped", 1)])
def test_whenever_a_process_dies_one_answer_is_taken_once(tmp_path: Path, name: str, seeds: int) -> None:
    """Law: with a death around each commit, all runs end with the answers, and ask once."""
    path = written(tmp_path).with_name(f"{name}.yaml")
    places = {"outer": ["sub/ok"], "deep": ["far/sub/ok"], "mapped": ["sub/0/ok", "sub/1/ok"]}[name]
    inputs = {"numbers": [1, 2]} if name == "mapped" else {}

    def asks(sim: Simulation) -> None:
        def play(system: ActorSystem) -> Report:
            run = system.flows.start(path, inputs, run_id="r")
            run.wait()
            for place in places:
                system.flows.signal("r", place, YES)
                run.wait()
            return run.wait()

        report = sim.keep_going(play, actions=ACTIONS, recover=True)
        assert report.state == "succeeded", report
        inside = [one.run_id for one in worker(sim).flows.runs(inside=True) if one.flow_name == "inner"]
        assert len(inside) == len(places)
        for run_id in inside:
            assert len(worker(sim).flows.report(run_id).nodes[1].attempts) == 1

    assert explore(asks, seeds=seeds, crash="every_commit").commits > 5


@pytest.mark.parametrize("name", ["outer", "beside"])
def test_whenever_a_process_dies_the_time_of_a_question_inside_is_kept(tmp_path: Path, name: str) -> None:
    """Law: with a death around each commit, the autopilot answers inside, once, and not before its time."""
    path = written(tmp_path, asks=AUTOPILOT).with_name(f"{name}.yaml")

    def waits(sim: Simulation) -> None:
        def play(system: ActorSystem) -> Report:
            run = system.flows.start(path, run_id="r")
            if sim.now_s < 50:
                sim.advance(55 - sim.now_s)
                assert state(system, "r/sub") != "succeeded"
            sim.advance(70)
            return run.wait(3000)

        assert sim.keep_going(play, actions=ACTIONS, recover=True).state == "succeeded"

    assert explore(waits, seeds=1, crash="every_commit").commits > 5
