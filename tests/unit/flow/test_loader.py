"""What a valid flow file means, key by key."""

from __future__ import annotations

import os

import msgspec
import pytest

from dagger_actors.bodies.actions import action
from dagger_actors.core.retry import Exponential, Immediate, Linear, RetryPolicy
from dagger_actors.errors import DefinitionError
from dagger_actors.flow.actions.context import Context
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.definition import (
    FORMAT,
    AwaitMessage,
    Constant,
    FlowDefinition,
    FromInput,
    FromNode,
    InputSpec,
    MapSpec,
    NodeDefinition,
)
from dagger_actors.flow.loading.loader import load_flow


def load(*nodes: dict, registry: ActionRegistry | None = None, **top) -> FlowDefinition:
    return load_flow({"name": "f", "nodes": list(nodes), **top}, registry=registry)


def node(id_: str = "a", **keys) -> dict:
    return {"id": id_, "action": "noop", **keys}


def messages(*nodes: dict, registry: ActionRegistry | None = None, **top) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        load(*nodes, registry=registry, **top)
    return [problem.message for problem in caught.value.problems]


class TestReferences:
    """Law: a reference means the longest ancestor id that fits, or exactly what its mapping names."""

    def test_the_whole_output_a_key_an_input_and_a_literal(self):
        flow = load(
            node("a"),
            node("b", inputs={"w": "a", "x": "a.key", "y": "inputs.limit", "z": {"value": {"k": [1, None, "t"]}}}),
        )
        assert flow.nodes[1].inputs == (
            ("w", FromNode(0)),
            ("x", FromNode(0, "key")),
            ("y", FromInput("limit")),
            ("z", Constant('{"k":[1,null,"t"]}')),
        )
        assert flow.inputs is None

    def test_the_longest_ancestor_id_wins(self):
        flow = load(
            node("a"),
            node("a.b"),
            node("a.b.c"),
            node("d", dependencies=["a", "a.b"], inputs={"x": "a.b.c", "y": "a.c"}),
        )
        assert flow.nodes[3].inputs == (("x", FromNode(1, "c")), ("y", FromNode(0, "c")))

    def test_without_dependencies_the_longest_id_wins(self):
        flow = load(node("a"), node("a.b"), node("d", inputs={"x": "a.b.c", "y": "a.b"}))
        assert flow.nodes[2].inputs == (("x", FromNode(1, "c")), ("y", FromNode(1)))
        assert flow.nodes[2].dependencies == (1,)

    def test_a_mapping_names_node_and_key_exactly(self):
        flow = load(node("a"), node("a.b"), node("d", inputs={"x": {"node": "a", "key": "b"}, "y": {"node": "a.b"}}))
        assert flow.nodes[2].inputs == (("x", FromNode(0, "b")), ("y", FromNode(1)))

    def test_an_exact_node_is_not_cut_at_its_dots(self):
        assert messages(node("a"), node("b", inputs={"x": {"node": "a.k"}})) == [
            "nodes[1].inputs.x.node: node 'b': the input 'x' refers to 'a.k', but there is no node 'a.k'"
        ]

    def test_an_ancestor_may_be_far_away(self):
        flow = load(node("a"), node("b", dependencies=["a"]), node("c", dependencies=["b"], inputs={"x": "a.k"}))
        assert flow.nodes[2].inputs == (("x", FromNode(0, "k")),)
        assert flow.nodes[2].dependencies == (1,)

    def test_inputs_as_a_list(self):
        written = [
            {"name": "x", "reference": "a.k", "description": "why"},
            {"name": "y", "value": 5},
            {"name": "z", "node": "a"},
        ]
        flow = load(node("a"), node("b", inputs=written))
        assert flow.nodes[1].inputs == (
            ("x", FromNode(0, "k", description="why")),
            ("y", Constant("5")),
            ("z", FromNode(0)),
        )

    def test_a_description_is_kept_beside_any_kind_of_reference(self):
        """Law: of inputs, of the list of a map, and of outputs; where there is none the encoding does not name it."""
        keys = {"description": "why"}
        sources = [
            {"reference": "a.k", "default": None},
            {"node": "a", "default": 1},
            {"value": 5},
            {"reference": "inputs.i"},
        ]
        flow = load(
            node("a"),
            node("b", inputs={str(at): {**source, **keys} for at, source in enumerate(sources)}, trigger="all_done"),
            node("c", map={"over": {"reference": "a.k", **keys}, "item": "i"}),
            outputs={"o": {"reference": "a", **keys}},
        )
        told = [reference for _, reference in flow.nodes[1].inputs]
        assert told == [
            FromNode(0, "k", "null", "why"),
            FromNode(0, None, "1", "why"),
            Constant("5", "why"),
            FromInput("i", "why"),
        ]
        assert flow.nodes[2].map.over.description == flow.outputs["o"].description == "why"
        bare = [FromNode(0), Constant("5"), FromInput("i")]
        assert b"description" not in msgspec.json.encode(bare)

    def test_absent_dependencies_are_the_nodes_referred_to_in_order(self):
        flow = load(
            node("a"),
            node("b"),
            node("c"),
            node("d", inputs={"x": "c", "y": "a.k", "z": "c.k"}, map={"over": "b", "item": "i"}),
        )
        assert flow.nodes[3].dependencies == (2, 0, 1)
        assert flow.nodes[3].map == MapSpec(over=FromNode(1), item="i")

    def test_a_node_may_come_before_what_it_depends_on(self):
        assert load(node("b", dependencies=["a"]), node("a")).nodes[0].dependencies == (1,)

    def test_map_over_an_input(self):
        assert load(node(map={"over": "inputs.files", "item": "file"})).nodes[0].map == MapSpec(
            over=FromInput("files"), item="file"
        )

    def test_outputs_refer_to_any_node(self):
        flow = load(node("a"), node("b"), outputs={"x": "a.k", "y": {"node": "b"}, "z": "inputs.k", "w": {"value": 1}})
        assert flow.outputs == {"x": FromNode(0, "k"), "y": FromNode(1), "z": FromInput("k"), "w": Constant("1")}

    def test_the_id_inputs_is_refused(self):
        assert messages(node("inputs")) == ["nodes[0].id: the id 'inputs' is taken by the flow's inputs"]


