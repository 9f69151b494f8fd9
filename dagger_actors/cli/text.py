"""Text on its way to a terminal: nothing in an id, a message or an output may steer it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from dagger_actors.drawing.text import INVISIBLE

__all__ = ["duration", "invocation", "one_line", "printable", "shorten", "when"]

# Of the first 32 all but tab and newline: they move the cursor, or begin an escape sequence.
HOSTILE = re.compile(f"[\x00-\x08\x0b-\x1f{INVISIBLE}]")


def printable(text: str) -> str:
    r"""Replace what could steer a terminal by its escape, as in a Python literal (``\x1b``); tabs and newlines stay."""
    return HOSTILE.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), text)


def one_line(text: str) -> str:
    r"""Make it printable and one line: newlines and tabs become ``\n`` and ``\t``."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def shorten(text: str, longest: int) -> str:
    """Cut to ``longest`` characters (at least 1), the last of them an ellipsis when something was cut."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def duration(us: int | None) -> str:
    """Write microseconds as people read them: ``0.012 s``, ``3.2 s``, ``4 min 05 s``, ``2 h 03 min``, ``4 d 23 h``; "" for None."""
    if us is None:
        return ""
    seconds = us / 1_000_000
    if seconds < 1:
        return f"{seconds:.3f} s"
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours < 24 else f"{hours // 24} d {hours % 24:02} h"


def when(us: int | None) -> str:
    """Write a time (microseconds UTC) to the second, in UTC; "" for None."""
    if us is None:
        return ""
    return datetime.fromtimestamp(us / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def invocation(node_id: str, key: str) -> str:
    """Name an invocation: ``node``, or ``node[key]`` for an item of a map."""
    return f"{node_id}[{key}]" if key else node_id
