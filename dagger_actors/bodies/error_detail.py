"""What is kept of an exception that user code has raised."""

from __future__ import annotations

import traceback

from dagger_actors.bodies.secret import NO_MASK, Mask
from dagger_actors.core.messages import ErrorDetail
from dagger_actors.core.retry import names_of
from dagger_actors.core.wording import as_written

__all__ = ["detail_of"]

MESSAGE_CHARS = 4096
TRACEBACK_CHARS = 8192


def detail_of(error: BaseException, mask: Mask = NO_MASK) -> ErrorDetail:
    """What is kept of an exception: its names, its text, the user's frames."""
    kind = type(error)
    try:
        text = str(error)
    except BaseException as second:  # noqa: BLE001 - a broken __str__ is user code too, and may even exit
        text = f"(its text could not be made: {type(second).__name__})"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(_PACKAGE)]
    lines = "".join(traceback.format_list(own))
    return ErrorDetail(
        f"{as_written(kind.__module__)}.{kind.__qualname__}",
        _storable(mask.text(text)[:MESSAGE_CHARS]),
        names_of(kind),
        _storable(mask.text(lines)[-TRACEBACK_CHARS:]),
    )


def _storable(text: str) -> str:
    """Text that UTF-8 and SQLite can hold: no lone surrogates, no NUL."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


_PACKAGE = __file__.rpartition("dagger_actors")[0] + "dagger_actors"
