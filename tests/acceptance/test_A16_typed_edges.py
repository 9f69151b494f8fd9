"""A16, actions: type hints are checked along the edges when a flow loads, and results against them when it runs."""

from __future__ import annotations

import dataclasses
import enum
import math
import re
from pathlib import Path
from typing import Any, Iterable, TypedDict  # noqa: UP035 - both spellings are hints that people write

import msgspec
import pytest

from dagger_actors import ActorSystem, RunFailed
from dagger_actors.bodies.actions import read_action
from dagger_actors.errors import DefinitionError, OutputError, ResultError
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.loading.loader import load_flow

ACTIONS = """
import dataclasses, typing
from pathlib import Path
import msgspec
from dagger_actors import action

class Total(msgspec.Struct):
    total: int
    unit: str

class Order(msgspec.Struct):
    total: int
    customer: str

class Typed(typing.TypedDict):
    total: int

@dataclasses.dataclass
class Record:
    total: int

@action
def number() -> int: ...
@action
def numbers() -> list[int]: ...
@action
def total() -> Total: ...
@action
def typed() -> Typed: ...
@action
def record() -> Record: ...
@action
def maybe() -> int | None: ...
@action
def nothing() -> None: ...
@action
def blob() -> bytes: ...
@action
def page() -> Path: ...
@action
def table() -> dict[str, int]: ...
@action
def unknown(): ...
@action
def takes_text(text: str) -> str: ...
@action
def takes_texts(texts: list[str]): ...
@action
def takes_number(n: int) -> int: ...
@action
def takes_real(n: float): ...
@action
def takes_order(order: Order): ...
@action
def takes_bytes(data: bytes): ...
@action
def takes_any(**anything): ...
@action
def number_here(number: str): ...
"""


@pytest.fixture
def flow(tmp_path):
    """Load a flow of these nodes; give its problems as (line:column, message | advice)."""
    (tmp_path / "acts.py").write_text(ACTIONS)

    def problems(nodes: str, head: str = "") -> list[tuple[str, str]]:
        path = tmp_path / "flow.yaml"
        path.write_text(f"name: f\nactions: [acts.py]\n{head}nodes:\n{nodes}")
        try:
            load_flow(path, registry=ActionRegistry())
        except DefinitionError as error:
            return [
                (f"{problem.line}:{problem.column}", f"{problem.message} | {problem.advice}")
                for problem in error.problems
            ]
        return []

    return problems


def pair(source: str, target: str, inputs: str) -> str:
    return f"- {{id: a, action: {source}}}\n- {{id: b, action: {target}, inputs: {{{inputs}}}}}\n"


