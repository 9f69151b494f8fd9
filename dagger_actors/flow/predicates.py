"""What a node's ``when`` means: comparisons of JSON values, without surprises between types.

Equality is that of JSON: ``1`` equals ``1.0``, ``true`` equals nothing but ``true``. An order exists among numbers and
among texts; any other comparison is an error of the flow, not false. ``exists`` is about presence: null is a value.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any, Final, assert_never

import msgspec

from dagger_actors.flow.definition import AllOf, AnyOf, Comparison, Not, Operator, Predicate, Reference

__all__ = ["ABSENT", "ORDERS", "IncomparableValues", "equal", "evaluate", "kind_of", "order_of", "references_of"]

ABSENT: Final = object()
"""What a lookup gives when there is no value."""

ORDERS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}


class IncomparableValues(Exception):
    """Two values cannot be compared; the text names their kinds."""


def evaluate(predicate: Predicate, lookup: Callable[[Reference], object]) -> bool:
    """Tell whether a predicate holds.

    Args:
        predicate: At most as deep as a flow file can nest.
        lookup: Gives the value of a reference, or ``ABSENT``.

    Raises:
        IncomparableValues: An order was asked of values that have none, or a comparison of what is not there.
    """
    match predicate:
        case AllOf(of=parts):
            return all(evaluate(part, lookup) for part in parts)
        case AnyOf(of=parts):
            return any(evaluate(part, lookup) for part in parts)
        case Not(of=part):
            return not evaluate(part, lookup)
        case Comparison(reference=reference, operator="exists", json=text):
            return (lookup(reference) is not ABSENT) is msgspec.json.decode(text)
        case Comparison(reference=reference, operator=word, json=text):
            return _compare(word, lookup(reference), msgspec.json.decode(text))
        case _:
            assert_never(predicate)


def _compare(word: str, value: Any, operand: Any) -> bool:
    if value is ABSENT:
        raise IncomparableValues(f"there is no value to compare ({word})")
    match word:
        case "equals":
            return equal(value, operand)
        case "not_equals":
            return not equal(value, operand)
        case "in":
            return any(equal(value, one) for one in operand)
        case _:
            if order_of(value) is None or order_of(value) != order_of(operand):
                raise IncomparableValues(f"{kind_of(value)} and {kind_of(operand)} have no order ({word})")
            return ORDERS[word](value, operand)


def equal(one: Any, other: Any) -> bool:
    """Tell whether two JSON values are equal, as JSON means it."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(value, other[key]) for key, value in one.items())
    return bool(one == other)


def order_of(value: object) -> str | None:
    """Name the order that a JSON value stands in, ``number`` or ``text``; None when it has none."""
    if isinstance(value, bool):
        return None
    return "number" if isinstance(value, int | float) else "text" if isinstance(value, str) else None


def kind_of(value: object) -> str:
    """Name the kind of a JSON value, with its article."""
    if value is None:
        return "null"
    words = {
        bool: "a truth value",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "a mapping",
    }
    return words.get(type(value), type(value).__name__)


def references_of(predicate: Predicate | None) -> Iterator[tuple[Reference, Operator]]:
    """List what a predicate refers to, with the operator that asks."""
    match predicate:
        case None:
            return
        case AllOf(of=parts) | AnyOf(of=parts):
            for part in parts:
                yield from references_of(part)
        case Not(of=part):
            yield from references_of(part)
        case Comparison(reference=reference, operator=word):
            yield reference, word
        case _:
            assert_never(predicate)
