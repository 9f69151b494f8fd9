"""Gathers nodes that stand alike in a graph into blocks: sixty that wait for the same one are to be no line of sixty boxes.

Pure. Alike are nodes with the same edges, from the same nodes and to the same ones: where an arrow leads to one of them, it
leads to all, and one arrow to the block says it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, sqrt
from typing import Final

import msgspec

from dagger_actors.drawing.picture import Mark

__all__ = ["MOST_ALIKE", "Block", "Folded", "folded"]

MOST_ALIKE: Final = 8
"""Nodes that stand side by side though they are alike; more are a block."""
PLAIN: Final = Mark()

Edge = tuple[int, int]


class Block(msgspec.Struct, frozen=True):
    """What is laid out as one: a node, or many that are alike.

    Attributes:
        members: Nodes, in their order.
    """

    members: tuple[int, ...]

    @property
    def columns(self) -> int:
        """Boxes in a row."""
        return ceil(sqrt(len(self.members)))

    @property
    def rows(self) -> int:
        """Rows of them; the last one may be shorter."""
        return ceil(len(self.members) / self.columns)


class Folded(msgspec.Struct, frozen=True, kw_only=True):
    """A graph of blocks.

    Attributes:
        blocks: Each node is in one of them.
        edges: From block to block, each once.
        shown: For each of them, the first of the edges that it stands for.
    """

    blocks: tuple[Block, ...]
    edges: tuple[Edge, ...]
    shown: tuple[Edge, ...]


def folded(count: int, edges: Sequence[Edge], marks: Mapping[Edge, Mark]) -> Folded:
    """Fold a graph.

    Args:
        count: Nodes there are.
        edges: Positions of two nodes each; no doubles.
        marks: Of those that are not plain: nodes whose edges look different are not alike.
    """
    joined: list[list[tuple[bool, int, Mark]]] = [[] for _ in range(count)]
    for source, target in edges:
        mark = marks.get((source, target), PLAIN)
        joined[target].append((False, source, mark))
        joined[source].append((True, target, mark))
    alike: dict[frozenset[tuple[bool, int, Mark]], list[int]] = {}
    for node, ways in enumerate(joined):
        alike.setdefault(frozenset(ways), []).append(node)
    blocks: list[Block] = []
    for edges_of, members in alike.items():
        whole = bool(edges_of) and len(members) > MOST_ALIKE
        blocks += [Block(tuple(members))] if whole else [Block((node,)) for node in members]
    blocks.sort(key=lambda block: block.members)
    home = {node: place for place, block in enumerate(blocks) for node in block.members}
    shown: dict[Edge, Edge] = {}
    for source, target in edges:
        shown.setdefault((home[source], home[target]), (source, target))
    return Folded(blocks=tuple(blocks), edges=tuple(shown), shown=tuple(shown.values()))
