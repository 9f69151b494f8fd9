"""What a node's ``when`` means: comparisons of what is referred to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import assert_never

import msgspec

from dagger_actors.core.comparisons import ABSENT, Operator, compare
from dagger_actors.flow.definition import AllOf, AnyOf, Comparison, Not, Predicate, Reference

__all__ = ["evaluate", "references_of"]


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
            return compare(word, lookup(reference), msgspec.json.decode(text))
        case _:
            assert_never(predicate)


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
