"""The root of the tree of errors."""

from __future__ import annotations


class DaggerError(Exception):
    """The root of the tree; catch it to catch everything this package raises on purpose.

    Facts are constructor arguments and attributes, the text is made in ``__str__``. Every error pickles, and two errors
    of one class with equal facts are equal.
    """

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and isinstance(other, DaggerError) and other.args == self.args

    def __hash__(self) -> int:
        return hash((type(self), repr(self.args)))
