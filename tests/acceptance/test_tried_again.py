"""Runs that are paused, cancelled and tried again while some of their nodes have begun; on virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dagger_actors import ActorSystem, HookEvent, ResumeRun
from dagger_actors.errors import RequestError
from dagger_actors.testing.errors import WorkerKilled
from dagger_actors.testing.simulation import Simulation


class Stage:
    """Actions that note what begins."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.fails = True

    @property
    def actions(self) -> list[Any]:
        async def work(name: str) -> str:
            self.began.append(name)
            await asyncio.sleep(1)
            return name

        def fails() -> None:
            self.began.append("fails")
            if self.fails:
                raise ValueError("not yet")

        return [work, fails]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def node(name: str, **keys: Any) -> dict[str, Any]:
    return {"id": name, "action": "work", "inputs": {"name": {"value": name}}, **keys}


def states(system: ActorSystem) -> dict[str, str]:
    return {one.node_id: one.state for one in system.flows.report("r").nodes}


def test_what_has_begun_is_not_begun_again_when_what_it_needed_is_tried_again(sim: Simulation, stage: Stage) -> None:
    """Law: an attempt is executed once, though the failure that let it begin is undone by a retry."""
    first = {"id": "first", "action": "fails", "on_failure": "continue"}
    nodes = [first, *(node(f"n{at}", dependencies=["first"], trigger="all_done") for at in range(3))]
    system = sim.system(actions=stage.actions)
    run = system.flows.start({"name": "f", "config": {"max_parallel_nodes": 2}, "nodes": nodes}, run_id="r")
    sim.advance(0.5)
    run.pause()
    assert run.wait().state == "paused"
    assert states(system) == {"first": "failed", "n0": "succeeded", "n1": "succeeded", "n2": "ready"}
    stage.fails = False
    report = system.flows.retry("r").wait()
    assert (report.state, {one.state for one in report.nodes}) == ("succeeded", {"succeeded"})
    assert sorted(stage.began) == ["fails", "fails", "n0", "n1", "n2"]


def test_what_was_parked_waits_for_what_it_is_given_when_both_are_tried_again(sim: Simulation) -> None:
    """Law: released work is given what there is now, not what there was when it was parked; a death changes nothing."""
    fails = True
    given: list[str] = []

    async def first() -> str:
        await asyncio.sleep(1)
        if fails:
            raise ValueError("not yet")
        return "there"

    async def second(value: str) -> None:
        given.append(value)
        await asyncio.sleep(1)

    nodes: list[dict[str, Any]] = [
        {"id": "first", "action": "first", "on_failure": "continue"},
        {
            "id": "second",
            "action": "second",
            "inputs": [{"name": "value", "reference": "first", "default": "nothing"}],
            "trigger": "all_done",
            "durability": "at_most_once",
        },
    ]
    system = sim.system(actions=[first, second])
    system.flows.start({"name": "f", "nodes": nodes}, run_id="r")
    sim.advance(1.5)
    sim.kill(system)
    system = sim.system(actions=[first, second], recover=True)
    sim.advance(1)
    assert states(system) == {"first": "failed", "second": "waiting"}
    fails = False
    system.flows.retry("r")
    sim.advance(0.5)
    assert states(system) == {"first": "running", "second": "pending"}
    sim.kill(system)
    system = sim.system(actions=[first, second], recover=True)
    sim.advance(5)
    assert states(system) == {"first": "succeeded", "second": "succeeded"}
    assert given == ["nothing", "there"]


