"""Places boxes in layers and routes edges between them, through igraph's Sugiyama layout.

An edge passes a layer only in a column of its own, and straight: so no edge runs through a box.
"""

from __future__ import annotations

from collections.abc import Sequence
from graphlib import TopologicalSorter
from math import ceil, sqrt

import msgspec

from dagger_actors.drawing.picture import Picture
from dagger_actors.errors import RequestError

__all__ = ["MAX_EDGES", "MAX_NODES", "Layout", "Path", "Point", "place"]

MAX_NODES = 2_000
MAX_EDGES = 10_000
MAX_CROSSED = 40_000
"""Layers that all edges pass, together: each is a vertex of the layout."""
ROUNDS = 60
"""Of crossing reduction; more change little."""

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
    layers = _layers(count, edges)
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
    joined = sorted({end for edge in edges for end in edge})
    position = {node: place for place, node in enumerate(joined)}
    graph = igraph.Graph(n=len(joined), edges=[(position[one], position[other]) for one, other in edges], directed=True)
    laid = graph.layout_sugiyama(layers=[layers[node] for node in joined], hgap=1, vgap=1, maxiter=ROUNDS)
    boxes: list[Point] = [(0.0, 0.0)] * count
    for node, (across, along) in zip(joined, laid.coords, strict=True):
        boxes[node] = (across, along)
    bends: Sequence[Sequence[Sequence[float]]] = laid.edge_routing
    paths = [
        (
            boxes[one],
            *sorted(((float(bend[0]), float(bend[1])) for bend in bent), key=lambda point: point[1]),
            boxes[other],
        )
        for (one, other), bent in zip(edges, bends, strict=True)
    ]
    every = [point for path in paths for point in path]
    left = min((point[0] for point in every), default=0.0)
    across = max((point[0] for point in every), default=-1.0) - left + 1
    along = max((layers[node] for node in joined), default=-1) + 1
    alone = [node for node in range(count) if node not in position]
    columns = max(ceil(across), min(ceil(sqrt(len(alone) * 1.5)), 8)) if alone else 1
    for number, node in enumerate(alone):
        boxes[node] = (left + number % columns, along + number // columns)
    return Layout(
        boxes=tuple((x - left, y) for x, y in boxes),
        paths=tuple(Path(tuple((x - left, y) for x, y in path)) for path in paths),
        across=max(across, min(columns, len(alone))),
        along=along + ceil(len(alone) / columns),
    )


def _layers(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
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
