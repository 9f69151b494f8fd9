"""A simulation begins with a copy of an empty database instead of making one."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from dagger_actors.store.connection import open_reader, open_writer
from dagger_actors.store.migrate import migrate
from dagger_actors.testing.blank import lay_blank

FACTS = (
    "SELECT * FROM pragma_user_version, pragma_application_id, pragma_page_size, pragma_journal_mode, pragma_auto_vacuum",
    "SELECT type, name, tbl_name, sql FROM sqlite_schema",
    "PRAGMA integrity_check",
)


def facts(path: Path) -> list[list[Any]]:
    with closing(open_reader(path)) as connection:
        return [list(connection.execute(sql)) for sql in FACTS]


def test_a_copy_is_what_a_writer_would_have_made(tmp_path: Path) -> None:
    """Law: the same tables at the same version, in a file of the same kind."""
    lay_blank(tmp_path / "copied.db")
    with closing(open_writer(tmp_path / "made.db")) as connection:
        migrate(connection, tmp_path / "made.db")
    assert facts(tmp_path / "copied.db") == facts(tmp_path / "made.db")


def test_what_is_there_stays(tmp_path: Path) -> None:
    """Law: a second worker finds what the first one has written."""
    path = tmp_path / "sim.db"
    path.write_bytes(b"taken")
    lay_blank(path)
    assert path.read_bytes() == b"taken"
