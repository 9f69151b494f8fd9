"""Sub-flows: nodes that run another flow, also mapped, nested, failing, timed out, cancelled, paused; on virtual time."""

from __future__ import annotations

import asyncio
import re
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dagger_actors import ActorSystem, Channel, DefinitionError, Trigger
from dagger_actors.errors import RequestError
from dagger_actors.testing import explore
from dagger_actors.testing.simulation import Simulation

PATIENCE_S = 600

INNER = """
name: inner
inputs:
  number: {type: int}
  step: {type: int, default: 1}
nodes:
  - {id: grown, action: grow, inputs: {number: inputs.number, step: inputs.step}}
  - {id: told, action: tell, inputs: {number: grown}}
outputs: {number: grown, text: told}
"""

OUTER = """
name: outer
inputs:
  start: {type: int, default: 1}
nodes:
  - {id: first, action: grow, inputs: {number: inputs.start}}
  - {id: sub, flow: inner.yaml, inputs: {number: first, step: {value: 10}}}
  - {id: last, action: grow, inputs: {number: sub.number}}
outputs: {number: last, text: sub.text}
"""

MAPPED = """
name: outer
inputs:
  numbers: {type: list}
nodes:
  - {id: sub, flow: inner.yaml, map: {over: inputs.numbers, item: number, limit: 2}}
  - {id: all, action: texts, inputs: {of: sub}}
outputs: {texts: all}
"""

NESTED = """
name: nested
nodes:
  - {id: deep, flow: outer.yaml, inputs: {start: {value: 5}}}
  - {id: done, action: grow, inputs: {number: deep.number}}
outputs: {number: done}
"""


class Number(msgspec.Struct, frozen=True):
    number: int


def grow(number: int, step: int = 1) -> int:
    return number + step


def tell(number: int) -> str:
    return f"it is {number}"


def texts(of: list[dict[str, Any]]) -> list[str]:
    return [one["text"] for one in of]


def written(folder: Path, **flows: str) -> Path:
    for name, text in {"inner": INNER, **flows}.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder / "outer.yaml"


def states(system: ActorSystem, run_id: str) -> dict[str, str]:
    return {f"{node.node_id}{node.invocation_key}": node.state for node in system.flows.report(run_id).nodes}


def test_a_flow_is_a_node_of_another(sim: Simulation, tmp_path: Path) -> None:
    """Law: the inputs of a node with ``flow`` are those of a run of its own, whose outputs are the node's output."""
    system = sim.system(actions=[grow, tell])
    run = system.flows.start(written(tmp_path, outer=OUTER), {"start": 4}, run_id="r")
    report = run.wait(PATIENCE_S)
    assert report.state == "succeeded", report
    assert report.outputs == {"number": 16, "text": "it is 15"}
    inner = system.flows.report("r/sub")
    assert (inner.flow_name, inner.state, inner.outputs) == ("inner", "succeeded", {"number": 15, "text": "it is 15"})
    assert inner.inputs == {"number": 5, "step": 10}
    assert [one.run_id for one in system.flows.runs()] == ["r"]
    assert {one.run_id for one in system.flows.runs(inside=True)} == {"r", "r/sub"}


def test_a_mapped_flow_has_a_run_for_each_item(sim: Simulation, tmp_path: Path) -> None:
    """Law: ``map`` with ``flow`` runs the flow once for each item, in runs of their own; the outputs are in order."""
    system = sim.system(actions=[grow, tell, texts])
    run = system.flows.start(written(tmp_path, outer=MAPPED), {"numbers": [1, 2, 3, 4, 5]}, run_id="r")
    report = run.wait(PATIENCE_S)
    assert report.state == "succeeded", report
    assert report.outputs == {"texts": [f"it is {number + 1}" for number in range(1, 6)]}
    assert {one.run_id for one in system.flows.runs(inside=True)} == {"r", *(f"r/sub/{item}" for item in range(5))}


def test_flows_may_be_nested(sim: Simulation, tmp_path: Path) -> None:
    """Law: a flow inside a flow may have flows inside."""
    written(tmp_path, outer=OUTER, nested=NESTED)
    system = sim.system(actions=[grow, tell])
    report = system.flows.start(tmp_path / "nested.yaml", run_id="r").wait(PATIENCE_S)
    assert report.outputs == {"number": 18}
    assert {one.run_id for one in system.flows.runs(inside=True)} == {"r", "r/deep", "r/deep/sub"}


