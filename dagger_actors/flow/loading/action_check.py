"""Checks what nodes give against what their actions take, and fills the inputs that the file leaves to be found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

import msgspec

from dagger_actors.bodies.actions import Action
from dagger_actors.bodies.made_functions import unsaid
from dagger_actors.core.wording import quoted
from dagger_actors.errors import DefinitionError, InputError, Problem
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.definition import Constant, FromInput, FromNode, InputSpec, Reference
from dagger_actors.flow.loading.ancestry import Ancestry
from dagger_actors.flow.loading.awaits import AwaitableChannels, check_await
from dagger_actors.flow.loading.isolation import check_isolation
from dagger_actors.flow.loading.references import Pointer
from dagger_actors.flow.loading.type_edges import TypeEdges
from dagger_actors.flow.loading.written import WrittenNode, pointers_of
from dagger_actors.reading.reader import Reader
from dagger_actors.reading.tree import Scalar

__all__ = ["bind", "load_actions", "unknown_action"]

NO_ACTIONS = "Name its module under `actions`, and mark the function with @action: no marked one was found."


class Bound(msgspec.Struct):
    """What all nodes of a flow are checked against.

    Attributes:
        nodes: The nodes.
        index: Their positions by id.
        inputs: The flow's inputs, declared or referred to.
        ancestors: Pairs (node, other) known to be node and ancestor; None when the graph has cycles.
    """

    nodes: Sequence[WrittenNode]
    index: Mapping[str, int]
    inputs: AbstractSet[str]
    ancestors: AbstractSet[tuple[int, int]] | None


def load_actions(
    reader: Reader, registry: ActionRegistry, places: Mapping[str, int], imports: Sequence[str], folder: Path
) -> tuple[list[Problem], bool]:
    """Import what the file and the command line name.

    Args:
        reader: Takes the complaints that have a place.
        registry: Takes the actions.
        places: What the file names under `actions`, and where.
        imports: What the caller names.
        folder: The file's folder.

    Returns:
        The problems of the caller's own names, which have no place; and whether everything was imported.
    """
    problems: list[Problem] = []
    is_complete = True
    for reference in imports:
        try:
            registry.load(reference, Path.cwd(), insists=True)
        except DefinitionError as error:
            problems += error.problems
    for reference, at in places.items():
        try:
            registry.load(reference, folder)
        except DefinitionError as error:
            is_complete = False
            for problem in error.problems:
                reader.complain(at, problem.message, problem.advice)
    return problems, is_complete and not problems


def bind(
    reader: Reader,
    registry: ActionRegistry,
    nodes: Sequence[WrittenNode],
    index: Mapping[str, int],
    declared: Mapping[str, InputSpec] | None,
    results: Mapping[str, tuple[int, Reference]],
    *,
    ancestry: Ancestry,
    channels: AwaitableChannels | None,
    has_cycles: bool,
    has_all_actions: bool,
    first: int = 0,
) -> None:
    """Check every node against its action and fill the inputs of those that give none.

    Args:
        reader: Takes the complaints.
        registry: The actions.
        nodes: The nodes; their open inputs are filled.
        index: Their positions by id.
        declared: The flow's inputs; None when it declares none.
        results: The flow's outputs by name: their place, and where they come from.
        ancestry: Tells who is an ancestor.
        channels: Those that nodes may await messages of; None = nothing is known of them.
        has_cycles: Whether there are no ancestors to speak of.
        has_all_actions: Whether every module was imported; if not, an unknown action may be one of a missing module.
        first: The first node to check; those before it have been checked.
    """
    actions = [node.flow.action if node.flow else registry.get(node.action) if node.action else None for node in nodes]
    inputs = set(declared) if declared is not None else referred(nodes)
    asked = [
        (position, other)
        for position, (node, action) in enumerate(zip(nodes, actions, strict=True))
        if action is not None and node.inputs is None and node.dependencies
        for parameter in action.parameters
        if (other := index.get(parameter.name)) is not None and other not in node.dependencies
    ]
    ancestors = None if has_cycles else ancestry.among(nodes, asked)
    bound = Bound(nodes, index, inputs, ancestors)
    edges = TypeEdges(reader, nodes, actions, declared)
    for position, (node, action) in enumerate(zip(nodes, actions, strict=True)):
        if position < first:
            continue
        reader.subject = node.id
        if node.when is not None:
            edges.check_when(position)
        if node.awaits is not None:
            kinds = edges.check_match(position)
            if channels is not None:
                check_await(reader, node, kinds, channels)
        if action is None:
            if node.action and has_all_actions:
                unknown_action(reader, registry, node.action, node.fields["action"].value.at)
            continue
        check_cached(reader, action, node)
        if node.inputs is None:
            fill(reader, action, bound, position)
        else:
            check(reader, action, node, bound.inputs)
        check_isolation(reader, action, node.fields)
        edges.check(position)
    edges.check_results(results)
    reader.subject = ""


def check_cached(reader: Reader, action: Action, node: WrittenNode) -> None:
    """Complain of a cache whose key would not follow the action's code."""
    field = node.fields.get("cache")
    if field is None or (isinstance(field.value, Scalar) and field.value.value is False):
        return
    if action.identity() is None:
        taken = unsaid(action.source)
        why = f"its source does not say what {', '.join(taken)} is" if taken else "its source cannot be read"
        message = f"the output of action {quoted(action.name)} cannot be cached: {why}"
        advice = 'Say what stands for it: @action(version="1").'
        reader.complain(field.at, message, advice)


