"""Reads nodes that an action adds to its run: written as in a flow file, checked as those of a file are.

Only what the new nodes can see of the flow is looked at, so that adding to a large run costs no more than to a small one:
the nodes that they name, and the ancestors of those.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from dagger_actors.core.wording import nearest
from dagger_actors.errors import DefinitionError, GrowthRefused
from dagger_actors.flow.definition import Constant, FlowConfig, Growth, InputSpec, NodeDefinition, moved
from dagger_actors.flow.loading.action_check import bind
from dagger_actors.flow.loading.awaits import AwaitableChannels
from dagger_actors.flow.loading.calls import read_failure
from dagger_actors.flow.loading.nodes import check_cycles, defined, read_nodes, resolve_pointers
from dagger_actors.flow.loading.references import MAX_REFERENCE, Pointer
from dagger_actors.flow.loading.written import WrittenMap, WrittenNode
from dagger_actors.flow.registry import ActionRegistry
from dagger_actors.reading.kind import FileKind
from dagger_actors.reading.reader import Reader
from dagger_actors.reading.source import read_source
from dagger_actors.reading.tree import Table

__all__ = ["Grown", "read_growth"]

NODES = FileKind(
    noun="list of nodes", least="Give a list of nodes, each as in a flow file.", split="Add them in several calls."
)


LONGEST = MAX_REFERENCE
NEAR = 10_000
"""In a larger run no nearest name is looked for."""


class Grown(msgspec.Struct, frozen=True, kw_only=True):
    """The run that nodes are added to.

    Attributes:
        nodes: Its nodes by position; may grow meanwhile, and only at its end.
        positions: Where each id stands among the first ``count`` of them.
        count: So many nodes are looked at.
        inputs: The flow's inputs.
        config: Its settings.
        registry: Its actions.
        channels: Those that nodes may await messages of; None = nothing is known of them.
    """

    nodes: Sequence[NodeDefinition]
    positions: Mapping[str, int]
    count: int
    inputs: Mapping[str, InputSpec]
    config: FlowConfig
    registry: ActionRegistry
    channels: AwaitableChannels | None = None


def read_growth(run: Grown, data: Sequence[object], before: Growth) -> Growth:
    """Read nodes.

    Args:
        run: What they are added to.
        data: The nodes, as ``nodes`` of a flow file has them.
        before: What the same attempt adds already; its base is ``run.count``.

    Returns:
        That, with these behind.

    Raises:
        GrowthRefused: They cannot be added; names every problem.
    """
    try:
        return _read(run, data, before)
    except DefinitionError as error:
        told = "; ".join(
            f"{problem.message} ({problem.advice})" if problem.advice else problem.message for problem in error.problems
        )
        raise GrowthRefused(told) from None


def _read(run: Grown, data: Sequence[object], before: Growth) -> Growth:
    read = read_source({"nodes": list(data)}, NODES)
    reader = Reader(read.document, read.problems)
    assert isinstance(read.tree, Table), "it is a mapping"
    seen = _seen(run, data, before)
    places = {position: at for at, position in enumerate(seen)}
    stubs = [_stub(node, places) for node in seen.values()]
    nodes, index = read_nodes(reader, read.tree.entries["nodes"].value, run.inputs, stubs)
    has_cycles = not check_cycles(reader, nodes)
    if not has_cycles:
        resolve_pointers(reader, nodes, index)
    bind(
        reader,
        run.registry,
        nodes,
        index,
        run.inputs,
        {},
        channels=run.channels,
        has_cycles=has_cycles,
        has_all_actions=True,
        first=len(stubs),
    )
    made = [
        defined(reader, node, run.config, read_failure(reader, node, run.registry, is_complete=True))
        for node in nodes[len(stubs) :]
    ]
    reader.refuse()
    last = run.count + len(before.nodes)
    positions = [*seen, *range(last, last + len(made))]
    new = tuple(moved(node, positions.__getitem__) for node in made if node is not None)
    return Growth(base=run.count, nodes=(*before.nodes, *new))


def _stub(node: NodeDefinition, places: Mapping[int, int]) -> WrittenNode:
    """A node of the run, as far as new ones can see it."""
    spec = node.map
    return WrittenNode(
        node.id,
        0,
        {},
        action=node.action,
        dependencies={places[on]: 0 for on in node.dependencies},
        is_complete=True,
        inputs=[],
        map=None if spec is None else WrittenMap(over=Pointer("", 0, found=Constant("[]")), item=spec.item),
        trigger=node.trigger,
    )


def _seen(run: Grown, data: Sequence[object], before: Growth) -> dict[int, NodeDefinition]:
    """The nodes that new ones can see, by position: those they name, whatever adds with them, and all ancestors of these."""

    def node_at(position: int) -> NodeDefinition:
        return run.nodes[position] if position < run.count else before.nodes[position - run.count]

    todo = [run.count + at for at in range(len(before.nodes))]
    for name in set(_texts(data)):
        todo += _meant(name, run.positions)
    found: set[int] = set()
    while todo:
        position = todo.pop()
        if position not in found:
            found.add(position)
            todo += node_at(position).dependencies
    return {position: node_at(position) for position in sorted(found)}


def _meant(name: str, positions: Mapping[str, int]) -> Iterator[int]:
    """The nodes that a text may name: whole, or up to one of its dots; the nearest, for the message, when there is none."""
    has_any = False
    end = len(name)
    while end > 0:
        position = positions.get(name[:end])
        if position is not None:
            has_any = True
            yield position
        end = name.rfind(".", 0, end)
    if not has_any and len(positions) <= NEAR and (near := nearest(name, positions)) is not None:
        yield positions[near]


def _texts(data: object) -> Iterator[str]:
    """All short texts in plain data: among them are the ids that it names."""
    todo = [data]
    while todo:
        match todo.pop():
            case str() as text if len(text) <= LONGEST:
                yield text
            case Mapping() as table:
                todo += table.values()
            case list() | tuple() as items:
                todo += items
            case _:
                pass