@pytest.fixture
def failing() -> dict[str, bool]:
    return {"is": True}


def actions_of(failing: dict[str, bool], calls: list[int]) -> list[Any]:
    def grow(number: int, step: int = 1) -> int:
        calls.append(number)
        return number + step

    def tell(number: int) -> str:
        if failing["is"] and number % 2:
            raise ValueError(f"{number} is odd")
        return f"it is {number}"

    return [grow, tell, texts]


def test_a_failed_flow_fails_its_node_and_a_retry_goes_on_inside(
    sim: Simulation, tmp_path: Path, failing: dict[str, bool]
) -> None:
    """Law: the node's error names the run inside; ``retry`` of the outer run tries what failed inside, and no more."""
    calls: list[int] = []
    system = sim.system(actions=actions_of(failing, calls))
    report = system.flows.start(written(tmp_path, outer=OUTER), {"start": 4}, run_id="r").wait(PATIENCE_S)
    assert (report.state, states(system, "r")) == ("failed", {"first": "succeeded", "sub": "failed", "last": "skipped"})
    assert report.error == "sub: SubFlowFailed: run 'r/sub' failed: told: ValueError: 15 is odd"
    assert calls == [4, 5]
    failing["is"] = False
    report = system.flows.retry("r").wait(PATIENCE_S)
    assert (report.state, report.outputs["text"]) == ("succeeded", "it is 15")
    assert calls == [4, 5, 15], "what had succeeded inside was done again"
    inner = system.flows.report("r/sub")
    assert [len(node.attempts) for node in inner.nodes] == [1, 2]
    assert inner.error is None


def test_items_that_failed_are_tried_again_inside_their_runs(
    sim: Simulation, tmp_path: Path, failing: dict[str, bool]
) -> None:
    """Law: of a mapped flow a retry goes on inside the runs of the items that failed; the others are kept."""
    calls: list[int] = []
    system = sim.system(actions=actions_of(failing, calls))
    run = system.flows.start(written(tmp_path, outer=MAPPED), {"numbers": [1, 2, 3, 4]}, run_id="r")
    assert run.wait(PATIENCE_S).error == (
        "sub: MapFailed: 2 of 4 items failed; the first is item '1': "
        "SubFlowFailed: run 'r/sub/1' failed: told: ValueError: 3 is odd"
    )
    assert [system.flows.report(f"r/sub/{item}").state for item in range(4)] == [
        "succeeded",
        "failed",
        "succeeded",
        "failed",
    ]
    failing["is"] = False
    report = system.flows.retry("r").wait(PATIENCE_S)
    assert report.outputs == {"texts": [f"it is {number}" for number in (2, 3, 4, 5)]}
    assert sorted(calls) == [1, 2, 3, 4]


SLOW = """
name: inner
nodes:
  - {id: slow, action: slow}
outputs: {done: slow}
"""

SLOW_OUTER = """
name: outer
nodes:
  - {id: sub, flow: middle.yaml%s}
"""

MIDDLE = """
name: middle
nodes:
  - {id: sub, flow: inner.yaml}
"""


async def slow() -> int:
    await asyncio.sleep(3600)
    return 1


def test_a_cancel_reaches_down(sim: Simulation, tmp_path: Path) -> None:
    """Law: what runs inside a run that is cancelled is cancelled, at any depth."""
    path = written(tmp_path, outer=SLOW_OUTER % "", middle=MIDDLE, inner=SLOW)
    system = sim.system(actions=[slow])
    system.flows.start(path, run_id="r")
    sim.settle()
    assert system.flows.report("r/sub/sub").state == "running"
    assert system.flows.cancel("r").state == "cancelled"
    sim.settle()
    for run_id, node in (("r", "sub"), ("r/sub", "sub"), ("r/sub/sub", "slow")):
        assert (system.flows.report(run_id).state, states(system, run_id)) == ("cancelled", {node: "cancelled"})


TWO_MAPS = """
name: outer
config: {max_parallel_nodes: 1}
inputs:
  three: {type: list, default: [1, 2, 3]}
nodes:
  - {id: first, flow: inner.yaml, map: {over: inputs.three, item: number}}
  - {id: second, flow: inner.yaml, map: {over: inputs.three, item: number}}
"""


