"""A flow built in Python is the flow of the file that it prints; what is wrong with it is told at the line of its call."""

from __future__ import annotations

import inspect
import json
import sys
import types
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagger_actors import Context, Exponential, Flow, Immediate, Linear, Map, Value, action
from dagger_actors.errors import DefinitionError
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.building.sources import Condition, Node, Source
from dagger_actors.flow.building.yaml_text import yaml_text
from dagger_actors.flow.definition import FlowDefinition
from dagger_actors.flow.loading import file_format, node_form, sub_flows
from dagger_actors.flow.loading.loader import load_flow
from dagger_actors.reading.kind import DOCUMENT
from dagger_actors.reading.source import read_content
from dagger_actors.reading.tree import to_data
from tests.strategies import literals, names, texts

HERE = Path(__file__).name


def read(source: Any) -> FlowDefinition | int:
    """The definition, or how many problems there are."""
    try:
        return load_flow(source)
    except DefinitionError as error:
        return len(error.problems)


def of_text(text: str) -> Any:
    return read_content(text.encode(), "", Path.cwd(), DOCUMENT)


# --- the law


@st.composite
def sources(draw: st.DrawFn, values: list[Source]) -> Source:
    source = draw(st.sampled_from(values))
    if isinstance(source, Node):
        if draw(st.booleans()):
            source = source[draw(names)]
        if draw(st.booleans()):
            source = source.default(draw(literals))
    return source.described(draw(texts)) if draw(st.booleans()) else source


@st.composite
def conditions(draw: st.DrawFn, values: list[Source], depth: int = 2) -> Condition:
    if depth and draw(st.booleans()):
        left, right = draw(conditions(values, depth - 1)), draw(conditions(values, depth - 1))
        return draw(st.sampled_from([left & right, left | right, ~left]))
    source, number = draw(sources(values)), draw(st.integers(-5, 5) | texts)
    compared = [source > number, source >= number, source < number, source <= number]
    value = draw(literals)
    return draw(
        st.sampled_from(
            [*compared, source.equals(value), source.not_equals(value), source.is_in([value]), source.exists()]
        )
    )


@st.composite
def built(draw: st.DrawFn) -> Flow:
    flow = Flow(draw(names), description=draw(st.none() | texts), tags=draw(st.lists(names, max_size=2)))
    values: list[Source] = []
    for name in draw(st.lists(names, max_size=2, unique=True)):
        kind = draw(st.sampled_from([None, int, dict, bool]))
        default = {} if draw(st.booleans()) else {"default": None if kind else draw(literals)}
        values.append(flow.input(name, kind, description=draw(st.none() | texts), **default))
    for node_id in draw(st.lists(names, min_size=1, max_size=5, unique=True)):
        nodes = [one for one in values if isinstance(one, Node)]
        given = st.one_of(literals, st.builds(Value, literals, texts), *([sources(values)] if values else []))
        options: dict[str, Any] = {
            "dependencies": st.lists(st.sampled_from(nodes), max_size=3, unique_by=id) if nodes else st.just([]),
            "trigger": st.sampled_from(["all_succeeded", "all_done", "none_failed"]),
            "description": texts,
            "on_failure": st.sampled_from(["stop", "continue", "pause"]),
        }
        if values:
            options["when"] = conditions(values)
        if draw(st.integers(0, 4)) == 0:
            options |= {"match": st.dictionaries(names, given, min_size=1, max_size=2), "timeout_s": st.integers(1, 9)}
            options["start"] = st.sampled_from(["latest", "earliest"])
            said = draw(st.fixed_dictionaries({}, optional=options))
            values.append(flow.await_message(node_id, "payments", **said))
            continue
        options |= {
            "inputs": st.dictionaries(names, given, max_size=3),
            "outputs": st.lists(names, max_size=2, unique=True),
            "timeout": st.floats(0.1, 1000),
            "try_count": st.integers(1, 5),
            "retry_strategy": st.builds(Linear, delay_secs=st.floats(0, 10)) | st.just(Exponential()),
            "failure": st.just("clean"),
            "priority": st.integers(-5, 5),
            "cache": st.booleans() | st.builds(lambda ttl: {"ttl_s": ttl}, st.integers(1, 9)),
            "isolation": st.sampled_from(["thread", "process"]),
        }
        if values:
            options["map"] = st.builds(Map, over=sources(values), item=st.just("the item"), tolerate=st.integers(0, 3))
        values.append(flow.node(node_id, draw(names), **draw(st.fixed_dictionaries({}, optional=options))))
    if values and draw(st.booleans()):
        flow.outputs(draw(st.dictionaries(names, sources(values), max_size=2)))
    flow.config(max_iterations=draw(st.none() | st.integers(1, 9)), on_failure=draw(st.sampled_from([None, "pause"])))
    flow.hooks(run_end=draw(st.sampled_from([(), "a", ("a", "b")])))
    return flow


