"""Comparisons of JSON values, without surprises between types.

Equality is that of JSON: ``1`` equals ``1.0``, ``true`` equals nothing but ``true``. An order exists among numbers and
among texts; any other comparison is an error of whoever asks, not false. ``exists`` is about presence: null is a value.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final, Literal, get_args

__all__ = ["ABSENT", "OPERATORS", "ORDERS", "IncomparableValues", "Operator", "compare", "equal", "kind_of", "order_of"]

Operator = Literal["equals", "not_equals", "gt", "ge", "lt", "le", "in", "exists"]

OPERATORS: Final[tuple[Operator, ...]] = get_args(Operator)

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


def compare(word: str, value: Any, operand: Any) -> bool:
    """Tell whether a comparison holds.

    Args:
        word: The operator; not ``exists``.
        value: A JSON value, or ``ABSENT``.
        operand: What it is compared with; for ``in`` a list.

    Raises:
        IncomparableValues: An order was asked of values that have none, or a comparison of what is not there.
    """
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