class TestAwaitedMessages:
    """Law: a node awaits a message instead of running an action, and each key of it is in its definition."""

    def test_all_keys(self):
        flow = load(
            node("a"),
            {
                "id": "b",
                "await_message": {
                    "channel": "orders.paid",
                    "match": {"order.id": "a.id", "state": {"value": "paid"}, "who": "inputs.who"},
                    "timeout_s": 5,
                    "from": "earliest",
                },
                "on_failure": "continue",
            },
        )
        assert flow.nodes[1] == NodeDefinition(
            id="b",
            dependencies=(0,),
            on_failure="continue",
            awaits=AwaitMessage(
                channel="orders.paid",
                match=(("order.id", FromNode(0, "id")), ("state", Constant('"paid"')), ("who", FromInput("who"))),
                timeout_s=5.0,
                is_earliest=True,
            ),
        )

    def test_the_tries_of_the_flow_are_those_of_actions(self):
        """A wait is made once, whatever the flow says of tries."""
        flow = load(
            {"id": "a", "await_message": {"channel": "c"}}, config={"max_attempts": 4, "retry_strategy": "immediate"}
        )
        assert flow.nodes[0].retry == RetryPolicy()

    @pytest.mark.parametrize(
        ("above", "told"),
        [
            ([], "refers to 'a.id', but there is no node 'a'"),
            (
                [node("a", when={"reference": "inputs.x", "gt": 1})],
                "refers to 'a', which may have failed or been skipped here",
            ),
        ],
    )
    def test_what_it_is_matched_with_is_a_reference_as_any_other(self, above, told):
        wait = {"id": "b", "await_message": {"channel": "c", "match": {"id": "a.id"}}}
        trigger = {"trigger": "all_done"} if above else {}
        (message,) = messages(*above, {**wait, **trigger})
        assert message.endswith(f"node 'b': await_message.match 'id' {told}")

    def test_its_output_may_be_referred_to_by_any_key(self):
        """Of a channel a flow file alone knows nothing."""
        flow = load({"id": "a", "await_message": {"channel": "c"}}, node("b", inputs={"x": "a.anything"}))
        assert flow.nodes[1].inputs == (("x", FromNode(0, "anything")),)