@given(built())
def test_the_flow_of_its_yaml_is_its_own(flow):
    """Law: what is built and what its YAML says are one definition; and what is wrong with one is wrong with both."""
    assert read(of_text(flow.to_yaml())) == read(flow.source())


@given(st.dictionaries(st.text(max_size=5), literals, max_size=4), st.text(min_size=1, max_size=300))
def test_what_is_written_as_yaml_is_read_as_it_was(data, long):
    """Law: whatever data a file can hold, its text means it; keys that are too long for one line too."""
    data = {**data, long * 5: [data, {long * 4: 1}], "nodes": [{"id": long}]}
    tree = of_text(yaml_text(data))
    if not tree.problems:  # (control characters may not stand in a file, however they are written)
        assert json.dumps(to_data(tree.tree)) == json.dumps(data)


# --- every key


@action
def one(ctx: Context, x: int = 0) -> dict[str, int]:
    return {"n": x}


@action(name="the other")
def two(n: int = 0, **more: Any) -> int:
    return n


@action
def told(event: Any = None, error: Any = None) -> None:
    pass


def test_every_key_of_the_format_can_be_said():
    """Law: a builder's options are the file's keys, all of them, by their names."""

    def options(method: Any) -> set[str]:
        return set(inspect.signature(method).parameters) - {"self"}

    def keys(form: Any) -> set[str]:
        return {field.encode_name for field in msgspec.structs.fields(form)}

    retry = {"retry_on", "give_up_on"}
    node = keys(node_form.NodeForm) - {"await_message", "approval", "flow"} | retry
    assert {"node_id" if key == "id" else key for key in node} == options(Flow.node)
    only_actions = set(sub_flows.OF_ACTIONS_ONLY) | retry
    assert options(Flow.sub_flow) == node - only_actions - {"id"} | {"flow", "node_id"}
    wait = keys(node_form.AwaitForm) - {"from"} | {"start", "node_id"}
    assert wait <= options(Flow.await_message) <= wait | node
    asks = keys(node_form.ApprovalForm) | {"node_id"}
    assert asks <= options(Flow.approval) <= asks | node
    assert options(Flow.config) == keys(file_format.ConfigForm) | retry
    assert options(Flow.hooks) == keys(file_format.HooksForm)
    assert options(Flow.input) == keys(file_format.InputForm) - {"type"} | {"name", "kind"}
    assert set(msgspec.structs.asdict(Map(over=Source(), item="x"))) == keys(node_form.MapForm)
    calls = {"config", "hooks", "inputs", "nodes", "outputs"}
    assert options(Flow.__init__) | calls == keys(file_format.FlowFile)


GIVEN: dict[str, Any] = {
    "action": "other",
    "actions": ["more"],
    "cache": True,
    "channel": "others",
    "default": None,
    "durability": "best_effort",
    "enable_parallel_execution": False,
    "failure": "other",
    "flow": "other.yaml",
    "give_up_on": [KeyError],
    "human_timeout_action": "autopilot",
    "isolation": "thread",
    "kind": int,
    "node_id": "other",
    "on_failure": "pause",
    "on_timeout": "autopilot",
    "onfailure": False,
    "outputs": ["x"],
    "retry_on": [KeyError],
    "retry_strategy": Linear(delay_secs=1),
    "secret": True,
    "start": "earliest",
    "tags": ["x"],
    "trigger": "all_done",
    "type": "int",
    **dict.fromkeys(["author", "description", "instructions", "message", "name", "signature", "version"], "words"),
    **dict.fromkeys(["human_wait_minutes", "max_attempts", "max_iterations", "max_parallel_nodes"], 3),
    **dict.fromkeys(["priority", "timeout", "timeout_s", "timeout_seconds", "try_count"], 3),
}
LEAST: dict[str, dict[str, Any]] = {
    "__init__": {"name": "f"},
    "node": {"node_id": "n", "action": one},
    "sub_flow": {"node_id": "n", "flow": "inner.yaml"},
    "await_message": {"node_id": "n", "channel": "c"},
    "approval": {"node_id": "n"},
    "config": {},
    "hooks": {},
    "input": {"name": "i"},
}
OPTIONS = [
    (method, option)
    for method in LEAST
    for option in inspect.signature(getattr(Flow, method)).parameters
    if option != "self"
]