class TestEdgesAtLoad:
    """Law: what can never fit is refused with the place of the reference and both types; what may fit is accepted."""

    @pytest.mark.parametrize(
        ("source", "target", "inputs", "message"),
        [
            (
                "number",
                "takes_text",
                "text: a",
                "the input 'text' gets int from 'a', but action 'takes_text' takes str",
            ),
            (
                "numbers",
                "takes_texts",
                "texts: a",
                "gets list[int] from 'a', but action 'takes_texts' takes list[str]: int is never str (at $[...])",
            ),
            (
                "total",
                "takes_order",
                "order: a",
                "takes Order: Total lacks the field 'customer', which Order requires (at $)",
            ),
            ("record", "takes_order", "order: a", "Record lacks the field 'customer'"),
            ("typed", "takes_order", "order: a", "Typed lacks the field 'customer'"),
            ("table", "takes_order", "order: a", "takes Order: int is never str (at $.customer)"),
            ("number", "takes_order", "order: a", "gets int from 'a', but action 'takes_order' takes Order"),
            ("total", "takes_text", "text: a.total", "gets int from 'a.total', but action 'takes_text' takes str"),
            ("blob", "takes_order", "order: a", "gets bytes from 'a', but action 'takes_order' takes Order"),
            ("page", "takes_text", "text: a", "gets bytes from 'a', but action 'takes_text' takes str"),
            ("nothing", "takes_number", "n: a", "gets None from 'a', but action 'takes_number' takes int"),
            ("maybe", "takes_text", "text: a", "gets int | None from 'a', but action 'takes_text' takes str"),
        ],
    )
    def test_a_value_that_never_fits_is_refused(self, flow, source, target, inputs, message):
        nodes = pair(source, target, inputs)
        ((place, told),) = flow(nodes)
        column = nodes.splitlines()[1].index(inputs.split(": ")[1], nodes.splitlines()[1].index("inputs: {") + 12) + 1
        assert place == f"5:{column}"
        assert told.startswith("node 'b': ")
        assert message in told
        assert "change a type hint: what it gives is hinted at " in told
        assert "acts.py:" in told

    @pytest.mark.parametrize(
        ("source", "target", "inputs"),
        [
            ("number", "takes_real", "n: a"),
            ("maybe", "takes_number", "n: a"),
            ("unknown", "takes_order", "order: a"),
            ("unknown", "takes_order", "order: a.whatever"),
            ("table", "takes_number", "n: a.whatever"),
            ("total", "takes_any", "order: a.unit"),
            ("blob", "takes_bytes", "data: a"),
            ("page", "takes_bytes", "data: a"),
        ],
    )
    def test_a_value_that_may_fit_is_accepted(self, flow, source, target, inputs):
        assert flow(pair(source, target, inputs)) == []

    @pytest.mark.parametrize(
        ("source", "key", "message"),
        [
            ("total", "totl", "action 'total' gives Total, which has no 'totl' | Did you mean 'total'?"),
            ("typed", "zzz", "action 'typed' gives Typed, which has no 'zzz' | It has total."),
            ("record", "totl", "action 'record' gives Record, which has no 'totl' | Did you mean 'total'?"),
            ("number", "x", "action 'number' gives int, which has no keys | Refer to 'a', its whole output."),
            ("numbers", "x", "action 'numbers' gives list[int], which has no keys | Refer to 'a', its whole output."),
        ],
    )
    @pytest.mark.parametrize("target", ["takes_number", "takes_any"])
    def test_a_key_that_the_hint_does_not_have_is_refused(self, flow, source, key, message, target):
        ((place, told),) = flow(pair(source, target, f"n: a.{key}"))
        assert place.startswith("5:")
        assert told == f"node 'b': the input 'n' refers to 'a.{key}', but {message}"

    def test_an_edge_that_fits_vouches_only_for_its_own_kind(self, flow):
        good = "- {id: a, action: total}\n- {id: b, action: takes_number, inputs: {n: a.total}}\n"
        for wrong in (
            "- {id: c, action: takes_text, inputs: {text: a.total}}\n",
            "- {id: c, action: takes_number, inputs: {n: a.unit}}\n",
            "- {id: m, action: table}\n- {id: c, action: takes_number, inputs: {n: m}}\n",
        ):
            assert len(flow(good + wrong)) == 1

    def test_each_reference_is_told_with_its_own_node(self, flow):
        found = flow(
            "- {id: one, action: total}\n- {id: two, action: total}\n"
            "- {id: b, action: takes_number, inputs: {n: one.x}}\n- {id: c, action: takes_number, inputs: {n: two.x}}\n"
            "- {id: d, action: takes_text, inputs: {text: one.total}}\n"
            "- {id: e, action: takes_text, inputs: {text: two.total}}\n"
        )
        names = [told.split("node '")[1][0] + told.split(" '")[3].split("'")[0] for _, told in found]
        assert names == ["bone.x", "ctwo.x", "done.total", "etwo.total"]

    def test_the_flows_own_outputs_refer_to_what_there_is(self, flow):
        ((place, told),) = flow("- {id: a, action: total}\n", "outputs: {right: a.total, wrong: a.totl}\n")
        assert place == "3:34"
        assert told == (
            "the output 'wrong' refers to 'a.totl', but action 'total' gives Total, which has no 'totl' | "
            "Did you mean 'total'?"
        )

    def test_inputs_that_come_by_their_name_are_checked_too(self, flow):
        ((place, told),) = flow(
            "- {id: number, action: number}\n- {id: b, action: number_here, dependencies: [number]}\n"
        )
        assert place == "5:3"
        assert "the input 'number' gets int from 'number', but action 'number_here' takes str" in told

    @pytest.mark.parametrize(
        ("kind", "action", "name", "message"),
        [
            ("int", "takes_text", "text", "gets int from the flow's input 'k', but action 'takes_text' takes str"),
            ("list", "takes_number", "n", "gets list from the flow's input 'k', but action 'takes_number' takes int"),
            ("dict", "takes_texts", "texts", "gets dict from the flow's input 'k'"),
            ("bool", "takes_real", "n", "gets bool from the flow's input 'k'"),
            ("str", "takes_order", "order", "gets str from the flow's input 'k'"),
            ("float", "takes_text", "text", "gets float from the flow's input 'k'"),
        ],
    )
    def test_the_flows_inputs_are_checked_against_parameters(self, flow, kind, action, name, message):
        nodes = f"- {{id: b, action: {action}, inputs: {{{name}: inputs.k}}}}\n"
        ((place, told),) = flow(nodes, f"inputs: {{k: {{type: {kind}}}}}\n")
        assert place.startswith("5:")
        assert message in told
        assert told.endswith("Change the type of the input 'k', or the action's type hint.")
        assert flow(nodes, "inputs: {k: {type: any}}\n") == []
        assert flow(nodes) == []

    def test_a_map_goes_over_lists_only(self, flow):
        ((place, told),) = flow("- {id: a, action: number}\n- {id: b, action: takes_number, map: {over: a, item: n}}\n")
        assert place == "5:45"
        assert "map.over must be a list, but 'a' gives int | Refer to a list, or remove `map`." in told

    def test_a_map_over_an_input_needs_a_list(self, flow):
        nodes = "- {id: b, action: takes_number, map: {over: inputs.k, item: n}}\n"
        assert (
            "map.over must be a list, but the flow's input 'k' gives str"
            in flow(nodes, "inputs: {k: {type: str}}\n")[0][1]
        )
        assert flow(nodes, "inputs: {k: {type: list}}\n") == []

    def test_a_maps_item_is_checked_against_its_parameter(self, flow):
        ((place, told),) = flow(
            "- {id: a, action: numbers}\n- {id: b, action: takes_text, map: {over: a, item: text}}\n"
        )
        assert place == "5:43"
        assert "map.item 'text' gets int from each item of 'a', but action 'takes_text' takes str" in told

    def test_a_mapped_node_gives_the_list_of_its_items_outputs(self, flow):
        mapped = "- {id: a, action: numbers}\n- {id: m, action: takes_number, map: {over: a, item: n}}\n"
        assert flow(mapped + "- {id: c, action: takes_number, map: {over: m, item: n}}\n") == []
        assert (
            "gets list[int] from 'm', but action 'takes_texts' takes list[str]"
            in flow(mapped + "- {id: c, action: takes_texts, inputs: {texts: m}}\n")[0][1]
        )
        assert (
            "the input 'n' refers to 'm.x', but 'm' is mapped: its output is a list, which has no keys | "
            "Refer to 'm', which gives the outputs of all items."
            in flow(mapped + "- {id: c, action: takes_number, inputs: {n: m.x}}\n")[0][1]
        )

    @pytest.mark.parametrize(
        ("action", "outputs", "message"),
        [
            (
                "total",
                "[total, totl]",
                "declares the output 'totl', but action 'total' gives Total, which has no 'totl'",
            ),
            (
                "record",
                "[zzz]",
                "declares the output 'zzz', but action 'record' gives Record, which has no 'zzz' | It has total.",
            ),
            ("number", "[x, y]", "declares 2 outputs, but action 'number' gives int, which has none by name"),
        ],
    )
    def test_a_declared_output_that_the_hint_lacks_is_refused(self, flow, action, outputs, message):
        ((place, told),) = flow(f"- {{id: a, action: {action}, outputs: {outputs}}}\n")
        assert place.startswith("4:")
        assert message in told

    def test_one_declared_name_takes_a_value_that_is_no_mapping(self, flow):
        source = "- {id: a, action: number, outputs: [n]}\n"
        assert flow(source + "- {id: b, action: takes_number, inputs: {n: a.n}}\n") == []
        assert (
            "gets int from 'a.n', but action 'takes_text' takes str"
            in flow(source + "- {id: b, action: takes_text, inputs: {text: a.n}}\n")[0][1]
        )
        for outputs in ("[total, unit]", "[total]"):
            assert flow(f"- {{id: a, action: total, outputs: {outputs}}}\n") == []
        assert flow("- {id: a, action: unknown, outputs: [x, y]}\n- {id: b, action: table, outputs: [x]}\n") == []


