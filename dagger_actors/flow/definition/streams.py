"""Maps over maps: which mapped node goes over the outputs of which, and whether item by item, while that one goes on."""

from __future__ import annotations

from collections.abc import Sequence

from dagger_actors.flow.definition.flow import FlowDefinition
from dagger_actors.flow.definition.nodes import NodeDefinition
from dagger_actors.flow.definition.predicates import references_of
from dagger_actors.flow.definition.references import FromNode

__all__ = ["is_streamed", "source_of", "sources_of"]


def sources_of(definition: FlowDefinition) -> dict[int, int]:
    """For each fan-out over a mapped node: which one."""
    nodes = definition.nodes
    found = ((position, source_of(node, nodes)) for position, node in enumerate(nodes))
    return {position: source for position, source in found if source is not None}


def source_of(node: NodeDefinition, nodes: Sequence[NodeDefinition]) -> int | None:
    """The mapped node that a node fans out over; None when it does not, or over something else."""
    over = node.map.over if node.map is not None else None
    return over.node if isinstance(over, FromNode) and nodes[over.node].map is not None else None


def is_streamed(node: NodeDefinition, on: int) -> bool:
    """Tell whether its items may start before the mapped node it goes over has ended: nothing else of it needs the end."""
    assert node.map is not None
    if node.trigger != "all_succeeded" or node.map.key is not None:
        return False
    others = [reference for _, reference in node.inputs] + [reference for reference, _ in references_of(node.when)]
    return not any(isinstance(reference, FromNode) and reference.node == on for reference in others)