def test_a_pause_that_was_called_off_stays_so_though_its_process_dies_at_once(sim: Simulation) -> None:
    """Law: what a resume says is in the file when it is, also of a flow inside that has no place yet to be tried again."""
    fails = True

    async def part() -> None:
        await asyncio.sleep(1)
        if fails:
            raise ValueError("not yet")

    async def long() -> None:
        await asyncio.sleep(10)

    system = sim.system(actions=[part, long])
    system.flows.load({"name": "inner", "nodes": [{"id": "part", "action": "part"}]})
    nodes = [{"id": "sub", "flow": "inner", "on_failure": "pause"}, {"id": "beside", "action": "long"}]
    system.flows.start({"name": "f", "nodes": nodes}, run_id="r")
    sim.advance(2)
    assert states(system) == {"sub": "failed", "beside": "running"}
    fails = False
    sim.kill_at(system, 1)
    with pytest.raises(WorkerKilled):
        system.flows.resume("r")
    system = sim.system(actions=[part, long], recover=True)
    sim.advance(30)
    assert states(system) == {"sub": "succeeded", "beside": "succeeded"}


def test_what_waits_for_its_turn_to_be_tried_again_is_though_a_pause_is_called_off_meanwhile(sim: Simulation) -> None:
    """Law: only a retry repeats parked work, and what a retry says outlasts a pause, and a resume, of before its turn."""
    began: list[int] = []

    async def once(number: int) -> None:
        began.append(number)
        await asyncio.sleep(10)

    def opened() -> ActorSystem:
        return sim.system(actions=[once], recover=True)

    given = {"inputs": {"number": "inputs.number"}}
    inputs = {"number": {"type": "int"}}
    inner = {"id": "once", "action": "once", "durability": "at_most_once", **given}
    mapped = {"id": "sub", "flow": "middle", "map": {"over": "inputs.numbers", "item": "number", "limit": 1}}
    system = opened()
    system.flows.load({"name": "inner", "inputs": inputs, "nodes": [inner]})
    system.flows.load({"name": "middle", "inputs": inputs, "nodes": [{"id": "far", "flow": "inner", **given}]})
    outer = {"name": "f", "inputs": {"numbers": {"type": "list"}}, "nodes": [mapped]}
    system.flows.start(outer, inputs={"numbers": [0, 1]}, run_id="r")
    for _ in range(2):
        sim.advance(1)
        sim.kill(system)
        system = opened()
    sim.advance(1)
    assert (system.flows.report("r").state, began) == ("paused", [0, 1])
    system.flows.retry("r")
    sim.advance(1)
    system.flows.pause("r")
    system.flows.resume("r")
    sim.advance(30)
    assert (system.flows.report("r").state, began) == ("succeeded", [0, 1, 0, 1])


@pytest.mark.parametrize("start_from", [[], ["behind"]])
def test_what_a_map_that_has_succeeded_had_skipped_stays_told_when_its_run_is_tried_again(
    sim: Simulation, start_from: list[str]
) -> None:
    """Law: an item of a map that is done is not forgotten; one of a map that is to be done again is, and is skipped anew."""
    fails = True

    def odd(item: int) -> int:
        if item == 2:
            raise ValueError("even")
        return item

    def other() -> None:
        if fails:
            raise ValueError("not yet")

    nodes: list[dict[str, Any]] = [
        {"id": "first", "action": "odd", "map": {"over": "inputs.xs", "item": "item", "tolerate": 1}},
        {"id": "behind", "action": "odd", "map": {"over": "first", "item": "item"}},
        {"id": "other", "action": "other", "dependencies": ["behind"]},
    ]
    system = sim.system(actions=[odd, other])
    flow = {"name": "f", "inputs": {"xs": {"type": "list"}}, "nodes": nodes}
    run = system.flows.start(flow, {"xs": [1, 2, 3]}, run_id="r")

    def behind() -> list[tuple[str, str]]:
        found = [one for one in run.report().nodes if one.node_id == "behind" and one.invocation_key]
        return [(item.invocation_key, item.state) for item in found]

    told = [("0", "succeeded"), ("1", "skipped"), ("2", "succeeded")]
    assert run.wait().state == "failed"
    assert behind() == told
    for _ in range(2):
        system.flows.retry("r", start_from=start_from)
        assert run.wait().state == "failed"
        assert behind() == told
    fails = False
    system.flows.retry("r", start_from=start_from)
    assert run.wait().state == "succeeded"
    assert behind() == told


