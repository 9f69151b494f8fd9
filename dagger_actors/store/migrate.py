"""Brings a database to this program's schema, one numbered file at a time.

Each ``migrations/NNNN_name.sql`` runs in its own ``BEGIN IMMEDIATE`` together with ``PRAGMA user_version``, so a crash
in the middle leaves the version before it, whole; and the version is read again inside, so two processes that start at
once apply each one once.
"""

from __future__ import annotations

import functools
import importlib.resources
from collections.abc import Sequence
from pathlib import Path

import apsw
import msgspec

from dagger_actors.errors import NewerSchema, NotADatabase
from dagger_actors.store.refusals import translate

__all__ = ["APPLICATION_ID", "Migration", "check_identity", "migrate", "migrations"]

APPLICATION_ID = 0x64616761
"""Marks a file as ours (``PRAGMA application_id``): the letters ``daga``."""


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the schema.

    Attributes:
        version: The ``user_version`` that stands after it; from 1, without gaps.
        name: The file's name, for messages.
        sql: Its statements; it neither begins nor commits.
    """

    version: int
    name: str
    sql: str


@functools.cache
def migrations() -> tuple[Migration, ...]:
    """Read the steps that come with this package, in order."""
    folder = importlib.resources.files("dagger_actors.store") / "migrations"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    steps = tuple(
        Migration(version=int(file.name.partition("_")[0]), name=file.name, sql=file.read_text(encoding="utf-8"))
        for file in files
    )
    assert [step.version for step in steps] == list(range(1, len(steps) + 1)), "migrations are numbered without gaps"
    return steps


def check_identity(connection: apsw.Connection, path: str | Path, *, known: int, may_be_blank: bool) -> None:
    """Refuse a database that another program made, or a newer one of this.

    Args:
        connection: A connection on it; nothing is written.
        path: Its path, for the message.
        known: The newest schema version this program knows.
        may_be_blank: Whether a database without any table will do.

    Raises:
        NotADatabase: It is not ours.
        NewerSchema: It is ours, from a newer version.
        apsw.Error: SQLite cannot read it.
    """
    # One statement, so that the three facts belong to one snapshot.
    facts = (
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema) "
        "FROM pragma_application_id, pragma_user_version"
    )
    identity, version, tables = next(connection.execute(facts))
    if (identity, version, tables) == (0, 0, 0):
        if may_be_blank:
            return
        raise NotADatabase(str(path), "it is empty")
    if identity != APPLICATION_ID:
        raise NotADatabase(str(path), "another program made it")
    if version > known:
        raise NewerSchema(str(path), version, known)


def migrate(connection: apsw.Connection, path: str | Path, *, steps: Sequence[Migration] | None = None) -> int:
    """Apply what the file lacks.

    Args:
        connection: A writer's connection, outside a transaction.
        path: Its path, for messages.
        steps: The steps, numbered from 1; None takes this package's own.

    Returns:
        The schema version that now stands.

    Raises:
        NotADatabase: The file is not ours.
        NewerSchema: It has a version above all of ``steps``.
        StoreError: SQLite refused; the last whole step stands.
    """
    steps = migrations() if steps is None else steps
    try:
        for step in steps:
            # Looked at without a lock first: an up-to-date file is opened without writing.
            if connection.pragma("user_version") < step.version:
                _apply(connection, path, step, known=len(steps))
        check_identity(connection, path, known=len(steps), may_be_blank=not steps)
        return int(connection.pragma("user_version"))
    except apsw.Error as error:
        raise translate(error, path) from error


def _apply(connection: apsw.Connection, path: str | Path, step: Migration, *, known: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        check_identity(connection, path, known=known, may_be_blank=True)
        if connection.pragma("user_version") < step.version:
            for _ in connection.execute(step.sql):
                pass  # APSW stops at each row a statement returns
            connection.pragma("application_id", APPLICATION_ID)
            connection.pragma("user_version", step.version)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # an I/O error may have rolled it back already
            connection.execute("ROLLBACK")
        raise
