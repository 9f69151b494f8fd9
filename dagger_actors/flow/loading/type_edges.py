"""Checks what flows along a flow's edges: return hints, and the types of inputs, against the parameters they go to.

Only what can never fit is complained of, see ``type_fit``. A verdict belongs to a pair of action output and parameter,
so a flow of 100,000 nodes costs as many comparisons as it has different pairs.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Never, NoReturn

import msgspec
from msgspec import inspect

from dagger_actors.bodies.actions import Action
from dagger_actors.bodies.parameters import Parameter
from dagger_actors.bodies.type_fit import clash, field_of, fields_of, item_of, written_as
from dagger_actors.bodies.type_shape import ANY, hint_type, name_of
from dagger_actors.core.comparisons import ORDERS, kind_of, order_of
from dagger_actors.core.wording import quoted
from dagger_actors.flow.definition import Constant, FromInput, FromNode, InputSpec, Reference
from dagger_actors.flow.loading.conditions import comparisons_in
from dagger_actors.flow.loading.declared import (
    Fault,
    as_item,
    listed,
    missing_output,
    output_of,
    place_of_output,
)
from dagger_actors.flow.loading.default_types import Defaults
from dagger_actors.flow.loading.input_types import input_type
from dagger_actors.flow.loading.references import Pointer
from dagger_actors.flow.loading.written import WrittenNode
from dagger_actors.reading.reader import Reader

__all__ = ["TypeEdges"]

Source = tuple[Hashable, ...]


class TypeEdges:
    """Checks the references of one flow.

    Args:
        reader: Takes the complaints.
        nodes: The nodes, their inputs filled.
        actions: Their actions; None where it is not known.
        declared: The flow's inputs; None when it declares none.
    """

    def __init__(
        self,
        reader: Reader,
        nodes: Sequence[WrittenNode],
        actions: Sequence[Action | None],
        declared: Mapping[str, InputSpec] | None,
    ) -> None:
        self._reader = reader
        self._nodes = nodes
        self._actions = actions
        self._declared = declared or {}
        self._defaults = Defaults(reader, self._declared)
        self._gives: dict[Source, inspect.Type | Fault] = {}
        self._takes: dict[Parameter, inspect.Type] = {}
        self._items: dict[Source, inspect.Type | Fault] = {}
        self._outputs: dict[tuple[Action, tuple[str, ...]], Fault | None] = {}
        numbers: dict[Source, int] = {}
        self._kinds = [
            numbers.setdefault((action, node.map is None, node.outputs), len(numbers))
            for node, action in zip(nodes, actions, strict=True)
        ]
        """Nodes that give the same types, numbered: looking one up must cost next to nothing."""
        self._fitting: set[tuple[int, str | None, Parameter | None] | None] = set()
        """Kinds of nodes, keys and the parameters that they were found to fit."""

    def check(self, position: int) -> None:
        """Check what comes in at a node, and the outputs that it declares; its action is known."""
        node, action = self._nodes[position], self._actions[position]
        assert action is not None
        by_name, kinds, fitting = action.by_name, self._kinds, self._fitting
        for name, pointer in node.inputs or ():
            found, parameter = pointer.found, by_name.get(name)
            if found is None or type(found) is Constant:
                continue
            if parameter is not None and (pointer.default is not None or type(found) is FromInput):
                self._defaults.check(f"the default of the input {quoted(name)}", pointer, parameter)
            if pointer.default is not None and self._never_gives(found):
                continue
            triple = (kinds[found.node], found.key, parameter) if type(found) is FromNode else None
            if triple in fitting:  # nearly always
                continue
            if self._check_input(name, pointer.at, found, parameter) and triple is not None:
                fitting.add(triple)
        if node.map is not None:
            self._check_map(node.map.over, node.map.item, by_name.get(node.map.item))
            self._defaults.check_list(node.map.over, by_name.get(node.map.item))
        if node.outputs:
            self._check_declared(node, action)

    def check_results(self, results: Mapping[str, tuple[int, Reference]]) -> None:
        """Check that the flow's own outputs refer to what there is.

        Args:
            results: By name: its place, and where it comes from.
        """
        for name, (at, found) in results.items():
            self._reader.subject = ""
            fault = self._given(self._source(found), found)
            if isinstance(fault, Fault):
                self._complain(at, f"the output {quoted(name)} {fault.message}", fault, found)

    def _check_input(self, name: str, at: int, found: Reference, parameter: Parameter | None) -> bool:
        given = self._given(self._source(found), found)
        fault = given if isinstance(given, Fault) else None
        if not isinstance(given, Fault) and parameter is not None:
            fault = self._compared(given, found, parameter)
        if fault is not None:
            self._complain(at, f"the input {quoted(name)} {fault.message}", fault, found)
        return fault is None

    def _never_gives(self, found: Reference) -> bool:
        """Tell whether nothing but the default can ever come from there: an action that is there to fail."""
        action = self._actions[found.node] if isinstance(found, FromNode) else None
        return action is not None and action.returns in (None, type(None), NoReturn, Never)

    def _check_map(self, pointer: Pointer, item: str, parameter: Parameter | None) -> None:
        found = pointer.found
        if found is None or isinstance(found, Constant):
            return
        source = self._source(found)
        given = self._items.get(source)
        if given is None:
            given = self._items[source] = self._element(source, found) or self._item(
                self._given(source, found), source, found
            )
        if isinstance(given, Fault):
            self._complain(pointer.at, f"map.over {given.message}", given, found)
        elif parameter is not None and (fault := self._compared(given, found, parameter)) is not None:
            self._complain(pointer.at, f"map.item {quoted(item)} {fault.message}", fault, found, "each item of ")

    def check_when(self, position: int) -> None:
        """Check that what a node's `when` puts in order has one; its action need not be known."""
        for word, pointer, json in comparisons_in(self._nodes[position].when):
            found = pointer.found
            if word not in ORDERS or found is None or isinstance(found, Constant):
                continue
            if pointer.default is not None and self._never_gives(found):
                continue
            given = self._given(self._source(found), found)
            if isinstance(given, Fault):
                self._complain(pointer.at, f"when.{word} {given.message}", given, found)
                continue
            operand = msgspec.json.decode(json)
            kinds = written_as(given)
            if kinds is not None and not kinds & ORDERED[order_of(operand) or ""]:
                message = f"when.{word} compares with {kind_of(operand)}, but {SOURCE} gives {name_of(given)}"
                self._complain(pointer.at, message, Fault(message, COMPARABLE), found)

    def check_match(self, position: int) -> dict[str, frozenset[str] | None]:
        """Check that there is something at what a node matches its message with.

        Returns:
            What JSON the value of each path may be; None = anything.
        """
        written = self._nodes[position].awaits
        kinds: dict[str, frozenset[str] | None] = {}
        for path, pointer in written.match if written is not None else ():
            found = pointer.found
            if found is None or isinstance(found, Constant):
                continue
            given = self._given(self._source(found), found)
            if isinstance(given, Fault):
                self._complain(pointer.at, f"await_message.match {quoted(path)} {given.message}", given, found)
            elif pointer.default is None:
                kinds[path] = written_as(given)
        return kinds

    def _check_declared(self, node: WrittenNode, action: Action) -> None:
        names = node.outputs
        pair = (action, names)
        if pair not in self._outputs:
            self._outputs[pair] = missing_output(action, names)
        fault = self._outputs[pair]
        if fault is not None:
            self._complain(place_of_output(node, fault.key), fault.message, fault)

    def _complain(self, at: int, message: str, fault: Fault, found: Reference | None = None, prefix: str = "") -> None:
        advice = fault.advice
        if fault.near:
            advice = self._reader.suggest(fault.key, fault.near, advice)
        if found is not None:
            message = message.replace(SOURCE, prefix + self._name(found))
        if isinstance(found, FromNode):
            node = quoted(self._nodes[found.node].id)
            message, advice = message.replace(NODE, node), advice.replace(NODE, node)
        self._reader.complain(at, message, advice)

    def _name(self, found: Reference) -> str:
        """Name where a value comes from."""
        if isinstance(found, FromInput):
            return f"the flow's input {quoted(found.key)}"
        assert isinstance(found, FromNode)
        text = self._nodes[found.node].id
        return quoted(text if found.key is None else f"{text}.{found.key}")

    def _source(self, found: Reference) -> Source:
        """What decides the type of a reference, apart from where it stands."""
        if type(found) is FromNode:
            node = self._nodes[found.node]
            return (self._actions[found.node], found.key, node.map is not None, node.outputs)
        return ("input", found.key if isinstance(found, FromInput) else "")

    def _given(self, source: Source, found: Reference) -> inspect.Type | Fault:
        """The type of a reference, or why there is nothing at it."""
        given = self._gives.get(source)
        if given is None:
            given = self._gives[source] = self._type_of(source, found)
        return given

    def _type_of(self, source: Source, found: Reference) -> inspect.Type | Fault:
        if not isinstance(found, FromNode):
            return input_type(self._declared.get(found.key) if isinstance(found, FromInput) else None)
        action, key, is_mapped, names = source
        if not isinstance(action, Action):
            return ANY
        assert isinstance(names, tuple)
        given = output_of(action, names)
        if is_mapped:
            if found.key is not None:
                message = f"refers to {SOURCE}, but {NODE} is mapped: its output is a list, which has no keys"
                return Fault(message, f"Refer to {NODE}, which gives the outputs of all items.")
            return inspect.ListType(as_item(given))
        return given if key is None else self._field(given, action, found)

    def _field(self, given: inspect.Type, action: Action, found: FromNode) -> inspect.Type | Fault:
        key = found.key or ""
        field = field_of(given, key)
        if isinstance(field, inspect.Type):
            return field
        message = f"refers to {SOURCE}, but {action.noun} {quoted(action.name)} gives {name_of(given)}, which has no "
        if field is None:
            return Fault(f"{message}keys", f"Refer to {NODE}, its whole output.")
        return Fault(f"{message}{quoted(key)}", f"It has {listed(field)}.", tuple(field), key)

    def _element(self, source: Source, found: Reference) -> inspect.Type | Fault | None:
        """A key of each item's output, when a map goes over that of a mapped node; None when it does not."""
        if not isinstance(found, FromNode) or found.key is None:
            return None
        action, _, is_mapped, names = source
        if not is_mapped or not isinstance(action, Action):
            return None
        assert isinstance(names, tuple)
        return self._field(output_of(action, names), action, found)

    def _item(self, given: inspect.Type | Fault, source: Source, found: Reference) -> inspect.Type | Fault:
        if isinstance(given, Fault):
            return given
        if isinstance(found, FromNode) and source[2] is True and isinstance(source[0], Action):
            # Over a mapped node each item is given as that node's item gave it: bytes stay bytes.
            names = source[3]
            assert isinstance(names, tuple)
            return output_of(source[0], names)
        item = item_of(given)
        if item is None:
            message = f"must be a list, but {SOURCE} gives {name_of(given)}"
            return Fault(message, "Refer to a list, or remove `map`.")
        return item

    def _compared(self, given: inspect.Type, found: Reference, parameter: Parameter) -> Fault | None:
        wanted = self._takes.get(parameter)
        if wanted is None:
            wanted = self._takes[parameter] = hint_type(parameter.annotation)
        wrong = clash(given, wanted)
        if wrong is None:
            return None
        message = f"gets {name_of(given)} from {SOURCE}, but {parameter.noun} {quoted(parameter.action)} takes {name_of(wanted)}"
        if wrong.path != "$" or isinstance(fields_of(wanted), dict):
            message += f": {wrong.reason} (at {wrong.path})"
        if isinstance(found, FromInput):
            return Fault(message, f"Change the type of the input {quoted(found.key)}, or {parameter.declaration}.")
        assert isinstance(found, FromNode)
        action = self._actions[found.node]
        where = f" {action.place_of_hint}" if action is not None else ""
        return Fault(message, f"Refer to another output, or change a type hint: what it gives is hinted{where}.")


ORDERED: Mapping[str, frozenset[str]] = {"number": frozenset({"int", "float"}), "text": frozenset({"str"})}
"""What JSON may be compared with a number, or with a text."""
COMPARABLE = "Refer to a number or a text, as NODE.KEY, or ask otherwise: equals, not_equals, in, exists."
SOURCE = "\0source\0"
"""Stands for the name of a reference in a message that many references share."""
NODE = "\0node\0"
"""Stands for the id of the node that it leads to."""