def late(source: str, target: str, inputs: str) -> str:
    """A node whose input comes from one that may be skipped; the inputs stand on line 7."""
    return (
        "- {id: go, action: unknown}\n"
        f"- {{id: a, action: {source}, dependencies: [go], when: {{reference: go, gt: 1}}}}\n"
        f"- {{id: b, action: {target}, trigger: all_done, dependencies: [a],\n   inputs: {{{inputs}}}}}\n"
    )


class TestDefaultsAtLoad:
    """Law: a default that its parameter can never take is refused, with its own place; one that fits is accepted."""

    @pytest.mark.parametrize(
        ("action", "name", "default", "message"),
        [
            ("takes_number", "n", "abc", "Expected `int`, got `str` | Give one that its type hint takes, or change"),
            ("takes_number", "n", "1.5", "Expected `int`, got `float`"),
            ("takes_number", "n", "null", "got `null` | Give another default, or hint the parameter as `int | None`."),
            ("takes_texts", "texts", "[a, 1]", "Expected `str`, got `int` - at `$[1]`"),
            ("takes_texts", "texts", "null", "hint the parameter as `list[str] | None`."),
        ],
    )
    def test_a_default_that_never_fits_is_refused(self, flow, action, name, default, message):
        line = f"   inputs: {{{name}: {{reference: a, default: {default}}}}}}}"
        ((place, told),) = flow(late("unknown", action, f"{name}: {{reference: a, default: {default}}}"))
        assert place == f"7:{line.index('default: ') + len('default: ') + 1}"
        assert told.startswith(
            f"node 'b': the default of the input '{name}' does not fit: action '{action}' cannot take"
        )
        assert message in told

    @pytest.mark.parametrize(
        ("source", "action", "inputs"),
        [
            ("number", "takes_number", "n: {reference: a, default: 7}"),
            ("number", "takes_real", "n: {reference: a, default: 7}"),
            ("number", "unknown_taken", "n: {reference: a, default: null}"),
            ("nothing", "takes_number", "n: {reference: a.whatever, default: 7}"),
        ],
    )
    def test_a_default_that_fits_is_accepted(self, flow, source, action, inputs):
        assert flow(late(source, action.replace("unknown_taken", "takes_any"), inputs)) == []

    def test_a_default_does_not_excuse_what_it_stands_in_for(self, flow):
        ((_, told),) = flow(late("total", "takes_number", "n: {reference: a.totl, default: 7}"))
        assert "the input 'n' refers to 'a.totl'" in told

    def test_the_default_of_a_flows_input_is_checked_where_it_goes(self, flow):
        for default, head in (("abc", "inputs: {n: abc}\n"), ("null", "inputs: {n: {default: null}}\n")):
            for inputs in (", inputs: {n: inputs.n}", ""):
                ((place, told),) = flow(f"- {{id: a, action: takes_number{inputs}}}\n", head)
                assert place.startswith("5:")
                assert told.startswith("node 'a': the default of the flow's input 'n' does not fit: "), default
        assert flow("- {id: a, action: takes_number}\n", "inputs: {n: 7}\n") == []

    def test_who_gives_a_type_as_the_default_is_told_how_a_type_is_written(self, flow):
        ((_, told),) = flow("- {id: a, action: takes_number}\n", "inputs: {n: int}\n")
        assert "{type: int}" in told

    def test_the_default_of_a_map_is_a_list_of_what_its_item_takes(self, flow):
        for default, message in (
            ("7", "the default of map.over must be a list, not a number"),
            ("[1, x, y]", "item 1 of the default of map.over does not fit: action 'takes_number' cannot take"),
        ):
            nodes = late("numbers", "takes_number", "").replace(
                "inputs: {}", f"map: {{over: {{reference: a, default: {default}}}, item: n}}"
            )
            ((place, told),) = flow(nodes)
            assert place.startswith("7:")
            assert message in told
        assert flow(nodes.replace(default, "[1, 2]")) == []


