"""A16, flows inside flows: what a flow gives has the types of what its own nodes give, wherever it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from dagger_actors import AddNodes, Context, DefinitionError, HookEvent, action
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.loading.loader import load_flow
from dagger_actors.testing.simulation import Simulation

PATIENCE_S = 600

ACTIONS = """
import msgspec
from dagger_actors import Context, HookEvent, action

class Total(msgspec.Struct):
    total: int
    unit: str

class Order(msgspec.Struct):
    total: int
    customer: str

@action
def number() -> int: ...
@action
def numbers() -> list[int]: ...
@action
def total() -> Total: ...
@action
def blob() -> bytes: ...
@action
def unknown(): ...
@action
def grows(ctx: Context) -> int: ...
@action
def hear(event: HookEvent) -> None: ...
@action
def takes_text(text: str) -> str: ...
@action
def takes_number(n: int) -> int: ...
@action
def takes_order(order: Order): ...
@action
def takes_bytes(data: bytes): ...
@action
def takes_totals(totals: list[Total]): ...
@action
def takes_any(**anything): ...
"""

INNER = """
name: inner
actions: [acts.py]
inputs: {start: {type: int, default: 1}}
nodes:
  - {id: n, action: number}
  - {id: many, action: numbers}
  - {id: sum, action: total}
  - {id: data, action: blob}
  - {id: each, action: takes_number, map: {over: many, item: n}}
  - {id: may, action: total, when: {equals: 1, reference: n}}
outputs:
  n: n
  many: many
  sum: sum
  unit: sum.unit
  data: data
  each: each
  start: inputs.start
  five: {value: 5}
  may: {reference: may.total, default: no}
