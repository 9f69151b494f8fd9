"""The shape of a file before anything is known of its meaning: scalars, listings and tables, each with its place.

A place is one integer that grows in file order: a character offset in a text, an ordinal in data. Only the document it
came from can turn it into a line and a column or into a path, so a tree of a million values stays small.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from dagger_actors.core.wording import quoted
from dagger_actors.errors import Problem

__all__ = [
    "BARE",
    "MAX_LEVELS",
    "MAX_VALUES",
    "Document",
    "Field",
    "Fields",
    "Listing",
    "Scalar",
    "Table",
    "Tree",
    "described",
    "to_data",
]

MAX_LEVELS = 100
"""Collections inside one another."""
MAX_VALUES = 1_000_000
"""Scalars and collections of one file, aliases expanded, keys apart."""
BARE = str | int | float | bool | None


# Positional and without the collector's tracking: a file makes a million of them, and they cannot form a cycle.
class Scalar(msgspec.Struct, gc=False):
    """One value that holds no other."""

    value: BARE
    at: int


class Listing(msgspec.Struct, gc=False):
    """A YAML sequence, a Python list."""

    items: list[Tree]
    at: int


class Table(msgspec.Struct, gc=False):
    """A YAML mapping, a Python dict."""

    entries: dict[str, Field]
    at: int


class Field(msgspec.Struct, gc=False):
    """A key's value, and the place of the key."""

    at: int
    value: Tree


Tree = Scalar | Listing | Table
Fields = dict[str, Field]


class Document(Protocol):
    """Where the places of a tree are."""

    def problem(self, at: int, message: str, advice: str) -> Problem:
        """Word a problem with its place."""

    def line_and_column(self, at: int) -> tuple[int, int]:
        """Tell line and column of a place, from 1; zeros where there are no lines."""

    def where(self, at: int) -> str:
        """Name a place inside a sentence."""

    def with_default(self, reference: str, node: str, key: str | None) -> str:
        """How a reference to what a node gives, or to one key of that, is written with a default."""


def to_data(tree: Tree) -> object:
    """Turn a tree into plain data, as ``msgspec.json.encode`` takes it; at most ``MAX_LEVELS`` deep."""
    match tree:
        case Scalar(value=value):
            return value
        case Listing(items=items):
            return [to_data(item) for item in items]
        case Table(entries=entries):
            return {key: to_data(field.value) for key, field in entries.items()}


def described(tree: Tree) -> str:
    """Say what a value is, for a message that wanted another."""
    match tree:
        case Listing():
            return "a list"
        case Table():
            return "a mapping"
        case Scalar(value=None):
            return "empty"
        case Scalar(value=bool(value)):
            return "true" if value else "false"
        case Scalar(value=str(text)):
            return f"the text {quoted(text)}"
        case Scalar(value=value):
            return f"the number {quoted(value)}"
