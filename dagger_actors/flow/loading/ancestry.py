"""Questions to a whole flow's graph: its cycles, and who is an ancestor of whom; linear, without recursion."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dagger_actors.core.graph import find_cycle
from dagger_actors.flow.loading.written import WrittenNode

__all__ = ["Ancestry", "ancestors_among", "cycles_of", "edges_of", "topological"]

MAX_CYCLES = 10
BATCH = 4096
"""Ancestors asked for in one sweep: a bit each, so 512 bytes for each node."""


class Ancestry:
    """Who is an ancestor of whom, among nodes as written: these are all there are."""

    def among(self, nodes: Sequence[WrittenNode], asked: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
        """Tell which of the asked pairs (node, other) have ``other`` as an ancestor; free of cycles."""
        pairs = list(asked)
        return ancestors_among(edges_of(nodes), pairs) if pairs else set()

    def sure_among(self, nodes: Sequence[WrittenNode], asked: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
        """Tell which have one that must have succeeded: each node on the way to it demands success of what it waits for."""
        return ancestors_among(edges_of(nodes, is_sure=True), asked)

    def is_plain(self, nodes: Sequence[WrittenNode]) -> bool:
        """Tell, quickly, whether every ancestor is a sure one."""
        return all(node.trigger == "all_succeeded" for node in nodes)


def edges_of(nodes: Sequence[WrittenNode], *, is_sure: bool = False) -> list[list[int]]:
    """For every node those that it waits for; or only those of which it demands success."""
    return [list(node.dependencies) if not is_sure or node.trigger == "all_succeeded" else [] for node in nodes]


def cycles_of(dependencies: Sequence[Sequence[int]]) -> list[list[int]]:
    """Find cycles that share no edge, at most ten; each starts with its lowest vertex, in the order of "depends on"."""
    cycles: list[list[int]] = []
    edges = list(dependencies)
    while len(cycles) < MAX_CYCLES and (cycle := find_cycle(edges)) is not None:
        for vertex, on in zip(cycle, [*cycle[1:], cycle[0]], strict=True):
            edges[vertex] = [other for other in edges[vertex] if other != on]
        lowest = cycle.index(min(cycle))
        cycles.append(cycle[lowest:] + cycle[:lowest])
    return cycles


def ancestors_among(dependencies: Sequence[Sequence[int]], asked: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
    """Tell which of the asked pairs (vertex, other) have ``other`` as an ancestor of ``vertex``.

    The sets of all ancestors would take n * n bits. Instead the others asked for are swept through the graph in
    batches, a bit for each: 100,000 different ones in a graph of 100,000 take seconds and 50 MB.

    Args:
        dependencies: For every vertex, the vertices it depends on; free of cycles.
        asked: Pairs of vertices.
    """
    by_other: dict[int, list[int]] = {}
    for vertex, other in asked:
        by_other.setdefault(other, []).append(vertex)
    if not by_other:
        return set()
    order = topological(dependencies)
    rank = [0] * len(order)
    for position, vertex in enumerate(order):
        rank[vertex] = position
    # Neighbours in the order share their descendants, and all of those come later: a batch sweeps only its own stretch.
    others = sorted(by_other, key=rank.__getitem__)
    found: set[tuple[int, int]] = set()
    for start in range(0, len(others), BATCH):
        batch = others[start : start + BATCH]
        last = max(rank[vertex] for other in batch for vertex in by_other[other])
        bits = {other: 1 << position for position, other in enumerate(batch)}
        above: dict[int, int] = {}
        for vertex in order[rank[batch[0]] : last + 1]:
            mask = 0
            for on in dependencies[vertex]:
                mask |= above.get(on, 0) | bits.get(on, 0)
            if mask:
                above[vertex] = mask
        found.update(
            (vertex, other) for other in batch for vertex in by_other[other] if above.get(vertex, 0) & bits[other]
        )
    return found


def topological(dependencies: Sequence[Sequence[int]]) -> list[int]:
    """Order the vertices of a graph without cycles so that each comes after those it depends on."""
    waiting = [len(wanted) for wanted in dependencies]
    dependents: list[list[int]] = [[] for _ in dependencies]
    for vertex, wanted in enumerate(dependencies):
        for on in wanted:
            dependents[on].append(vertex)
    order = [vertex for vertex, count in enumerate(waiting) if not count]
    for vertex in order:
        for dependent in dependents[vertex]:
            waiting[dependent] -= 1
            if not waiting[dependent]:
                order.append(dependent)
    return order
