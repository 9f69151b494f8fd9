"""Writes a picture as an SVG that stands alone: no script, no font and no file from elsewhere, light and dark."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import Final

import msgspec

from dagger_actors.core.wording import counted
from dagger_actors.drawing.boxes import STACK, draw_box, size_of_boxes, states_in
from dagger_actors.drawing.layout import Layout, Path, Point, place
from dagger_actors.drawing.measure import REGULAR, cut, pixels
from dagger_actors.drawing.palette import DARK, LIGHT, Colour
from dagger_actors.drawing.picture import STATES, Mark, Picture, names
from dagger_actors.drawing.sheet import FONT, MARGIN, Legend, Sheet, Sign, heading_width
from dagger_actors.errors import RequestError

__all__ = ["svg_if_it_can_be", "write_svg"]

LABEL = (10.0, REGULAR)
"""Font size of what stands beside an edge, in pixels, and its weight."""
WIDEST_LABEL: Final = 270.0
HEADER: Final = 70.0
ARROW: Final = 7.0
BLOCK: Final = 8.0
"""How far the frame around a block stands out."""
INNER: Final = 18.0
"""Between the rows of a layer: of a block, of what nothing is joined to."""
TOLD: Final = 12
"""Nodes in trouble that the description tells of; the rest is counted."""
PLAIN_EDGE = Mark()


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """The measures of one drawing, in pixels.

    Attributes:
        sideways: Whether layers are columns: a wide flow reads better so.
        box_width: Of every box.
        box_height: Of every box.
        gap: Between boxes of a layer.
        arrows: Between layers.
        tops: The rows with which the layers begin.
    """

    sideways: bool
    box_width: float
    box_height: float
    gap: float
    arrows: float
    tops: tuple[int, ...]

    def at(self, point: Point) -> Point:
        """The middle of a place."""
        across, along = point
        layers = bisect_right(self.tops, along) - 1
        size_across, size_along = self.box_width, self.box_height
        if self.sideways:
            size_across, size_along = size_along, size_across
        x = (size_across + self.gap) * across
        y = (size_along + INNER) * along + (self.arrows - INNER) * layers
        if self.sideways:
            x, y = y, x
        return MARGIN + self.box_width / 2 + x, HEADER + self.box_height / 2 + y


def svg_if_it_can_be(picture: Picture) -> str:
    """Draw a picture; empty where it is too large, or the extra ``graph`` is not installed."""
    try:
        return write_svg(picture)
    except RequestError:
        return ""


def write_svg(picture: Picture) -> str:
    """Draw a picture.

    Raises:
        RequestError: It is too large, or the extra ``graph`` is not installed.
    """
    layout = place(picture)
    frame = _frame(picture, layout)
    right, low = frame.at((max(layout.across - 1, 0), max(layout.along - 1, 0)))
    right, bottom = right + frame.box_width / 2 + STACK * 2, low + frame.box_height / 2 + STACK * 2
    signs = states_in(picture.nodes)
    if any(mark.is_dashed for mark in picture.marks.values()):
        signs.append(Sign(lambda x, y: f'<path class="edge dashed" d="M{x:.1f},{y:.1f} h22"/>', 22, "adds or calls"))
    wide = max(right - MARGIN, heading_width(picture.title, picture.subtitle))
    legend = Legend(signs, max(wide, 320.0))
    parts = [_block(corners, frame) for corners in layout.frames]
    marked = [(path, picture.marks.get(path.edge, PLAIN_EDGE)) for path in layout.paths]
    parts += [_edge(path, frame, mark) for path, mark in marked]
    for node, point in zip(picture.nodes, layout.boxes, strict=True):
        parts += draw_box(node, *frame.at(point), frame.box_width, frame.box_height)
    parts += [_label(path, frame, mark) for path, mark in marked if mark.label]
    parts += legend.drawn(MARGIN, bottom)
    return Sheet(
        kind="dagger-picture",
        title=picture.title,
        subtitle=picture.subtitle,
        described=_described(picture),
        style=_style({node.state for node in picture.nodes}),
        wide=2 * MARGIN + max(wide, legend.wide),
        high=bottom + max(legend.high, MARGIN - STACK * 2),
    ).around(parts)


def _described(picture: Picture) -> str:
    """The picture in words: how many are in which state, and what went wrong."""
    states = Counter(node.state for node in picture.nodes)
    shown = [f"{states[state]:,} {state.replace('_', ' ')}" for state in STATES if states[state]]
    of = ", ".join(shown) if shown else names(node.title for node in picture.nodes)
    wrong = [f"{node.title}: {node.remark}" for node in picture.nodes if node.remark]
    more = [f"and {len(wrong) - TOLD:,} more"] if len(wrong) > TOLD else []
    whole = f"{counted(len(picture.nodes), 'node')}: {of}" if picture.nodes else ""
    return "\n".join(line for line in (picture.subtitle, whole, *wrong[:TOLD], *more) if line)


def _frame(picture: Picture, layout: Layout) -> Frame:
    box_width, box_height = size_of_boxes(picture.nodes)
    sideways = layout.across * box_width > layout.along * box_height * 4 and layout.along > 1
    # Sideways, a label lies along its edge, which is to be seen before and behind it.
    labels = max((pixels(_told(mark), *LABEL) for mark in picture.marks.values()), default=0.0)
    return Frame(
        sideways=sideways,
        box_width=box_width,
        box_height=box_height,
        gap=18.0 if sideways else 26.0,
        arrows=max(58.0, labels + 44 if labels else 0) if sideways else 46.0,
        tops=layout.tops,
    )


def _told(mark: Mark) -> str:
    return cut(mark.label, WIDEST_LABEL, *LABEL)


def _block(corners: tuple[Point, Point], frame: Frame) -> str:
    """The frame around boxes that are alike, to which one arrow leads."""
    (x, y), (right, low) = frame.at(corners[0]), frame.at(corners[1])
    left, top = x - frame.box_width / 2 - BLOCK, y - frame.box_height / 2 - BLOCK
    wide, high = right - x + frame.box_width + 2 * BLOCK, low - y + frame.box_height + 2 * BLOCK
    return f'<rect class="block" x="{left:.1f}" y="{top:.1f}" width="{wide:.1f}" height="{high:.1f}" rx="14"/>'


def _turned(path: Path, frame: Frame, mark: Mark) -> list[tuple[float, float, float]]:
    """Where an edge stands in each layer, from its beginning there to its end, in pixels: as if from top to bottom."""
    half = (frame.box_width if frame.sideways else frame.box_height) / 2
    found = []
    for span in path.spans:
        begin, end = frame.at((span.across, span.begin)), frame.at((span.across, span.end))
        across, first, last = (begin[1], begin[0], end[0]) if frame.sideways else (begin[0], begin[1], end[1])
        found.append((across, first - half, last + half))
    (across, first, last), (to, begin_to, end_to) = found[0], found[-1]
    start = first + 2 * half + BLOCK * path.is_from_block
    tip = end_to - 2 * half - BLOCK * path.is_to_block - (0 if mark.heads == "start" else ARROW)
    found[0] = (across, start, max(start, last))
    found[-1] = (to, min(begin_to, tip), tip)
    return found


def _edge(path: Path, frame: Frame, mark: Mark) -> str:
    """Straight through each layer, a curve from each to the next, an arrow head at the end."""
    spans = _turned(path, frame, mark)
    (across, start, leaves), *rest = spans
    steps = [("M", [(across, start)])] + ([("L", [(across, leaves)])] if leaves > start else [])
    for to, begin, end in rest:
        middle = (leaves + begin) / 2
        steps.append(("C", [(across, middle), (to, middle), (to, begin)]))
        if end > begin:
            steps.append(("L", [(to, end)]))
        across, leaves = to, end
    heads = [] if mark.heads == "start" else [_head(across, leaves + ARROW, -1)]
    if mark.heads != "end":
        heads.append(_head(spans[0][0], start, 1))

    def written(place: Sequence[Point]) -> str:
        return " ".join(f"{b:.1f},{a:.1f}" if frame.sideways else f"{a:.1f},{b:.1f}" for a, b in place)

    line = " ".join(f"{letter}{written(place)}" for letter, place in steps)
    kind = "edge dashed" if mark.is_dashed else "edge"
    return f'<path class="{kind}" d="{line}"/>' + "".join(
        f'<polygon class="head" points="{written(head)}"/>' for head in heads
    )


def _head(across: float, tip: float, back: int) -> list[Point]:
    return [(across, tip), (across - 4, tip + back * (ARROW + 1)), (across + 4, tip + back * (ARROW + 1))]


def _label(path: Path, frame: Frame, mark: Mark) -> str:
    """Beside the first curve of an edge, above all the others."""
    (across, _, leaves), (to, begin, _), *_ = _turned(path, frame, mark)
    places = ((across + to) / 2, (leaves + begin) / 2)
    x, y = reversed(places) if frame.sideways else places
    return f'<text class="label" x="{x:.1f}" y="{y + 3:.1f}">{escape(_told(mark))}</text>'


def _style(shown: set[str | None]) -> str:
    """Every rule begins with the picture's own class: it may stand in a page, beside others."""
    plain_light, plain_dark = Colour("#ffffff", "#8a97a8", "#1f2937"), Colour("#1c232d", "#718096", "#e5eaf0")
    light = {"plain": plain_light} | {state: LIGHT[state] for state in STATES if state in shown}
    dark = {"plain": plain_dark} | {state: DARK[state] for state in STATES if state in shown}
    return (
        f".dagger-picture{{{FONT};max-width:none}}"
        ".dagger-picture .heading{font-size:17px;font-weight:600}.dagger-picture .summary{font-size:12px}"
        ".dagger-picture .node text{text-anchor:middle}.dagger-picture .name{font-size:13px;font-weight:600}"
        ".dagger-picture .action{font-size:11.5px;opacity:.9}.dagger-picture .note{font-size:11px}"
        ".dagger-picture .remark{font-size:10.5px}"
        ".dagger-picture .edge{fill:none;stroke-width:1.4}.dagger-picture .node rect{stroke-width:1.4}"
        ".dagger-picture .block{fill-opacity:.07;stroke-opacity:.6;stroke-width:1}"
        ".dagger-picture .label{font-size:10px;text-anchor:middle;paint-order:stroke;stroke-width:6px;stroke-linejoin:round}"
        ".dagger-picture .skipped rect{stroke-dasharray:4 3}.dagger-picture .dashed{stroke-dasharray:5 4}"
        ".dagger-picture .aside rect{rx:2px;stroke-dasharray:1.5 2.5}.dagger-picture .aside .name{font-weight:400}"
        + _colours(light, "#fbfcfd", "#1f2937", "#5b6675", "#7f8b9b")
        + "@media (prefers-color-scheme:dark){"
        + _colours(dark, "#12171e", "#e5eaf0", "#9aa7b6", "#74839a")
        + "}"
    )


def _colours(boxes: dict[str, Colour], ground: str, heading: str, summary: str, edge: str) -> str:
    rules = (
        f".dagger-picture .ground{{fill:{ground}}}.dagger-picture .heading{{fill:{heading}}}"
        f".dagger-picture .summary{{fill:{summary}}}.dagger-picture .block{{fill:{edge};stroke:{edge}}}"
        f".dagger-picture .edge{{stroke:{edge}}}.dagger-picture .head{{fill:{edge}}}"
        f".dagger-picture .label{{fill:{summary};stroke:{ground}}}"
    )
    return rules + "".join(
        f".dagger-picture .{state} rect{{fill:{colour.fill};stroke:{colour.line}}}"
        f".dagger-picture .{state} text{{fill:{colour.text}}}"
        for state, colour in boxes.items()
    )
