"""A definition given as data instead of a file: the same tree, its places named by their path."""

from __future__ import annotations

import re
from collections.abc import Mapping

from dagger_actors.core.wording import quoted
from dagger_actors.errors import DefinitionError, Problem
from dagger_actors.reading.kind import DOCUMENT, FileKind
from dagger_actors.reading.tree import MAX_LEVELS, MAX_VALUES, Field, Listing, Scalar, Table, Tree

__all__ = ["FILE", "DataDocument", "read_data"]

FILE = "<dict>"
"""What stands for the file's name in problems."""
MAX_BITS = 1328
SURROGATE = re.compile("[\ud800-\udfff]")


class DataDocument:
    """Numbers every value in the order it is met and knows its path, such as ``nodes[3].timeout``."""

    def __init__(self) -> None:
        self._steps: list[tuple[int, str | int]] = []

    def add(self, parent: int, step: str | int) -> int:
        """Number one more value, below ``parent`` (-1 = none)."""
        self._steps.append((parent, step))
        return len(self._steps) - 1

    def line_and_column(self, at: int) -> tuple[int, int]:
        """Tell that there are no lines."""
        del at
        return 0, 0

    def where(self, at: int) -> str:
        """Name a place inside a sentence."""
        return self.path(at)

    def with_default(self, reference: str, node: str, key: str | None) -> str:
        """How a reference is written with a default."""
        del node, key
        return f"{{reference: {reference}, default: null}}"

    def path(self, at: int) -> str:
        """Spell the way from the root to a value; empty for the root."""
        text = ""
        for step in self.steps(at):
            is_plain = isinstance(step, str) and step.isidentifier()
            text += f".{step}" if is_plain else f"[{quoted(step)}]"
        return text.removeprefix(".")

    def steps(self, at: int) -> tuple[str | int, ...]:
        """The way from the root to a value: keys and positions."""
        steps: list[str | int] = []
        while at > 0:
            at, step = self._steps[at]
            steps.append(step)
        return tuple(reversed(steps))

    def problem(self, at: int, message: str, advice: str = "") -> Problem:
        """Word a problem with its path."""
        path = self.path(at)
        return Problem(f"{path}: {message}" if path else message, advice, FILE)


def read_data(
    source: Mapping[str, object], kind: FileKind = DOCUMENT, document: DataDocument | None = None
) -> tuple[Tree, DataDocument, list[Problem]]:
    """Turn plain data into a tree.

    Args:
        source: Mappings with text keys, lists, tuples, text, numbers, truth values and None.
        kind: What it is taken for, for messages.
        document: Is told the paths; None = one of its own.

    Returns:
        The tree, the document that knows its paths, and the faults of single values.

    Raises:
        DefinitionError: It is too deep (or contains itself) or too large.
    """
    builder = DataBuilder(kind, document or DataDocument())
    return builder.build(source, builder.document.add(-1, ""), 0), builder.document, builder.problems


class DataBuilder:
    """Builds a tree from data; recursion ends at ``MAX_LEVELS``."""

    def __init__(self, kind: FileKind, document: DataDocument) -> None:
        self.document = document
        self.problems: list[Problem] = []
        self._kind = kind
        self._values = 0

    def build(self, source: object, at: int, levels: int) -> Tree:
        """Turn one value into a tree.

        Raises:
            DefinitionError: A limit is passed.
        """
        self._values += 1
        if self._values > MAX_VALUES:
            message = f"more than {MAX_VALUES:,} values in one {self._kind.noun}"
            raise DefinitionError([self.document.problem(at, message)])
        if levels > MAX_LEVELS:
            raise DefinitionError([self.document.problem(at, f"nested deeper than {MAX_LEVELS} levels")])
        match source:
            # A number's or a text's subclass (an enum, say) is told by what it encodes as, so take exact types only.
            case str() if not source.isascii() and SURROGATE.search(source):
                self.problems.append(self.document.problem(at, "half a surrogate pair is no text", "Remove it."))
                return Scalar("", at)
            case int() if source.bit_length() > MAX_BITS:
                self.problems.append(self.document.problem(at, "a number of more than 400 digits", "Use text."))
                return Scalar(0, at)
            case None | bool() | int() | float() | str() if source is None or type(source) in (bool, int, float, str):
                return Scalar(source, at)
            case list() | tuple():
                add = self.document.add
                return Listing([self.build(item, add(at, i), levels + 1) for i, item in enumerate(source)], at)
            case Mapping():
                return self._table(source, at, levels)
        message = f"a value of type {type(source).__name__} cannot be in a {self._kind.noun}"
        self.problems.append(
            self.document.problem(at, message, "Use text, numbers, true or false, None, lists and dicts.")
        )
        return Scalar(None, at)

    def _table(self, source: Mapping[object, object], at: int, levels: int) -> Table:
        table = Table({}, at)
        for key, value in source.items():
            if type(key) is not str or SURROGATE.search(key):
                self.problems.append(
                    self.document.problem(at, f"the key {quoted(key)} is not text", "Write it as text.")
                )
                continue
            key_at = self.document.add(at, key)
            table.entries[key] = Field(key_at, self.build(value, key_at, levels + 1))
        return table