class TestInputsOfTheFlow:
    """Law: a mapping is a specification, anything else a default."""

    def test_shorthand_and_specification(self):
        flow = load(
            node(), inputs={"a": 5, "b": [1, "x"], "c": {}, "d": {"type": "float", "default": 1, "description": "d"}}
        )
        assert flow.inputs == {
            "a": InputSpec(default="5"),
            "b": InputSpec(default='[1,"x"]'),
            "c": InputSpec(),
            "d": InputSpec(type="float", default="1", description="d"),
        }

    def test_declared_inputs_are_all_there_are(self):
        found = messages(node(inputs={"x": "inputs.b"}), inputs={})
        assert found == [
            "nodes[0].inputs.x: node 'a': the input 'x' refers to the input 'b', which the flow does not declare"
        ]

    @pytest.mark.parametrize(
        ("kind", "good", "bad"),
        [
            ("int", 1, True),
            ("int", -1, 1.0),
            ("float", 1, True),
            ("float", 1.5, "x"),
            ("str", "x", 1),
            ("bool", False, 0),
            ("list", [], {}),
            ("dict", {}, []),
        ],
    )
    def test_a_default_has_the_declared_type(self, kind, good, bad):
        assert load(node(), inputs={"x": {"type": kind, "default": good}}).inputs
        assert f"must be of type {kind}" in messages(node(), inputs={"x": {"type": kind, "default": bad}})[0]

    @pytest.mark.parametrize("value", [None, True, 1, 1.5, "x", [], {}])
    def test_any_takes_anything(self, value):
        assert load(node(), inputs={"x": {"type": "any", "default": value}}).inputs


EXPONENTIAL = {"exponential": {"initial_delay_secs": 0.5, "jitter": 0.1}}
LINEAR = {"linear": {"delay_secs": 2}, "retry_on": ["OSError", "a.b.Error"], "give_up_on": ["KeyError"]}


class TestTriesAndFailures:
    """Law: try_count, then onfailure, then config.max_attempts, then 3 where there is a strategy, then 1."""

    @pytest.mark.parametrize(
        ("config", "keys", "tries", "wait"),
        [
            ({}, {}, 1, Immediate()),
            ({}, {"try_count": 4}, 4, Immediate()),
            ({}, {"onfailure": True}, 1, Immediate()),
            ({"max_attempts": 5}, {}, 5, Immediate()),
            ({"max_attempts": 5}, {"onfailure": True}, 5, Immediate()),
            ({"max_attempts": 5}, {"onfailure": False}, 1, Immediate()),
            ({"max_attempts": 5}, {"onfailure": False, "try_count": 1}, 1, Immediate()),
            ({"max_attempts": 5}, {"try_count": 2}, 2, Immediate()),
            ({"retry_strategy": "immediate"}, {}, 3, Immediate()),
            ({"retry_strategy": EXPONENTIAL}, {}, 3, Exponential(initial_delay_secs=0.5, jitter=0.1)),
            (
                {"retry_strategy": EXPONENTIAL, "max_attempts": 1},
                {},
                1,
                Exponential(initial_delay_secs=0.5, jitter=0.1),
            ),
            ({}, {"retry_strategy": EXPONENTIAL}, 3, Exponential(initial_delay_secs=0.5, jitter=0.1)),
            ({"retry_strategy": EXPONENTIAL}, {"retry_strategy": {"immediate": {}}}, 3, Immediate()),
            ({"retry_strategy": LINEAR}, {"retry_strategy": "immediate", "try_count": 7}, 7, Immediate()),
        ],
    )
    def test_tries_and_wait(self, config, keys, tries, wait):
        assert load(node(**keys), config=config).nodes[0].retry == RetryPolicy(tries=tries, wait=wait)

    def test_exception_names_come_with_their_strategy(self):
        linear = RetryPolicy(
            tries=3, wait=Linear(delay_secs=2.0), retry_on=("OSError", "a.b.Error"), give_up_on=("KeyError",)
        )
        assert load(node(), config={"retry_strategy": LINEAR}).nodes[0].retry == linear
        assert load(node(retry_strategy=LINEAR)).nodes[0].retry == linear

    def test_on_failure_of_the_node_beats_the_flow(self):
        flow = load(node("a"), node("b", on_failure="pause"), config={"on_failure": "continue"})
        assert [each.on_failure for each in flow.nodes] == ["continue", "pause"]
        assert load(node()).nodes[0].on_failure == "stop"

    @pytest.mark.parametrize("timeout", [0.001, 1, 86_400])
    def test_a_timeout_may_be_anything_up_to_a_day(self, timeout):
        assert load(node(timeout=timeout), config={"timeout_seconds": timeout}).nodes[0].timeout_s == timeout