"""

OUTER = "name: outer\nactions: [acts.py]\nnodes:\n"
SUB = "- {id: sub, flow: inner.yaml}\n"
HINTED = "what it gives is hinted in the flow 'inner'"


@pytest.fixture
def flow(tmp_path):
    """Load a flow of these nodes beside others; give its problems as (line:column, message | advice)."""
    (tmp_path / "acts.py").write_text(ACTIONS)
    (tmp_path / "inner.yaml").write_text(INNER)

    def problems(nodes: str, head: str = "", **others: str) -> list[tuple[str, str]]:
        for name, text in others.items():
            (tmp_path / f"{name}.yaml").write_text(f"name: {name}\nactions: [acts.py]\n{text}")
        path = tmp_path / "outer.yaml"
        path.write_text(OUTER.replace("nodes:\n", f"{head}nodes:\n") + nodes)
        try:
            load_flow(path, registry=ActionRegistry())
        except DefinitionError as error:
            return [(f"{one.line}:{one.column}", f"{one.message} | {one.advice}") for one in error.problems]
        return []

    return problems


class TestWhatAFlowGives:
    """Law: what can never fit is refused when the file is loaded, at the reference, as with an action's outputs."""

    @pytest.mark.parametrize(
        ("node", "message"),
        [
            (
                "action: takes_text, inputs: {text: sub.n}",
                "the input 'text' gets int from 'sub.n', but action 'takes_text' takes str",
            ),
            ("action: takes_number, inputs: {n: sub.unit}", "gets str from 'sub.unit'"),
            ("action: takes_number, inputs: {n: sub}", "gets dict from 'sub', but action 'takes_number' takes int"),
            (
                "action: takes_order, inputs: {order: sub.sum}",
                "takes Order: Total lacks the field 'customer', which Order requires (at $)",
            ),
            (
                "action: takes_order, inputs: {order: sub}",
                "takes Order: dict lacks the field 'total', which Order requires (at $)",
            ),
            (
                "action: takes_bytes, inputs: {data: sub.data}",
                "gets dict[str, Any] from 'sub.data', but action 'takes_bytes' takes bytes",
            ),
            ("action: takes_text, inputs: {text: sub.each}", "gets list[int] from 'sub.each'"),
            ("action: takes_text, inputs: {text: sub.start}", "gets int from 'sub.start'"),
            (
                "flow: texts.yaml, inputs: {text: sub.n}",
                "gets int from 'sub.n', but flow 'texts' takes str",
            ),
            (
                "action: takes_text, map: {over: sub.many, item: text}",
                "map.item 'text' gets int from each item of 'sub.many', but action 'takes_text' takes str",
            ),
        ],
    )
    def test_a_value_that_never_fits_is_refused(self, flow, node, message):
        line = f"- {{id: b, {node}}}\n"
        ((place, told),) = flow(SUB + line, texts="inputs: {text: {type: str}}\nnodes: [{id: a, action: takes_text}]\n")
        assert place == f"5:{line.index('sub') + 1}"
        assert told.startswith("node 'b': ")
        assert message in told
        assert HINTED in told

    @pytest.mark.parametrize(
        ("node", "message"),
        [
            (
                "action: takes_number, inputs: {n: sub.nn}",
                "refers to 'sub.nn', but flow 'inner' gives dict, which has no 'nn' | Did you mean 'n'?",
            ),
            (
                "action: takes_any, inputs: {n: sub.zzzzzz}",
                "which has no 'zzzzzz' | It has n, many, sum, unit, data, each, start, five, ...",
            ),
            (
                "action: takes_any, when: {gt: 3, reference: sub.zzzzzz}",
                "when.gt refers to 'sub.zzzzzz', but flow 'inner' gives dict, which has no 'zzzzzz'",
            ),
            (
                "action: takes_any, when: {gt: 3, reference: sub.unit}",
                "when.gt compares with a number, but 'sub.unit' gives str",
            ),
            (
                "action: takes_number, map: {over: sub.n, item: n}",
                "map.over must be a list, but 'sub.n' gives int",
            ),
            ("action: takes_number, map: {over: sub, item: n}", "map.over must be a list, but 'sub' gives dict"),
        ],
    )
    def test_what_is_not_there_or_cannot_be_compared_is_refused(self, flow, node, message):
        line = f"- {{id: b, {node}, dependencies: [sub]}}\n"
        ((place, told),) = flow(SUB + line)
        assert place == f"5:{line.index('sub') + 1}"
        assert message in told

    @pytest.mark.parametrize(
        "node",
        [
            "action: takes_number, inputs: {n: sub.n}",
            "action: takes_text, inputs: {text: sub.five}",
            "action: takes_text, inputs: {text: sub.may}",
            "action: takes_any, inputs: {a: sub, b: sub.data, c: sub.may}",
            "action: takes_number, map: {over: sub.many, item: n}",
            "action: takes_any, when: {gt: 3, reference: sub.n}, dependencies: [sub]",
        ],
    )
    def test_what_may_fit_is_accepted(self, flow, node):
        assert flow(f"{SUB}- {{id: b, {node}}}\n") == []

    def test_a_mapped_flow_gives_the_list_of_its_outputs(self, flow):
        mapped = "- {id: list, action: numbers}\n- {id: sub, flow: inner.yaml, map: {over: list, item: start}}\n"
        assert flow(mapped + "- {id: b, action: takes_number, map: {over: sub.n, item: n}}\n") == []
        ((_, told),) = flow(mapped + "- {id: b, action: takes_text, map: {over: sub.n, item: text}}\n")
        assert "gets int from each item of 'sub.n'" in told
        ((_, told),) = flow(mapped + "- {id: b, action: takes_any, map: {over: sub.x, item: text}}\n")
        assert "flow 'inner' gives dict, which has no 'x'" in told
        ((_, told),) = flow(mapped + "- {id: b, action: takes_totals, inputs: {totals: sub}}\n")
        assert "takes list[Total]: dict lacks the field 'total', which Total requires (at $[...])" in told
        ((_, told),) = flow(mapped + "- {id: b, action: takes_any, inputs: {n: sub.n}}\n")
        assert "'sub' is mapped: its output is a list, which has no keys" in told

    def test_a_flow_inside_a_flow_inside_is_seen_through(self, flow):
        middle = "nodes:\n- {id: deep, flow: inner.yaml}\noutputs: {n: deep.n, all: deep}\n"
        sub = "- {id: sub, flow: middle.yaml}\n"
        ((_, told),) = flow(sub + "- {id: b, action: takes_text, inputs: {text: sub.n}}\n", middle=middle)
        assert "gets int from 'sub.n'" in told
        assert flow(sub + "- {id: b, action: takes_number, inputs: {n: sub.n}}\n", middle=middle) == []
        ((_, told),) = flow(sub + "- {id: b, action: takes_order, inputs: {order: sub.all}}\n", middle=middle)
        assert "dict lacks the field 'total'" in told

    def test_without_outputs_the_sinks_are_what_it_gives(self, flow):
        sinks = "nodes:\n- {id: n, action: number}\n- {id: t, action: takes_number, inputs: {n: n}}\n"
        sub = "- {id: sub, flow: sinks.yaml}\n"
        ((_, told),) = flow(sub + "- {id: b, action: takes_text, inputs: {text: sub.t}}\n", sinks=sinks)
        assert "gets int from 'sub.t'" in told
        ((_, told),) = flow(sub + "- {id: b, action: takes_any, inputs: {n: sub.n}}\n", sinks=sinks)
        assert "flow 'sinks' gives dict, which has no 'n' | It has t." in told
        may = sinks + "- {id: more, action: total, when: {equals: 1, reference: n}}\n"
        assert flow(sub + "- {id: b, action: takes_any, inputs: {n: sub.more}}\n", sinks=may) == []

    @pytest.mark.parametrize(
        "grown", ["hooks: {run_end: hear}\nnodes: [{id: n, action: number}]\n", "nodes: [{id: n, action: grows}]\n"]
    )
    def test_of_a_flow_that_may_grow_nobody_knows_the_sinks(self, flow, grown):
        nodes = "- {id: sub, flow: grown.yaml}\n- {id: b, action: takes_any, inputs: {n: sub.x}}\n"
        assert flow(nodes, grown=grown) == []
        assert len(flow(nodes, grown=grown.replace("grows", "number").replace("hooks: {run_end: hear}", ""))) == 1

    def test_the_flows_own_outputs_refer_to_what_there_is(self, flow):
        ((place, told),) = flow(SUB, "outputs: {wrong: sub.nn}\n")
        assert place.startswith("3:")
        assert "the output 'wrong' refers to 'sub.nn', but flow 'inner' gives dict, which has no 'nn'" in told


