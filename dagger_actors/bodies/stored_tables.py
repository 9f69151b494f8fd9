"""Users' tables in the store."""

from __future__ import annotations

from collections.abc import Sequence

from dagger_actors.core.messages import SqlValue
from dagger_actors.store.store import Store

__all__ = ["StoredTables"]


class StoredTables:
    """Implements ``bodies.backends.TableSource``.

    Args:
        store: The open database.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def check(self, sql: str, args: Sequence[SqlValue]) -> None:
        """Refuse what is not one statement that changes rows of users' tables."""
        self._store.tables.check(sql, args)

    def query(self, sql: str, args: Sequence[SqlValue]) -> list[tuple[SqlValue, ...]]:
        """Read the last commit."""
        return self._store.tables.query(sql, args)
