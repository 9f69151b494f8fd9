"""Reads references and finds what they mean: `inputs.KEY`, `NODE`, `NODE.KEY`, `{node:, key:}`, or a literal `value:`.

Ids may hold dots, so `NODE.KEY` is read with the longest id that fits.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping

import msgspec

from dagger_actors.core.wording import quoted
from dagger_actors.flow.definition import Constant, FromInput, FromNode, Reference
from dagger_actors.reading.keys import Keys
from dagger_actors.reading.reader import Reader
from dagger_actors.reading.tree import Field, Fields, Scalar, Table, Tree, described

__all__ = [
    "OVER",
    "OVER_ADVICE",
    "Pointer",
    "meanings",
    "read_pointer",
    "reference_of",
    "resolve_anywhere",
    "unknown_node",
]

OVER = "map.over"
OVER_ADVICE = "Name a node whose output is the list, or declare the list as an input of the flow and name that."

INPUTS = "inputs"
MAX_REFERENCE = 401
"""Characters of an id, a dot and an output's name."""
POINTER = Keys(known=("reference", "value", "node", "key", "default", "description"))


class Pointer(msgspec.Struct):
    """A reference as written, and what it was found to mean.

    Attributes:
        text: The reference, or the node's id when it is exact.
        at: Its place.
        key: The output's name when it is exact.
        is_exact: Whether the node was named apart from the key.
        found: What it means; None until that is known.
        default: JSON text of what stands in for a node without an output; None = nothing does.
        default_at: Its place.
        description: For people.
    """

    text: str
    at: int
    key: str | None = None
    is_exact: bool = False
    found: Reference | None = None
    default: str | None = None
    default_at: int = 0
    description: str = ""


def reference_of(pointer: Pointer) -> Reference | None:
    """The reference of the definition; None while its meaning is not known."""
    found = pointer.found
    if pointer.default is not None and isinstance(found, FromNode):
        return FromNode(found.node, found.key, pointer.default, pointer.description)
    if pointer.description and found is not None:
        return msgspec.structs.replace(found, description=pointer.description)
    return found


def read_pointer(
    reader: Reader, tree: Tree, what: object, declared: Mapping[str, object] | None, extra: frozenset[str] = frozenset()
) -> Pointer | None:
    """Read a reference.

    Args:
        reader: Takes the complaints.
        tree: Text, or a mapping with `reference`, `value`, or `node` and `key`.
        what: Its name in messages.
        declared: The flow's inputs; None when it declares none, so that any may be referred to.
        extra: Keys of the mapping that somebody else reads.

    Returns:
        The pointer, with its meaning unless it points to a node; None when it was complained of.
    """
    if isinstance(tree, Scalar):
        if isinstance(tree.value, str):
            return read_text(reader, tree, what, declared)
        reader.complain(tree.at, f"{what} must be a reference, not {described(tree)}", _instead(what))
        return None
    keys = _with(extra) if extra else POINTER
    if not isinstance(tree, Table):
        reader.complain(tree.at, f"{what} must be a reference, not {described(tree)}", _instead(what))
        return None
    fields = reader.fields(tree, what, keys) or {}
    pointer = read_table(reader, tree, fields, what, declared)
    if "description" in fields:
        description = reader.text(fields["description"].value, "description")
        if pointer is not None:
            pointer.description = description or ""
    if pointer is not None and "default" in fields:
        read_default(reader, pointer, fields["default"], what)
    return pointer


def _instead(what: object) -> str:
    return OVER_ADVICE if what == OVER else "For a literal write {value: ...}."


def read_default(reader: Reader, pointer: Pointer, field: Field, what: object) -> None:
    """Read what stands in for a node that gave no output."""
    if pointer.found is not None:
        message = f"{what}: a default stands in for a node without an output, and this refers to none"
        reader.complain(field.at, message, "Remove the default; an input of the flow has its own, under `inputs`.")
    else:
        pointer.default, pointer.default_at = reader.json(field.value, "default"), field.value.at


