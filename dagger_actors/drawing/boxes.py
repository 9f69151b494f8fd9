"""The boxes of an SVG: their texts and sizes, the boxes themselves, and what stands for them in the legend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from math import ceil
from typing import Final

from dagger_actors.drawing.measure import BOLD, REGULAR, cut, pixels
from dagger_actors.drawing.picture import STATES, PictureNode
from dagger_actors.drawing.sheet import Sign

__all__ = ["STACK", "draw_box", "size_of_boxes", "states_in"]

FONTS: Final = {"name": (13.0, BOLD), "action": (11.5, REGULAR), "note": (11.0, REGULAR), "remark": (10.5, REGULAR)}
"""Sizes of the lines of a box, in pixels, and their weights."""
LINE: Final = 16.0
NARROWEST, WIDEST = 102.0, 270.0
"""Room for the texts of a box, in pixels."""
WIDEST_REMARK: Final = 240.0
"""What an error may make of all boxes' width; the whole of it is in the tooltip."""
PADDING: Final = 26.0
STACK: Final = 5.0
"""How far the boxes behind a mapped node stand out."""


def _lines(node: PictureNode) -> list[tuple[str, str]]:
    """What stands in a box, line by line; the first two always."""
    third = " · ".join(part for part in ((node.state or "").replace("_", " "), node.note) if part)
    below = [("note", third), ("remark", node.remark)]
    return [("name", node.title), ("action", node.subtitle), *(line for line in below if line[1])]


def size_of_boxes(nodes: Sequence[PictureNode]) -> tuple[float, float]:
    """How wide and how high each box is to be, in pixels: all are alike."""
    longest, lines = NARROWEST, 2
    for node in nodes:
        found = _lines(node)
        lines = max(lines, len(found))
        for kind, text in found:
            longest = max(longest, min(pixels(text, *FONTS[kind]), WIDEST_REMARK if kind == "remark" else WIDEST))
    return ceil(longest) + PADDING, LINE * (lines + 1)


def draw_box(node: PictureNode, x: float, y: float, wide: float, high: float) -> Iterator[str]:
    """Draw a box around a place."""
    left, top = x - wide / 2, y - high / 2
    size = f'width="{wide:.1f}" height="{high:.1f}" rx="9"'
    kind = f"node {node.state or 'plain'}{' aside' if node.is_aside else ''}"
    yield f'<g class="{kind}"><title>{escape(_tooltip(node))}</title>'
    for behind in (2, 1) if node.is_mapped else ():
        yield f'<rect x="{left + STACK * behind:.1f}" y="{top + STACK * behind:.1f}" {size}/>'
    yield f'<rect x="{left:.1f}" y="{top:.1f}" {size}/>'
    if node.is_whole:
        inner = f'width="{wide - 8:.1f}" height="{high - 8:.1f}" rx="6"'
        yield f'<rect x="{left + 4:.1f}" y="{top + 4:.1f}" {inner}/>'
    lines = _lines(node)
    first = y + 13 - LINE * len(lines) / 2
    for number, (kind, text) in enumerate(lines):
        shown = escape(cut(text, wide - PADDING, *FONTS[kind]))
        yield f'<text class="{kind}" x="{x:.1f}" y="{first + LINE * number:.1f}">{shown}</text>'
    yield "</g>"


def _tooltip(node: PictureNode) -> str:
    state = [f"state: {node.state.replace('_', ' ')}"] if node.state is not None else []
    return "\n".join([node.title, *state, *(f"{name}: {text}" for name, text in node.facts)])


def states_in(nodes: Sequence[PictureNode]) -> list[Sign]:
    """The signs of the states that there are."""
    found = {node.state for node in nodes}
    return [_sign(state) for state in STATES if state in found]


def _sign(state: str) -> Sign:
    def draw(x: float, y: float) -> str:
        return f'<g class="node {state}"><rect x="{x:.1f}" y="{y - 7:.1f}" width="14" height="14" rx="4"/></g>'

    return Sign(draw, 14, state.replace("_", " "))