@pytest.mark.parametrize(("method", "option"), OPTIONS)
def test_every_option_of_the_builder_is_in_the_file(method: str, option: str) -> None:
    """Law: no option is accepted and ignored: what is given shows in what the file holds."""

    def data(**options: Any) -> Any:
        if method == "__init__":
            return Flow(**options).data()
        flow = Flow("f")
        first, x = flow.node("first", one), flow.input("x")
        of_flow = {
            "inputs": {"x": x},
            "dependencies": [first],
            "map": Map(over=x, item="y"),
            "match": {"x": x},
            "when": x > 1,
        }
        getattr(flow, method)(**{key: of_flow.get(key, value) for key, value in options.items()})
        return flow.data()

    least = LEAST[method]
    assert data(**least) != data(**least | {option: "other" if method == "hooks" else GIVEN.get(option)})


def test_an_approval_that_is_built_is_the_one_of_the_file():
    """Law: its options and those of the config are the file's keys."""
    flow = Flow("asks")
    flow.config(human_wait_minutes=5, human_timeout_action="autopilot")
    first = flow.node("first", one, inputs={"x": 1})
    flow.approval("ok", "Go on?", default=True, dependencies=[first])
    flow.approval("size", type=int, timeout_s=9, on_timeout="pause", dependencies=[first])
    assert flow.data()["nodes"][1:] == [
        {"id": "ok", "approval": {"message": "Go on?", "default": True}, "dependencies": ["first"]},
        {"id": "size", "approval": {"type": "int", "timeout_s": 9, "on_timeout": "pause"}, "dependencies": ["first"]},
    ]
    assert read(of_text(flow.to_yaml())) == read(flow.source()) == load_flow(flow.data())


def test_an_answer_of_a_class_that_json_has_not_is_refused_at_its_call():
    """Law: the same classes as for inputs, and the advice names them."""
    with pytest.raises(DefinitionError, match="the answer of node 'ok' cannot be of type <class 'complex'>") as caught:
        Flow("f").approval("ok", type=complex)
    assert caught.value.problems[0].advice == "Give one of int, float, str, bool, list, dict."


def test_a_flow_inside_is_a_node_as_a_file_has_it(tmp_path, monkeypatch):
    """Law: ``sub_flow`` says what the key ``flow`` does, and what its outputs are called is free."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inner.yaml").write_text("name: inner\ninputs: {x: 1}\nnodes: [{id: n, action: one}]\n")
    flow = Flow("outer")
    numbers = flow.input("numbers", list)
    each = flow.sub_flow(
        "each", "inner.yaml", map=Map(over=numbers, item="x", limit=2), timeout=60, on_failure="continue"
    )
    flow.outputs(results=each)
    read_back = load_flow(flow.source())
    assert read_back == load_flow(flow.data())
    spec = read_back.nodes[0].flow
    assert spec is not None
    assert (spec.name, spec.folder, read_back.nodes[0].timeout_s) == ("inner", ".", 60)


def test_a_flow_with_everything_is_the_one_that_a_person_would_write():
    """Law: each option becomes its key."""
    flow = Flow("all", description="d", tags=["t"], version="1")
    limit = flow.input("limit", int, default=3, description="how many")
    first = flow.node("first", one, inputs={"x": limit.described("l")}, outputs=["n"], cache={"ttl_s": 5}, timeout=9)
    wait = flow.await_message("paid", "payments", match={"order.id": first["n"], "state": "paid"}, start="earliest")
    flow.node(
        "last.one",
        two,
        inputs={"n": first["n"].default(0), "text": "a: b", "wait": Value(7, "seven")},
        dependencies=[first, wait],
        trigger="all_done",
        when=(first["n"].default(0) > 1) & limit.is_in([1, 2]) & ~limit.exists(),
        try_count=4,
        retry_strategy=Exponential(jitter=2),
        retry_on=[OSError, json.JSONDecodeError, "a.b.C"],
        failure=told,
        durability="at_most_once",
    )
    flow.hooks(node_failure=[told, "more"], run_end=told)
    flow.config(on_failure="continue", retry_strategy=Linear(delay_secs=1), give_up_on=[KeyError])
    flow.outputs({"a b": first["n"]}, c=limit)
    assert flow.to_yaml() == EVERYTHING.replace("MODULE", __name__)
    assert read(of_text(flow.to_yaml())) == read(flow.source()) == load_flow(flow.data())


EVERYTHING = """\
name: all
description: d
version: "1"
tags: [t]
actions:
  - "MODULE:one"
  - "MODULE:two"
  - "MODULE:told"
