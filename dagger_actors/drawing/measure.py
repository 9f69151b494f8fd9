"""How wide a text stands in an SVG, which is written without the fonts that will draw it.

What is counted is DejaVu Sans Bold, the widest of the fonts that pictures name: no other one makes a text stand over its box.
"""

from __future__ import annotations

from typing import Final
from unicodedata import combining, east_asian_width

__all__ = ["BOLD", "REGULAR", "cut", "pixels"]

BOLD: Final = 1.0
REGULAR: Final = 0.95
"""Beside the same character in bold: what the widest of them have."""
GROUPS: Final = (
    (0.38, "'ijl /IJ\\|,."), (0.5, ":;-f!()[]tr"), (0.54, '_`"*'), (0.6, "?zcs"), (0.69, "LvxyakEFTeo·"),
    (0.74, "0123456789$hnu{}SYbdgpqCPZ"), (0.8, "BAKRVXU"), (0.89, "GDNHOQ&#+<=>^~"), (0.93, "w"), (1.06, "%@M…"), (1.11, "mW"),
)  # fmt: skip
WIDTHS: Final = {character: width for width, characters in GROUPS for character in characters}
"""In parts of the font's size."""
OTHER, WIDE = 0.95, 1.1
VERY_WIDE: Final = ((0x2E3A, 0x2E3B, 3.0), (0xA9C5, 0xA9C5, 3.0), (0xFDF0, 0xFDFF, 3.5), (0x12000, 0x1254F, 4.0))
"""First, last, width: dashes of several letters' length, an ornament, whole words in one sign, cuneiform."""
UNSEEN: Final = frozenset("\u200c\u200d") | frozenset(map(chr, range(0xFE00, 0xFE10)))
"""What joins letters and parts of emoji, or chooses their form."""
SENTENCE: Final = {"\ufdfd": 12.0}
"""A sign that is a sentence."""


def pixels(text: str, size: float, weight: float = BOLD) -> float:
    """Measure a text.

    Args:
        text: One line.
        size: Of the font, in pixels.
        weight: ``BOLD`` or ``REGULAR``.
    """
    return sum(map(_em, text)) * size * weight


def cut(text: str, room: float, size: float, weight: float = BOLD) -> str:
    """Cut a text to ``room`` pixels, its last character an ellipsis when something was cut; that one stays in any case."""
    if pixels(text, size, weight) <= room:
        return text
    left = room - pixels("…", size, weight)
    for number, character in enumerate(text):
        left -= pixels(character, size, weight)
        if left < 0:
            return f"{text[:number]}…"
    return text


def _em(character: str) -> float:
    known = WIDTHS.get(character) or SENTENCE.get(character)
    if known is not None:
        return known
    if combining(character) or character in UNSEEN:
        return 0.0
    code = ord(character)
    if code >= VERY_WIDE[0][0]:
        for first, last, width in VERY_WIDE:
            if first <= code <= last:
                return width
    return WIDE if east_asian_width(character) in "WF" else OTHER