@pytest.mark.parametrize("how", ["rejected", "cancelled"])
def test_a_question_that_is_asked_again_tells_of_no_attempt_that_never_was(sim: Simulation, how: str) -> None:
    """Law: the attempts of a report are those that began; nothing was interrupted."""
    system = sim.system(actions=[])
    run = system.flows.start({"name": "f", "nodes": [{"id": "ok", "approval": {"message": "go?"}}]}, run_id="r")
    run.wait()
    if how == "rejected":
        system.flows.reject("r", "ok")
    else:
        system.flows.cancel("r")
    ended = {"rejected": "failed", "cancelled": "cancelled"}[how]
    assert run.wait().state == ended
    (asked,) = system.flows.retry("r").wait().nodes
    assert [one.state for one in asked.attempts] == [ended, "waiting"]
    system.flows.signal("r", "ok", value=True)
    (asked,) = run.wait().nodes
    assert [one.state for one in asked.attempts] == [ended, "succeeded"]
    assert "cut off" not in str(system.flows.explain("r", "ok"))


def test_what_waits_to_be_run_again_is_pending(sim: Simulation, stage: Stage) -> None:
    """Law: what is done and void, and has not begun anew, says whom it waits for; its attempts are those that were."""
    system = sim.system(actions=stage.actions)
    nodes = [node("a"), node("b", dependencies=["a"]), node("c", dependencies=["b"])]
    run = system.flows.start({"name": "f", "nodes": nodes}, run_id="r")
    run.wait()
    system.flows.retry("r", start_from=["a"])
    sim.advance(0.5)
    assert states(system) == {"a": "running", "b": "pending", "c": "pending"}
    told = system.flows.explain("r", "c")
    assert (told.state, told.sentences[:2]) == ("pending", ("it waits for 'b' (pending)", "in the end that is for 'a'"))
    report = run.wait()
    assert [[one.state for one in each.attempts] for each in report.nodes] == [["succeeded"] * 2] * 3


@pytest.mark.parametrize("how", ["cancelled", "stopped"])
def test_what_was_to_be_run_again_and_has_not_begun_is_skipped(sim: Simulation, stage: Stage, how: str) -> None:
    """Law: a run that is over says of each of its nodes how it ended, and why, however often it was tried."""
    last = node("a") if how == "cancelled" else {"id": "a", "action": "fails"}
    nodes = [last, node("b", dependencies=["a"]), node("c", dependencies=["b"])]
    system = sim.system(actions=stage.actions)
    run = system.flows.start({"name": "f", "nodes": nodes}, run_id="r")
    ended = {"cancelled": "cancelled", "stopped": "failed"}[how]
    for turn in range(3):
        sim.advance(0.1)
        if how == "cancelled":
            run.cancel()
        report = run.wait()
        assert (report.state, states(system)) == (ended, {"a": ended, "b": "skipped", "c": "skipped"})
        assert all(one.reason for one in report.nodes if one.state == "skipped")
        stage.fails = turn < 2
        system.flows.retry("r")
    assert run.wait().state == "succeeded"


def test_what_becomes_ready_because_another_node_is_skipped_again_begins_once(sim: Simulation, stage: Stage) -> None:
    """Law: a retry that skips a node and runs the one behind it runs that once; it was queued twice, and the retry was lost."""
    nodes = [
        node("a"),
        node("b", dependencies=["a"], trigger="any_failed"),
        {"id": "c", "action": "fails", "dependencies": ["b"], "trigger": "all_done"},
    ]
    system = sim.system(actions=stage.actions)
    run = system.flows.start({"name": "f", "nodes": nodes}, run_id="r")
    assert run.wait().state == "failed"
    stage.fails = False
    report = system.flows.retry("r").wait()
    assert (report.state, states(system)) == ("succeeded", {"a": "succeeded", "b": "skipped", "c": "succeeded"})
    assert stage.began == ["a", "fails", "fails"]


