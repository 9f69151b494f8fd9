"""Reads what decides whether a node runs: its `trigger`, and the predicate of its `when`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import msgspec

from dagger_actors.core.comparisons import OPERATORS, ORDERS, Operator, kind_of, order_of
from dagger_actors.core.trigger import NEEDS_DEPENDENCIES, TRIGGERS, Trigger
from dagger_actors.flow.definition import AllOf, AnyOf, Comparison, Not, Predicate
from dagger_actors.flow.loading.references import Pointer, read_pointer, reference_of
from dagger_actors.flow.loading.secret_inputs import refuse_secret
from dagger_actors.reading.keys import Keys
from dagger_actors.reading.reader import Reader
from dagger_actors.reading.tree import Fields, Listing, Scalar, Table, Tree, described

__all__ = [
    "WHEN",
    "WrittenPredicate",
    "check_trigger",
    "comparisons_in",
    "pointers_in",
    "predicate_of",
    "read_trigger",
    "read_when",
]

WORDS = cast("tuple[str, ...]", tuple(TRIGGERS))
COMPARED = frozenset(OPERATORS)
GROUPS = ("all", "any", "not")
WHEN = Keys(known=(*GROUPS, "reference", "node", "key", "default", *OPERATORS))


class WrittenPredicate(msgspec.Struct):
    """A predicate as written.

    Attributes:
        word: ``all``, ``any``, ``not``, or an operator.
        parts: What a group holds.
        pointer: What is compared.
        json: With what, as JSON.
    """

    word: str
    parts: tuple[WrittenPredicate, ...] = ()
    pointer: Pointer | None = None
    json: str = ""


def read_trigger(reader: Reader, tree: Tree) -> Trigger | None:
    """Read the rule's name."""
    return cast("Trigger | None", reader.choice(tree, "trigger", WORDS))


def check_trigger(reader: Reader, at: int, trigger: Trigger, *, has_dependencies: bool) -> None:
    """Complain of a rule that can never hold."""
    if trigger in NEEDS_DEPENDENCIES and not has_dependencies:
        message = f"trigger {trigger} never holds here: the node depends on nothing"
        reader.complain(at, message, "Name its `dependencies`, or remove the trigger.")


def read_when(reader: Reader, tree: Tree, declared: Mapping[str, object] | None) -> WrittenPredicate | None:
    """Read a predicate; None when it was complained of."""
    fields = reader.fields(tree, "when", WHEN)
    if fields is None or not all(key in WHEN.known for key in fields):
        return None
    groups = [key for key in GROUPS if key in fields]
    operators = [key for key in OPERATORS if key in fields]
    sources = [key for key in ("reference", "node") if key in fields]
    if len(groups) == 1 and len(fields) == 1:
        return _group(reader, groups[0], fields[groups[0]].value, declared)
    if groups or len(sources) != 1 or not operators:
        message = "when must be one of all, any, not, or a `reference` with a comparison"
        reader.complain(
            tree.at, message, f"Write {{reference: NODE.KEY, equals: 1}}; comparisons: {', '.join(OPERATORS)}."
        )
        return None
    return _comparisons(reader, tree, fields, operators, declared)


def _group(reader: Reader, word: str, tree: Tree, declared: Mapping[str, object] | None) -> WrittenPredicate | None:
    if word == "not":
        part = read_when(reader, tree, declared)
        return WrittenPredicate(word, (part,)) if part is not None else None
    if not isinstance(tree, Listing) or not tree.items:
        what = "an empty list" if isinstance(tree, Listing) else described(tree)
        reader.complain(tree.at, f"when.{word} must be a list of predicates, not {what}")
        return None
    parts = tuple(read_when(reader, item, declared) for item in tree.items)
    return WrittenPredicate(word, tuple(part for part in parts if part is not None)) if all(parts) else None


def _comparisons(
    reader: Reader, tree: Tree, fields: Fields, operators: Sequence[str], declared: Mapping[str, object] | None
) -> WrittenPredicate | None:
    """Several comparisons of one value must all hold."""
    assert isinstance(tree, Table)
    source = {key: field for key, field in fields.items() if key not in COMPARED}
    pointer = read_pointer(reader, Table(source, tree.at), "when", declared)
    refuse_secret(reader, pointer, "when", declared)
    literals = [(word, _literal(reader, word, fields[word].value)) for word in operators]
    if pointer is None or any(json is None for _, json in literals):
        return None
    parts = tuple(WrittenPredicate(word, (), pointer, json or "") for word, json in literals)
    _check_default(reader, pointer, parts)
    return parts[0] if len(parts) == 1 else WrittenPredicate("all", parts)


def _check_default(reader: Reader, pointer: Pointer, parts: Sequence[WrittenPredicate]) -> None:
    """What stands in must have the order that is asked for: without one the node fails when it is used."""
    if pointer.default is None:
        return
    value = msgspec.json.decode(pointer.default)
    for part in parts:
        operand = msgspec.json.decode(part.json)
        if part.word in ORDERS and order_of(value) != order_of(operand):
            message = f"when.{part.word} compares with {kind_of(operand)}, and the default is {kind_of(value)}"
            reader.complain(pointer.default_at, message, f"Give {kind_of(operand)} as the default.")


def _literal(reader: Reader, word: str, tree: Tree) -> str | None:
    value = tree.value if isinstance(tree, Scalar) else None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if word == "exists" and not isinstance(value, bool):
        reader.complain(tree.at, f"when.exists must be true or false, not {described(tree)}")
    elif word == "in" and not isinstance(tree, Listing):
        reader.complain(tree.at, f"when.in must be a list of values, not {described(tree)}", "Write in: [a, b].")
    elif word in ORDERS and not (is_number or isinstance(value, str)):
        reader.complain(tree.at, f"when.{word} must be a number or text, not {described(tree)}")
    else:
        return reader.json(tree, f"when.{word}")
    return None


def pointers_in(written: WrittenPredicate | None) -> Iterator[tuple[str, Pointer]]:
    """List what a predicate refers to, with the word that asks."""
    for word, pointer, _ in comparisons_in(written):
        yield word, pointer


def comparisons_in(written: WrittenPredicate | None) -> Iterator[tuple[str, Pointer, str]]:
    """List what a predicate compares: the word that asks, what is compared, and with what, as JSON."""
    if written is None:
        return
    if written.pointer is not None:
        yield written.word, written.pointer, written.json
    for part in written.parts:
        yield from comparisons_in(part)


def predicate_of(written: WrittenPredicate) -> Predicate | None:
    """The predicate of the definition; None while one of its pointers has no meaning."""
    if written.pointer is not None:
        found = reference_of(written.pointer)
        return Comparison(found, cast("Operator", written.word), written.json) if found is not None else None
    parts = [predicate_of(part) for part in written.parts]
    known = tuple(part for part in parts if part is not None)
    if len(known) < len(parts):
        return None
    match written.word:
        case "all":
            return AllOf(known)
        case "any":
            return AnyOf(known)
        case _:
            return Not(known[0])