class Point(msgspec.Struct):
    x: int
    y: int = 0


GIVEN: list[tuple[Any, Any]] = [
    (int, 1),
    (str, "a"),
    (bool, True),
    (float, 1.5),
    (int | None, None),
    (bytes, b"data"),
    (list[int], [1]),
    (list[bytes], [b"a"]),
    (tuple[int, str], (1, "a")),
    (dict[str, int], {"x": 1}),
    (Point, Point(x=1)),
    (list[Point], [Point(x=1)]),
    (Path, None),
]
"""Hints, and what is given for them; None for a path is one that is written when it is asked for."""
TAKEN: list[Any] = [
    int,
    str,
    bool,
    float,
    bytes,
    list[int],
    list[str],
    dict[str, int],
    dict[str, Any],
    Point,
    int | None,
    Path,
]


@pytest.mark.parametrize("at", range(len(GIVEN)))
@pytest.mark.parametrize("read", ["sub.g", "sub"])
def test_what_goes_well_is_never_refused(sim: Simulation, tmp_path: Path, at: int, read: str) -> None:
    """Law: whatever an action gives and another takes, through a flow, is accepted at load where the run would succeed."""
    hint, value = GIVEN[at]
    kept = tmp_path / "kept.txt"
    kept.write_text("text")

    def give(ctx: Context) -> Any:  # who takes a context may add nodes: of such a flow nothing is known at load
        del ctx
        return kept if hint is Path else value

    def takers() -> list[Any]:
        made = []
        for number, wanted in enumerate(TAKEN):

            def take(v: Any) -> None:
                del v

            take.__annotations__["v"] = wanted
            take.__name__ = f"take{number}"
            made.append(take)
        return made

    (tmp_path / "inner.yaml").write_text("name: inner\nnodes: [{id: g, action: give}]\n")
    loose = sim.system(actions=[give, *takers()])

    def hinted() -> Any:
        raise AssertionError("only its hint is looked at")

    hinted.__annotations__["return"] = hint
    strict = ActionRegistry()
    strict.add(action(name="give")(hinted))
    for one in takers():
        strict.add(one)
    for number in range(len(TAKEN)):
        text = f"nodes:\n- {{id: sub, flow: inner.yaml}}\n- {{id: b, action: take{number}, inputs: {{v: {read}}}}}\n"
        path = tmp_path / f"outer{number}.yaml"
        path.write_text(f"name: outer{number}\n{text}")
        went_well = loose.flows.start(path).wait(PATIENCE_S).state == "succeeded"
        assert accepts(path, strict) or not went_well, (hint, TAKEN[number])


