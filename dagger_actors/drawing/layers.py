"""Which layer each node of a graph stands in, and whether there are few layers for many nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from graphlib import TopologicalSorter

from dagger_actors.drawing.picture import Picture

__all__ = ["is_wide", "layers_of"]

WIDE = 8
"""Nodes beside each other that a page has room for."""


def layers_of(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The longest way to each node from a beginning."""
    sorter: TopologicalSorter[int] = TopologicalSorter()
    ways: list[list[int]] = [[] for _ in range(count)]
    for source, target in edges:
        sorter.add(target, source)
        ways[target].append(source)
    layers = [0] * count
    for node in sorter.static_order():
        layers[node] = max((layers[source] + 1 for source in ways[node]), default=0)
    return layers


def is_wide(picture: Picture) -> bool:
    """Tell whether a picture is to go from left to right: from top to bottom its boxes would stand in one line, far too long."""
    counts = Counter(layers_of(len(picture.nodes), picture.edges))
    widest = max(counts.values(), default=0)
    return widest > WIDE and widest > 3 * len(counts)
