"""The picture of a flow: its nodes, what they say of themselves, and who waits for whom."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final, assert_never

from dagger_actors.core.comparisons import Operator
from dagger_actors.core.graph import find_cycle
from dagger_actors.core.wording import counted
from dagger_actors.drawing.picture import LONGEST, NAMED, Mark, Picture, PictureNode, line, names
from dagger_actors.flow.definition.awaits import Approval, Awaited
from dagger_actors.flow.definition.nodes import NodeDefinition
from dagger_actors.flow.definition.references import (
    AllOf,
    AnyOf,
    Comparison,
    Constant,
    FromInput,
    Not,
    Predicate,
    Reference,
)

__all__ = ["facts_of", "picture_of", "told_source"]

Edge = tuple[int, int]

SIGNS: Final[Mapping[Operator, str]] = {
    "equals": "=",
    "not_equals": "≠",
    "gt": ">",
    "ge": "≥",
    "lt": "<",
    "le": "≤",
    "in": "in",
}


def picture_of(
    name: str,
    nodes: tuple[NodeDefinition, ...],
    inputs: Collection[str],
    outputs: Collection[str],
    *,
    shown: Sequence[int],
) -> Picture:
    """Make the picture of a flow.

    Args:
        name: The flow's.
        nodes: In the order of the file, those behind that were added.
        inputs: The names of its inputs.
        outputs: The names of its outputs.
        shown: Positions of the nodes to be drawn.
    """
    places = {position: place for place, position in enumerate(shown)}
    needed = [(places[on], places[at]) for at in shown for on in dict.fromkeys(nodes[at].dependencies) if on in places]
    marks = _marks(nodes, places)
    edges = list(dict.fromkeys([*needed, *marks]))
    if _has_circle(len(shown), edges):
        # By its hooks a node may come to wait for what was added by one that did not wait for it.
        edges, marks = needed, {}
    return Picture(
        title=line(name),
        subtitle=_summary([nodes[position] for position in shown], inputs, outputs),
        nodes=tuple(
            PictureNode(
                title=line(node.id),
                subtitle=line(node.purpose),
                is_mapped=node.map is not None,
                is_whole=node.flow is not None,
                is_aside=node.call is not None,
                note=_note(node, nodes),
                facts=facts_of(node, nodes),
            )
            for node in (nodes[position] for position in shown)
        ),
        edges=tuple(edges),
        marks=marks,
    )


def _note(node: NodeDefinition, nodes: tuple[NodeDefinition, ...]) -> str:
    """How often it runs, and on what condition; empty for once, behind the success of all that it waits for."""
    parts = [f"each of {_source(node.map.over, nodes)}"] if node.map is not None else []
    if node.trigger != "all_succeeded":
        parts.append(f"if {node.trigger.replace('_', ' ')}")
    if node.when is not None:
        parts.append(f"when {_condition(node.when, nodes)}")
    return line(" · ".join(parts))


def _marks(nodes: tuple[NodeDefinition, ...], places: dict[int, int]) -> dict[Edge, Mark]:
    """Who added or called for what is drawn; a call that is not drawn is left out on the way."""
    marks: dict[Edge, Mark] = {}
    for position, place in places.items():
        node = nodes[position]
        source = node.call.node if node.call is not None else node.added_by
        while source is not None and source not in places:
            call = nodes[source].call
            source = call.node if call is not None else nodes[source].added_by
        if source is not None:
            label = node.call.event.replace("_", " ") if node.call is not None else ""
            marks[places[source], place] = Mark(label=label, is_dashed=True)
    return marks


def _has_circle(count: int, edges: Sequence[Edge]) -> bool:
    before: list[list[int]] = [[] for _ in range(count)]
    for on, at in edges:
        before[at].append(on)
    return find_cycle(before) is not None


def facts_of(node: NodeDefinition, nodes: tuple[NodeDefinition, ...]) -> tuple[tuple[str, str], ...]:
    """What a node says of itself: where its inputs come from, what it gives, how it is tried."""
    kind = "flow" if node.flow is not None else "awaits" if node.awaits is not None else "action"
    facts = [(kind, line(node.flow.name if node.flow is not None else node.purpose))]
    if node.description:
        facts.append(("description", line(node.description)))
    if node.instructions:
        facts.append(("instructions", line(node.instructions)))
    if node.map is not None:
        facts.append(("map", line(f"{node.map.item} = each of {told_source(node.map.over, nodes)}")))
    facts += [("input", line(f"{name} = {told_source(source, nodes)}")) for name, source in node.inputs[:NAMED]]
    if len(node.inputs) > NAMED:
        facts.append(("input", f"and {len(node.inputs) - NAMED} more"))
    if node.trigger != "all_succeeded":
        facts.append(("trigger", node.trigger))
    if node.when is not None:
        facts.append(("when", line(_condition(node.when, nodes))))
    if node.awaits is not None:
        facts += _facts_of_wait(node.awaits, nodes)
    if node.outputs:
        facts.append(("outputs", names(node.outputs)))
    if node.retry.tries > 1:
        facts.append(("tries", str(node.retry.tries)))
    if node.timeout_s is not None:
        facts.append(("timeout", f"{node.timeout_s:g} s"))
    if node.failure is not None:
        facts.append(("failure", line(node.failure.action)))
    if node.added_by is not None:
        facts.append(("added by", line(nodes[node.added_by].id)))
    if node.call is not None:
        of = "" if node.call.node is None else f" of {nodes[node.call.node].id}"
        facts.append(("called for", line(f"{node.call.event.replace('_', ' ')}{of}")))
    return tuple(facts)


def _facts_of_wait(awaits: Awaited, nodes: tuple[NodeDefinition, ...]) -> list[tuple[str, str]]:
    if isinstance(awaits, Approval):
        facts = [("message", line(awaits.message))] if awaits.message else []
        if awaits.timeout_s is not None:
            then = f"autopilot: {awaits.default}" if awaits.on_timeout == "autopilot" else awaits.on_timeout
            facts.append(("timeout", line(f"{awaits.timeout_s:g} s, then {then}")))
        return facts
    facts = [("match", line(f"{path} = {told_source(source, nodes)}")) for path, source in awaits.match[:NAMED]]
    if len(awaits.match) > NAMED:
        facts.append(("match", f"and {len(awaits.match) - NAMED} more"))
    if awaits.is_earliest:
        facts.append(("from", "earliest"))
    if awaits.timeout_s is not None:
        facts.append(("timeout", f"{awaits.timeout_s:g} s"))
    return facts


def _summary(nodes: Sequence[NodeDefinition], inputs: Collection[str], outputs: Collection[str]) -> str:
    parts = [counted(len(nodes), "node")]
    if inputs:
        parts.append(f"inputs: {names(inputs)}")
    if outputs:
        parts.append(f"outputs: {names(outputs)}")
    return line(" · ".join(parts))


def told_source(reference: Reference, nodes: tuple[NodeDefinition, ...]) -> str:
    """Where a value comes from, and what its author says of it."""
    return _source(reference, nodes) + (f" ({reference.description})" if reference.description else "")


def _source(reference: Reference, nodes: tuple[NodeDefinition, ...]) -> str:
    match reference:
        case FromInput(key=key):
            return f"inputs.{key}"
        case Constant(json=text):
            return text[: LONGEST + 1]
        case _:
            node = nodes[reference.node].id
            return node if reference.key is None else f"{node}.{reference.key}"


def _condition(predicate: Predicate, nodes: tuple[NodeDefinition, ...]) -> str:
    match predicate:
        case AllOf(of=parts):
            return " and ".join(_part(part, nodes) for part in parts)
        case AnyOf(of=parts):
            return " or ".join(_part(part, nodes) for part in parts)
        case Not(of=part):
            return f"not {_part(part, nodes)}"
        case Comparison(reference=reference, operator="exists", json=text):
            return f"{_source(reference, nodes)} is {'' if text == 'true' else 'not '}there"
        case Comparison(reference=reference, operator=word, json=text):
            return f"{_source(reference, nodes)} {SIGNS[word]} {text}"
        case _:
            assert_never(predicate)


def _part(predicate: Predicate, nodes: tuple[NodeDefinition, ...]) -> str:
    told = _condition(predicate, nodes)
    return told if isinstance(predicate, Comparison) else f"({told})"