class TestAutomaticInputs:
    """Law: without `inputs`, a parameter takes the ancestor or the flow input of its name; doubt is an error."""

    @pytest.fixture
    def registry(self):
        registry = ActionRegistry()

        @action
        def noop(): ...

        @action
        def add(num1: int, ctx: Context, num2: int = 2, **rest): ...

        @action
        def combine(a, b): ...

        for function in (noop, add, combine):
            registry.add(function)
        return registry

    def test_ancestors_and_flow_inputs(self, registry):
        flow = load(
            node("a"),
            node("c", dependencies=["a"]),
            {"id": "d", "action": "combine", "dependencies": ["c"]},
            inputs={"b": 5, "z": 1},
            registry=registry,
        )
        assert flow.nodes[2].inputs == (("a", FromNode(0)), ("b", FromInput("b")))
        assert not any(each.automatic for each in flow.nodes)

    def test_a_node_that_is_no_ancestor_gives_nothing(self, registry):
        found = messages(
            node("a"), node("b"), {"id": "d", "action": "combine", "dependencies": ["a"]}, registry=registry
        )
        assert found == [
            "nodes[2]: node 'd': nothing gives the parameter 'b' of action 'combine': no ancestor or flow input has its name"
        ]

    def test_an_ancestor_and_an_input_of_one_name_are_doubt(self, registry):
        found = messages(
            node("a"),
            {"id": "d", "action": "combine", "dependencies": ["a"]},
            inputs={"a": 1, "b": 1},
            registry=registry,
        )
        assert found == ["nodes[1]: node 'd': the parameter 'a' is both an ancestor and an input of the flow"]

    def test_a_default_and_the_context_need_nothing(self, registry):
        flow = load({"id": "d", "action": "add"}, inputs={"num1": {}}, registry=registry)
        assert flow.nodes[0].inputs == (("num1", FromInput("num1")),)

    def test_an_input_that_another_node_refers_to_is_declared(self, registry):
        flow = load(
            {"id": "c", "action": "add", "inputs": {"num1": "inputs.num1"}},
            {"id": "d", "action": "add"},
            registry=registry,
        )
        assert flow.nodes[1].inputs == (("num1", FromInput("num1")),)

    def test_the_item_of_a_map_is_not_looked_for(self, registry):
        flow = load(
            node("a"),
            {"id": "d", "action": "combine", "map": {"over": "a", "item": "b"}},
            registry=registry,
        )
        assert flow.nodes[1].inputs == (("a", FromNode(0)),)

    def test_the_item_of_a_map_must_be_a_parameter(self, registry):
        found = messages(node("a"), node("b", map={"over": "a", "item": "row"}), registry=registry)
        assert found == ["nodes[1].map: node 'b': action 'noop' takes no input 'row'"]

    def test_any_name_goes_where_the_action_takes_any(self, registry):
        flow = load(
            {"id": "d", "action": "add", "inputs": {"num1": {"value": 1}, "other": {"value": 2}}}, registry=registry
        )
        assert flow.nodes[0].inputs == (("num1", Constant("1")), ("other", Constant("2")))

    def test_the_context_is_no_input(self, registry):
        found = messages(
            {"id": "d", "action": "add", "inputs": {"num1": {"value": 1}, "ctx": {"value": 2}}}, registry=registry
        )
        assert found == ["nodes[0].inputs.ctx: node 'd': the input 'ctx' is the action's context"]

    def test_without_a_registry_they_stay_open(self):
        flow = load(node("a"), node("b", inputs={}))
        assert [each.automatic for each in flow.nodes] == [True, False]