def test_whom_a_cancelled_flow_kept_waiting_goes_on(sim: Simulation, tmp_path: Path) -> None:
    """Law: the place of a flow is given to one that may still run; given to one that was cancelled with it, all others waited for ever."""

    async def grow(number: int, step: int = 1) -> int:
        await asyncio.sleep(60)
        return number + step

    system = sim.system(actions=[grow, tell])
    run = system.flows.start(written(tmp_path, outer=TWO_MAPS), run_id="r")
    sim.advance(1)
    run.cancel(node="first")
    report = run.wait(PATIENCE_S)
    assert report.state == "succeeded"
    assert {node.state for node in report.nodes if node.node_id == "second"} == {"succeeded"}


def test_a_time_out_reaches_down(sim: Simulation, tmp_path: Path) -> None:
    """Law: a node's time-out is that of the run inside; it fails the node, and what runs inside is cancelled."""
    path = written(tmp_path, outer=SLOW_OUTER % ", timeout: 60", middle=MIDDLE, inner=SLOW)
    system = sim.system(actions=[slow])
    report = system.flows.start(path, run_id="r").wait(PATIENCE_S)
    assert (report.state, report.nodes[0].state) == ("failed", "timed_out")
    assert report.error == "sub: TimeoutError: its flow did not end within its timeout of 60 s"
    sim.settle()
    assert [system.flows.report(one).state for one in ("r/sub", "r/sub/sub")] == ["cancelled", "cancelled"]


def test_the_time_of_a_run_is_that_of_the_runs_inside(sim: Simulation, tmp_path: Path) -> None:
    """Law: a run that has used up its ``timeout_seconds`` cancels what runs inside."""
    text = SLOW_OUTER % "" + "config: {timeout_seconds: 60}\n"
    path = written(tmp_path, outer=text, middle=MIDDLE, inner=SLOW)
    system = sim.system(actions=[slow])
    assert system.flows.start(path, run_id="r").wait(PATIENCE_S).state == "timed_out"
    sim.settle()
    assert [system.flows.report(one).state for one in ("r/sub", "r/sub/sub")] == ["cancelled", "cancelled"]


def test_a_cancelled_run_inside_fails_its_node(sim: Simulation, tmp_path: Path) -> None:
    """Law: a run inside may be cancelled by itself; the run above is told, as of any end."""
    path = written(tmp_path, outer=SLOW_OUTER % "", middle=MIDDLE, inner=SLOW)
    system = sim.system(actions=[slow])
    run = system.flows.start(path, run_id="r")
    sim.settle()
    system.flows.cancel("r/sub/sub")
    report = run.wait(PATIENCE_S)
    assert (report.state, states(system, "r/sub")) == ("failed", {"sub": "failed"})
    assert report.error == "sub: SubFlowFailed: run 'r/sub' failed: sub: SubFlowFailed: run 'r/sub/sub' cancelled"


def test_a_run_inside_that_pauses_pauses_the_run_above(
    sim: Simulation, tmp_path: Path, failing: dict[str, bool]
) -> None:
    """Law: it is as parked work: what else can run does, then the run above pauses; resumed, it goes on inside."""
    calls: list[int] = []
    inner = INNER + "config: {on_failure: pause}\n"
    system = sim.system(actions=actions_of(failing, calls))
    run = system.flows.start(written(tmp_path, inner=inner, outer=OUTER), {"start": 4}, run_id="r")
    assert run.wait(PATIENCE_S).state == "paused"
    assert system.flows.report("r/sub").state == "paused"
    assert states(system, "r") == {"first": "succeeded", "sub": "waiting", "last": "pending"}
    assert system.flows.resumable() == ["r"]
    failing["is"] = False
    report = system.flows.resume("r").wait(PATIENCE_S)
    assert (report.state, report.outputs["text"], calls) == ("succeeded", "it is 15", [4, 5, 15])


def test_a_run_inside_goes_on_with_the_run_above_alone(
    sim: Simulation, tmp_path: Path, failing: dict[str, bool]
) -> None:
    """Law: whoever would retry or resume a run inside is told which run it goes on with; nothing changes."""
    system = sim.system(actions=actions_of(failing, []))
    system.flows.start(written(tmp_path, outer=OUTER), {"start": 4}, run_id="r").wait(PATIENCE_S)
    for ask in (system.flows.retry, system.flows.resume):
        with pytest.raises(RequestError, match=r"node of another run.*(retry|resume) r$"):
            ask("r/sub")
    assert system.flows.report("r/sub").state == "failed"


