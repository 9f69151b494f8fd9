"""A06, pausing, resuming and cancelling runs and nodes of them: from here, from elsewhere, and where nobody runs them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dagger_actors import ActorSystem, Report, Run, RunPaused
from dagger_actors.errors import IllegalTransition, NodeTransition, RequestError, RunOwned, UnknownNode
from dagger_actors.testing import explore
from dagger_actors.testing.simulation import Simulation


class Stage:
    """Actions that note what begins; each takes one virtual second."""

    def __init__(self) -> None:
        self.began: list[str] = []

    @property
    def actions(self) -> list[Any]:
        async def work(name: str) -> str:
            self.began.append(name)
            await asyncio.sleep(1)
            return name

        async def thrice(name: str) -> list[str]:
            self.began.append(name)
            return [f"{name}{at}" for at in range(3)]

        def fails() -> None:
            raise ValueError("not yet")

        return [work, thrice, fails]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def node(name: str, **keys: Any) -> dict[str, Any]:
    return {"id": name, "action": "work", "inputs": {"name": {"value": name}}, **keys}


CHAIN = {"name": "chain", "nodes": [node("a"), node("b", dependencies=["a"]), node("c", dependencies=["b"])]}
WIDE = {"name": "wide", "config": {"max_parallel_nodes": 2}, "nodes": [node(f"n{at}") for at in range(6)]}


def states(report: Report) -> dict[str, str]:
    return {one.node_id + one.invocation_key: one.state for one in report.nodes}


def other_worker(sim: Simulation) -> ActorSystem:
    """One that has none of the code."""
    return sim.system()


def pause_midway(sim: Simulation, run: Run, teller: ActorSystem) -> None:
    sim.advance(0.5)
    report = teller.flows.pause(run.id)
    assert report.state == "running"  # what runs may end


@pytest.mark.parametrize("who", ["here", "elsewhere"])
@pytest.mark.parametrize("twice", [False, True])
def test_what_runs_ends_and_nothing_more_begins(sim: Simulation, stage: Stage, who: str, twice: bool) -> None:
    """Law: a paused run has ended what ran, keeps no time, and its resume does the rest, each body once."""
    system = sim.system(actions=stage.actions)
    teller = system if who == "here" else other_worker(sim)
    run = system.flows.start(WIDE)
    pause_midway(sim, run, teller)
    if twice:
        assert teller.flows.pause(run.id).state == "running"  # twice is once
    report = run.wait()
    assert report.state == "paused"
    assert [one.state for one in report.nodes if one.attempts and one.state != "ready"] == ["succeeded"] * 2
    assert sorted(stage.began) == ["n0", "n1"]
    sim.advance(100)
    assert run.report() == report
    assert run.pause() == report
    with pytest.raises(RunPaused):
        run.result()
    again = run.resume().wait()
    assert (again.state, sorted(stage.began)) == ("succeeded", [f"n{at}" for at in range(6)])
    assert again.elapsed_us < 5_000_000
    with pytest.raises(IllegalTransition, match="is succeeded, it cannot become paused"):
        teller.flows.pause(run.id)


@pytest.mark.parametrize("who", ["here", "elsewhere"])
def test_a_pause_that_is_called_off_stops_nothing(sim: Simulation, stage: Stage, who: str) -> None:
    """Law: resumed while what runs holds the pause up, the run goes on at once, whoever says so."""
    system = sim.system(actions=stage.actions)
    teller = system if who == "here" else other_worker(sim)
    run = system.flows.start(WIDE)
    pause_midway(sim, run, teller)
    teller.flows.resume(run.id)
    report = run.wait()
    assert (report.state, sorted(stage.began)) == ("succeeded", [f"n{at}" for at in range(6)])
    assert report.elapsed_us < 3_500_000


def test_what_became_ready_meanwhile_begins_once(sim: Simulation, stage: Stage) -> None:
    """Law: a pause that is called off, or that a crash made again, doubles nothing."""
    sim.stub("long", takes_s=3)

    def long() -> None: ...

    spec = {"name": "f", "nodes": [*CHAIN["nodes"], {"id": "long", "action": "long"}]}
    run = sim.system(actions=[*stage.actions, long]).flows.start(spec)
    sim.advance(0.5)
    run.pause()
    sim.advance(1.0)
    assert states(run.report())["a"] == "succeeded"
    run.resume()
    assert run.wait().state == "succeeded"
    assert stage.began == ["a", "b", "c"]


def test_a_failure_that_pauses_is_forgotten_when_its_node_is_tried_again_in_time(sim: Simulation, stage: Stage) -> None:
    """Law: resumed while a sibling holds the pause up, the node has fresh tries, and the run succeeds with it."""
    tries: list[int] = []

    def fails_once() -> int:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("not yet")
        return 7

    spec = {"name": "f", "nodes": [node("n"), {"id": "x", "action": "fails_once", "on_failure": "pause"}]}
    run = sim.system(actions=[*stage.actions, fails_once]).flows.start(spec)
    sim.advance(0.5)
    assert run.report().state == "running"
    run.resume()
    report = run.wait()
    assert (report.state, report.error, report.outputs) == ("succeeded", None, {"n": "n", "x": 7})


def test_a_running_run_that_does_not_pause_still_belongs_to_its_process(sim: Simulation, stage: Stage) -> None:
    """Law: resume names the owner, as before."""
    run = sim.system(actions=stage.actions).flows.start(WIDE)
    sim.advance(0.5)
    with pytest.raises(RunOwned):
        other_worker(sim).flows.resume(run.id)


def test_a_run_that_nobody_runs_is_paused_without_its_code(sim: Simulation, stage: Stage) -> None:
    """Law: what its process's death cut off is written down, nobody takes the run over, and a resume does it again."""
    system = sim.system(actions=stage.actions)
    run = system.flows.start(CHAIN, run_id="r")
    sim.advance(1.5)
    sim.kill(system)
    other = other_worker(sim)
    report = other.flows.pause(run.id)
    assert (report.state, states(report)) == ("paused", {"a": "succeeded", "b": "ready", "c": "pending"})
    assert [one.state for one in report.nodes[1].attempts] == ["interrupted", "ready"]
    worker = sim.system(actions=stage.actions, recover=True)
    sim.advance(60)
    assert worker.flows.report("r") == report
    assert worker.flows.resume("r").wait().state == "succeeded"
    assert stage.began == ["a", "b", "b", "c"]


