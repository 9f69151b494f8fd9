"""Users' tables and the run's values in the store."""

from __future__ import annotations

from collections.abc import Sequence

from dagger_actors.core.messages import SqlValue
from dagger_actors.store.store import Store

__all__ = ["RunTables"]


class RunTables:
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

    def value(self, run_key: int, key: str) -> bytes | None:
        """One value of a run's namespace, as JSON text; None when there is none."""
        rows = self._store.readers.query("read.run_value", run_key, key)
        return rows[0][0].encode() if rows else None
