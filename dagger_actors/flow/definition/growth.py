"""Nodes that are added while a run goes on, as whoever adds them sees the flow."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from dagger_actors.flow.definition.awaits import AwaitMessage
from dagger_actors.flow.definition.nodes import NodeDefinition
from dagger_actors.flow.definition.references import AllOf, AnyOf, Comparison, FromNode, Not, Predicate, Reference

__all__ = ["Growth", "moved"]


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """Nodes to add.

    Attributes:
        base: Nodes the run had when these were read: positions from there on are those of the new ones, in order.
        nodes: They depend on nodes the run had, and on each other without cycles.
        flows: The definitions of the flows that they run, as JSON text by their SHA-256.
    """

    base: int
    nodes: tuple[NodeDefinition, ...]
    flows: dict[str, str] = {}

    def at(self, base: int) -> tuple[NodeDefinition, ...]:
        """The nodes as they stand behind ``base`` others: since they were read, the run may have been given more."""
        shift = base - self.base
        if not shift:
            return self.nodes
        return tuple(moved(node, lambda on: on + shift if on >= self.base else on) for node in self.nodes)


def moved(node: NodeDefinition, move: Callable[[int], int]) -> NodeDefinition:
    """The same node where the nodes that it refers to have other positions."""
    spec, awaits = node.map, node.awaits
    return msgspec.structs.replace(
        node,
        dependencies=tuple(move(on) for on in node.dependencies),
        inputs=tuple((name, _reference(reference, move)) for name, reference in node.inputs),
        map=spec and msgspec.structs.replace(spec, over=_reference(spec.over, move)),
        awaits=_awaited(awaits, move) if isinstance(awaits, AwaitMessage) else awaits,
        failure=node.failure
        and msgspec.structs.replace(
            node.failure, inputs=tuple((name, _reference(reference, move)) for name, reference in node.failure.inputs)
        ),
        when=node.when and _predicate(node.when, move),
    )


def _awaited(awaits: AwaitMessage, move: Callable[[int], int]) -> AwaitMessage:
    match = tuple((path, _reference(reference, move)) for path, reference in awaits.match)
    return msgspec.structs.replace(awaits, match=match)


def _reference(reference: Reference, move: Callable[[int], int]) -> Reference:
    if not isinstance(reference, FromNode):
        return reference
    return msgspec.structs.replace(reference, node=move(reference.node))


def _predicate(predicate: Predicate, move: Callable[[int], int]) -> Predicate:
    match predicate:
        case Comparison(reference=reference):
            return msgspec.structs.replace(predicate, reference=_reference(reference, move))
        case AllOf(of=parts):
            return AllOf(tuple(_predicate(part, move) for part in parts))
        case AnyOf(of=parts):
            return AnyOf(tuple(_predicate(part, move) for part in parts))
        case Not(of=part):
            return Not(_predicate(part, move))
