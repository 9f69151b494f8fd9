"""What every SVG of ours stands on: its ground and heading, a description for whoever does not see it, a legend."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import Final

import msgspec

from dagger_actors.drawing.measure import BOLD, REGULAR, cut, pixels

__all__ = ["FONT", "MARGIN", "Legend", "Sheet", "Sign", "heading_width"]

MARGIN: Final = 24.0
HEADING, SUMMARY = (17.0, BOLD), (12.0, REGULAR)
"""Font sizes of the title and of the line below it, in pixels, and their weights."""
WIDEST_HEADING: Final = 640.0
"""What a long title may make of a small picture's width; the rest of it is in its tooltip."""
GAP, LINE = 22.0, 22.0
"""Between two signs of a legend, and from one of its lines to the next."""
FONT: Final = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',Helvetica,sans-serif"


class Sign(msgspec.Struct, frozen=True):
    """What a legend explains.

    Attributes:
        draw: Draws it, given its left end and the height of its middle.
        wide: Pixels that it takes.
        word: What it stands for.
    """

    draw: Callable[[float, float], str]
    wide: float
    word: str

    @property
    def whole(self) -> float:
        """Pixels that it takes with its word."""
        return self.wide + 7 + pixels(self.word, *SUMMARY)


class Legend:
    """Signs side by side, in as many lines as they need.

    Attributes:
        high: Pixels; 0 without any sign.
        wide: Of the longest line, pixels.
    """

    def __init__(self, signs: Sequence[Sign], room: float) -> None:
        self._placed: list[tuple[float, int, Sign]] = []
        x, line = 0.0, 0
        self.wide = 0.0
        for sign in signs:
            if x and x + sign.whole > room:
                x, line = 0.0, line + 1
            self._placed.append((x, line, sign))
            self.wide = max(self.wide, x + sign.whole)
            x += sign.whole + GAP
        self.high = LINE * (line + 1) + 24 if signs else 0.0

    def drawn(self, left: float, top: float) -> Iterator[str]:
        """Draw it at a place."""
        for x, line, sign in self._placed:
            y = top + 12 + LINE * (line + 0.5)
            yield sign.draw(left + x, y)
            yield f'<text class="summary" x="{left + x + sign.wide + 7:.1f}" y="{y + 4:.1f}">{escape(sign.word)}</text>'


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of a drawing.

    Attributes:
        kind: The class of the SVG, with which every rule of its style begins: it may stand in a page, beside others.
        title: Its heading, and its name for those who do not see it.
        subtitle: The line below.
        described: What it shows, in words.
        style: Its CSS.
        wide: Pixels.
        high: Pixels.
    """

    kind: str
    title: str
    subtitle: str
    described: str
    style: str
    wide: float
    high: float

    def around(self, drawn: Sequence[str]) -> str:
        """Write the document."""
        size = f'width="{self.wide:.0f}" height="{self.high:.0f}"'
        opening = f'class="{self.kind}" role="img" {size} viewBox="0 0 {self.wide:.0f} {self.high:.0f}"'
        room = self.wide - 2 * MARGIN
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" {opening}>',
                f"<title>{escape(self.title)}</title>",
                f"<desc>{escape(self.described)}</desc>",
                f"<style>{self.style}</style>",
                f'<rect class="ground" {size} rx="10"/>',
                f'<text class="heading" x="{MARGIN:g}" y="30">{_fitting(self.title, room, HEADING)}</text>',
                f'<text class="summary" x="{MARGIN:g}" y="48">{_fitting(self.subtitle, room, SUMMARY)}</text>',
                *drawn,
                "</svg>",
                "",
            ]
        )


def heading_width(title: str, subtitle: str) -> float:
    """Pixels that a heading is given, however small the picture below it is."""
    return min(max(pixels(title, *HEADING), pixels(subtitle, *SUMMARY)), WIDEST_HEADING)


def _fitting(text: str, room: float, font: tuple[float, float]) -> str:
    """Escape a text, cut to a width; whole in its tooltip where something was cut."""
    shown = cut(text, room, *font)
    return escape(shown) if shown == text else f"{escape(shown)}<title>{escape(text)}</title>"