def test_a_pause_outlives_the_process_that_heard_it(sim: Simulation, stage: Stage) -> None:
    """Law: whoever takes the run over while what runs holds the pause up begins nothing, and pauses it."""
    system = sim.system(actions=stage.actions)
    run = system.flows.start(CHAIN, run_id="r")
    pause_midway(sim, run, system)
    worker = sim.restart(system)
    assert worker.flows.run("r").wait().state == "paused"
    assert stage.began == ["a"]
    assert worker.flows.resume("r").wait().state == "succeeded"
    assert stage.began == ["a", "a", "b", "c"]


def test_work_that_must_not_be_repeated_waits_through_a_pause(sim: Simulation, stage: Stage) -> None:
    """Law: at_most_once work that was granted and had not begun is no unknown outcome: the resume does it."""
    nodes = [node("first"), *(node(f"n{at}", durability="at_most_once") for at in range(4))]
    spec = {"name": "careful", "config": {"max_parallel_nodes": 2}, "nodes": nodes}
    system = sim.system(actions=stage.actions)
    for seed in range(8):
        run = system.flows.start(spec)
        for _ in range(6 * seed):
            sim.world.step()
        run.pause()
        assert run.wait().state == "paused"
        assert run.resume().wait().state == "succeeded"


def is_paused_whoever_dies(sim: Simulation) -> None:
    stage = Stage()
    promised: list[int] = []
    resumed: list[bool] = []

    def play(system: ActorSystem) -> Report:
        run = system.flows.start(WIDE, run_id="r")
        if not resumed:
            if not promised:
                for _ in range(40):
                    sim.world.step()
            run.pause()
            promised.append(len(stage.began))
            assert run.wait().state == "paused"
            assert len(stage.began) == promised[0]
            resumed.append(True)
        if run.report().state == "paused" or system.flows.resumable():
            run = run.resume()
        return run.wait()

    report = sim.keep_going(play, actions=stage.actions)
    assert report.state == "succeeded"
    assert set(stage.began) == {f"n{at}" for at in range(6)}


def test_a_pause_holds_whichever_commit_a_process_dies_at() -> None:
    """Law: once pause has returned, nothing begins before the resume, with a death around each commit."""
    assert explore(is_paused_whoever_dies, seeds=2, crash="every_commit").commits > 6


BRANCHES = {
    "name": "branches",
    "nodes": [
        node("a"), node("b", dependencies=["a"]), node("c", dependencies=["b"]), node("d", dependencies=["a"]),
        node("last", dependencies=["c", "d"], trigger="any_succeeded"),
    ],
}  # fmt: skip
CUT = {"a": "succeeded", "b": "cancelled", "c": "skipped", "d": "succeeded", "last": "succeeded"}


@pytest.mark.parametrize("who", ["here", "elsewhere"])
@pytest.mark.parametrize("after_s", [0.5, 1.5])
def test_a_branch_is_cancelled_and_the_rest_goes_on(sim: Simulation, stage: Stage, who: str, after_s: float) -> None:
    """Law: one that has not begun never does, one that runs is stopped; what needs it is skipped, and nothing else."""
    system = sim.system(actions=stage.actions)
    teller = system if who == "here" else other_worker(sim)
    run = system.flows.start(BRANCHES)
    sim.advance(after_s)
    report = teller.flows.cancel(run.id, node="b")
    assert states(report)["b"] == "cancelled"
    assert teller.flows.cancel(run.id, node="b").run_id == run.id  # twice is once
    report = run.wait()
    assert (report.state, states(report)) == ("succeeded", CUT)
    assert next(one.reason for one in report.nodes if one.node_id == "b") == "node cancelled"
    assert ("b" in stage.began) == (after_s > 1)
    assert "c" not in stage.began


