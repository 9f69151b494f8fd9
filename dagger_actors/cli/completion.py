"""``completion``: the script that lets a shell complete commands and options."""

from __future__ import annotations

import re
import sys
from typing import Annotated, Literal

from cyclopts import Parameter

from dagger_actors.cli.exits import OK

__all__ = ["completion"]

WITHOUT_ACTION = re.compile(
    r"^(\s*'(?:\d+:(?:[^:\\\n]|\\.|'\\'')*|\*?-[\w-]+\[[^\n]*\]:[\w-]+))'(?= \\$|$)", re.MULTILINE
)
"""A specification of zsh's `_arguments` that says nothing of how its value completes: a positional, or an option."""


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], Parameter(name="SHELL", help="bash, zsh or fish.")], /
) -> int:
    """Print the completion script of a shell."""
    from dagger_actors.cli.app import app  # noqa: PLC0415 - the application names this module

    script = app.generate_completion(shell=shell).rstrip("\n")
    sys.stdout.write(with_files(script, shell) + "\n")
    return OK


def with_files(script: str, shell: Literal["bash", "zsh", "fish"]) -> str:
    """Let names of files complete wherever the script knows nothing better; in fish they do by themselves."""
    match shell:
        case "bash":
            return script.replace("complete -F ", "complete -o default -F ")
        case "zsh":
            return WITHOUT_ACTION.sub(r"\1:_files'", script)
        case "fish":
            return script