def accepts(path: Path, registry: ActionRegistry) -> bool:
    try:
        load_flow(path, registry=registry)
    except DefinitionError:
        return False
    return True


def adding(*nodes: dict[str, Any]) -> Any:
    def adds(ctx: Context) -> int:
        for node in nodes:
            ctx.add_nodes([node])
        return 1

    return adds


def give(number: int = 1) -> int:
    return number


def take(text: str) -> str:
    return text


@pytest.mark.parametrize("who", ["an action", "a hook"])
@pytest.mark.parametrize("is_there", [True, False])
def test_what_is_added_is_checked_against_the_flows_that_are_there(
    sim: Simulation, tmp_path: Path, is_there: bool, who: str
) -> None:
    """Law: it is refused where it is added, whether the flow is the file's or was added by the same attempt just before."""
    added = [{"id": "b", "action": "take", "inputs": {"text": "sub.number"}}]
    if not is_there:
        added.insert(0, {"id": "sub", "flow": "inner.yaml"})

    def hear(event: HookEvent) -> list[AddNodes]:
        return [AddNodes([node]) for node in added] if event.node_id == "first" else []

    (tmp_path / "inner.yaml").write_text("name: inner\nnodes: [{id: g, action: give}]\noutputs: {number: g}\n")
    first = "adds" if who == "an action" else "give"
    head = "" if who == "an action" else "hooks: {node_success: hear}\n"
    sub = "- {id: sub, flow: inner.yaml}\n" if is_there else ""
    path = tmp_path / "outer.yaml"
    path.write_text(f"name: outer\n{head}nodes:\n- {{id: first, action: {first}}}\n{sub}")
    system = sim.system(actions=[give, take, hear, adding(*added)])
    report = system.flows.start(path, run_id="r").wait(PATIENCE_S)
    assert report.state == "failed"
    assert "the input 'text' gets int from 'sub.number', but action 'take' takes str" in str(report.error)


def test_one_declared_output_of_a_node_that_is_there_is_read_by_its_name(sim: Simulation, tmp_path: Path) -> None:
    """Law: what is added reads what a node gives by the name that the node declares, as a node of the file does."""
    node = {"id": "b", "action": "give", "inputs": {"number": "a.price"}}
    path = tmp_path / "outer.yaml"
    path.write_text(
        "name: outer\nnodes:\n- {id: a, action: give, outputs: [price]}\n- {id: c, action: adds, dependencies: [a]}\n"
    )
    report = sim.system(actions=[give, adding(node)]).flows.start(path).wait(PATIENCE_S)
    assert report.state == "succeeded", report.error


def test_a_flow_that_is_held_by_its_name_has_types_too(sim: Simulation, tmp_path: Path) -> None:
    """Law: how a flow is named makes no difference."""
    inner = tmp_path / "inner.yaml"
    inner.write_text("name: inner\nnodes: [{id: g, action: give}]\noutputs: {number: g}\n")
    system = sim.system(actions=[give, take])
    system.flows.load(inner)
    nodes = [{"id": "sub", "flow": "inner"}, {"id": "b", "action": "take", "inputs": {"text": "sub.number"}}]
    with pytest.raises(DefinitionError, match=r"gets int from 'sub\.number'"):
        system.flows.start({"name": "outer", "nodes": nodes})
