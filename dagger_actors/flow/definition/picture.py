"""The picture of a flow: its nodes, what they say of themselves, and who waits for whom."""

from __future__ import annotations

from collections.abc import Collection

from dagger_actors.core.wording import counted
from dagger_actors.drawing.picture import LONGEST, NAMED, Picture, PictureNode, line, names
from dagger_actors.flow.definition.awaits import AwaitMessage
from dagger_actors.flow.definition.nodes import NodeDefinition
from dagger_actors.flow.definition.references import Constant, FromInput, Reference

__all__ = ["facts_of", "picture_of", "told_source"]


def picture_of(
    name: str, nodes: tuple[NodeDefinition, ...], inputs: Collection[str], outputs: Collection[str]
) -> Picture:
    """Make the picture of a flow.

    Args:
        name: The flow's.
        nodes: In the order of the file.
        inputs: The names of its inputs.
        outputs: The names of its outputs.
    """
    return Picture(
        title=line(name),
        subtitle=_summary(nodes, inputs, outputs),
        nodes=tuple(
            PictureNode(
                title=line(node.id),
                subtitle=line(node.purpose),
                is_mapped=node.map is not None,
                note=line(f"each of {_source(node.map.over, nodes)}") if node.map is not None else "",
                facts=facts_of(node, nodes),
            )
            for node in nodes
        ),
        edges=tuple((on, position) for position, node in enumerate(nodes) for on in dict.fromkeys(node.dependencies)),
    )


def facts_of(node: NodeDefinition, nodes: tuple[NodeDefinition, ...]) -> tuple[tuple[str, str], ...]:
    """What a node says of itself: where its inputs come from, what it gives, how it is tried."""
    facts = [("awaits" if node.awaits is not None else "action", line(node.purpose))]
    if node.description:
        facts.append(("description", line(node.description)))
    if node.instructions:
        facts.append(("instructions", line(node.instructions)))
    if node.map is not None:
        facts.append(("map", line(f"{node.map.item} = each of {told_source(node.map.over, nodes)}")))
    facts += [("input", line(f"{name} = {told_source(source, nodes)}")) for name, source in node.inputs[:NAMED]]
    if len(node.inputs) > NAMED:
        facts.append(("input", f"and {len(node.inputs) - NAMED} more"))
    if node.awaits is not None:
        facts += _facts_of_wait(node.awaits, nodes)
    if node.outputs:
        facts.append(("outputs", names(node.outputs)))
    if node.retry.tries > 1:
        facts.append(("tries", str(node.retry.tries)))
    if node.timeout_s is not None:
        facts.append(("timeout", f"{node.timeout_s:g} s"))
    return tuple(facts)


def _facts_of_wait(awaits: AwaitMessage, nodes: tuple[NodeDefinition, ...]) -> list[tuple[str, str]]:
    facts = [("match", line(f"{path} = {told_source(source, nodes)}")) for path, source in awaits.match[:NAMED]]
    if len(awaits.match) > NAMED:
        facts.append(("match", f"and {len(awaits.match) - NAMED} more"))
    if awaits.is_earliest:
        facts.append(("from", "earliest"))
    if awaits.timeout_s is not None:
        facts.append(("timeout", f"{awaits.timeout_s:g} s"))
    return facts


def _summary(nodes: tuple[NodeDefinition, ...], inputs: Collection[str], outputs: Collection[str]) -> str:
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
