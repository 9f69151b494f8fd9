"""How pictures leave a command: in which format, and whereto."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from dagger_actors.cli.exits import OK, UsageError
from dagger_actors.cli.text import printable
from dagger_actors.drawing.dot import write_dot
from dagger_actors.drawing.mermaid import write_mermaid
from dagger_actors.drawing.picture import Picture
from dagger_actors.drawing.svg import write_svg

__all__ = ["Format", "Output", "write_picture", "write_text"]

Name = Literal["mermaid", "dot", "svg"]
Format = Annotated[Name | None, Parameter(name="--format", help="Absent: by the name of --output, else mermaid.")]
Output = Annotated[
    str | None,
    Parameter(name=("--output", "-o"), help="File to write instead of stdout; replaced when it exists."),
]

WRITERS = {"mermaid": write_mermaid, "dot": write_dot, "svg": write_svg}
SUFFIXES: dict[str, Name] = {".svg": "svg", ".dot": "dot", ".gv": "dot", ".mmd": "mermaid", ".mermaid": "mermaid"}


def write_picture(picture: Callable[[], Picture], named: Name | None, output: str | None) -> int:
    """Write a picture to a file or to stdout.

    Args:
        picture: Makes it, once it is known how it is to be written.
        named: The format; None = by the name of the file, else mermaid.
        output: The file; None = stdout.

    Raises:
        UsageError: The name tells no format, or the file cannot be written.
        RequestError: It is too large for SVG, or the extra ``graph`` is not installed.
    """
    suffix = Path(output).suffix.lower() if output is not None else ""
    if named is None and suffix and suffix not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        raise UsageError(f"{output!r} does not tell the format", f"give --format, or a name that ends in {known}")
    return write_text(WRITERS[named or SUFFIXES.get(suffix, "mermaid")](picture()), output)


def write_text(text: str, output: str | None) -> int:
    """Write what was drawn to a file or to stdout.

    Raises:
        UsageError: The file cannot be written.
    """
    if output is None:
        sys.stdout.write(text)
        return OK
    try:
        Path(output).write_text(text, encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{output!r} cannot be written: {reason}", "give another --output") from None
    sys.stderr.write(printable(f"wrote {output}\n"))
    return OK
