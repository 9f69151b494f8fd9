"""Which nodes a retry runs again though they succeeded: those that are named, and everything downstream of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dagger_actors.core.wording import nearest, quoted
from dagger_actors.errors import RequestError, UnknownNode
from dagger_actors.errors.commands import command_line
from dagger_actors.flow.definition import FlowDefinition

__all__ = ["node_ids", "redone_nodes"]


def node_ids(start_from: Sequence[str]) -> tuple[str, ...]:
    """The ids that somebody gave.

    Raises:
        RequestError: They are none.
    """
    is_several = isinstance(start_from, Iterable) and not isinstance(start_from, str | bytes)
    ids = tuple(start_from) if is_several else ()
    if not is_several or not all(isinstance(one, str) for one in ids):
        raise RequestError(f"start_from is a list of ids of nodes, not {quoted(start_from)}")
    return ids


def redone_nodes(run_id: str, definition: FlowDefinition, ids: Sequence[str]) -> frozenset[int]:
    """Find the positions of the nodes and of all their descendants.

    Raises:
        UnknownNode: There is no node of such an id; names the nearest.
        RequestError: One of them has added nodes, or runs a flow.
    """
    index = {node.id: position for position, node in enumerate(definition.nodes)}
    for name in ids:
        if name not in index:
            raise UnknownNode(run_id, name, near=nearest(name, index) or "")
    dependents: list[list[int]] = [[] for _ in definition.nodes]
    for position, node in enumerate(definition.nodes):
        for on in node.dependencies:
            dependents[on].append(position)
    found = {index[name] for name in ids}
    todo = list(found)
    while todo:
        for dependent in dependents[todo.pop()]:
            if dependent not in found:
                found.add(dependent)
                todo.append(dependent)
    for node in definition.nodes:
        if node.added_by in found:
            adder = definition.nodes[node.added_by]
            advice = "start a new run"
            if adder.call is None:
                fork = command_line("fork", run_id, options=[("--from", name) for name in ids])
                advice = f"a fork leaves them out: {fork}"
            raise RequestError(
                f"{quoted(adder.id)} has added nodes to this run, such as {quoted(node.id)}, and would add them once more; {advice}"
            )
    for node in (definition.nodes[position] for position in sorted(found)):
        if node.flow is not None:
            # Its run has these outputs, of which others may have been told; what it is to do anew is another run.
            fork = command_line("fork", run_id, options=[("--from", name) for name in ids])
            raise RequestError(
                f"{quoted(node.id)} runs a flow, whose run is not done again; a fork has one of its own: {fork}"
            )
    return frozenset(found)
