"""Command lines to be copied into a shell, as messages suggest them."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Sequence

from dagger_actors.cli.exits import UsageError
from dagger_actors.cli.options import DEFAULT_DATABASE
from dagger_actors.cli.text import PROGRAM
from dagger_actors.errors import DefinitionError

__all__ = ["advising", "command", "database_of", "with_database"]


def command(*words: str, db: str = "", imports: Sequence[str] = ()) -> str:
    """Write a command, quoted as needed; without ``db`` it needs none."""
    line = [PROGRAM, *words]
    if db:
        line += ["--db", db]
    for name in imports:
        line += ["--import", name]
    return shlex.join(line)


@contextlib.contextmanager
def advising(spec: str, imports: Sequence[str] = ()) -> Iterator[None]:
    """Say behind the mistakes of a flow file how to check it again.

    Raises:
        UsageError: Instead of the ``DefinitionError`` of the block.
    """
    try:
        yield
    except DefinitionError as error:
        raise UsageError(str(error), f"next: mend it, then: {command('validate', spec, imports=imports)}") from error


def with_database(text: str, db: str) -> str:
    """Let the commands that an error suggests name the database, when that is not the default."""
    if db == DEFAULT_DATABASE or f"{PROGRAM} " not in text or " --db " in text:
        return text
    # A command is the last thing of its line in every message of ours.
    lines = [f"{line} --db {shlex.quote(db)}" if f": {PROGRAM} " in line else line for line in text.split("\n")]
    return "\n".join(lines)


def database_of(tokens: Sequence[str]) -> str:
    """The database that a command line names; errors do not know how it was spelled."""
    for at, word in enumerate(tokens):
        if word == "--db":
            return "".join(tokens[at + 1 : at + 2]) or DEFAULT_DATABASE
        if word.startswith("--db="):
            return word.removeprefix("--db=")
    return DEFAULT_DATABASE