def referred(nodes: Sequence[WrittenNode]) -> set[str]:
    """List the flow's inputs that some node refers to."""
    pointers = [pointer for node in nodes for _, pointer in node.inputs or ()]
    pointers += [pointer for node in nodes if node.map or node.when or node.awaits for _, pointer in pointers_of(node)]
    return {pointer.found.key for pointer in pointers if isinstance(pointer.found, FromInput)}


def unknown_action(reader: Reader, registry: ActionRegistry, name: str, at: int) -> None:
    """Complain of an action that is not registered."""
    unmarked = registry.unmarked(name)
    names = registry.names()
    if unmarked is not None:
        advice = f"A function of that name at {unmarked[0]}:{unmarked[1]} is no action; mark it with @action."
    else:
        otherwise = f"Known actions: {', '.join(names[:20])}." if names else NO_ACTIONS
        advice = reader.suggest(name, names, otherwise)
    reader.complain(at, f"unknown action {quoted(name)}", advice)


def check(reader: Reader, action: Action, node: WrittenNode, flow_inputs: AbstractSet[str]) -> None:
    """Check the inputs that a node gives."""
    for name, pointer in node.inputs or ():
        parameter = action.by_name.get(name)
        if parameter is None:
            if not action.accepts_any or name == action.context_parameter:
                unknown_input(reader, action, name, node.places[name])
        elif isinstance(pointer.found, Constant):
            try:
                parameter.decode(pointer.found.json)
            except InputError as error:
                reader.complain(pointer.at, str(error), "Give what its type hint says, or change the hint.")
    item = checked_item(reader, action, node)
    for name in sorted(action.required - node.places.keys() - item) if not is_map_wrong(action, node) else ():
        source = f"inputs.{name}" if name in flow_inputs else "REFERENCE"
        advice = f"Give it under `inputs`: {{{name}: {source}}}."
        reader.complain(node.at, f"{action.noun} {quoted(action.name)} needs the input {quoted(name)}", advice)


def checked_item(reader: Reader, action: Action, node: WrittenNode) -> frozenset[str]:
    """Check that the action takes the item of the node's map; gives its name, if any."""
    if node.map is None:
        return frozenset()
    item = node.map.item
    if item not in action.by_name and not action.accepts_any:
        unknown_input(reader, action, item, node.fields["map"].value.at)
    return frozenset((item,))


def is_map_wrong(action: Action, node: WrittenNode) -> bool:
    """Tell whether a parameter that nothing fills may be the one that a wrong `map` was to fill."""
    return "map" in node.fields and (node.map is None or node.map.item not in action.by_name) and not action.accepts_any


def unknown_input(reader: Reader, action: Action, name: str, at: int) -> None:
    """Complain of an input that the action does not take."""
    if name == action.context_parameter:
        reader.complain(at, f"the input {quoted(name)} is the action's context", "Remove it; it is given by itself.")
        return
    taken = ", ".join(action.by_name) or "none"
    advice = reader.suggest(name, action.by_name, f"Its inputs: {taken}.")
    reader.complain(at, f"{action.noun} {quoted(action.name)} takes no input {quoted(name)}", advice)


def fill(reader: Reader, action: Action, bound: Bound, position: int) -> None:
    """Give each parameter the ancestor or the flow input of its name."""
    node = bound.nodes[position]
    item = checked_item(reader, action, node)
    inputs: list[tuple[str, Pointer]] = []
    for parameter in action.parameters:
        name = parameter.name
        if name in item:
            continue
        other = bound.index.get(name)
        is_ancestor = other is not None and (
            other in node.dependencies or (bound.ancestors is not None and (position, other) in bound.ancestors)
        )
        if is_ancestor and name in bound.inputs:
            message = f"the parameter {quoted(name)} is both an ancestor and an input of the flow"
            reader.complain(node.at, message, f"Say which under `inputs`: {{{name}: inputs.{name}}}.")
        elif is_ancestor and other is not None:
            inputs.append((name, Pointer(name, node.at, found=FromNode(other))))
        elif name in bound.inputs:
            inputs.append((name, Pointer(name, node.at, found=FromInput(name))))
        elif parameter.required and bound.ancestors is not None and not is_map_wrong(action, node):
            left_over(reader, action, node, name, is_node=other is not None)
    node.inputs = inputs


def left_over(reader: Reader, action: Action, node: WrittenNode, name: str, *, is_node: bool) -> None:
    """Complain of a required parameter that nothing fills."""
    parameter = f"the parameter {quoted(name)} of {action.noun} {quoted(action.name)}"
    message = f"nothing gives {parameter}: no ancestor or flow input has its name"
    if is_node:
        advice = f"The node {quoted(name)} is not an ancestor; add it to `dependencies`."
    else:
        advice = f"Give it under the node's `inputs`, or declare it under the flow's: {{{name}: {{}}}}."
    reader.complain(node.at, message, advice)
