"""Every key of a flow file does something: with it one thing is seen, and without it another.

``CASES`` has an entry for each key of each mapping of the file format, so a new key without one fails. A key that is
ignored shows the same with and without, so its case is red; ``test_a_key_that_is_ignored_is_noticed`` has the reader
ignore each once, to see that.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import yaml

from dagger_actors import ActorSystem, Channel, Context, HookEvent, NodeError, Report, action
from dagger_actors.cli.specs import list_folder
from dagger_actors.drawing.dot import write_dot
from dagger_actors.errors import DaggerError
from dagger_actors.flow.loading.file_format import FORMS
from dagger_actors.flow.loading.loader import load_flow
from dagger_actors.flow.reports.questions import Question
from dagger_actors.reading.keys import Keys
from dagger_actors.reading.reader import Reader
from dagger_actors.reading.tree import Fields, Tree
from dagger_actors.testing.simulation import Simulation, simulate
from tests.unit.flow.test_file_format import KEYS

Data = dict[str, Any]
BODIES = str(Path(__file__).parents[1] / "unit" / "bodies" / "processes" / "bodies.py")


class Paid(msgspec.Struct, frozen=True):
    order: str


PAID = Channel("paid", Paid)


class Stage:
    """A flow in a simulated world of its own, and what is seen of it.

    Attributes:
        began: What the bodies that began say of themselves, each with its virtual second.
    """

    def __init__(self, sim: Simulation, folder: Path, flow: Data) -> None:
        self.sim = sim
        self.folder = folder
        self.flow = flow
        self.began: list[tuple[str, float]] = []
        self.system = self.worker()

    def worker(self, *, recover: bool = False) -> ActorSystem:
        return self.sim.system(actions=self.actions(), channels=[PAID], recover=recover)

    def note(self, what: str) -> None:
        self.began.append((what, self.sim.now_s))

    def actions(self) -> list[Callable[..., Any]]:
        def one() -> int:
            self.note("one")
            return 1

        @action(version="1")
        def same(value: Any = "nothing") -> Any:
            self.note(f"same {value}")
            return value

        def numbers() -> list[int]:
            return [3, 1, 2]

        def pair() -> Data:
            return {"left": 1, "right": 2}

        def fails() -> int:
            self.note("fails")
            raise ValueError("on purpose")

        def fails_on_two(value: int) -> int:
            if value == 2:
                raise ValueError("two")
            return value

        async def slow(value: Any = 0) -> Any:
            self.note(f"slow {value}")
            await asyncio.sleep(10)
            return value

        def hears(event: HookEvent) -> None:
            self.note(event.event)

        def mends(error: NodeError) -> None:
            self.note(f"mends {error.node_id}")

        def grows(ctx: Context) -> None:
            ctx.add_nodes([{"id": f"{ctx.node_id}n", "action": "grows" if len(ctx.node_id) < 3 else "one"}])

        return [one, same, numbers, pair, fails, fails_on_two, slow, hears, mends, grows]

    def rest(self, **inputs: Any) -> Report:
        """The run when it rests."""
        return self.system.flows.start(self.flow, inputs).wait()

    def states(self, **inputs: Any) -> dict[str, str]:
        report = self.rest(**inputs)
        return {node.node_id: node.state for node in report.nodes if not node.called_for}

    def times(self) -> list[float]:
        """When bodies began."""
        self.rest()
        return [at for _, at in self.began]

    def names(self) -> list[str]:
        """What began, in order."""
        self.rest()
        return [what for what, _ in self.began]

    def question(self) -> Question:
        """What its person is asked."""
        (question,) = self.system.flows.questions(self.rest().run_id)
        return question

    def patience_s(self) -> float | None:
        """How long its person is waited for."""
        due_us = self.question().due_us
        return None if due_us is None else (due_us - self.sim.world.now().wall_us) / 1e6

    def listed(self, *tags: str) -> list[Any]:
        """What the command ``list`` says of it."""
        (self.folder / "it.yaml").write_text(yaml.safe_dump(self.flow))
        written = io.BytesIO()
        with contextlib.redirect_stdout(io.TextIOWrapper(written)):
            list_folder(str(self.folder), tag=tags, as_json=True)
            return list(json.loads(written.getvalue()))

    def drawn(self) -> str:
        """Its picture."""
        return write_dot(load_flow(self.flow).picture())


class Case(NamedTuple):
    """A flow, where in it the key is, how to look, and what is seen with the key."""

    flow: Data
    path: tuple[str | int, ...]
    look: Callable[[Stage], Any]
    seen: Any


def flow(*nodes: Data, **keys: Any) -> Data:
    return {"name": "f", **keys, "nodes": list(nodes)}


def node(action: str = "same", name: str = "a", **keys: Any) -> Data:
    return {"id": name, "action": action, **keys}


def of_config(look: Callable[[Stage], Any], seen: Any, *nodes: Data, key: str, value: Any, **other: Any) -> Case:
    return Case(flow(*nodes, config={key: value, **other}), ("config", key), look, seen)


def of_node(look: Callable[[Stage], Any], seen: Any, *key: str, nodes: tuple[Data, ...] = (), **keys: Any) -> Case:
    """The last node is ``b``, with these keys; ``key`` is the path in it, its first key if that is not said."""
    path = key or (next(iter(keys)),)
    last = {"id": "b", **({} if {"approval", "await_message", "flow"} & keys.keys() else {"action": "same"}), **keys}
    return Case(flow(*nodes, last), ("nodes", len(nodes), *path), look, seen)


def of_hook(event: str, *nodes: Data) -> Case:
    return Case(flow(*nodes, hooks={event: "hears"}), ("hooks", event), lambda stage: event in stage.names(), seen=True)


def when(key: str, operand: Any, **other: Any) -> Case:
    """``a`` is 5; with the key the condition is false."""
    condition = {"reference": "a", key: operand, **(other or {"exists": True})}
    five = node(inputs={"value": {"value": 5}})
    return of_node(state("b"), "skipped", "when", key, nodes=(five,), when=condition)


def wait(kind: str, key: str, value: Any, times: list[float], **other: Any) -> Case:
    strategy = {kind: {key: value, **other}}
    return Case(flow(node("fails", retry_strategy=strategy)), (*A, "retry_strategy", kind, key), Stage.times, times)


def out(**inputs: Any) -> Callable[[Stage], Any]:
    return lambda stage: stage.rest(**inputs).outputs


def state(name: str = "", **inputs: Any) -> Callable[[Stage], Any]:
    return lambda stage: stage.states(**inputs)[name] if name else stage.rest(**inputs).state


def error(**inputs: Any) -> Callable[[Stage], Any]:
    def told(stage: Stage) -> str:
        try:
            return stage.rest(**inputs).state
        except DaggerError as refused:
            return f"{type(refused).__name__} {refused}"

    return told


def told(text: str, **inputs: Any) -> Callable[[Stage], bool]:
    return lambda stage: text in error(**inputs)(stage)


def draws(text: str) -> Callable[[Stage], int]:
    return lambda stage: stage.drawn().count(text)


def lists(key: str) -> Callable[[Stage], Any]:
    return lambda stage: stage.listed()[0][key]


def elapsed(stage: Stage) -> float:
    return stage.rest().elapsed_us / 1e6


def runs_of_file(stage: Stage) -> Data:
    text = "from dagger_actors import action\n\n@action\ndef of_file():\n    return 7\n"
    (stage.folder / "more.py").write_text(text)
    path = stage.folder / "it.yaml"
    path.write_text(yaml.safe_dump(stage.flow))
    return stage.system.flows.start(path).wait().outputs


def inner(stage: Stage) -> Data:
    (stage.folder / "inner.yaml").write_text("name: inner\nnodes: [{id: n, action: one}]\noutputs: {number: n}\n")
    path = stage.folder / "outer.yaml"
    path.write_text(yaml.safe_dump(stage.flow))
    return stage.system.flows.start(path).wait().outputs


def published(*orders: str, first: bool = False) -> Callable[[Stage], Any]:
    """The order of the message that the node got, or its state, with these messages before or behind its beginning."""

    def look(stage: Stage) -> Any:
        def publish() -> None:
            for order in orders:
                stage.system.channels.publish("paid", Paid(order))

        if first:
            publish()
        run = stage.system.flows.start(stage.flow)
        stage.sim.settle()
        if not first:
            publish()
        stage.sim.advance(100)
        (one,) = run.report().nodes
        return one.output["order"] if one.output else one.state

    return look


def answered(value: Any) -> Callable[[Stage], Any]:
    def look(stage: Stage) -> Any:
        run = stage.system.flows.start(stage.flow)
        run.wait()
        return stage.system.flows.signal(run.id, "b", value).wait().outputs

    return look


def autopilot(stage: Stage) -> Any:
    run = stage.system.flows.start(stage.flow)
    run.wait()
    stage.worker(recover=True)
    stage.sim.advance(100)
    return run.report().outputs


def computed(stage: Stage) -> int:
    """How often a node computes its output when its flow runs now, in three seconds and in thirteen."""
    for pause in (3, 10, 0):
        stage.rest()
        stage.sim.advance(pause)
    return len(stage.began)


def taken_over(stage: Stage) -> tuple[str, int]:
    """The run whose process died while its body ran."""
    run_id = stage.system.flows.start(stage.flow).id
    stage.sim.advance(1)
    stage.sim.kill(stage.system)
    return stage.worker().flows.resume(run_id).wait().state, len(stage.began)


def of_process(stage: Stage) -> bool:
    """Whether a real system runs its body elsewhere."""
    with ActorSystem(stage.folder / "real.db", processes=1) as system:
        return bool(system.flows.start(stage.flow).result(60)["a"] != os.getpid())


A = ("nodes", 0)
ONE = node("one")
PAIR = node("pair")
ASKS: Data = {"id": "b", "approval": {}}
CASES: dict[str, Case] = {
    "FlowFile.name": Case(flow(ONE), ("name",), lambda stage: stage.rest().flow_name, "f"),
    "FlowFile.description": Case(flow(ONE, description="words"), ("description",), lists("description"), "words"),
    "FlowFile.author": Case(flow(ONE, author="Ada"), ("author",), lists("author"), "Ada"),
    "FlowFile.version": Case(flow(ONE, version="1.0"), ("version",), lists("version"), "1.0"),
    "FlowFile.signature": Case(flow(ONE, signature="a -> b"), ("signature",), lists("signature"), "a -> b"),
    "FlowFile.instructions": Case(flow(ONE, instructions="ask"), ("instructions",), lists("instructions"), "ask"),
    "FlowFile.tags": Case(flow(ONE, tags=["x", "y"]), ("tags",), lambda stage: len(stage.listed("x", "y")), 1),
    "FlowFile.inputs": Case(flow(node(inputs={"value": "inputs.n"}), inputs={"n": 4}), ("inputs",), out(), {"a": 4}),
    "FlowFile.outputs": Case(flow(PAIR, outputs={"it": "a.right"}), ("outputs",), out(), {"it": 2}),
    "FlowFile.actions": Case(flow(node("of_file"), actions=["more.py"]), ("actions",), runs_of_file, {"a": 7}),
    "FlowFile.hooks": Case(flow(ONE, hooks={"run_start": "hears"}), ("hooks",), Stage.names, ["run_start", "one"]),
    "FlowFile.config": Case(flow(node("slow"), config={"timeout_seconds": 5}), ("config",), state(), "timed_out"),
    "FlowFile.nodes": Case(flow(ONE), ("nodes",), out(), {"a": 1}),
    "InputForm.type": Case(
        flow(ONE, inputs={"n": {"type": "int"}}), ("inputs", "n", "type"), told("InvalidInputs", n="x"), seen=True
    ),
    "InputForm.default": Case(
        flow(node(inputs={"value": "inputs.n"}), inputs={"n": {"default": 4}}),
        ("inputs", "n", "default"),
        out(),
        {"a": 4},
    ),
    "InputForm.description": Case(
        flow(ONE, inputs={"n": {"description": "how many"}}),
        ("inputs", "n", "description"),
        told("how many"),
        seen=True,
    ),
    "InputForm.secret": Case(
        flow(ONE, inputs={"word": {"type": "str", "secret": True}}),
        ("inputs", "word", "secret"),
        told("secret", word="told to all"),
        seen=True,
    ),
    "ConfigForm.on_failure": of_config(
        state("b"), "succeeded", node("fails"), node("slow", "b"), key="on_failure", value="continue"
    ),
    "ConfigForm.timeout_seconds": of_config(state(), "timed_out", node("slow"), key="timeout_seconds", value=5),
    "ConfigForm.enable_parallel_execution": of_config(
        elapsed, 20, node("slow"), node("slow", "b"), key="enable_parallel_execution", value=False
    ),
    "ConfigForm.max_parallel_nodes": of_config(
        elapsed, 20, *(node("slow", name) for name in "abcd"), key="max_parallel_nodes", value=2
    ),
    "ConfigForm.max_attempts": of_config(Stage.names, ["fails"] * 2, node("fails"), key="max_attempts", value=2),
    "ConfigForm.retry_strategy": of_config(
        Stage.times, [0, 4, 8], node("fails"), key="retry_strategy", value={"linear": {"delay_secs": 4}}
    ),
    "ConfigForm.max_iterations": of_config(state(), "failed", node("grows"), key="max_iterations", value=2),
    "ConfigForm.human_wait_minutes": of_config(
        Stage.patience_s,
        60,
        ASKS,
        key="human_wait_minutes",
        value=1,
    ),
    "ConfigForm.human_timeout_action": of_config(
        autopilot,
        {"b": True},
        {"id": "b", "approval": {"timeout_s": 60, "default": True}},
        key="human_timeout_action",
        value="autopilot",
    ),
    "HooksForm.run_start": of_hook("run_start", ONE),
    "HooksForm.node_start": of_hook("node_start", ONE),
    "HooksForm.node_success": of_hook("node_success", ONE),
    "HooksForm.node_failure": of_hook("node_failure", node("fails")),
    "HooksForm.node_retry": of_hook("node_retry", node("fails", try_count=2)),
    "HooksForm.run_end": of_hook("run_end", ONE),
    "NodeForm.id": Case(flow(node("one", "named")), (*A, "id"), out(), {"named": 1}),
    "NodeForm.action": Case(flow(ONE), (*A, "action"), out(), {"a": 1}),
    "NodeForm.await_message": of_node(published("7"), "7", await_message={"channel": "paid"}),
    "NodeForm.approval": of_node(answered(True), {"b": True}, approval={}),  # noqa: FBT003 - an answer
    "NodeForm.flow": of_node(inner, {"b": {"number": 1}}, flow="inner.yaml"),
    "NodeForm.dependencies": of_node(elapsed, 20, action="slow", dependencies=["a"], nodes=(node("slow"),))._replace(
        path=("nodes", 1, "dependencies")
    ),
    "NodeForm.description": of_node(draws("some words"), 1, description="some words"),
    "NodeForm.instructions": of_node(draws("some words"), 1, instructions="some words"),
    "NodeForm.inputs": of_node(out(), {"b": 4}, inputs={"value": {"value": 4}}),
    "NodeForm.outputs": Case(flow(node("pair", outputs=["left", "third"])), (*A, "outputs"), state(), "failed"),
    "NodeForm.timeout": Case(flow(node("slow", timeout=5)), (*A, "timeout"), state("a"), "timed_out"),
    "NodeForm.try_count": Case(flow(node("fails", try_count=2)), (*A, "try_count"), Stage.names, ["fails"] * 2),
    "NodeForm.onfailure": Case(
        flow(node("fails", onfailure=False), config={"max_attempts": 3}), (*A, "onfailure"), Stage.names, ["fails"]
    ),
    "NodeForm.retry_strategy": Case(
        flow(node("fails", retry_strategy={"linear": {"delay_secs": 4}})),
        (*A, "retry_strategy"),
        Stage.times,
        [0, 4, 8],
    ),
    "NodeForm.on_failure": Case(
        flow(node("fails", on_failure="continue"), node("slow", "b")), (*A, "on_failure"), state("b"), "succeeded"
    ),
    "NodeForm.failure": Case(flow(node("fails", failure="mends")), (*A, "failure"), Stage.names, ["fails", "mends a"]),
    "NodeForm.map": of_node(out(), {"b": [3, 1, 2]}, map={"over": "a", "item": "value"}, nodes=(node("numbers"),)),
    "NodeForm.isolation": Case(
        flow(node("who", isolation="process"), actions=[BODIES]), (*A, "isolation"), of_process, seen=True
    ),
    "NodeForm.trigger": of_node(
        state("b"),
        "succeeded",
        trigger="all_done",
        dependencies=["a"],
        nodes=(node("fails", on_failure="continue"),),
    ),
    "NodeForm.when": of_node(state("b"), "skipped", when={"reference": "a", "equals": 2}, nodes=(ONE,)),
    "NodeForm.priority": Case(
        flow(
            *(node("slow", name, inputs={"value": {"value": name}}) for name in "ab"), config={"max_parallel_nodes": 1}
        ),
        ("nodes", 1, "priority"),
        Stage.names,
        ["slow b", "slow a"],
    ),
    "NodeForm.durability": Case(
        flow(node("slow", durability="at_most_once")), (*A, "durability"), taken_over, ("paused", 1)
    ),
    "NodeForm.cache": Case(flow(node(inputs={"value": {"value": 4}}, cache=True)), (*A, "cache"), computed, 1),
    "MapForm.over": of_node(
        out(), {"b": [3, 1, 2]}, "map", "over", map={"over": "a", "item": "value"}, nodes=(node("numbers"),)
    ),
    "MapForm.item": of_node(
        out(), {"b": [3, 1, 2]}, "map", "item", map={"over": "a", "item": "value"}, nodes=(node("numbers"),)
    ),
    "MapForm.key": of_node(
        lambda stage: [one.invocation_key for one in stage.rest().nodes if one.invocation_key],
        ["3", "1", "2"],
        "map",
        "key",
        map={"over": "a", "item": "value", "key": "value"},
        nodes=(node("numbers"),),
    ),
    "MapForm.limit": of_node(
        elapsed,
        30,
        "map",
        "limit",
        action="slow",
        map={"over": "a", "item": "value", "limit": 1},
        nodes=(node("numbers"),),
    ),
    "MapForm.tolerate": of_node(
        out(),
        {"b": [3, 1, None]},
        "map",
        "tolerate",
        action="fails_on_two",
        map={"over": "a", "item": "value", "tolerate": 1},
        nodes=(node("numbers"),),
    ),
    "AwaitForm.channel": of_node(published("7"), "7", "await_message", "channel", await_message={"channel": "paid"}),
    "AwaitForm.match": of_node(
        published("6", "7"),
        "7",
        "await_message",
        "match",
        await_message={"channel": "paid", "match": {"order": {"value": "7"}}},
    ),
    "AwaitForm.timeout_s": of_node(
        published(), "timed_out", "await_message", "timeout_s", await_message={"channel": "paid", "timeout_s": 5}
    ),
    "AwaitForm.from": of_node(
        published("7", first=True), "7", "await_message", "from", await_message={"channel": "paid", "from": "earliest"}
    ),
    "ApprovalForm.message": of_node(
        lambda stage: stage.question().message, "Ship?", "approval", "message", approval={"message": "Ship?"}
    ),
    "ApprovalForm.type": of_node(answered(7), {"b": 7}, "approval", "type", approval={"type": "int"}),
    "ApprovalForm.timeout_s": of_node(
        Stage.patience_s,
        60,
        "approval",
        "timeout_s",
        approval={"timeout_s": 60},
    ),
    "ApprovalForm.on_timeout": of_node(
        autopilot,
        {"b": False},
        "approval",
        "on_timeout",
        approval={"timeout_s": 60, "on_timeout": "autopilot", "default": False, "type": "any"},
    ),
    "ApprovalForm.default": of_node(
        autopilot,
        {"b": 3},
        "approval",
        "default",
        approval={"timeout_s": 60, "on_timeout": "autopilot", "default": 3, "type": "any"},
    ),
    "WhenForm.all": of_node(
        state("b"), "skipped", "when", "all", when={"all": [{"reference": "a", "equals": 2}]}, nodes=(ONE,)
    ),
    "WhenForm.any": of_node(
        state("b"), "skipped", "when", "any", when={"any": [{"reference": "a", "equals": 2}]}, nodes=(ONE,)
    ),
    "WhenForm.not": of_node(
        state("b"), "skipped", "when", "not", when={"not": {"reference": "a", "equals": 1}}, nodes=(ONE,)
    ),
    "WhenForm.reference": when("reference", "a", equals=2),
    "WhenForm.node": of_node(
        state("b"), "skipped", "when", "node", when={"node": "a", "key": "left", "equals": 2}, nodes=(PAIR,)
    ),
    "WhenForm.key": of_node(
        state("b"),
        "succeeded",
        "when",
        "key",
        when={"node": "a", "key": "left", "equals": 1},
        nodes=(PAIR,),
    ),
    "WhenForm.default": of_node(
        state("b"),
        "succeeded",
        "when",
        "default",
        when={"reference": "a", "default": 1, "equals": 1},
        trigger="all_done",
        nodes=(node("fails", on_failure="continue"),),
    )._replace(path=("nodes", 1, "when", "default")),
    "WhenForm.equals": when("equals", 4),
    "WhenForm.not_equals": when("not_equals", 5),
    "WhenForm.gt": when("gt", 5),
    "WhenForm.ge": when("ge", 6),
    "WhenForm.lt": when("lt", 5),
    "WhenForm.le": when("le", 4),
    "WhenForm.in": when("in", [4, 6]),
    "WhenForm.exists": when("exists", False, equals=5),  # noqa: FBT003 - a value of the file
    "CacheForm.ttl_s": Case(
        flow(node(inputs={"value": {"value": 4}}, cache={"ttl_s": 5})), (*A, "cache", "ttl_s"), computed, 2
    ),
    "ReferenceForm.reference": of_node(
        out(), {"b": 1}, "inputs", "value", "reference", inputs={"value": {"reference": "a"}}, nodes=(ONE,)
    ),
    "ReferenceForm.value": of_node(out(), {"b": 1}, "inputs", "value", "value", inputs={"value": {"value": 1}}),
    "ReferenceForm.node": of_node(
        out(), {"b": 1}, "inputs", "value", "node", inputs={"value": {"node": "a"}}, nodes=(ONE,)
    ),
    "ReferenceForm.key": of_node(
        out(), {"b": 1}, "inputs", "value", "key", inputs={"value": {"node": "a", "key": "left"}}, nodes=(PAIR,)
    ),
    "ReferenceForm.description": of_node(
        draws("some words"),
        1,
        "inputs",
        "value",
        "description",
        inputs={"value": {"value": 1, "description": "some words"}},
    ),
    "ReferenceForm.default": Case(
        flow(
            node("one", when={"reference": "inputs.no", "equals": True}),
            node(name="b", trigger="all_done", inputs={"value": {"reference": "a", "default": 9}}),
            inputs={"no": False},
        ),
        ("nodes", 1, "inputs", "value", "default"),
        out(),
        {"b": 9},
    ),
    "NamedReferenceForm.name": of_node(out(), {"b": 4}, inputs=[{"name": "value", "value": 4}])._replace(
        path=("nodes", 0, "inputs", 0, "name")
    ),
    "StrategyForm.exponential": Case(
        flow(node("fails", retry_strategy={"exponential": {}})),
        (*A, "retry_strategy", "exponential"),
        Stage.times,
        [0, 1, 3],
    ),
    "StrategyForm.linear": Case(
        flow(node("fails", retry_strategy={"linear": {"delay_secs": 4}})),
        (*A, "retry_strategy", "linear"),
        Stage.times,
        [0, 4, 8],
    ),
    "StrategyForm.immediate": Case(
        flow(node("fails", retry_strategy={"immediate": {}})),
        (*A, "retry_strategy", "immediate"),
        Stage.times,
        [0, 0, 0],
    ),
    "StrategyForm.retry_on": Case(
        flow(node("fails", retry_strategy={"immediate": {}, "retry_on": ["KeyError"]})),
        (*A, "retry_strategy", "retry_on"),
        Stage.names,
        ["fails"],
    ),
    "StrategyForm.give_up_on": Case(
        flow(node("fails", retry_strategy={"immediate": {}, "give_up_on": ["ValueError"]})),
        (*A, "retry_strategy", "give_up_on"),
        Stage.names,
        ["fails"],
    ),
    "ExponentialForm.initial_delay_secs": wait("exponential", "initial_delay_secs", 4, [0, 4, 12]),
    "ExponentialForm.max_delay_secs": wait("exponential", "max_delay_secs", 1.5, [0, 1, 2.5]),
    "ExponentialForm.multiplier": wait("exponential", "multiplier", 5, [0, 1, 6]),
    "ExponentialForm.jitter": Case(
        flow(node("fails", try_count=2, retry_strategy={"exponential": {"jitter": 5}})),
        (*A, "retry_strategy", "exponential", "jitter"),
        lambda stage: 1.01 < stage.times()[1] < 6,
        seen=True,
    ),
    "LinearForm.delay_secs": wait("linear", "delay_secs", 4, [0, 4, 8]),
    "LinearForm.increment_secs": wait("linear", "increment_secs", 2, [0, 4, 10], delay_secs=4),
    "LinearForm.max_delay_secs": wait("linear", "max_delay_secs", 5, [0, 4, 9], delay_secs=4, increment_secs=2),
}
CASES["NodeForm.priority"].flow["nodes"][1]["priority"] = 5
for key in ("reference", "value", "node", "key", "description", "default"):
    # A list of inputs holds the same mappings, each with its name.
    case = CASES[f"ReferenceForm.{key}"]
    named = copy.deepcopy(case.flow)
    last = named["nodes"][-1]
    last["inputs"] = [{"name": "value", **last["inputs"]["value"]}]
    path = (*case.path[:2], "inputs", 0, key)
    CASES[f"NamedReferenceForm.{key}"] = Case(named, path, case.look, case.seen)


def without(data: Data, path: tuple[str | int, ...]) -> Data:
    data = copy.deepcopy(data)
    inside: Any = data
    for step in path[:-1]:
        inside = inside[step]
    del inside[path[-1]]
    return data


@pytest.fixture
def look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Case, Data], Any]:
    """Sees what there is to see of a flow; what is refused is seen as that."""
    monkeypatch.chdir(tmp_path)
    folders = iter(range(10))

    def see(case: Case, data: Data) -> Any:
        folder = tmp_path / str(next(folders))
        folder.mkdir()
        with simulate(0, folder) as sim:
            try:
                return case.look(Stage(sim, folder, data))
            except DaggerError as refused:
                return refused

    return see


def test_each_key_of_each_mapping_has_a_case() -> None:
    """Law: a key that is new in the file format needs a case here, and one that has gone takes its case along."""
    known = {f"{form.__name__}.{field.encode_name}" for form in FORMS for field in msgspec.structs.fields(form)}
    assert known == CASES.keys()


@pytest.mark.parametrize("key", CASES)
def test_what_a_key_says_is_seen_and_not_without_it(look: Callable[[Case, Data], Any], key: str) -> None:
    """Law: no key is accepted and ignored: with and without it, not the same is seen."""
    case = CASES[key]
    assert case.path[-1] == key.rpartition(".")[2]
    assert look(case, case.flow) == case.seen
    assert look(case, without(case.flow, case.path)) != case.seen


@contextlib.contextmanager
def ignored(keys: Keys, key: str) -> Iterator[None]:
    """Have the reader know a key and say nothing of it."""
    read = Reader.fields

    def fields(reader: Reader, tree: Tree, what: object, wanted: Keys) -> Fields | None:
        found = read(reader, tree, what, wanted)
        if found is not None and wanted is keys:
            found.pop(key, None)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reader, "fields", fields)
        yield


@pytest.mark.full
@pytest.mark.parametrize("key", CASES)
def test_a_key_that_is_ignored_is_noticed(look: Callable[[Case, Data], Any], key: str) -> None:
    """Law: the test above is red for each key that the reader does not read."""
    form, _, name = key.partition(".")
    case = CASES[key]
    with ignored(KEYS[form], name):
        assert look(case, case.flow) != case.seen
