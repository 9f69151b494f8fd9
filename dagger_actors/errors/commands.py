"""Commands as messages suggest them: taken by a shell as they are, whatever ids and names begin with."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

PROGRAM = "dagger-actors"


def command_line(verb: str, *arguments: str, options: Sequence[tuple[str, str]] = ()) -> str:
    """Write a command of the program, quoted as needed.

    Args:
        verb: ``retry``, or a word of a group with it: ``artifacts get``.
        arguments: What has no name; where one begins with a dash, all of them stand behind ``--``.
        options: Names with their values, in their order; an empty value = a flag.
    """
    words = [PROGRAM, *verb.split()]
    given = [word for name, value in options for word in _option(name, value)]
    if any(argument.startswith("-") for argument in arguments):
        return shlex.join([*words, *given, "--", *arguments])
    return shlex.join([*words, *arguments, *given])


def with_option(line: str, name: str, value: str) -> str:
    """Add an option to a command, before the ``--`` that ends its options."""
    words = shlex.split(line)
    end = words.index("--") if "--" in words else len(words)
    words[end:end] = _option(name, value)
    return shlex.join(words)


def _option(name: str, value: str) -> list[str]:
    if not value:
        return [name]
    # A value that begins with a dash is taken for the next option.
    return [f"{name}={value}"] if value.startswith("-") else [name, value]
