"""What a flow gives as a node of another: the types of its outputs, as far as the hints of its actions tell."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import inspect

from dagger_actors.bodies.type_fit import field_of
from dagger_actors.bodies.type_shape import ANY
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.actions.run_actions import Places, recall_actions
from dagger_actors.flow.definition import FlowDefinition, FromInput, FromNode, Reference, SubFlow
from dagger_actors.flow.loading.declared import as_item, output_of
from dagger_actors.flow.loading.input_types import input_type
from dagger_actors.flow.loading.sub_flows import FlowAction
from dagger_actors.flow.stored.child_runs import DEFINITIONS, places_within

__all__ = ["action_of", "outputs_of"]


def action_of(spec: SubFlow, body: msgspec.Raw | str, places: Places, registry: ActionRegistry) -> FlowAction:
    """A flow that a node runs, as what takes inputs and gives outputs.

    Args:
        spec: What the node says of it.
        body: Its definition, as JSON.
        places: Where the actions are of the flow that the node is of.
        registry: What the system has loaded.
    """
    inner = DEFINITIONS.decode(body)
    return FlowAction(inner, outputs_of(inner, places_within(places, spec, inner), registry))


def outputs_of(definition: FlowDefinition, places: Places, registry: ActionRegistry) -> inspect.Type:
    """Describe what a flow gives when it has succeeded; its actions are found as a run of it would find them.

    Args:
        definition: The flow.
        places: Where its actions are.
        registry: What the system has loaded.
    """
    return _Outputs(definition, places, registry).type()


class _Outputs:
    def __init__(self, definition: FlowDefinition, places: Places, registry: ActionRegistry) -> None:
        self._definition = definition
        self._places = places
        self._registry = registry
        self._actions = recall_actions(registry, places).registry

    def type(self) -> inspect.Type:
        definition = self._definition
        if definition.outputs is not None:
            return _table({name: self._given(found) for name, found in definition.outputs.items()})
        if self._may_grow():
            return ANY  # what is added may be a sink too, or wait for one
        sinks = {definition.nodes[at].id: self._whole(at) for at in self._sinks()}
        are_sure = all(node.when is None and node.trigger != "any_failed" for node in definition.nodes)
        return _table(sinks, are_sure=are_sure)

    def _sinks(self) -> Iterator[int]:
        needed = {on for node in self._definition.nodes for on in node.dependencies}
        return (at for at in range(len(self._definition.nodes)) if at not in needed)

    def _may_grow(self) -> bool:
        """Tell whether anything of it may add nodes to it: a hook, or an action that knows its context."""
        names = {name for _, name in self._definition.actions_named()}
        actions = map(self._actions.get, names)
        return bool(self._definition.hooks) or any(one is None or one.context_parameter for one in actions)

    def _given(self, found: Reference) -> inspect.Type:
        if isinstance(found, FromInput):
            return input_type((self._definition.inputs or {}).get(found.key))
        if not isinstance(found, FromNode) or found.default is not None:
            return ANY
        given = self._whole(found.node)
        if found.key is None:
            return given
        field = field_of(given, found.key)
        return field if isinstance(field, inspect.Type) else ANY

    def _whole(self, at: int) -> inspect.Type:
        """What a node gives, bytes as the reference that a flow gives of them."""
        node = self._definition.nodes[at]
        given: inspect.Type = ANY
        if node.flow is not None:
            given = action_of(
                node.flow, self._definition.flows[node.flow.definition_id], self._places, self._registry
            ).gives
        elif node.action and (action := self._actions.get(node.action)) is not None:
            given = as_item(output_of(action, node.outputs))
        return given if node.map is None else inspect.ListType(given)


def _table(types: dict[str, inspect.Type], *, are_sure: bool = True) -> inspect.Type:
    fields = (
        inspect.Field(name=name, encode_name=name, type=given, required=are_sure) for name, given in types.items()
    )
    return inspect.TypedDictType(dict, tuple(fields))
