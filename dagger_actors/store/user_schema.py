"""A user's own tables in our file: a script of ``CREATE ... IF NOT EXISTS``, run when the file is opened."""

from __future__ import annotations

from pathlib import Path

import apsw

from dagger_actors.errors import SchemaRefused
from dagger_actors.store.connection import transaction
from dagger_actors.store.guard import Guard, is_ours
from dagger_actors.store.refusals import translate
from dagger_actors.store.statements import sql
from dagger_actors.store.user_tables import DISK

__all__ = ["apply_schema", "read_schema"]

LARGEST_SCHEMA = 1024 * 1024


def read_schema(file: str | Path) -> str:
    """Read the script.

    Raises:
        SchemaRefused: It is no text file of at most 1 MiB.
    """
    path = Path(file)
    try:
        if path.exists() and not path.is_file():
            raise SchemaRefused(str(file), "it is not a file")
        with path.open("rb") as opened:
            content = opened.read(LARGEST_SCHEMA + 1)
    except (OSError, ValueError) as error:
        raise SchemaRefused(str(file), getattr(error, "strerror", None) or str(error)) from None
    if len(content) > LARGEST_SCHEMA:
        raise SchemaRefused(str(file), f"it has more than {LARGEST_SCHEMA:,} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SchemaRefused(str(file), f"it is not UTF-8 ({error.reason} at byte {error.start})") from None


def apply_schema(connection: apsw.Connection, path: Path, file: str, script: str) -> None:
    """Run the script in one transaction; all of it, or nothing.

    Args:
        connection: A writer's, outside a transaction; its authorizer is set for the time, and taken away.
        path: The database, for messages.
        file: The script's name, for messages.
        script: Its text.

    Raises:
        SchemaRefused: A statement is wrong or touches what is not the user's.
        StoreError: The disk refused.
    """
    guard = Guard()
    try:
        with transaction(connection):
            connection.authorizer = guard
            guard.mode = "schema"
            try:
                for _ in connection.execute(script, can_cache=False):
                    pass
            finally:
                guard.mode = "off"
                connection.authorizer = None
            _refuse_ties(connection, file)
    except DISK as error:
        raise translate(error, path) from error
    except apsw.Error as error:
        raise SchemaRefused(file, guard.reason or str(error)) from None


def _refuse_ties(connection: apsw.Connection, file: str) -> None:
    """A table that refers to one of ours would refuse what we do to our own rows; no authorizer is asked about that."""
    for table, target in connection.execute(sql("read.foreign_keys")).fetchall():
        if not is_ours(str(table)) and is_ours(str(target)):
            raise SchemaRefused(file, f"{table} refers to {target}, which belongs to dagger_actors")