@functools.cache
def _with(extra: frozenset[str]) -> Keys:
    return Keys(known=(*extra, *POINTER.known))


def read_table(
    reader: Reader, tree: Tree, fields: Fields, what: object, declared: Mapping[str, object] | None
) -> Pointer | None:
    """Read a reference spelt as a mapping."""
    sources = [key for key in ("reference", "value", "node") if key in fields]
    if len(sources) != 1 or ("key" in fields and "node" not in fields):
        found = " and ".join([*sources, *(["key"] if "key" in fields else [])]) or "none of them"
        message = f"{what} must have `reference`, `value`, or `node` with an optional `key`; it has {found}"
        advice = "Keep one of them: {reference: NODE.KEY}, {value: LITERAL}, or {node: ID, key: NAME}."
        reader.complain(tree.at, message, advice)
        return None
    value = fields[sources[0]].value
    if sources[0] == "value":
        json = reader.json(value, "value")
        return None if json is None else Pointer("", value.at, found=Constant(json))
    text = reader.text(value, sources[0])
    if text is None or not isinstance(value, Scalar):
        return None
    if sources[0] == "reference":
        return read_text(reader, value, what, declared)
    key = reader.name(fields["key"].value, "key") if "key" in fields else None
    return Pointer(text, value.at, key, is_exact=True)


def read_text(reader: Reader, tree: Scalar, what: object, declared: Mapping[str, object] | None) -> Pointer | None:
    """Read a reference spelt as text."""
    text = tree.value
    assert isinstance(text, str)
    if len(text) > MAX_REFERENCE:
        # Each dot of it may end an id: a longer one would take quadratic time.
        reader.complain(tree.at, f"{what} has {len(text):,} characters; a reference has at most {MAX_REFERENCE}")
        return None
    if text in ("", INPUTS, f"{INPUTS}."):
        reader.complain(tree.at, f"{what}: {quoted(text)} refers to nothing", "Write inputs.KEY, NODE or NODE.KEY.")
        return None
    if not text.startswith("inputs."):
        return Pointer(text, tree.at)
    key = text.removeprefix("inputs.")
    if declared is not None and key not in declared:
        advice = reader.suggest(key, declared, f"Declare it under `inputs`, or remove `inputs` there: {{{key}: {{}}}}.")
        reader.complain(tree.at, f"{what} refers to the input {quoted(key)}, which the flow does not declare", advice)
        return None
    return Pointer(text, tree.at, found=FromInput(key))


def meanings(pointer: Pointer, index: Mapping[str, int]) -> Iterator[FromNode]:
    """List the nodes of the flow that a pointer can mean, the longest id first."""
    text = pointer.text
    position = index.get(text)
    if position is not None:
        yield FromNode(position, pointer.key)
    if pointer.is_exact:
        return
    dot = text.rfind(".")
    while dot > 0:
        position = index.get(text[:dot])
        if position is not None and dot + 1 < len(text):
            yield FromNode(position, text[dot + 1 :])
        dot = text.rfind(".", 0, dot)


def resolve_anywhere(reader: Reader, pointer: Pointer, index: Mapping[str, int], what: object) -> FromNode | None:
    """Find the node that a pointer means, ancestor or not."""
    found = next(meanings(pointer, index), None)
    if found is None:
        unknown_node(reader, pointer, index, what)
        return None
    pointer.found = found
    return found


def unknown_node(reader: Reader, pointer: Pointer, index: Mapping[str, int], what: object) -> None:
    """Complain of a pointer to no node, with the nearest id."""
    head = pointer.text if pointer.is_exact else pointer.text.split(".", 1)[0]
    advice = reader.suggest(head, index, "Write inputs.KEY, NODE or NODE.KEY; for a literal write {value: ...}.")
    reader.complain(pointer.at, f"{what} refers to {quoted(pointer.text)}, but there is no node {quoted(head)}", advice)
