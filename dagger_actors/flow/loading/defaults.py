"""Checks that a reference has a `default` exactly where its node may have given no output.

An ancestor is sure to have succeeded when the way to it leads through nodes that each demand success of what they wait
for; any other trigger on the way admits one that failed or was skipped. The result of a run is read only when nothing
failed: there, what may be missing is what may have been skipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from dagger_actors.core.wording import quoted
from dagger_actors.flow.definition import FromNode
from dagger_actors.flow.loading.ancestry import Ancestry, edges_of, topological
from dagger_actors.flow.loading.references import Pointer
from dagger_actors.flow.loading.written import WrittenNode, pointers_of
from dagger_actors.reading.reader import Reader

__all__ = ["check_defaults", "check_output_defaults"]


def check_defaults(reader: Reader, nodes: Sequence[WrittenNode], ancestry: Ancestry) -> None:
    """Complain of each reference of a node that lacks a default, or has one that is never used."""
    asked: list[tuple[int, object, Pointer, int]] = []
    is_plain = ancestry.is_plain(nodes)
    for position, node in enumerate(nodes):
        if is_plain and node.map is None and node.when is None and node.awaits is None and not has_default(node):
            continue
        for what, pointer in pointers_of(node):
            found = pointer.found
            if not isinstance(found, FromNode) or (is_plain and pointer.default is None):
                continue
            if what != "when.exists" or pointer.default is not None:
                asked.append((position, what, pointer, found.node))
    if not asked or any(node.is_doubtful for node in nodes):
        return
    sure = ancestry.sure_among(nodes, ((position, other) for position, _, _, other in asked))
    for position, what, pointer, other in asked:
        reader.subject = nodes[position].id
        _check(reader, what, pointer, nodes[other].id, is_sure=(position, other) in sure)
    reader.subject = ""


def has_default(node: WrittenNode) -> bool:
    """Tell, quickly, whether some input of a node has a default."""
    return any(pointer.default is not None for _, pointer in node.inputs or ())


def _check(reader: Reader, what: object, pointer: Pointer, other: str, *, is_sure: bool) -> None:
    if is_sure and pointer.default is not None:
        message = f"{what}: the default is never used, for {quoted(other)} has always succeeded here"
        reader.complain(pointer.at, message, "Remove the default.")
    elif not is_sure and pointer.default is None:
        message = f"{what} refers to {quoted(other)}, which may have failed or been skipped here"
        reader.complain(pointer.at, message, _give_default(reader, pointer, other))


def _give_default(reader: Reader, pointer: Pointer, node: str) -> str:
    assert isinstance(pointer.found, FromNode)
    return f"Give a default: {reader.document.with_default(pointer.text, node, pointer.found.key)}."


def check_output_defaults(
    reader: Reader, nodes: Sequence[WrittenNode], pointers: Iterable[tuple[str, Pointer]]
) -> None:
    """Complain of each output of the flow that lacks a default, or has one that is never used."""
    named = [] if any(node.is_doubtful for node in nodes) else list(pointers)
    skipped = _may_be_skipped(nodes) if named else {}
    for name, pointer in named:
        found = pointer.found
        if not isinstance(found, FromNode):
            continue
        other = quoted(nodes[found.node].id)
        if skipped[found.node] and pointer.default is None:
            message = f"the output {quoted(name)} refers to {other}, which may have been skipped"
            reader.complain(pointer.at, message, _give_default(reader, pointer, nodes[found.node].id))
        elif not skipped[found.node] and pointer.default is not None:
            message = (
                f"the output {quoted(name)}: the default is never used, for {other} has succeeded when the flow has"
            )
            reader.complain(pointer.at, message, "Remove the default.")


def _may_be_skipped(nodes: Sequence[WrittenNode]) -> Mapping[int, bool]:
    """For a run without failures."""
    skipped: dict[int, bool] = {}
    for position in topological(edges_of(nodes)):
        node = nodes[position]
        above = [skipped[on] for on in node.dependencies]
        match node.trigger:
            case "all_succeeded":
                may = any(above)
            case "any_succeeded":
                may = all(above)
            case "any_failed":
                may = True
            case _:
                may = False
        skipped[position] = may or node.when is not None
    return skipped
