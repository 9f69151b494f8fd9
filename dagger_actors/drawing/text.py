"""Text on its way into a picture: ids, values and errors are written by anybody, and every format has its own traps."""

from __future__ import annotations

import re
from unicodedata import category, east_asian_width

__all__ = ["INVISIBLE", "duration", "shorten", "visible", "width"]

INVISIBLE = (
    "\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
)
"""What reorders text, breaks a line, steers a terminal or is not seen at all, beyond the first 32; between the brackets of a
pattern. What joins letters and parts of emoji is none of it: words and faces need it."""
# With what XML 1.0 cannot hold even as a reference.
HOSTILE = re.compile(f"[\x00-\x1f{INVISIBLE}\ufdd0-\ufdef\ufffe\uffff]")

PILED = 4
"""Marks on one letter that writing needs, as pointed Hebrew does."""


def visible(text: str) -> str:
    r"""Make it one line that shows what it holds: control characters become their escape, as in ``\x1b`` or ``\n``.

    So do marks that are piled up on a letter beyond ``PILED``: they would be drawn over the lines above and below.
    """
    return HOSTILE.sub(lambda found: _escape(found.group()), text if text.isascii() else _without_piles(text))


def _without_piles(text: str) -> str:
    shown, piled = [], 0
    for character in text:
        piled = piled + 1 if category(character) in ("Mn", "Me") else 0
        shown.append(_escape(character) if piled > PILED else character)
    return "".join(shown)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def width(text: str) -> int:
    """Count the cells that a text takes: an East Asian wide character takes two."""
    return len(text) + sum(east_asian_width(character) in "WF" for character in text)


def shorten(text: str, cells: int) -> str:
    """Cut to ``cells`` (1 or more), the last one an ellipsis when something was cut."""
    if len(text) * 2 <= cells or width(text) <= cells:
        return text
    kept, used = "", 0
    for character in text[:cells]:
        used += width(character)
        if used > cells - 1:
            break
        kept += character
    return f"{kept}…"


def duration(us: int) -> str:
    """Write microseconds as people read them: ``0.4 ms``, ``12 ms``, ``3.2 s``, ``4 min 05 s``, ``2 h 03 min``, ``4 d 23 h``."""
    seconds = us / 1_000_000
    if us < 10_000:
        return f"{round(us / 1000, 1):g} ms"
    if seconds < 1:
        return f"{us / 1000:.0f} ms"
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours < 24 else f"{hours // 24} d {hours % 24:02} h"