@pytest.mark.parametrize("is_fork", [False, True])
def test_nobody_takes_the_id_of_a_run_inside(sim: Simulation, tmp_path: Path, is_fork: bool) -> None:
    """Law: an id with a "/" is refused, with one that will do, before anything is written: a node may want it one day."""
    system = sim.system(actions=[grow, tell])
    flow = written(tmp_path, outer=OUTER)
    if is_fork:
        system.flows.start(flow.with_name("inner.yaml"), {"number": 1}, run_id="other").wait(PATIENCE_S)
        begin = partial(system.flows.fork, "other", start_from=["told"])
    else:
        begin = partial(system.flows.start, flow.with_name("inner.yaml"), {"number": 1})
    with pytest.raises(RequestError, match=r"has no '/'.*RUN/NODE.*not 'r/sub'; write 'r-sub'"):
        begin(run_id="r/sub")
    assert system.flows.start(flow, run_id="r").wait(PATIENCE_S).state == "succeeded"
    assert system.flows.report("r/sub").inputs == {"number": 2, "step": 10}


NUMBERS = Channel("sub", Number)


@pytest.mark.parametrize("is_trigger_first", [True, False])
def test_a_run_of_a_trigger_and_one_inside_another_are_never_taken_for_each_other(
    sim: Simulation, tmp_path: Path, is_trigger_first: bool
) -> None:
    """Law: where the id of a run inside is that of a trigger's run, whoever comes second says so, and the first is left alone."""
    flow = written(tmp_path, outer=MAPPED)
    trigger = Trigger("sub", flow=tmp_path / "inner.yaml", group="r")
    system = sim.system(actions=[grow, tell, texts], channels=[NUMBERS], triggers=[trigger])

    def publish() -> None:
        system.channels.publish("sub", Number(7))
        sim.run()

    if is_trigger_first:
        publish()
    report = system.flows.start(flow, {"numbers": [1]}, run_id="r").wait(PATIENCE_S)
    if is_trigger_first:
        told = report.error or ""
    else:
        publish()
        (letter,) = system.channels.dead_letters()
        told = system.channels.dead_letter(letter.id).error.message
    assert "run 'r/sub/0' exists already, made by another run or trigger; fork the run above" in told
    assert system.flows.report("r/sub/0").inputs["number"] == (7 if is_trigger_first else 1)
    assert report.state == ("failed" if is_trigger_first else "succeeded")


def test_a_run_is_pinned_to_the_flows_inside(sim: Simulation, tmp_path: Path, failing: dict[str, bool]) -> None:
    """Law: a file that changes while a run goes on, or before it is retried, changes nothing of that run."""
    system = sim.system(actions=actions_of(failing, []))
    system.flows.start(written(tmp_path, outer=OUTER), {"start": 4}, run_id="r").wait(PATIENCE_S)
    (tmp_path / "inner.yaml").write_text("name: other\nnodes: [{id: a, action: grow}]\n")
    failing["is"] = False
    assert system.flows.retry("r").wait(PATIENCE_S).outputs == {"number": 16, "text": "it is 15"}


def test_a_flow_inside_is_run_again_only_in_a_fork(sim: Simulation, tmp_path: Path) -> None:
    """Law: ``start_from`` does no run inside anew, and says what does; in a fork it is another run."""
    system = sim.system(actions=[grow, tell])
    system.flows.start(written(tmp_path, outer=OUTER), {"start": 4}, run_id="r").wait(PATIENCE_S)
    with pytest.raises(RequestError, match=r"'sub' runs a flow.*fork r --from first"):
        system.flows.retry("r", start_from=["first"])
    assert system.flows.retry("r", start_from=["last"]).wait(PATIENCE_S).outputs["number"] == 16
    fork = system.flows.fork("r", start_from=["sub"], run_id="f")
    assert fork.wait(PATIENCE_S).outputs == {"number": 16, "text": "it is 15"}
    assert {one.run_id for one in system.flows.runs(inside=True)} == {"r", "r/sub", "f", "f/sub"}


def test_a_person_is_asked_inside(sim: Simulation, tmp_path: Path) -> None:
    """Law: who is asked by a run inside answers that run; it goes on at once, and so does the run above."""
    inner = "name: inner\nnodes:\n  - {id: ok, approval: {type: int}}\noutputs: {number: ok}\n"
    outer = "name: outer\nnodes:\n  - {id: sub, flow: inner.yaml}\n  - {id: last, action: grow, inputs: {number: sub.number}}\n"
    system = sim.system(actions=[grow])
    run = system.flows.start(written(tmp_path, inner=inner, outer=outer), run_id="r")
    sim.settle()
    assert [states(system, one) for one in ("r", "r/sub")] == [{"sub": "waiting", "last": "pending"}, {"ok": "waiting"}]
    system.flows.signal("r/sub", "ok", 6)
    assert run.wait(PATIENCE_S).outputs == {"last": 7}