class TestOrdersAtLoad:
    """Law: `when` asks for an order only of what may have one: a number with a number, a text with a text."""

    @pytest.mark.parametrize(
        ("source", "reference", "asked", "message"),
        [
            ("numbers", "a", "gt: 1", "when.gt compares with a number, but 'a' gives list[int] | Refer to a number"),
            ("table", "a", "ge: 1", "but 'a' gives dict[str, int]"),
            ("total", "a", "lt: 1", "but 'a' gives Total"),
            ("total", "a.unit", "le: 1", "but 'a.unit' gives str"),
            ("number", "a", "gt: x", "when.gt compares with a text, but 'a' gives int"),
            ("total", "a.totl", "gt: 1", "when.gt refers to 'a.totl', but action 'total' gives Total"),
        ],
    )
    def test_an_order_that_never_is_is_refused(self, flow, source, reference, asked, message):
        for what in (
            f"{{reference: {reference}, {asked}}}",
            f"{{not: {{reference: {reference}, {asked}, equals: 1}}}}",
        ):
            line = f"- {{id: b, action: number, dependencies: [a], when: {what}}}\n"
            ((place, told),) = flow(f"- {{id: a, action: {source}}}\n{line}")
            assert place == f"5:{line.index('reference: ') + len('reference: ') + 1}"
            assert told.startswith("node 'b': ")
            assert message in told

    @pytest.mark.parametrize(
        ("source", "asked"),
        [
            ("number", "gt: 1.5"),
            ("maybe", "gt: 1"),
            ("unknown", "gt: 1"),
            ("numbers", "equals: [1]"),
            ("total", "exists: true"),
        ],
    )
    def test_a_comparison_that_may_be_is_accepted(self, flow, source, asked):
        nodes = f"- {{id: a, action: {source}}}\n- {{id: b, action: number, dependencies: [a], when: {{reference: a, {asked}}}}}\n"
        assert flow(nodes) == []

    def test_the_flows_inputs_are_compared_too(self, flow):
        ((_, told),) = flow(
            "- {id: a, action: number, when: {reference: inputs.names, gt: 1}}\n", "inputs: {names: {type: list}}\n"
        )
        assert "when.gt compares with a number, but the flow's input 'names' gives list" in told

    def test_a_default_has_the_order_that_is_asked_for(self, flow):
        for default in ("null", "x"):
            ((_, told),) = flow(
                late("number", "number", "").replace("inputs: {}", f"when: {{reference: a, default: {default}, gt: 1}}")
            )
            assert "when.gt compares with a number, and the default is " in told


