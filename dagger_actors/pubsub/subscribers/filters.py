"""Which messages a subscription takes: comparisons of their fields, in the words of a flow's ``when``.

``{"field": "price", "gt": 10}``; several comparisons of one field all hold; ``all``, ``any`` and ``not`` combine. Unlike in a
flow, a comparison of what is not there, or of what has no order, does not hold: a message is data of others. What is no
JSON object passes, for it is refused where it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, assert_never, cast

import msgspec

from dagger_actors.bodies.option_values import Misfit
from dagger_actors.core.comparisons import ABSENT, OPERATORS, ORDERS, IncomparableValues, compare, order_of
from dagger_actors.core.task_options import MAX_PATH
from dagger_actors.core.wording import nearest, quoted

__all__ = ["AllHold", "AnyHolds", "Compared", "Filter", "NotHolds", "compared_in", "filter_function", "read_filter"]

GROUPS = ("all", "any", "not")
KNOWN = ("field", *GROUPS, *OPERATORS)
MAX_DEPTH = 20
MAX_COMPARISONS = 1_000
ADVICE = f'write {{"field": "price", "gt": 10}}; comparisons: {", ".join(OPERATORS)}'


class Compared(msgspec.Struct, frozen=True, tag="compare"):
    """One comparison of a field with a literal.

    Attributes:
        field: The path of the field.
        operator: What must hold; ``exists`` asks whether there is a value at all.
        json: The literal, as JSON.
    """

    field: str
    operator: str
    json: str


class AllHold(msgspec.Struct, frozen=True, tag="all"):
    """Every part holds."""

    of: tuple[Filter, ...]


class AnyHolds(msgspec.Struct, frozen=True, tag="any"):
    """Some part holds."""

    of: tuple[Filter, ...]


class NotHolds(msgspec.Struct, frozen=True, tag="not"):
    """The part does not hold."""

    of: Filter


Filter = Compared | AllHold | AnyHolds | NotHolds


def read_filter(written: object, depth: int = 0) -> Filter:
    """Read a filter.

    Args:
        written: Mappings, lists and JSON values.
        depth: How deep it stands in others.

    Raises:
        Misfit: It is none.
    """
    if depth > MAX_DEPTH:
        raise Misfit(f"it is more than {MAX_DEPTH} levels deep", "flatten it")
    if not isinstance(written, Mapping) or not written:
        raise Misfit(f"a part of it is a mapping, not {quoted(written)}", ADVICE)
    for key in written:
        if key not in KNOWN:
            near = nearest(key, KNOWN) if isinstance(key, str) else None
            raise Misfit(f"it has no key {quoted(key)}", f"did you mean {near}?" if near else ADVICE)
    group = next((key for key in GROUPS if key in written), None)
    if group is not None:
        if len(written) > 1:
            raise Misfit(f"{group} stands alone", f'write {{"all": [{{"{group}": ...}}, ...]}}')
        return _group(group, written[group], depth)
    return _comparisons(written)


def _group(word: str, value: object, depth: int) -> Filter:
    if word == "not":
        return NotHolds(read_filter(value, depth + 1))
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or not value:
        raise Misfit(f"{word} is a list of parts, not {quoted(value)}", ADVICE)
    if len(value) > MAX_COMPARISONS:
        raise Misfit(f"{word} has {len(value):,} parts, and {MAX_COMPARISONS:,} may be", 'use "in"')
    parts = tuple(read_filter(one, depth + 1) for one in value)
    return AllHold(parts) if word == "all" else AnyHolds(parts)


def _comparisons(written: Mapping[str, object]) -> Filter:
    path = written.get("field")
    if not isinstance(path, str) or not 1 <= len(path) <= MAX_PATH or "" in path.split("."):
        raise Misfit(
            "it names no field" if path is None else f"{quoted(path)} is no path of fields",
            ADVICE,
        )
    parts = tuple(Compared(path, word, _literal(word, written[word])) for word in OPERATORS if word in written)
    if not parts:
        raise Misfit(f"it compares {path} with nothing", ADVICE)
    return parts[0] if len(parts) == 1 else AllHold(parts)


def _literal(word: str, value: object) -> str:
    if word == "exists" and not isinstance(value, bool):
        raise Misfit(f"exists is True or False, not {quoted(value)}", "write one of them")
    if word == "in" and not isinstance(value, list | tuple):
        raise Misfit(f"in is a list of values, not {quoted(value)}", 'write "in": ["a", "b"]')
    if word in ORDERS and order_of(value) is None:
        raise Misfit(f"{word} takes a number or text, not {quoted(value)}", "write one, or ask otherwise: equals, in")
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise Misfit(f"{word} takes a JSON value, and this is none: {error}", "write text, a number, a list") from None


def compared_in(found: Filter | None) -> Iterator[Compared]:
    """List what a filter compares."""
    match found:
        case None:
            return
        case AllHold(of=parts) | AnyHolds(of=parts):
            for part in parts:
                yield from compared_in(part)
        case NotHolds(of=part):
            yield from compared_in(part)
        case Compared():
            yield found
        case _:
            assert_never(found)


def filter_function(found: Filter, names: Mapping[str, tuple[str, ...]]) -> Callable[[bytes | str], bool]:
    """Make the function that tells of a message's JSON text whether it is taken; it decodes what it compares, no more.

    Args:
        found: The filter.
        names: The names that each path is of in JSON, from the outside in.
    """
    tree: dict[str, Any] = {}
    for path in names.values():
        below = tree
        for name in path:
            below = below.setdefault(name, {})
    decode = msgspec.json.Decoder(_shape(tree)).decode
    holds = _compiled(found, names)

    def is_taken(text: bytes | str) -> bool:
        try:
            return holds(decode(text))
        except msgspec.DecodeError:
            return True

    return is_taken


def _shape(tree: Mapping[str, Any]) -> Any:
    """A type that decodes only what the tree names; further in, a value of another kind is as if it were absent."""
    fields = [(f"f{number}", Any, msgspec.field(name=name, default=ABSENT)) for number, name in enumerate(tree)]
    return msgspec.defstruct("Compared", fields, gc=False)


def _compiled(found: Filter, names: Mapping[str, tuple[str, ...]]) -> Callable[[Any], bool]:
    top = list(dict.fromkeys(path[0] for path in names.values()))
    match found:
        case Compared(field=field, operator=word, json=text):
            first, *rest = names[field]
            return _comparison(f"f{top.index(first)}", rest, word, msgspec.json.decode(text))
        case AllHold(of=parts):
            every = [_compiled(part, names) for part in parts]
            return lambda value: all(holds(value) for holds in every)
        case AnyHolds(of=parts):
            some = [_compiled(part, names) for part in parts]
            return lambda value: any(holds(value) for holds in some)
        case NotHolds(of=part):
            inner = _compiled(part, names)
            return lambda value: not inner(value)
        case _:
            assert_never(found)


def _comparison(first: str, rest: Sequence[str], word: str, operand: Any) -> Callable[[Any], bool]:
    def holds(message: Any) -> bool:
        value = getattr(message, first)
        for name in rest:
            value = value.get(name, ABSENT) if isinstance(value, dict) else ABSENT
        if word == "exists":
            return (value is not ABSENT) is cast("bool", operand)
        if value is ABSENT:
            return word == "not_equals"
        try:
            return compare(word, value, operand)
        except IncomparableValues:
            return False

    return holds