def test_a_flow_that_was_loaded_is_run_by_its_name(sim: Simulation, tmp_path: Path) -> None:
    """Law: ``flow`` takes the name of a flow that the system has loaded, as ``start`` does."""
    system = sim.system(actions=[grow, tell])
    system.flows.load(written(tmp_path, outer=OUTER).with_name("inner.yaml"))
    spec = {"name": "o", "nodes": [{"id": "sub", "flow": "inner", "inputs": {"number": {"value": 1}}}]}
    assert system.flows.start(spec).wait(PATIENCE_S).outputs == {"sub": {"number": 2, "text": "it is 2"}}


# --- whichever commit a worker dies at


@pytest.mark.parametrize(("name", "inputs"), [("nested", {}), ("mapped", {"numbers": [1, 2, 3]})])
def test_whichever_commit_the_worker_dies_at_flows_inside_run_once(
    tmp_path: Path, name: str, inputs: dict[str, Any]
) -> None:
    """Law: FAULTS 1 for sub-flows: each node has one run inside, which ends once, and its end is told whoever dies when."""
    written(tmp_path, outer=OUTER, nested=NESTED, mapped=MAPPED)

    def story(sim: Simulation) -> None:
        actions = [grow, tell, texts]
        report = sim.keep_going(
            lambda system: system.flows.start(tmp_path / f"{name}.yaml", inputs, run_id="r").wait(PATIENCE_S),
            actions=actions,
        )
        assert report.state == "succeeded", report
        runs = sim.keep_going(lambda system: system.flows.runs(inside=True), actions=actions)
        assert {one.state for one in runs} == {"succeeded"}
        assert len(runs) == len({one.run_id for one in runs}) == {"nested": 3, "mapped": 4}[name]

    assert explore(story, seeds=1, crash="every_commit").commits >= 8


def test_whichever_commit_the_worker_dies_at_a_failure_inside_is_told_and_retried(tmp_path: Path) -> None:
    """Law: a failed run inside fails its node once, and a retry goes on inside, though the worker dies at any commit."""
    written(tmp_path, outer=OUTER)

    def story(sim: Simulation) -> None:
        failing = {"is": True}
        actions = actions_of(failing, [])
        report = sim.keep_going(
            lambda system: system.flows.start(tmp_path / "outer.yaml", {"start": 4}, run_id="r").wait(PATIENCE_S),
            actions=actions,
        )
        assert (report.state, report.nodes[1].state) == ("failed", "failed"), report
        failing["is"] = False

        def retried(system: ActorSystem) -> Any:
            row = system.flows.report("r")
            return (system.flows.retry("r") if row.state == "failed" else system.flows.run("r")).wait(PATIENCE_S)

        report = sim.keep_going(retried, actions=actions)
        assert (report.state, report.outputs) == ("succeeded", {"number": 16, "text": "it is 15"}), report

    assert explore(story, seeds=1, crash="every_commit").commits >= 8


def test_whichever_commit_the_worker_dies_at_a_cancel_reaches_down(tmp_path: Path) -> None:
    """Law: when a run is cancelled nothing inside is left open, though the worker dies before it could cancel that."""
    path = written(tmp_path, outer=SLOW_OUTER % "", middle=MIDDLE, inner=SLOW)

    def story(sim: Simulation) -> None:
        def cancelled(system: ActorSystem) -> Any:
            system.flows.start(path, run_id="r")
            sim.settle()
            return system.flows.cancel("r")

        assert sim.keep_going(cancelled, actions=[slow]).state == "cancelled"

        def looked(system: ActorSystem) -> list[Any]:
            sim.settle()
            sim.advance(45)  # longer than a lease and a look at who has left what
            return system.flows.runs(inside=True)

        runs = sim.keep_going(looked, actions=[slow], recover=True)
        assert {one.state for one in runs} == {"cancelled"}, runs

    assert explore(story, seeds=1, crash="every_commit").commits >= 4


# --- bad input