class Point(msgspec.Struct):
    x: int


@dataclasses.dataclass
class Pair:
    x: int


class Typed(TypedDict):
    x: int


class Color(enum.StrEnum):
    RED = "red"


class Model:
    """What a pydantic model looks like from outside; this one is read by another name than it is written."""

    def __init__(self, x):
        self.x = x

    @classmethod
    def model_validate(cls, value):
        if "alias" not in value:
            raise ValueError("alias is required")
        return cls(value["alias"])

    def model_dump(self, mode):
        return {"x": self.x}


def check(hint, value):
    def act(): ...

    act.__annotations__["return"] = hint
    checked = read_action(act).check_result
    if checked is not None:
        checked(value)
    return checked


class TestResultsAtRunTime:
    """Law: a result that does not fit its hint fails the attempt, and the error names action, path and both types."""

    @pytest.mark.parametrize(
        ("hint", "value", "reason"),
        [
            (int, "a", "must return int, as its type hint says, and returned str: Expected `int`, got `str`"),
            (list[int], [True], "returned list: Expected `int`, got `bool` - at `$[0]`"),
            (str, None, "returned NoneType: Expected `str`, got `null`"),
            (dict[str, int], {"a": 1, "b": "x"}, r"returned dict: Expected `int`, got `str` - at `$[...]`"),
            (list[Point], [Point(1), {"x": "y"}], "Expected `int`, got `str` - at `$[1].x`"),
            (
                Point,
                {"y": 1},
                "must return Point, as its type hint says, and returned dict: Object missing required field `x`",
            ),
            (Color, 1, "must return Color, as its type hint says"),
            (Pair, Pair("a"), "must return Pair, as its type hint says, and returned Pair: Expected `int`, got `str`"),
            (Typed, {}, "Object missing required field `x`"),
            (Model, {"x": 1}, "must return Model, as its type hint says, and returned dict: alias is required"),
            (Color, "blue", "Invalid enum value 'blue'"),
            (int | None, "x", "must return int | None, as its type hint says, and returned str"),
            (dict, b"x", "must return dict, as its type hint says, and returned bytes: bytes are stored as they are"),
            (str, Path("x"), "returned PosixPath: bytes are stored as they are, not as JSON"),
            (bytes, "aGk=", "must return bytes, as its type hint says, and returned str: bytes are wanted"),
        ],
    )
    def test_a_result_that_does_not_fit_is_refused(self, hint, value, reason):
        with pytest.raises(ResultError) as caught:
            check(hint, value)
        assert reason in str(caught.value)
        assert str(caught.value).startswith("action 'act' must return ")

    @pytest.mark.parametrize(
        ("hint", "value"),
        [
            (int, 1),
            (int, True),
            (float, 1),
            (list[int], (1, 2)),
            (Point, Point(1)),
            (Point, {"x": 1}),
            (Pair, Pair(1)),
            (Typed, {"x": 1, "more": 2}),
            (str, Color.RED),
            (Color, "red"),
            (bytes, bytearray(b"x")),
            (bytes, memoryview(b"x")),
            (bytes | dict, b"x"),
            (Path, Path("x")),
            (Model, Model(1)),
            (Model, {"alias": 1}),
            (Any, object()),
            (object, {1}),
            (Iterable[int], [1]),
            (Iterable[int], b"x"),
            (Pair | Point, 3),
            (None, None),
        ],
    )
    def test_a_result_that_fits_or_cannot_be_checked_passes(self, hint, value):
        check(hint, value)

    def test_without_a_hint_nothing_is_checked(self):
        def act(): ...

        assert read_action(act).check_result is None

    def test_an_instance_of_the_hinted_struct_is_not_decoded_again(self):
        check(Point, Point("not an int, and nobody looks"))

    def test_what_json_cannot_hold_is_told_as_that(self):
        with pytest.raises(OutputError, match="JSON has no word for"):
            check(list[float], [math.nan])
        loop: list[Any] = []
        loop.append(loop)
        with pytest.raises(OutputError, match="holds itself"):
            check(list[list], loop)

    @pytest.mark.parametrize("hint", [str, Point, Path, dict[str, int], int | None])
    def test_bytes_are_given_to_no_parameter_that_cannot_take_them(self, tmp_path, hint):
        def blob():
            return b"x"

        def take(data):
            return 1

        take.__annotations__["data"] = hint
        nodes = [{"id": "a", "action": "blob"}, {"id": "b", "action": "take", "inputs": {"data": "a"}}]
        with ActorSystem(tmp_path / "runs.db", actions=[blob, take]) as system:
            run = system.flows.start({"name": "f", "nodes": nodes})
            with pytest.raises(RunFailed, match="cannot take its input 'data': it is given bytes"):
                run.result(timeout=30)

    @pytest.mark.parametrize("hint", [bytes, bytes | None, Any, object, bytearray, None])
    def test_bytes_are_given_as_they_are_to_what_may_take_them(self, tmp_path, hint):
        def blob():
            return b"x"

        def take(data):
            return data == b"x"

        if hint is not None:
            take.__annotations__["data"] = hint
        nodes = [{"id": "a", "action": "blob"}, {"id": "b", "action": "take", "inputs": {"data": "a"}}]
        with ActorSystem(tmp_path / "runs.db", actions=[blob, take]) as system:
            assert system.flows.start({"name": "f", "nodes": nodes}).result(timeout=30) == {"b": True}

    def test_a_run_fails_with_it(self, tmp_path):
        def add(n: int) -> dict[str, int]:
            return {"total": "three"}  # type: ignore[dict-item]

        async def later() -> int:
            return "x"  # type: ignore[return-value]

        for spec, told in (
            ({"id": "a", "action": "add", "inputs": {"n": {"value": 1}}}, "action 'add' must return dict[str, int]"),
            ({"id": "a", "action": "later"}, "action 'later' must return int"),
        ):
            with ActorSystem(tmp_path / "runs.db", actions=[add, later]) as system:
                run = system.flows.start({"name": "f", "nodes": [spec]})
                with pytest.raises(RunFailed) as caught:
                    run.result(timeout=30)
                assert told in str(caught.value)


def untyped(size: int):
    return {"text": "x" * size}


def doubled(n: int) -> int:
    return 2 * n


@pytest.mark.parametrize("size", [1, 5000])
@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_a_key_that_an_output_lacks_is_told_with_the_input_that_wanted_it(size: int, isolation: str) -> None:
    """Law: also where the output is an artifact, and where another process takes it."""
    with ActorSystem(actions=[untyped, doubled]) as system:
        nodes = [
            {"id": "a", "action": "untyped", "inputs": {"size": {"value": size}}},
            {"id": "b", "action": "doubled", "inputs": {"n": "a.zz"}, "isolation": isolation},
        ]
        report = system.flows.start({"name": "f", "nodes": nodes}).wait(timeout=60)
    assert re.fullmatch(
        r"b: InputError: action 'doubled' cannot take its input 'n': the output( of 'a')? has no key 'zz'; it has text",
        report.error or "",
    ), report.error
