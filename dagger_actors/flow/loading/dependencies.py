"""Reads what nodes wait for: as they say, or as what they refer to says; free of cycles, and each reference to an ancestor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dagger_actors.core.wording import quoted
from dagger_actors.flow.definition import FromNode
from dagger_actors.flow.loading.ancestry import Ancestry, cycles_of, edges_of
from dagger_actors.flow.loading.defaults import check_defaults
from dagger_actors.flow.loading.references import Pointer, meanings, resolve_anywhere, unknown_node
from dagger_actors.flow.loading.written import WrittenNode, pointers_of
from dagger_actors.reading.reader import Reader

__all__ = ["check_cycles", "infer_dependencies", "read_dependencies", "resolve_pointers"]

MAX_SHOWN = 100
"""Ids of a cycle that a message shows."""


def read_dependencies(reader: Reader, node: WrittenNode, position: int, index: Mapping[str, int]) -> None:
    """Read the nodes that this one waits for."""
    node.is_complete = True
    node.dependencies = {}
    for item in reader.items(node.fields["dependencies"].value, "dependencies"):
        name = reader.text(item, "a dependency")
        if name is None:
            continue
        on = index.get(name)
        if on is None:
            otherwise = "Give the id of a node of this flow, or remove it."
            reader.complain(item.at, f"unknown dependency {quoted(name)}", reader.suggest(name, index, otherwise))
        elif on == position:
            reader.complain(item.at, f"{quoted(name)} depends on itself", "Remove it from its dependencies.")
        elif on in node.dependencies:
            reader.complain(item.at, f"the dependency {quoted(name)} is doubled", "Remove one of the two.")
        else:
            node.dependencies[on] = item.at


def infer_dependencies(reader: Reader, node: WrittenNode, position: int, index: Mapping[str, int]) -> None:
    """Let a node that names no dependencies depend on the nodes it refers to."""
    node.dependencies = {}
    for what, pointer in pointers_of(node):
        if pointer.found is not None:
            continue
        found = resolve_anywhere(reader, pointer, index, what)
        if found is not None and found.node == position:
            reader.complain(pointer.at, f"{what} refers to the node itself", "A node cannot wait for itself.")
        elif found is not None:
            node.dependencies.setdefault(found.node, pointer.at)


def check_cycles(reader: Reader, nodes: Sequence[WrittenNode]) -> bool:
    """Complain of every cycle; True when there is none."""
    cycles = cycles_of(edges_of(nodes))
    for cycle in cycles:
        ids = [nodes[position].id for position in [*cycle, cycle[0]]]
        if len(ids) > MAX_SHOWN:
            half = MAX_SHOWN // 2
            ids = [*ids[:half], f"... {len(ids) - MAX_SHOWN:,} more ...", *ids[-half:]]
        first = nodes[cycle[0]]
        at = first.dependencies[cycle[1]]
        message = "the dependencies form a cycle: " + " -> ".join(map(plain, ids))
        reader.complain(at, message, "Each waits for the next; remove one of these dependencies.")
    return not cycles


def plain(name: str) -> str:
    """Show an id as it is where that cannot confuse, else quoted."""
    return name if name.isprintable() and "->" not in name and len(name) <= 80 else quoted(name)


def resolve_pointers(
    reader: Reader, nodes: Sequence[WrittenNode], index: Mapping[str, int], ancestry: Ancestry
) -> None:
    """Find what the references of nodes with complete dependencies mean; each must be to an ancestor."""
    open_pointers: list[tuple[int, object, Pointer, list[FromNode]]] = []
    asked: list[tuple[int, int]] = []
    for position, node in enumerate(nodes):
        if not node.is_complete:
            continue
        for what, pointer in pointers_of(node):
            if pointer.found is not None:
                continue
            possible = list(meanings(pointer, index))
            if possible and possible[0].node in node.dependencies:
                pointer.found = possible[0]
                continue
            open_pointers.append((position, what, pointer, possible))
            asked += [(position, meaning.node) for meaning in possible]
    ancestors = ancestry.among(nodes, asked)
    for position, what, pointer, possible in open_pointers:
        reader.subject = nodes[position].id
        pointer.found = next((meaning for meaning in possible if (position, meaning.node) in ancestors), None)
        if pointer.found is None and possible:
            other = quoted(nodes[possible[0].node].id)
            message = f"{what} refers to {quoted(pointer.text)}, but {other} is not an ancestor"
            reader.complain(pointer.at, message, f"Add {other} to `dependencies`.")
        elif pointer.found is None:
            unknown_node(reader, pointer, index, what)
    reader.subject = ""
    check_defaults(reader, nodes, ancestry)
