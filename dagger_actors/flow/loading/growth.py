"""Reads nodes that an action adds to its run: written as in a flow file, checked as those of a file are.

Only the nodes that they name are looked at, and on the way to what they name further up, as many as it takes: so adding to
a large run costs no more than to a small one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from dagger_actors.core.wording import nearest
from dagger_actors.errors import DefinitionError, GrowthRefused
from dagger_actors.flow.definition import Constant, NodeDefinition, moved
from dagger_actors.flow.loading.action_check import bind
from dagger_actors.flow.loading.calls import read_failure
from dagger_actors.flow.loading.dependencies import check_cycles, resolve_pointers
from dagger_actors.flow.loading.grown import Added, Grown, GrownAncestry
from dagger_actors.flow.loading.nodes import defined, read_nodes
from dagger_actors.flow.loading.references import MAX_REFERENCE, Pointer
from dagger_actors.flow.loading.written import WrittenFlow, WrittenMap, WrittenNode
from dagger_actors.reading.kind import FileKind
from dagger_actors.reading.reader import Reader
from dagger_actors.reading.source import read_source
from dagger_actors.reading.tree import Table

__all__ = ["Added", "Grown", "read_growth", "runs_flows"]

NODES = FileKind(
    noun="list of nodes", least="Give a list of nodes, each as in a flow file.", split="Add them in several calls."
)


LONGEST = MAX_REFERENCE
NEAR = 10_000
"""In a larger run no nearest name is looked for."""


def read_growth(run: Grown, data: Sequence[object], added: Added) -> Sequence[NodeDefinition]:
    """Read nodes, and add them to what the same attempt adds already.

    Args:
        run: What they are added to.
        data: The nodes, as ``nodes`` of a flow file has them.
        added: What is added already; as it was when they are refused.

    Returns:
        They, at their positions behind that.

    Raises:
        GrowthRefused: They cannot be added; names every problem.
    """
    added.move(run.count)
    names = set(_texts(data))
    names |= {parameter.name for name in names if (one := run.registry.get(name)) for parameter in one.parameters}
    try:
        made = _read(run, data, added, names)
    except DefinitionError:
        # Once more, for its message, with the names that were probably meant: nobody else needs those.
        try:
            made = _read(run, data, added, names | set(_nearest_of(run, added, names)))
        except DefinitionError as error:
            raise GrowthRefused(_told(error)) from None
    added.extend(made)
    if run.flows is not None:
        added.flows |= {one: bytes(body).decode() for one, body in run.flows.bodies.items()}
    return made


def runs_flows(data: Iterable[object]) -> bool:
    """Tell whether a node of these may run a flow."""
    return any(isinstance(one, Mapping) and "flow" in one for one in data)


def _told(error: DefinitionError) -> str:
    return "; ".join(
        f"{problem.message} ({problem.advice})" if problem.advice else problem.message for problem in error.problems
    )


def _read(run: Grown, data: Sequence[object], added: Added, names: Iterable[str]) -> Sequence[NodeDefinition]:
    if run.flows is not None:
        run.flows.complain_again()
    read = read_source({"nodes": list(data)}, NODES)
    reader = Reader(read.document, read.problems)
    assert isinstance(read.tree, Table), "it is a mapping"
    seen = sorted({position for name in names for position in _meant(run, added, name)})
    stubs = [_stub(run, added, position) for position in seen]
    ancestry = GrownAncestry(run, added, seen)
    nodes, index = read_nodes(reader, read.tree.entries["nodes"].value, run.inputs, stubs, run.flows)
    has_cycles = not check_cycles(reader, nodes)
    if not has_cycles:
        resolve_pointers(reader, nodes, index, ancestry)
    bind(
        reader,
        run.registry,
        nodes,
        index,
        run.inputs,
        {},
        ancestry=ancestry,
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
    last = added.base + len(added.nodes)
    positions = [*seen, *range(last, last + len(made))]
    return [moved(node, positions.__getitem__) for node in made if node is not None]


def _stub(run: Grown, added: Added, position: int) -> WrittenNode:
    """A node of the run, as far as new ones can see it; what it waits for is the ancestry's."""
    node = added.node(run, position)
    spec, flow = node.map, node.flow
    return WrittenNode(
        node.id,
        0,
        {},
        action=node.action,
        dependencies={},
        is_complete=True,
        inputs=[],
        map=None if spec is None else WrittenMap(over=Pointer("", 0, found=Constant("[]")), item=spec.item),
        outputs=node.outputs,
        trigger=node.trigger,
        flow=(
            None
            if flow is None or run.runs is None
            else WrittenFlow(at=0, spec=flow, action=run.runs(flow, added.flows))
        ),
    )


def _meant(run: Grown, added: Added, name: str) -> Iterator[int]:
    """The nodes that a text may name: whole, or up to one of its dots."""
    end = len(name)
    while end > 0:
        position = added.find(run, name[:end])
        if position is not None:
            yield position
        end = name.rfind(".", 0, end)


def _nearest_of(run: Grown, added: Added, names: Iterable[str]) -> Iterator[str]:
    """The ids that names were probably meant to be."""
    known = [*list(run.positions), *(node.id for node in added.nodes)]
    if len(known) > NEAR:
        return
    for name in names:
        if not any(True for _ in _meant(run, added, name)) and (near := nearest(name, known)) is not None:
            yield near


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
