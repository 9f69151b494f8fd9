"""Where a value comes from, and what is asked of one."""

from __future__ import annotations

import msgspec

from dagger_actors.core.comparisons import Operator

__all__ = [
    "AllOf",
    "AnyOf",
    "Comparison",
    "Constant",
    "FromInput",
    "FromNode",
    "Not",
    "Predicate",
    "Reference",
]


class FromInput(msgspec.Struct, frozen=True, tag="input", omit_defaults=True):
    """A value given to the run: ``inputs.KEY``.

    Attributes:
        key: The input's name.
        description: For people, as in the other references.
    """

    key: str
    description: str = ""


class FromNode(msgspec.Struct, frozen=True, tag="node", omit_defaults=True):
    """An ancestor's output: ``NODE`` (whole) or ``NODE.KEY``.

    Attributes:
        node: The ancestor's position in ``FlowDefinition.nodes``.
        key: Name within its output; None for the whole.
        default: JSON text of what is taken instead when the ancestor gave no output; None = it must have given one.
        description: For people.
    """

    node: int
    key: str | None = None
    default: str | None = None
    description: str = ""


class Constant(msgspec.Struct, frozen=True, tag="value", omit_defaults=True):
    """A literal of the file, as JSON.

    Attributes:
        json: Its text.
        description: For people.
    """

    json: str
    description: str = ""


Reference = FromInput | FromNode | Constant


class Comparison(msgspec.Struct, frozen=True, tag="compare"):
    """One comparison of a value with a literal.

    Attributes:
        reference: The value.
        operator: What must hold; ``exists`` asks whether there is a value at all.
        json: The literal, as JSON.
    """

    reference: Reference
    operator: Operator
    json: str


class AllOf(msgspec.Struct, frozen=True, tag="all"):
    """Every part holds."""

    of: tuple[Predicate, ...]


class AnyOf(msgspec.Struct, frozen=True, tag="any"):
    """Some part holds."""

    of: tuple[Predicate, ...]


class Not(msgspec.Struct, frozen=True, tag="not"):
    """The part does not hold."""

    of: Predicate


Predicate = Comparison | AllOf | AnyOf | Not
