"""Command lines to be copied into a shell, as messages suggest them."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Sequence
from typing import Final

from dagger_actors.cli.exits import UsageError
from dagger_actors.cli.options import DEFAULT_DATABASE
from dagger_actors.errors import DefinitionError
from dagger_actors.errors.commands import PROGRAM, command_line, with_option

__all__ = ["WITHOUT_DATABASE", "advising", "command", "database_of", "with_database"]

WITHOUT_DATABASE: Final = frozenset({"validate", "list", "schema", "init", "completion"})
"""Commands that have no ``--db``: they look at files alone."""


def command(
    verb: str,
    *arguments: str,
    options: Sequence[tuple[str, str]] = (),
    db: str = "",
    imports: Sequence[str] = (),
) -> str:
    """Write a command, quoted as needed.

    Args:
        verb: Its word, or words: ``artifacts get``.
        arguments: What has no name.
        options: Names with their values; an empty value = a flag.
        db: The database; empty where the command needs none.
        imports: Where actions are.
    """
    named = [*options, *([("--db", db)] if db else []), *(("--import", name) for name in imports)]
    return command_line(verb, *arguments, options=named)


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
    if db == DEFAULT_DATABASE:
        return text
    return "\n".join(_with_database(line, db) for line in text.split("\n"))


def _with_database(line: str, db: str) -> str:
    """A command is the last thing of its line in every message of ours."""
    head, colon, rest = line.rpartition(f": {PROGRAM} ")
    try:
        words = shlex.split(rest) if colon else []
    except ValueError:
        return line  # what looks like a command is somebody's text
    if not words or words[0] in WITHOUT_DATABASE or database_of(words, "") != "":
        return line
    return f"{head}: {with_option(f'{PROGRAM} {rest}', '--db', db)}"


def database_of(tokens: Sequence[str], otherwise: str = DEFAULT_DATABASE) -> str:
    """The database that a command line names; errors do not know how it was spelled."""
    for at, word in enumerate(tokens):
        if word == "--":
            break
        if word == "--db":
            return "".join(tokens[at + 1 : at + 2]) or otherwise
        if word.startswith("--db="):
            return word.removeprefix("--db=")
    return otherwise