class TestSources:
    """Law: a path or a mapping; what cannot be read is a problem of that path."""

    def test_a_comment_or_another_layout_changes_no_definition(self, tmp_path):
        """Law: a run is pinned to what its file means, not to where it stands there."""
        path = tmp_path / "flow.yaml"
        path.write_bytes(
            "name: f\r\nnodes:\r\n  - {id: é, action: x}\r\n  -\r\n    id: b\r\n    action: y\r\n".encode()
        )
        flow = load_flow(str(path))
        assert flow.file == str(path)
        path.write_text("# a comment\nname: f\nnodes: [{id: é, action: x}, {id: b, action: y, on_failure: stop}]\n")
        assert msgspec.json.encode(load_flow(path)) == msgspec.json.encode(
            msgspec.structs.replace(flow, file=str(path))
        )

    def test_the_defaults_that_an_encoded_node_leaves_out_never_change(self):
        """Law: they are part of FORMAT: a stored definition must go on to mean what it meant."""
        assert FORMAT == 3
        expected = (
            NodeDefinition(
                id="a",
                action="x",
                dependencies=(),
                inputs=(),
                automatic=False,
                outputs=(),
                timeout_s=None,
                retry=RetryPolicy(tries=1, wait=Immediate(), retry_on=(), give_up_on=()),
                on_failure="stop",
                map=None,
                description="",
                instructions="",
                awaits=None,
            ),
            FromNode(node=1, key=None),
            AwaitMessage(channel="c", match=(), timeout_s=None, is_earliest=False),
        )
        stored = b'{"id":"a","action":"x"}', b'{"type":"node","node":1}', b'{"kind":"message","channel":"c"}'
        assert tuple(map(msgspec.json.encode, expected[1:])) == stored[1:]
        assert msgspec.json.decode(stored[0], type=NodeDefinition) == expected[0]
        assert msgspec.json.decode(stored[1], type=FromNode) == expected[1]
        assert msgspec.json.decode(stored[2], type=AwaitMessage) == expected[2]

    def test_a_node_that_says_the_defaults_is_encoded_as_one_that_does_not(self):
        """Law: one meaning, one encoding, so one hash."""
        said = load(node("a", inputs={}, on_failure="stop", try_count=1, retry_strategy="immediate"))
        assert msgspec.json.encode(said.nodes[0]) == b'{"id":"a","action":"noop"}'

    def test_metadata_keeps_its_case(self):
        flow = load(
            node(), description="D", author="A", version="1.0", signature="S", instructions="I", tags=["Tag", "b"]
        )
        assert (flow.name, flow.description, flow.author, flow.version) == ("f", "D", "A", "1.0")
        assert (flow.signature, flow.instructions, flow.tags) == ("S", "I", ("Tag", "b"))

    @pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "nul"])
    def test_what_is_no_readable_file(self, tmp_path, kind):
        path = tmp_path / ("x\0y" if kind == "nul" else "flow.yaml")
        if kind == "folder":
            path.mkdir()
        elif kind == "pipe":
            os.mkfifo(path)
        with pytest.raises(DefinitionError) as caught:
            load_flow(path)
        (problem,) = caught.value.problems
        assert problem.file == str(path)
        assert problem.advice

    def test_problems_of_data_are_named_by_their_path(self):
        with pytest.raises(DefinitionError) as caught:
            load_flow({"name": "f", "nodes": [node(), node("b", timeout=0)], "config": {"odd key": 1}})
        assert [str(problem).split("\n")[0] for problem in caught.value.problems] == [
            "<dict>: nodes[1].timeout: node 'b': timeout must be more than 0 and at most 86,400 seconds, not the number 0",
            "<dict>: config['odd key']: config: unknown key 'odd key'",
        ]

    @pytest.mark.parametrize("value", [b"x", {1, 2}, object(), "\ud800", 10**500])
    def test_data_that_no_file_could_hold(self, value):
        assert "nodes[0].inputs.x.value: " in messages(node(inputs={"x": {"value": value}}))[0]

    def test_data_that_contains_itself(self):
        loop: list = []
        loop.append(loop)
        assert messages(node(inputs={"x": {"value": loop}}))[0].endswith("nested deeper than 100 levels")

    def test_a_mapping_key_that_is_not_text(self):
        assert messages(node(), inputs={1: 2}) == ["inputs: the key 1 is not text"]

    def test_aliases_repeat_what_they_name(self, tmp_path):
        path = tmp_path / "flow.yaml"
        path.write_text(
            "name: f\n"
            "nodes:\n"
            "  - {id: a, action: x, retry_strategy: &retry {linear: {delay_secs: 1}}}\n"
            "  - {id: b, action: x, retry_strategy: *retry}\n"
        )
        flow = load_flow(path)
        assert flow.nodes[0].retry == flow.nodes[1].retry

    def test_a_fault_behind_an_alias_is_told_for_each_node(self, tmp_path):
        path = tmp_path / "flow.yaml"
        path.write_text("name: f\nnodes:\n  - {id: a, action: x, timeout: &t 0}\n  - {id: b, action: x, timeout: *t}\n")
        with pytest.raises(DefinitionError) as caught:
            load_flow(path)
        assert [problem.message[:9] for problem in caught.value.problems] == ["node 'a':", "node 'b':"]
