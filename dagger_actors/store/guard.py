"""What statements of users may touch, enforced by SQLite's authorizer: it is asked whenever a statement is compiled.

Triggers, views and table-valued functions are compiled with the statement that uses them, so they are asked about too.

Source: https://sqlite.org/c3ref/set_authorizer.html
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Final, Literal

import apsw

from dagger_actors.store.migrate import migrations

__all__ = ["Guard", "Mode", "is_ours", "our_names"]

Mode = Literal["off", "change", "read", "schema"]

RESERVED: Final = frozenset({
    "tasks", "task_dependencies", "channels", "messages", "subscriptions", "deliveries", "dead_letters", "agent_states",
    "shared_state", "schedules", "log",
})  # fmt: skip
"""Tables that later versions of this package make: a table of that name would keep the file from being migrated."""

READING: Final = frozenset({apsw.SQLITE_SELECT, apsw.SQLITE_READ, apsw.SQLITE_FUNCTION, apsw.SQLITE_RECURSIVE})
CHANGING: Final = frozenset({apsw.SQLITE_INSERT, apsw.SQLITE_UPDATE, apsw.SQLITE_DELETE})
BUILDING: Final = frozenset({
    apsw.SQLITE_CREATE_TABLE, apsw.SQLITE_CREATE_INDEX, apsw.SQLITE_CREATE_VIEW, apsw.SQLITE_CREATE_TRIGGER,
    apsw.SQLITE_CREATE_VTABLE, apsw.SQLITE_DROP_TABLE, apsw.SQLITE_DROP_INDEX, apsw.SQLITE_DROP_VIEW,
    apsw.SQLITE_DROP_TRIGGER, apsw.SQLITE_DROP_VTABLE, apsw.SQLITE_ALTER_TABLE, apsw.SQLITE_REINDEX,
})  # fmt: skip
ALLOWED: Final[dict[Mode, frozenset[int]]] = {
    "change": READING | CHANGING,
    "read": READING,
    "schema": READING | CHANGING | BUILDING,
}
WHAT: Final[dict[Mode, str]] = {
    "change": "it may only insert, update or delete rows of your own tables",
    "read": "it may only read",
    "schema": "it may only make tables, indexes, views and triggers of your own, and change rows of your own tables",
}


@functools.cache
def our_names() -> frozenset[str]:
    """Names of everything this package makes in a database, in lower case."""
    connection = apsw.Connection(":memory:")
    try:
        for step in migrations():
            for _ in connection.execute(step.sql):
                pass
        found = connection.execute("SELECT lower(name) FROM sqlite_schema")
        return frozenset(str(name) for (name,) in found) | RESERVED
    finally:
        connection.close()


def is_ours(name: str | None) -> bool:
    """Tell whether a table belongs to this package or to SQLite."""
    return name is not None and (name.lower() in our_names() or name.lower().startswith("sqlite_"))


class Guard:
    """An authorizer that stays on a connection; ``off`` it lets everything pass.

    Setting an authorizer makes SQLite compile every cached statement anew, so it is switched instead of taken away.
    Statements of users must be run with ``can_cache=False`` on a connection of ours, or a cached one of ours could pass.

    Attributes:
        mode: Whose statement is being compiled, and what it may do.
        reason: Why the last one was refused; empty = it was not.
        is_change: Whether a row was to be changed since this was last set to False; ``VACUUM`` asks nothing and changes none.
    """

    def __init__(self, mode: Mode = "off") -> None:
        self.mode: Mode = mode
        self.reason = ""
        self.is_change = False

    def __call__(
        self, operation: int, first: str | None, second: str | None, database: str | None, trigger: str | None, /
    ) -> int:
        """Answer SQLite."""
        del trigger
        is_asked_by_full_text = operation == apsw.SQLITE_PRAGMA and (first, second) == ("data_version", None)
        if self.mode == "off" or is_asked_by_full_text:
            return apsw.SQLITE_OK
        self.is_change = self.is_change or operation in CHANGING
        reason = self._objection(self.mode, operation, database, _tables(operation, first, second))
        if reason:
            self.reason = reason
            return apsw.SQLITE_DENY
        return apsw.SQLITE_OK

    @staticmethod
    def _objection(mode: Mode, operation: int, database: str | None, tables: Sequence[str]) -> str:
        if operation not in ALLOWED[mode]:
            return WHAT[mode]
        if database not in (None, "main"):
            return WHAT[mode]
        if mode != "read":
            for name in tables:
                # SQLite itself writes its catalogue while it makes a table; users cannot, for the connection is defensive.
                if is_ours(name) and not (mode == "schema" and name.lower().startswith("sqlite_")):
                    return WHAT[mode] if name.lower().startswith("sqlite_") else f"{name} belongs to dagger_actors"
        return ""


def _tables(operation: int, first: str | None, second: str | None) -> list[str]:
    """The names that are tables, indexes, views or triggers; the second one of a read or an update is a column."""
    names: tuple[str | None, ...] = (first, second)
    if operation in (apsw.SQLITE_SELECT, apsw.SQLITE_FUNCTION, apsw.SQLITE_RECURSIVE):
        names = ()
    elif operation == apsw.SQLITE_ALTER_TABLE:
        names = (second,)  # the first one is the database
    elif operation in (apsw.SQLITE_READ, apsw.SQLITE_UPDATE):
        names = (first,)
    return [name for name in names if name is not None]
