"""What is to be drawn, before any format: nodes, edges, labels, states. Pure, and without a trace of hostile text's power.

Every text in a picture is one visible line of bounded length, so that writers only have to escape for their own format.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from dagger_actors.flow.definition import Constant, FlowDefinition, FromInput, NodeDefinition, Reference
from dagger_actors.flow.drawing.text import shorten, visible

__all__ = ["STATES", "Picture", "PictureNode", "facts_of", "line", "picture_of"]

STATES = (
    "pending", "ready", "running", "waiting", "succeeded", "failed", "skipped", "cancelled", "timed_out", "interrupted",
)  # fmt: skip
LONGEST = 200
"""Cells of one text; what is longer ends in an ellipsis."""
NAMED = 12
"""Inputs or outputs that a line names; the rest is counted."""


class PictureNode(msgspec.Struct, frozen=True, kw_only=True):
    """One box.

    Attributes:
        title: The node's id.
        subtitle: What it does: its action.
        is_mapped: Whether it stands for many invocations.
        state: Of a run; None in a picture of a definition.
        note: A line on how it went or how many it stands for; may be empty.
        facts: What a closer look shows, each a name and a text.
    """

    title: str
    subtitle: str
    is_mapped: bool = False
    state: str | None = None
    note: str = ""
    facts: tuple[tuple[str, str], ...] = ()


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A flow or a run.

    Attributes:
        title: The flow's name.
        subtitle: A line on the whole.
        nodes: In the flow's order.
        edges: Positions of a dependency and of the node that waits for it; no doubles, no cycles.
        state: Of the run; None in a picture of a definition.
    """

    title: str
    subtitle: str
    nodes: tuple[PictureNode, ...]
    edges: tuple[tuple[int, int], ...]
    state: str | None = None


def line(text: str) -> str:
    """Make any text fit for a picture: one visible line of at most ``LONGEST`` cells."""
    return shorten(visible(text[: LONGEST + 1]), LONGEST)


def picture_of(definition: FlowDefinition) -> Picture:
    """Make the picture of a definition."""
    nodes = definition.nodes
    return Picture(
        title=line(definition.name),
        subtitle=_summary(definition),
        nodes=tuple(
            PictureNode(
                title=line(node.id),
                subtitle=line(node.action),
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
    facts = [("action", line(node.action))]
    if node.description:
        facts.append(("description", line(node.description)))
    if node.instructions:
        facts.append(("instructions", line(node.instructions)))
    if node.map is not None:
        facts.append(("map", line(f"{node.map.item} = each of {_told(node.map.over, nodes)}")))
    facts += [("input", line(f"{name} = {_told(source, nodes)}")) for name, source in node.inputs[:NAMED]]
    if len(node.inputs) > NAMED:
        facts.append(("input", f"and {len(node.inputs) - NAMED} more"))
    if node.outputs:
        facts.append(("outputs", _names(node.outputs)))
    if node.retry.tries > 1:
        facts.append(("tries", str(node.retry.tries)))
    if node.timeout_s is not None:
        facts.append(("timeout", f"{node.timeout_s:g} s"))
    return tuple(facts)


def _summary(definition: FlowDefinition) -> str:
    count = len(definition.nodes)
    parts = [f"{count} node{'s' if count != 1 else ''}"]
    if definition.inputs:
        parts.append(f"inputs: {_names(definition.inputs)}")
    if definition.outputs:
        parts.append(f"outputs: {_names(definition.outputs)}")
    return line(" · ".join(parts))


def _names(names: Iterable[str]) -> str:
    every = list(names)
    more = f", and {len(every) - NAMED} more" if len(every) > NAMED else ""
    return line(", ".join(every[:NAMED]) + more)


def _told(reference: Reference, nodes: tuple[NodeDefinition, ...]) -> str:
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