def test_what_a_death_cut_off_is_cancelled_with_its_run_though_its_start_was_not_written_down(
    sim: Simulation, stage: Stage
) -> None:
    """Law: skipped is what never began."""
    system = sim.system(actions=stage.actions)
    spec = {"name": "f", "config": {"max_parallel_nodes": 1}, "nodes": [node("a"), node("b")]}
    system.flows.start(spec, run_id="r")
    while not stage.began:
        sim.world.step()
    sim.kill(system)
    other = sim.system()
    assert other.flows.cancel("r").state == "cancelled"
    assert states(other) == {"a": "cancelled", "b": "skipped"}


def tolerant(**keys: Any) -> dict[str, Any]:
    return {
        "name": "f",
        "nodes": [
            {"id": "list", "action": "odd", "map": {"over": "inputs.l", "item": "value", "tolerate": 1}},
            {"id": "bad", "action": "fails", "dependencies": ["list"], **keys},
        ],
        "outputs": {"list": "list"},
    }


@pytest.mark.parametrize("again", ["retry", "resume"])
def test_a_failure_that_a_map_tolerates_is_kept_and_fails_nothing(sim: Simulation, stage: Stage, again: str) -> None:
    """Law: a node that has succeeded is not done again, its holes included; the run succeeds once the others have."""

    def odd(value: int) -> int:
        stage.began.append(f"odd {value}")
        if value % 2 and stage.fails:
            raise ValueError("odd")
        return value

    system = sim.system(actions=[*stage.actions, odd])
    spec = tolerant(on_failure="stop" if again == "retry" else "pause")
    run = system.flows.start(spec, {"l": [0, 1]}, run_id="r")
    assert run.wait().state == ("failed" if again == "retry" else "paused")
    stage.fails = False
    report = getattr(system.flows, again)("r").wait()
    assert (report.state, report.error, report.outputs) == ("succeeded", None, {"list": [0, None]})
    assert sorted(stage.began) == ["fails", "fails", "odd 0", "odd 1"]


@pytest.mark.parametrize("others", [0, 1])
def test_a_run_that_rests_for_people_goes_on_when_one_of_the_questions_is_cancelled(
    sim: Simulation, stage: Stage, others: int
) -> None:
    """Law: what needs nothing of it is done at once, and who else is asked may still answer."""
    asked = {"approval": {"message": "so?"}}
    nodes = [
        {"id": "ask", **asked},
        node("then", dependencies=["ask"], trigger="all_done"),
        *({"id": f"other{at}", **asked} for at in range(others)),
    ]
    system = sim.system(actions=stage.actions, recover=True)
    run = system.flows.start({"name": "f", "nodes": nodes}, run_id="r")
    assert run.wait().state == "paused"
    run.cancel(node="ask")
    sim.advance(2)
    assert states(system)["then"] == "succeeded"
    for at in range(others):
        system.flows.signal("r", f"other{at}", True)  # noqa: FBT003 - the answer is yes
    sim.advance(2)
    assert run.report().state == "succeeded"


# --- maps whose failure pauses


MAPPED = {"id": "m", "action": "each", "on_failure": "pause", "map": {"over": "inputs.ns", "item": "n"}}
BEHIND = {"id": "z", "action": "behind", "map": {"over": "m", "item": "n"}}


class Maps:
    """Items that fail until they are mended."""

    def __init__(self) -> None:
        self.is_mended = False

    @property
    def actions(self) -> list[Any]:
        async def each(n: int) -> int:
            if n == 2 and not self.is_mended:
                raise ValueError("no")
            return n

        def behind(n: int) -> int:
            return n * 10

        async def work(name: str) -> str:
            await asyncio.sleep(5)
            return name

        def goes_on(event: HookEvent) -> ResumeRun:
            assert event.error is not None
            return ResumeRun()

        return [each, behind, work, goes_on]