def test_items_a_retry_wait_and_a_parked_node_are_cancelled_too(sim: Simulation, stage: Stage) -> None:
    """Law: whatever a node is about, it is over."""
    retry = {"exponential": {"initial_delay_secs": 60}}
    nodes = [
        {"id": "list", "action": "thrice", "inputs": {"name": {"value": "m"}}},
        {"id": "all", "action": "work", "map": {"over": "list", "item": "name", "limit": 2}},
        {"id": "waits", "action": "fails", "try_count": 3, "retry_strategy": retry},
        node("last", dependencies=["all", "waits"], trigger="all_done"),
    ]
    system = sim.system(actions=stage.actions)
    run = system.flows.start({"name": "f", "nodes": nodes})
    sim.advance(0.5)
    run.cancel(node="waits")
    run.cancel(node="all")
    report = run.wait()
    assert report.state == "succeeded"
    cancelled = dict.fromkeys(["all", "all0", "all1", "all2", "waits"], "cancelled")
    assert states(report) == {"list": "succeeded", **cancelled, "last": "succeeded"}
    assert sim.now_s < 5


@pytest.mark.parametrize("was_paused", [False, True])
def test_a_node_of_a_run_that_nobody_runs_is_cancelled_without_its_code(
    sim: Simulation, stage: Stage, was_paused: bool
) -> None:
    """Law: the run stays as it was, paused or to be taken over, and goes on without that branch."""
    system = sim.system(actions=stage.actions)
    run = system.flows.start(BRANCHES, run_id="r")
    sim.advance(0.5)
    if was_paused:
        run.pause()
        run.wait()
    sim.kill(system)
    other = other_worker(sim)
    report = other.flows.cancel("r", node="b")
    assert (report.state, states(report)["b"]) == ("paused" if was_paused else "running", "cancelled")
    assert other.flows.resumable() == ["r"]
    report = sim.system(actions=stage.actions).flows.resume("r").wait()
    assert (report.state, states(report)) == ("succeeded", CUT)
    assert "b" not in stage.began


@pytest.mark.parametrize("fails_first", [False, True])
def test_what_a_cancelled_node_waited_for_may_fail_later(sim: Simulation, stage: Stage, fails_first: bool) -> None:
    """Law: the end of what it needed is no second end of it, nor of the items of a fan-out."""
    retry = {"exponential": {"initial_delay_secs": 1, "jitter": 0}}
    first = {"id": "first", "action": "fails", "try_count": 2, "retry_strategy": retry, "on_failure": "continue"}
    nodes = [
        first,
        node("next", dependencies=["first"] if fails_first else []),
        {"id": "list", "action": "thrice", "inputs": {"name": {"value": "m"}}},
        {"id": "m", "action": "work", "map": {"over": "list", "item": "name", "limit": 1}},
        {"id": "n", "action": "work", "map": {"over": "m", "item": "name"}},
        node("last", dependencies=["next", "n"], trigger="all_done"),
    ]
    system = sim.system(actions=stage.actions)
    run = system.flows.start({"name": "f", "nodes": nodes})
    sim.advance(0.5)
    run.cancel(node="next")
    run.cancel(node="n")
    report = run.wait()
    found = states(report)
    assert report.state == "failed"
    assert (found["next"], found["n"], found["m"], found["last"]) == (
        "cancelled",
        "cancelled",
        "succeeded",
        "succeeded",
    )
    assert {found[f"n{at}"] for at in range(3)} == {"cancelled"}


def loses_a_branch(sim: Simulation) -> None:
    stage = Stage()

    def play(system: ActorSystem) -> Report:
        run = system.flows.start(BRANCHES, run_id="r")
        run.cancel(node="b")
        return run.wait()

    report = sim.keep_going(play, actions=stage.actions)
    assert (report.state, states(report)) == ("succeeded", CUT)
    assert "b" not in stage.began


def test_a_cancelled_branch_stays_so_whichever_commit_a_process_dies_at() -> None:
    """Law: the same run as without a death."""
    assert explore(loses_a_branch, seeds=2, crash="every_commit").commits > 4


def test_each_wrong_request_is_an_error_of_its_own_and_changes_nothing(sim: Simulation, stage: Stage) -> None:
    """Law: it names what is, and what was wanted."""
    system = sim.system(actions=stage.actions)
    run = system.flows.start(CHAIN, run_id="r")
    before = run.wait()
    with pytest.raises(NodeTransition, match="'a' of run 'r' is succeeded, it cannot become cancelled"):
        run.cancel(node="a")
    with pytest.raises(UnknownNode, match="no node 'bb'; did you mean 'b'"):
        run.cancel(node="bb")
    with pytest.raises(IllegalTransition, match="is succeeded, it cannot become paused"):
        run.pause()
    with pytest.raises(RequestError, match="no run 'q'"):
        system.flows.pause("q")
    assert run.report() == before
    other = system.flows.start(CHAIN, run_id="s")
    other.cancel()
    for verb, wanted in ((other.pause, "paused"), (other.resume, "resumed")):
        with pytest.raises(IllegalTransition, match=f"is cancelled, it cannot become {wanted}"):
            verb()
    with pytest.raises(NodeTransition, match="'c' of run 's' is skipped"):
        other.cancel(node="c")
