"""The rule of growth: an attempt that succeeds may add nodes to its run, all of them or none."""

from __future__ import annotations

from typing import Final

from msgspec import Raw
from msgspec.structs import replace

from dagger_actors.core.graph import find_cycle
from dagger_actors.core.protocols import Now
from dagger_actors.core.wording import quoted
from dagger_actors.flow.definition import FlowConfig, Growth, NodeDefinition
from dagger_actors.flow.machine.book import Book
from dagger_actors.flow.machine.decisions import AddedNode
from dagger_actors.flow.machine.ends import became_ready

__all__ = ["MOST_NODES", "beyond_iterations", "grow", "refusal"]

MOST_NODES: Final = 1_000_000
"""Nodes of one run, those of its file included."""


def beyond_iterations(node: NodeDefinition, config: FlowConfig) -> str | None:
    """Why that node cannot add any; None when it is not the last that may."""
    iteration = node.iteration + 1
    if iteration <= config.max_iterations:
        return None
    return (
        f"these nodes would be iteration {iteration}, and the flow's max_iterations is {config.max_iterations}: "
        "let the flow come to its end, or raise config.max_iterations"
    )


def refusal(book: Book, node: int, growth: Growth) -> str | None:
    """Why these nodes cannot be added by that node; None when they can.

    Whoever read them has seen the flow as it was then: others may have added to it since.
    """
    work = book.work
    if book.run.ending is not None:
        return "the end of the run is decided, so nothing more begins: add nodes before"
    if told := beyond_iterations(work.nodes[node], work.definition.config):
        return told
    if len(work.nodes) + len(growth.nodes) > MOST_NODES:
        return f"the run would have more than {MOST_NODES:,} nodes"
    seen: set[str] = set()
    for one in growth.nodes:
        if one.id in seen or one.id in work.positions:
            return (
                f"the run has a node {quoted(one.id)} already: ids are unique in a run, so make them from what differs"
            )
        seen.add(one.id)
    if any(not 0 <= on < growth.base + len(growth.nodes) for one in growth.nodes for on in one.dependencies):
        return "a node depends on one that is not there"
    return "their dependencies form a cycle" if _has_cycle(growth) else None


def _has_cycle(growth: Growth) -> bool:
    base = growth.base
    among = [[on - base for on in one.dependencies if on >= base] for one in growth.nodes]
    return find_cycle(among) is not None


def grow(book: Book, node: int, growth: Growth, now: Now) -> None:
    """Add nodes; nothing speaks against it. What waits for nothing begins at once."""
    work = book.work
    iteration = work.nodes[node].iteration + 1
    added = [replace(one, added_by=node, iteration=iteration) for one in growth.at(len(work.nodes))]
    positions = book.add(added)
    if growth.flows:
        bodies = {one: Raw(body.encode()) for one, body in growth.flows.items()}
        work.definition = replace(work.definition, flows={**work.definition.flows, **bodies})
    book.added += [
        AddedNode(
            work.identity.run_key, position, one, growth.flows.get(one.flow.definition_id, "") if one.flow else ""
        )
        for position, one in zip(positions, added, strict=True)
    ]
    book.note("added", now, node_id=work.nodes[node].id, data=[one.id for one in added])
    for position in positions:
        vertex = work.vertex(position)
        if not work.graph.is_waiting(vertex) and work.graph.state(vertex) is None and vertex not in book.live:
            became_ready(book, vertex, now)