def test_what_goes_over_items_that_may_be_tried_again_waits_for_them(sim: Simulation) -> None:
    """Law: while a mapped node pauses its run, nothing is skipped for its failed items; tried again, they are made use of."""
    maps = Maps()
    system = sim.system(actions=maps.actions)
    over = {"id": "y", "action": "behind", "map": {"over": "z", "item": "n"}}
    run = system.flows.start({"name": "f", "nodes": [MAPPED, BEHIND, over]}, {"ns": [1, 2, 3]}, run_id="r")
    assert run.wait().state == "paused"
    assert "skipped" not in {node.state for node in run.report().nodes}
    maps.is_mended = True
    assert system.flows.resume("r").result() == {"y": [100, 200, 300]}


def test_what_goes_over_items_that_are_given_up_is_skipped(sim: Simulation) -> None:
    """Law: it waits no longer than until the end of the node above is known: that it tolerates them, or goes with its run."""
    system = sim.system(actions=Maps().actions)
    tolerant = {**MAPPED, "map": {**MAPPED["map"], "tolerate": 1}}  # type: ignore[dict-item]
    run = system.flows.start({"name": "f", "nodes": [tolerant, BEHIND]}, {"ns": [1, 2, 3]})
    assert run.result() == {"z": [10, None, 30]}
    run = system.flows.start({"name": "f", "nodes": [MAPPED, BEHIND]}, {"ns": [1, 2, 3]}, run_id="r")
    assert run.wait().state == "paused"
    assert run.cancel().state == "cancelled"
    assert {node.state for node in run.report().nodes if node.node_id == "z"} <= {"skipped", "succeeded", "cancelled"}


def test_a_pause_for_items_that_failed_is_called_off_when_the_run_has_paused(sim: Simulation) -> None:
    """Law: their attempts are those of the file; who resumes waits until what still runs has ended."""
    maps = Maps()
    system = sim.system(actions=maps.actions)
    nodes = [MAPPED, node("long")]
    run = system.flows.start({"name": "f", "nodes": nodes}, {"ns": [1, 2, 3]}, run_id="r")
    sim.advance(1)
    assert {one.node_id: one.state for one in run.report().nodes if not one.invocation_key}["m"] == "failed"
    maps.is_mended = True
    began_us = sim.world.mono_us
    assert system.flows.resume("r").result() == {"m": [1, 2, 3], "long": "long"}
    assert sim.world.mono_us - began_us >= 4_000_000


def test_an_action_does_not_wait_until_a_run_has_paused(sim: Simulation) -> None:
    """Law: it is told that, and how the run goes on; it might be one of the run itself. Nothing changes."""
    refused: list[RequestError] = []

    def resumes() -> None:
        with pytest.raises(RequestError, match=r"only when it has paused.*resume it when it has.*aresume") as caught:
            system.flows.resume("r")
        refused.append(caught.value)

    maps = Maps()
    system = sim.system(actions=[*maps.actions, resumes])
    run = system.flows.start({"name": "f", "nodes": [MAPPED, node("long")]}, {"ns": [1, 2, 3]}, run_id="r")
    sim.advance(1)
    maps.is_mended = True
    assert (
        system.flows.start({"name": "other", "nodes": [{"id": "it", "action": "resumes"}]}).wait().state == "succeeded"
    )
    assert len(refused) == 1
    assert run.wait().state == "paused"
    assert system.flows.resume("r").result() == {"m": [1, 2, 3], "long": "long"}


def test_a_hook_cannot_call_off_a_pause_for_items_that_failed(sim: Simulation) -> None:
    """Law: it is told what to do instead, and the run comes to its end."""
    system = sim.system(actions=Maps().actions)
    spec = {"name": "f", "hooks": {"node_failure": "goes_on"}, "nodes": [MAPPED, node("long")]}
    report = system.flows.start(spec, {"ns": [2]}, run_id="r").wait()
    assert report.state == "paused"
    (told,) = [one.attempts[-1].error for one in report.nodes if one.called_for]
    assert told is not None
    assert "tried again only when the run has paused: resume it then" in told.message