BAD: dict[str, tuple[str, str]] = {
    "a file that is not there": ("{id: a, flow: gone.yaml}", "there is no flow 'gone.yaml'"),
    "an input that is not taken": (
        "{id: a, flow: inner.yaml, inputs: {number: {value: 1}, stepp: {value: 2}}}",
        "flow 'inner' takes no input 'stepp'.*Did you mean 'step'",
    ),
    "an input that is missing": ("{id: a, flow: inner.yaml, inputs: {}}", "flow 'inner' needs the input 'number'"),
    "an input of the wrong type": (
        "{id: a, flow: inner.yaml, inputs: {number: {value: one}}}",
        "cannot take its input 'number': Expected .int., got .str",
    ),
    "an action too": (
        "{id: a, flow: inner.yaml, action: grow, inputs: {number: {value: 1}}}",
        "action is not for nodes",
    ),
    "tries": ("{id: a, flow: inner.yaml, try_count: 2, inputs: {number: {value: 1}}}", "try_count is not for nodes"),
    "a cache": ("{id: a, flow: inner.yaml, cache: true, inputs: {number: {value: 1}}}", "cache is not for nodes"),
    "no text": ("{id: a, flow: [inner.yaml]}", "flow must be"),
    "itself": ("{id: a, flow: outer.yaml}", "contains itself: 'outer.yaml' -> 'outer.yaml'"),
    "itself through another": (
        "{id: a, flow: round.yaml}",
        "contains itself: 'outer.yaml' -> 'round.yaml' -> 'outer.yaml'",
    ),
    "one that cannot run": (
        "{id: a, flow: broken.yaml}",
        "the flow 'broken.yaml' cannot run.*unknown action 'nothing'",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_flow_that_cannot_be_run_as_a_node_is_refused_at_load(sim: Simulation, tmp_path: Path, case: str) -> None:
    """Law: each mistake is an error of its own with its place; nothing has begun."""
    node, message = BAD[case]
    path = written(
        tmp_path,
        outer=f"name: outer\nnodes:\n  - {node}\n",
        round="name: round\nnodes:\n  - {id: a, flow: outer.yaml}\n",
        broken="name: broken\nnodes:\n  - {id: a, action: nothing}\n",
    )
    system = sim.system(actions=[grow, tell])
    with pytest.raises(DefinitionError) as caught:
        system.flows.start(path, run_id="r")
    assert re.search(message, str(caught.value), re.DOTALL), str(caught.value)
    assert system.flows.runs() == []


def test_flows_are_nested_only_so_deep(sim: Simulation, tmp_path: Path) -> None:
    """Law: there is a bound to flows one inside the other, and its error says so."""
    written(tmp_path)
    for depth in range(9):
        inner = f"f{depth + 1}.yaml" if depth < 8 else "inner.yaml"
        extra = ", inputs: {number: {value: 1}}" if depth == 8 else ""
        (tmp_path / f"f{depth}.yaml").write_text(f"name: f{depth}\nnodes:\n  - {{id: a, flow: {inner}{extra}}}\n")
    system = sim.system(actions=[grow, tell])
    with pytest.raises(DefinitionError, match="more than 8 flows one inside the other"):
        system.flows.start(tmp_path / "f0.yaml")
    assert system.flows.start(tmp_path / "f3.yaml", run_id="r").wait(PATIENCE_S).state == "succeeded"


class Order(msgspec.Struct, frozen=True):
    """What begins a run."""

    number: int


def test_whichever_commit_the_worker_dies_at_a_trigger_begins_a_run_with_a_flow_inside_once(tmp_path: Path) -> None:
    """Law: a channel's message begins the run, and whoever takes it goes on inside it."""
    outer = (
        "name: outer\ninputs: {number: {type: int}}\nnodes:\n"
        "  - {id: sub, flow: inner.yaml, inputs: {number: inputs.number}}\noutputs: {text: sub.text}\n"
    )
    path = written(tmp_path, outer=outer)

    def story(sim: Simulation) -> None:
        def play(system: ActorSystem) -> set[str]:
            system.channels.publish("orders", Order(4), id="4")
            assert system.run_until(timeout=PATIENCE_S).reason == "quiescent"
            return {f"{one.flow_name} {one.state}" for one in system.flows.runs(inside=True)}

        channels = [Channel("orders", Order)]
        triggers = [Trigger("orders", flow=path)]
        ended = sim.keep_going(play, actions=[grow, tell], channels=channels, triggers=triggers)
        assert ended == {"outer succeeded", "inner succeeded"}

    assert explore(story, seeds=1, crash="every_commit").commits >= 4
