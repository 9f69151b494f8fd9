"""Places boxes in layers and routes edges between them, through igraph's Sugiyama layout.

An edge passes a layer only in a narrow column of its own, and straight: so no edge runs through a box.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from graphlib import TopologicalSorter
from math import ceil, sqrt

import msgspec

from dagger_actors.drawing.columns import Joint, columns_of
from dagger_actors.drawing.picture import Picture
from dagger_actors.errors import RequestError

__all__ = ["MAX_EDGES", "MAX_NODES", "Layout", "Path", "Point", "layers_of", "place"]

MAX_NODES = 2_000
MAX_EDGES = 10_000
MAX_CROSSED = 40_000
"""Layers that all edges pass, together: each is a vertex of the layout."""
ROUNDS = 60
"""Of crossing reduction; more change little."""
BEND = 0.3
"""Columns that an edge takes where it passes a layer."""
STRAIGHT = (1.0, 2.0, 8.0)
"""Weights of what joins two boxes, a box and a bend, two bends."""

Point = tuple[float, float]


class Path(msgspec.Struct, frozen=True):
    """One edge: the places where it stands in each layer, from its source to its target."""

    points: tuple[Point, ...]


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """Where everything is, in units of columns (across) and layers (along).

    Attributes:
        boxes: Across and along, for each node.
        paths: For each edge.
        across: Columns there are.
        along: Layers there are.
    """

    boxes: tuple[Point, ...]
    paths: tuple[Path, ...]
    across: float
    along: int


def place(picture: Picture) -> Layout:
    """Lay a picture out.

    Raises:
        RequestError: It is too large to be drawn here, or the extra ``graph`` is not installed.
    """
    count, edges = len(picture.nodes), picture.edges
    layers = layers_of(count, edges)
    crossed = sum(layers[target] - layers[source] for source, target in edges)
    if count > MAX_NODES or len(edges) > MAX_EDGES or crossed > MAX_CROSSED:
        raise RequestError(
            f"the flow {picture.title!r} with {count:,} nodes and {len(edges):,} edges is too large for svg "
            f"(at most {MAX_NODES:,} nodes, {MAX_EDGES:,} edges, not too long ones); write it as dot or mermaid, "
            "and draw that with a tool for large graphs"
        )
    try:
        import igraph  # noqa: PLC0415 - an optional extra, and half a second to import
    except ImportError:
        raise RequestError(
            "svg needs the package igraph, which is not installed; pip install 'dagger-actors[graph]', or use mermaid or dot"
        ) from None
    boxes: list[Point] = [(0.0, 0.0)] * count
    paths: list[Path] = [Path(())] * len(edges)
    across, along = 0.0, 0
    for members, numbers in _parts(count, edges):
        position = {node: place for place, node in enumerate(members)}
        pairs = [(position[edges[number][0]], position[edges[number][1]]) for number in numbers]
        graph = igraph.Graph(n=len(members), edges=pairs, directed=True)
        laid = graph.layout_sugiyama(layers=[layers[node] for node in members], hgap=1, vgap=1, maxiter=ROUNDS)
        places, ways = _placed([(x, y) for x, y in laid.coords], laid.edge_routing, pairs)
        for node, (x, y) in zip(members, places, strict=False):
            boxes[node] = (x + across, y)
        for number, way in zip(numbers, ways, strict=True):
            paths[number] = Path(tuple((places[each][0] + across, places[each][1]) for each in way))
        across += max(x for x, _ in places) + 1
        along = max(along, *(layers[node] + 1 for node in members))
    joined = {end for edge in edges for end in edge}
    alone = [node for node in range(count) if node not in joined]
    columns = max(ceil(across), min(ceil(sqrt(len(alone) * 1.5)), 8)) if alone else 1
    for number, node in enumerate(alone):
        boxes[node] = (number % columns, along + number // columns)
    return Layout(
        boxes=tuple(boxes),
        paths=tuple(paths),
        across=max(across, min(columns, len(alone))),
        along=along + ceil(len(alone) / columns),
    )


def _placed(
    coords: Sequence[Point], routing: Sequence[Sequence[Point]], edges: Sequence[tuple[int, int]]
) -> tuple[list[Point], list[list[int]]]:
    """Where the boxes of one part stand, then where its edges bend; and the boxes and bends that each edge goes through.

    Only the order in each layer is igraph's: it leaves wide gaps, and puts a box on another.
    """
    points = [(float(x), round(float(y))) for x, y in coords]
    widths = [1.0] * len(points)
    ways: list[list[int]] = []
    joints: list[Joint] = []
    for (one, other), bent in zip(edges, routing, strict=True):
        first = len(points)
        points += sorted(((float(x), round(float(y))) for x, y in bent), key=lambda at: at[1])
        widths += [BEND] * (len(points) - first)
        ways.append([one, *range(first, len(points)), other])
        for upper, lower in itertools.pairwise(ways[-1]):
            straight = (upper >= first) + (lower >= first)
            joints.append(Joint(upper, lower, STRAIGHT[straight]))
    layers: list[list[int]] = [[] for _ in range(max(y for _, y in points) + 1)]
    for number in sorted(range(len(points)), key=lambda number: (points[number][0], number)):
        layers[points[number][1]].append(number)
    middles = columns_of(layers, widths, joints)
    return [(middle - 0.5, y) for middle, (_, y) in zip(middles, points, strict=True)], ways


def _parts(count: int, edges: Sequence[tuple[int, int]]) -> list[tuple[list[int], list[int]]]:
    """Nodes that hang together, and the numbers of their edges; each part is laid out by itself.

    igraph 1.0 mixes the bends of edges up when a graph has several parts.
    """
    leader = list(range(count))

    def found(node: int) -> int:
        while leader[node] != node:
            leader[node] = node = leader[leader[node]]
        return node

    for one, other in edges:
        first, second = sorted((found(one), found(other)))
        leader[second] = first
    parts: dict[int, tuple[list[int], list[int]]] = {}
    for node in sorted({end for edge in edges for end in edge}):
        parts.setdefault(found(node), ([], []))[0].append(node)
    for number, (one, _) in enumerate(edges):
        parts[found(one)][1].append(number)
    return list(parts.values())


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
