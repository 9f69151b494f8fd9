"""``ctx.execute`` and ``ctx.query``: users' own tables, changed in the very transaction that ends the attempt."""

from __future__ import annotations

import math
from collections.abc import Sequence

from dagger_actors.bodies.attempt_end import AttemptEnd
from dagger_actors.bodies.backends import TableSource
from dagger_actors.bodies.secret import Mask
from dagger_actors.core.messages import SqlValue, Statement
from dagger_actors.core.wording import indefinite
from dagger_actors.errors import StatementRefused

__all__ = ["LARGEST_WORK", "MOST_STATEMENTS", "Tables"]

MOST_STATEMENTS = 10_000
LARGEST_WORK = 16 * 1024 * 1024
"""Statements of one attempt, and bytes of their texts and arguments."""


class Tables:
    """The statements of one attempt.

    Args:
        source: Checks and reads.
        mask: What no statement may hold.
        end: Whether it is over.
    """

    def __init__(self, source: TableSource, mask: Mask, end: AttemptEnd) -> None:
        self._end = end
        self._source = source
        self._mask = mask
        self._size = 0
        self.statements: list[Statement] = []

    def execute(self, sql: str, args: Sequence[SqlValue]) -> None:
        """See ``BodyContext.execute``."""
        what = "what ctx.execute is given"
        self._end.refuse(what)
        size = self._checked(sql, args)
        if len(self.statements) >= MOST_STATEMENTS:
            raise StatementRefused(sql, f"an attempt executes at most {MOST_STATEMENTS:,}; change more rows with each")
        if self._size + size > LARGEST_WORK:
            raise StatementRefused(sql, f"the statements of an attempt have at most {LARGEST_WORK:,} bytes")
        self._source.check(sql, args)
        self._size += size
        self._end.keep(what, self.statements.append, Statement(sql, tuple(args)))

    def query(self, sql: str, args: Sequence[SqlValue]) -> list[tuple[SqlValue, ...]]:
        """See ``BodyContext.query``."""
        self._checked(sql, args)
        return self._source.query(sql, args)

    def _checked(self, sql: object, args: object) -> int:
        if not isinstance(sql, str):
            raise StatementRefused(sql, "it is no text")
        if isinstance(args, str | bytes) or not isinstance(args, Sequence):
            raise StatementRefused(sql, "its arguments are no list or tuple; write (value,) for a single one")
        self._mask.refuse(sql.encode("utf-8", "surrogatepass"))
        return len(sql) + sum(self._size_of(sql, value) for value in args)

    def _size_of(self, sql: str, value: object) -> int:
        if value is None or isinstance(value, bool):
            return 1
        if isinstance(value, int) and -(2**63) <= value < 2**63:
            return 8
        if isinstance(value, float) and not math.isnan(value):
            return 8
        if isinstance(value, str):
            try:
                data = value.encode()
            except UnicodeEncodeError:
                raise StatementRefused(sql, "an argument is text that UTF-8 cannot hold") from None
        elif isinstance(value, bytes):
            data = value
        else:
            what = (
                "a number that SQLite cannot hold"
                if isinstance(value, int | float)
                else indefinite(type(value).__name__)
            )
            raise StatementRefused(sql, f"an argument is {what}; it takes int, float, str, bytes, bool and None")
        self._mask.refuse(data)
        return len(data)
