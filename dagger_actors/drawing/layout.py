"""Places boxes in layers and routes edges between them, through igraph's Sugiyama layout; what is alike stands in a block.

An edge passes a layer only in a narrow column of its own, and straight: so no edge runs through a box.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from math import ceil, sqrt

import msgspec

from dagger_actors.drawing.columns import Joint, columns_of
from dagger_actors.drawing.folding import Folded, folded
from dagger_actors.drawing.layers import layers_of
from dagger_actors.drawing.picture import Picture
from dagger_actors.errors import RequestError

__all__ = ["MAX_EDGES", "MAX_NODES", "Layout", "Path", "Point", "Span", "place"]

MAX_NODES = 2_000
MAX_EDGES = 10_000
MAX_CROSSED = 40_000
"""Layers that all edges pass, together: each is a vertex of the layout."""
ROUNDS = 60
"""Of crossing reduction; more change little."""
BEND = 0.3
"""Columns that an edge takes where it passes a layer."""
WIDEST = 8
"""Boxes in a row of those that nothing is joined to."""
STRAIGHT = (1.0, 2.0, 8.0)
"""Weights of what joins two blocks, a block and a bend, two bends."""

Point = tuple[float, float]


class Span(msgspec.Struct, frozen=True):
    """Where an edge stands in one layer, and how long it goes straight there.

    Attributes:
        across: Where.
        begin: From here on, along.
        end: To here; not before ``begin``.
    """

    across: float
    begin: float
    end: float


class Path(msgspec.Struct, frozen=True):
    """An arrow.

    Attributes:
        edge: The edge that it stands for; the first of them where one of its ends is a block.
        spans: One in each layer, from its source to its target.
        is_from_block: Whether it begins at the frame of a block.
        is_to_block: Whether it ends at one.
    """

    edge: tuple[int, int]
    spans: tuple[Span, ...]
    is_from_block: bool
    is_to_block: bool


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """Where everything is, in units of boxes (across) and rows of them (along).

    Attributes:
        boxes: Across and along, for each node.
        frames: Around each block, the places of its first and its last corner box.
        paths: The arrows.
        across: Boxes that stand beside each other.
        along: Rows there are.
        tops: The rows with which the layers begin: between layers there are arrows, between other rows none.
    """

    boxes: tuple[Point, ...]
    frames: tuple[tuple[Point, Point], ...]
    paths: tuple[Path, ...]
    across: float
    along: int
    tops: tuple[int, ...]


def place(picture: Picture) -> Layout:
    """Lay a picture out.

    Raises:
        RequestError: It is too large to be drawn here, or the extra ``graph`` is not installed.
    """
    count, edges = len(picture.nodes), picture.edges
    graph = folded(count, edges, picture.marks)
    layers = layers_of(len(graph.blocks), graph.edges)
    crossed = sum(layers[target] - layers[source] for source, target in graph.edges)
    if count > MAX_NODES or len(edges) > MAX_EDGES or crossed > MAX_CROSSED:
        raise RequestError(
            f"the flow {picture.title!r} with {count:,} nodes and {len(edges):,} edges is too large for svg "
            f"(at most {MAX_NODES:,} nodes, {MAX_EDGES:,} edges, not too long ones); write it as dot or mermaid, "
            "and draw that with a tool for large graphs"
        )
    return _Plan(graph, layers).laid_out()


class _Plan:
    """Blocks in layers, each layer as thick as the highest block of it; one part beside the other."""

    def __init__(self, graph: Folded, layers: Sequence[int]) -> None:
        self._graph = graph
        self._layers = layers
        self._thickness = [1] * (max(layers, default=-1) + 1)
        for block, layer in zip(graph.blocks, layers, strict=True):
            self._thickness[layer] = max(self._thickness[layer], block.rows)
        self._tops = [0, *itertools.accumulate(self._thickness)]
        self._boxes: dict[int, Point] = {}
        self._frames: list[tuple[Point, Point]] = []
        self._paths: list[Path] = []

    def laid_out(self) -> Layout:
        across = 0.0
        for members, numbers in _parts(len(self._graph.blocks), self._graph.edges):
            across = self._part(members, numbers, across)
        across, along = self._alone(across, self._tops[-1] if self._paths else 0)
        return Layout(
            boxes=tuple(self._boxes[node] for node in range(len(self._boxes))),
            frames=tuple(self._frames),
            paths=tuple(self._paths),
            across=across,
            along=along,
            tops=tuple(self._tops[: -1 if len(self._tops) > 1 else None]),
        )

    def _part(self, members: list[int], numbers: list[int], left: float) -> float:
        """Lay out what hangs together, from a place on; gives the place behind it."""
        position = {block: place for place, block in enumerate(members)}
        edges = [self._graph.edges[number] for number in numbers]
        pairs = [(position[source], position[target]) for source, target in edges]
        coords, routing = _in_order(len(members), pairs, [self._layers[block] for block in members])
        widths = [float(self._graph.blocks[block].columns) for block in members]
        places, ways = _placed(coords, routing, pairs, widths)
        for block, (middle, _) in zip(members, places, strict=False):
            self._fill(block, left + middle)
        for number, way in zip(numbers, ways, strict=True):
            source, target = self._graph.edges[number]
            first, *bends, last = ((left + places[one][0], places[one][1]) for one in way)
            spans = [Span(first[0], self._rows(source)[1], self._end(first[1]))]
            spans += [Span(across, self._tops[layer], self._end(layer)) for across, layer in bends]
            spans.append(Span(last[0], self._tops[last[1]], self._rows(target)[0]))
            blocks = [len(self._graph.blocks[end].members) > 1 for end in (source, target)]
            self._paths.append(Path(self._graph.shown[number], tuple(spans), *blocks))
        right = max(places[place][0] + self._graph.blocks[block].columns / 2 for block, place in position.items())
        return left + max(right, *(across + BEND / 2 for across, _ in places)) + 0.5

    def _rows(self, block: int) -> tuple[float, float]:
        """The first and the last row of a block: it stands in the middle of its layer."""
        layer, rows = self._layers[block], self._graph.blocks[block].rows
        first = self._tops[layer] + (self._thickness[layer] - rows) / 2
        return first, first + rows - 1

    def _end(self, layer: int) -> float:
        return self._tops[layer] + self._thickness[layer] - 1

    def _fill(self, number: int, middle: float) -> None:
        block, first = self._graph.blocks[number], self._rows(number)[0]
        columns = block.columns
        left = middle - (columns - 1) / 2
        for place, node in enumerate(block.members):
            self._boxes[node] = (left + place % columns, first + place // columns)
        if len(block.members) > 1:
            self._frames.append(((left, first), (left + columns - 1, first + block.rows - 1)))

    def _alone(self, across: float, along: int) -> tuple[float, int]:
        """Put what nothing is joined to beside the rest, in rows: it need not wait for any of it."""
        alone = [block.members[0] for block in self._graph.blocks if block.members[0] not in self._boxes]
        columns = min(len(alone), ceil(sqrt(len(alone) * 1.5)), WIDEST)
        for number, node in enumerate(alone):
            self._boxes[node] = (across + number % columns, float(number // columns))
        rows = ceil(len(alone) / columns) if alone else 0
        return across + columns, max(along, rows)


def _in_order(
    count: int, edges: Sequence[tuple[int, int]], layers: Sequence[int]
) -> tuple[list[Sequence[float]], list[Sequence[Point]]]:
    """Where igraph puts what hangs together, and where it bends the edges."""
    try:
        import igraph  # noqa: PLC0415 - an optional extra, and half a second to import
    except ImportError:
        raise RequestError(
            "svg needs the package igraph, which is not installed; pip install 'dagger-actors[graph]', or use mermaid or dot"
        ) from None
    graph = igraph.Graph(n=count, edges=edges, directed=True)
    laid = graph.layout_sugiyama(layers=layers, hgap=1, vgap=1, maxiter=ROUNDS)
    return list(laid.coords), list(laid.edge_routing)


def _placed(
    coords: Sequence[Sequence[float]],
    routing: Sequence[Sequence[Point]],
    edges: Sequence[tuple[int, int]],
    columns: Sequence[float],
) -> tuple[list[tuple[float, int]], list[list[int]]]:
    """Where the blocks of one part stand, then where its edges bend; and the blocks and bends that each edge goes through.

    Only the order in each layer is igraph's: it leaves wide gaps, and puts a box on another.
    """
    points = [(float(x), round(float(y))) for x, y in coords]
    widths = [*columns]
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