inputs:
  limit: {type: int, default: 3, description: how many}
config:
  on_failure: continue
  retry_strategy: {linear: {delay_secs: 1}, give_up_on: [KeyError]}
hooks:
  node_failure: [told, more]
  run_end: told
nodes:
  - id: first
    action: one
    inputs: {x: {reference: inputs.limit, description: l}}
    outputs: ["n"]
    timeout: 9
    cache: {ttl_s: 5}
  - id: paid
    await_message:
      channel: payments
      match: {order.id: first.n, state: {value: paid}}
      from: earliest
  - id: last.one
    action: the other
    dependencies: [first, paid]
    inputs:
      "n": {reference: first.n, default: 0}
      text: {value: "a: b"}
      wait: {value: 7, description: seven}
    trigger: all_done
    when:
      all:
        - {reference: first.n, default: 0, gt: 1}
        - {reference: inputs.limit, in: [1, 2]}
        - {not: {reference: inputs.limit, exists: true}}
    try_count: 4
    retry_strategy:
      exponential: {jitter: 2}
      retry_on: [OSError, json.decoder.JSONDecodeError, a.b.C]
    failure: told
    durability: at_most_once
outputs:
  a b: first.n
  c: inputs.limit
"""


# --- mistakes


def problems_of(flow: Flow) -> list[Any]:
    registry = ActionRegistry()
    for function in flow.functions:
        registry.add(function)
    with pytest.raises(DefinitionError) as caught:
        load_flow(flow.source(), registry=registry)
    return list(caught.value.problems)


def test_every_mistake_is_told_at_the_line_of_its_call():
    """Law: all problems at once, each with file, line and source of the call that declared it."""
    flow = Flow("wrong")
    flow.input("limit", int, default="x")
    flow.node("a", one, inputs={"y": 1})
    flow.node("a", one, timeout=-1)
    flow.outputs(x=object())
    line = inspect.currentframe().f_lineno
    told_of = problems_of(flow)
    assert {Path(problem.file).name for problem in told_of} == {HERE}
    places = {line - problem.line: str(problem) for problem in told_of}
    assert places.keys() == {1, 4, 3, 2}
    assert 'flow.input("limit", int, default="x")' in places[4]
    assert "timeout" in places[2] or "doubled" in places[2]
    assert "flow.outputs(x=object())" in places[1]


def test_what_is_said_of_the_flow_itself_is_told_at_the_line_of_its_call():
    """Law: settings, hooks and outputs have the lines of their own calls, and not that of the flow."""
    flow = Flow("wrong")
    node = flow.node("a", one, inputs={"x": 1}, when=flow.input("n", int).equals(2))
    flow.config(max_parallel_nodes=0)
    flow.hooks(run_end=one)
    flow.outputs(
        x=node,
    )
    line = inspect.currentframe().f_lineno
    places = {line - problem.line: str(problem) for problem in problems_of(flow)}
    assert places.keys() == {5, 4, 3}
    assert "max_parallel_nodes" in places[5]
    assert "takes no `event`" in places[4]
    assert "may have been skipped" in places[3]


def test_what_belongs_to_another_flow_is_refused_at_once():
    """Law: a node of one flow means nothing in another, even if that has one of the same name."""
    theirs = Flow("theirs").node("a", one)
    flow = Flow("ours")
    flow.node("a", one)
    for call in (
        lambda: flow.node("b", one, inputs={"x": theirs["n"]}),
        lambda: flow.node("b", one, dependencies=[theirs]),
        lambda: flow.node("b", one, map=Map(over=theirs, item="x")),
        lambda: flow.node("b", one, when=(theirs["n"] > 1) & (theirs["n"] < 2)),
        lambda: flow.await_message("b", "c", match={"x": theirs}),
        lambda: flow.outputs(x=theirs),
    ):
        with pytest.raises(DefinitionError, match="belongs to another flow, 'theirs'"):
            call()
    assert load_flow(flow.source()).nodes[0].id == "a"
    assert len(load_flow(flow.source()).nodes) == 1


def test_what_python_itself_can_tell_is_told_as_python_does():
    """Law: unknown options, conditions that are asked now, and values of the wrong class are TypeErrors."""
    flow = Flow("x")
    node = flow.node("a", one)
    wrong: list[Any] = [
        lambda: flow.node("b", one, time_out=3),
        lambda: flow.node("b", object()),
        lambda: flow.node("b", one, when=True),
        lambda: flow.node("b", one, map={"over": node, "item": "x"}),
        lambda: bool(node["n"] > 1),
        lambda: 1 < node["n"] < 3,
        lambda: list(node),
        lambda: (node["n"] > 1) & 3,
    ]
    for call in wrong:
        with pytest.raises(TypeError):
            call()
    for call in (lambda: flow.input("a", set), lambda: flow.input("l") and flow.input("l")):
        with pytest.raises(DefinitionError):
            call()


def test_a_node_alone_is_told_to_be_a_list_and_so_are_ids():
    flow = Flow("x")
    node = flow.node("a", one)
    for wrong in (node, "a", ["a"]):
        with pytest.raises(TypeError, match="dependencies is a list of nodes, as node"):
            flow.node("b", one, dependencies=wrong)  # type: ignore[arg-type]


def test_a_text_alone_is_told_to_be_a_list_and_is_not_taken_apart():
    """Law: where a file wants a list, neither text nor a class is one, and no node is made of it."""
    flow = Flow("x")
    wrong: list[tuple[str, Any]] = [
        ("tags", lambda: Flow("y", tags="daily")),
        ("actions", lambda: Flow("y", actions="own.py")),
        ("outputs", lambda: flow.node("a", one, outputs="n")),
        ("retry_on", lambda: flow.node("a", one, retry_strategy=Immediate(), retry_on="OSError")),
        ("give_up_on", lambda: flow.config(retry_strategy=Immediate(), give_up_on=OSError)),  # type: ignore[arg-type]
    ]
    for name, call in wrong:
        with pytest.raises(TypeError, match=f"^{name} is a list, be it of one: write brackets around "):
            call()
    assert flow.data()["nodes"] == []


def test_a_wait_an_exception_and_outputs_of_the_wrong_class_are_told_by_their_option():
    """Law: a wait by its name in a file, an exception that was made, outputs without names: nothing is kept of them."""
    flow = Flow("x")
    node = flow.node("a", one)
    before = flow.data()
    wrong: list[tuple[str, Any]] = [
        ("retry_strategy is Exponential", lambda: flow.config(retry_strategy="immediate")),  # type: ignore[arg-type]
        ("retry_strategy is Exponential", lambda: flow.node("b", one, retry_strategy=Immediate)),  # type: ignore[arg-type]
        ("an exception of retry_on is a class", lambda: flow.config(retry_on=[OSError()])),  # type: ignore[list-item]
        ("an exception of give_up_on is a class", lambda: flow.node("b", one, give_up_on=[3])),  # type: ignore[list-item]
        ("an exception of retry_on is a class", lambda: flow.config(retry_on=[int])),  # type: ignore[list-item]
        ("outputs is a mapping", lambda: flow.outputs([node])),  # type: ignore[arg-type]
    ]
    for told, call in wrong:
        with pytest.raises(TypeError, match=f"^{told}"):
            call()
    assert flow.data() == before


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_a_number_that_json_has_not_is_refused_in_the_yaml_of_a_flow_as_in_itself(value: float) -> None:
    """Law: it is no text in the file; what refuses the one refuses the other with the same words."""
    flow = Flow("x")
    flow.node("a", two, inputs={"n": value})
    flow.node("b", one, timeout=value)
    assert repr(to_data(of_text(yaml_text({"it": [value]})).tree)) == repr({"it": [value]})
    told: list[list[str]] = []
    for source in (of_text(flow.to_yaml()), flow.source()):
        with pytest.raises(DefinitionError) as refused:
            load_flow(source)
        told.append([problem.message.partition("node '")[2] for problem in refused.value.problems])
    assert told[0] == told[1]
    assert "a': value holds .inf or .nan, which JSON cannot carry" in told[0]


def test_inputs_that_are_no_mapping_are_told_to_be_one():
    flow = Flow("x")
    node = flow.node("a", one)
    for call in (
        lambda: flow.node("b", one, inputs=[node]),  # type: ignore[arg-type]
        lambda: flow.sub_flow("b", "other", inputs=node),  # type: ignore[arg-type]
        lambda: flow.await_message("b", "news", match="id"),  # type: ignore[arg-type]
    ):
        with pytest.raises(TypeError, match=r"(inputs|match) is a mapping, such as .*, not a "):
            call()
    assert [one.id for one in load_flow(flow.source()).nodes] == ["a"]


def test_a_flow_that_is_built_is_named_by_a_node_that_runs_it():
    """Law: a flow itself is no name of it: it was taken for one, ``<Flow 'inner'>``."""
    with pytest.raises(TypeError, match=r"a flow that the system has loaded: system.flows.load"):
        Flow("x").sub_flow("sub", Flow("inner"))  # type: ignore[arg-type]
    flow = Flow("x")
    flow.sub_flow("sub", Path("inner.yaml"))
    assert flow.data()["nodes"] == [{"id": "sub", "flow": "inner.yaml"}]


def test_a_value_of_a_flow_is_told_by_its_name():
    node = Flow("x").node("a", one)
    assert [repr(source) for source in (node, node["n"], node.default(1))] == [
        "<Node 'a'>",
        "<Output 'n' of 'a'>",
        "<Output of 'a'>",
    ]


# --- actions


def test_a_function_that_no_other_process_can_import_is_named_alone():
    """Law: only what can be found again becomes an entry of `actions:`."""

    def inner() -> int:
        return 1

    flow = Flow("x")
    flow.node("a", inner)
    flow.node("b", one)
    assert flow.data()["actions"] == [f"{__name__}:one"]
    assert [node["action"] for node in flow.data()["nodes"]] == ["inner", "one"]


def test_a_function_of_a_file_is_named_by_the_file(tmp_path, monkeypatch):
    """Law: what was imported by its file has no module that others could import."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("def work() -> int:\n    return 1\n")
    registry = ActionRegistry()
    registry.load("mine.py:work", tmp_path)
    flow = Flow("x")
    flow.node("a", registry.get("work").function)
    assert flow.data()["actions"] == ["mine.py:work"]
    assert load_flow(of_text(flow.to_yaml()), registry=ActionRegistry()).nodes[0].action == "work"


def test_the_running_script_is_not_executed_again(tmp_path, monkeypatch):
    """Law: a reference to the file that runs as the program means that program."""
    script = tmp_path / "script.py"
    script.write_text("raise SystemExit('executed again')\n")
    main = types.ModuleType("__main__")
    main.__file__ = str(script)
    exec("def work() -> int:\n    return 1\n", main.__dict__)
    monkeypatch.setitem(sys.modules, "__main__", main)
    registry = ActionRegistry()
    registry.load("script.py:work", tmp_path)
    assert registry.get("work").function is main.work


def test_a_default_that_is_lacking_is_advised_as_python_writes_it() -> None:
    """Law: advice is code that may stand where the problem is: of a node, and of one key of what it gives."""
    flow = Flow("f")
    first = flow.node("m", "act")
    flow.node("n", "act", inputs={"all": first, "one": first["a.b"]}, trigger="all_done")
    with pytest.raises(DefinitionError) as caught:
        load_flow(flow.source())
    advice = [problem.advice for problem in caught.value.problems]
    assert advice == ["Give a default: m.default(None).", "Give a default: m['a.b'].default(None)."]
