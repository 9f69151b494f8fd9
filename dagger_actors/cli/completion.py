"""``completion``: the script that lets a shell complete commands and options."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

from cyclopts import Parameter

from dagger_actors.cli.exits import OK

__all__ = ["completion"]


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], Parameter(name="SHELL", help="bash, zsh or fish.")], /
) -> int:
    """Print the completion script of a shell."""
    from dagger_actors.cli.app import app  # noqa: PLC0415 - the application names this module

    sys.stdout.write(app.generate_completion(shell=shell).rstrip("\n") + "\n")
    return OK
