"""Writes a picture as an SVG that stands alone: no script, no font and no file from elsewhere, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from math import ceil

import msgspec

from dagger_actors.drawing.layout import Layout, Path, Point, place
from dagger_actors.drawing.measure import BOLD, REGULAR, cut, pixels
from dagger_actors.drawing.palette import DARK, LIGHT, Colour
from dagger_actors.drawing.picture import STATES, Mark, Picture, PictureNode
from dagger_actors.errors import RequestError

__all__ = ["svg_if_it_can_be", "write_heading", "write_svg"]

NAMESPACE = "http://www.w3.org/2000/svg"
NAME, ACTION, NOTE = (13.0, BOLD), (11.5, REGULAR), (11.0, REGULAR)
"""Font sizes of the three lines of a box, in pixels, and their weights."""
HEADING, SUMMARY, LABEL = (17.0, BOLD), (12.0, REGULAR), (10.0, REGULAR)
"""Those of the title, of the line below it, and beside an edge."""
NARROWEST, WIDEST = 102.0, 270.0
"""Room for the texts of a box, in pixels."""
PADDING = 26.0
MARGIN, HEADER, LEGEND = 24.0, 58.0, 34.0
WIDEST_HEADING = 640.0
"""What a long title may make of a small picture's width; the rest of it is in its tooltip."""
STACK = 5.0
"""How far the boxes behind a mapped node stand out."""
ARROW = 7.0
PLAIN_EDGE = Mark()


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """The measures of one drawing, in pixels.

    Attributes:
        sideways: Whether layers are columns: a wide flow reads better so.
        box_width: Of every box.
        box_height: Of every box.
        step_x: From one box to the next in a row.
        step_y: From one row to the next.
    """

    sideways: bool
    box_width: float
    box_height: float
    step_x: float
    step_y: float

    def at(self, point: Point) -> Point:
        """The middle of a place."""
        across, along = point
        x, y = (along, across) if self.sideways else (across, along)
        return MARGIN + self.box_width / 2 + x * self.step_x, HEADER + self.box_height / 2 + y * self.step_y


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
    columns, rows = (layout.along, layout.across) if frame.sideways else (layout.across, layout.along)
    shown = [state for state in STATES if any(node.state == state for node in picture.nodes)]
    has_dashed = any(mark.is_dashed for mark in picture.marks.values())
    entries = len(shown) + has_dashed
    heading = max(
        min(max(pixels(picture.title, *HEADING), pixels(picture.subtitle, *SUMMARY)), WIDEST_HEADING), entries * 104.0
    )
    wide = 2 * MARGIN + max((columns - 1) * frame.step_x + frame.box_width + STACK * 2, heading)
    high = HEADER + MARGIN + max(rows - 1, 0) * frame.step_y + frame.box_height + (LEGEND if entries else 0)
    size = f'width="{wide:.0f}" height="{high:.0f}"'
    parts = [
        f'<svg xmlns="{NAMESPACE}" class="dagger-picture" role="img" {size} viewBox="0 0 {wide:.0f} {high:.0f}">',
        f"<title>{escape(picture.title)}</title>",
        f"<style>{_style(shown)}</style>",
        f'<rect class="ground" {size} rx="10"/>',
        *write_heading(picture.title, picture.subtitle, MARGIN, wide),
    ]
    parts += [
        _edge(path, frame, picture.marks.get(edge, PLAIN_EDGE))
        for path, edge in zip(layout.paths, picture.edges, strict=True)
    ]
    parts += [
        line
        for node, point in zip(picture.nodes, layout.boxes, strict=True)
        for line in _box(node, *frame.at(point), frame)
    ]
    parts += _legend(shown, high, has_dashed=has_dashed)
    return "\n".join([*parts, "</svg>"]) + "\n"


def write_heading(title: str, subtitle: str, margin: float, wide: float) -> Iterator[str]:
    """Write what stands above a picture of ``wide`` pixels."""
    yield f'<text class="heading" x="{margin:g}" y="30">{_fitting(title, wide - 2 * margin, HEADING)}</text>'
    yield f'<text class="summary" x="{margin:g}" y="47">{_fitting(subtitle, wide - 2 * margin, SUMMARY)}</text>'


def _fitting(text: str, room: float, font: tuple[float, float]) -> str:
    """Escape a text, cut to a width; whole in its tooltip where something was cut."""
    shown = cut(text, room, *font)
    return escape(shown) if shown == text else f"{escape(shown)}<title>{escape(text)}</title>"


def _frame(picture: Picture, layout: Layout) -> Frame:
    longest = max(
        (
            max(pixels(node.title, *NAME), pixels(node.subtitle, *ACTION), pixels(_third(node), *NOTE))
            for node in picture.nodes
        ),
        default=0.0,
    )
    box_width = min(max(ceil(longest), NARROWEST), WIDEST) + PADDING
    has_third = any(node.state is not None or node.note for node in picture.nodes)
    box_height = 64.0 if has_third else 48.0
    sideways = layout.across * box_width > layout.along * box_height * 4 and layout.along > 1
    # Sideways, a label lies along its edge, which is to be seen before and behind it.
    labels = max((pixels(cut(mark.label, WIDEST, *LABEL), *LABEL) for mark in picture.marks.values()), default=0.0)
    gap_x, gap_y = (max(58.0, labels + 44 if labels else 0), 18.0) if sideways else (26.0, 46.0)
    return Frame(
        sideways=sideways, box_width=box_width, box_height=box_height, step_x=box_width + gap_x, step_y=box_height + gap_y
    )  # fmt: skip


def _edge(path: Path, frame: Frame, mark: Mark) -> str:
    """Straight through each layer, a curve from each to the next, an arrow head at the end; its label beside the first curve."""
    half = (frame.box_width if frame.sideways else frame.box_height) / 2
    points = [frame.at(point) for point in path.points]
    turned = [(y, x) if frame.sideways else (x, y) for x, y in points]  # across, along: as if from top to bottom
    across, along = turned[0]
    steps = [("M", [(across, along + half)])]
    for number, (to_across, to_along) in enumerate(turned[1:], 1):
        is_last = number == len(turned) - 1
        start, end = along + half, to_along - half - (ARROW if is_last and mark.heads != "start" else 0)
        middle = (start + end) / 2
        steps.append(("C", [(across, middle), (to_across, middle), (to_across, end)]))
        if not is_last:
            steps.append(("L", [(to_across, to_along + half)]))
        across, along = to_across, to_along
    heads = [] if mark.heads == "start" else [_head(across, along - half, -1)]
    if mark.heads != "end":
        heads.append(_head(turned[0][0], turned[0][1] + half, 1))
    beside = ((turned[0][0] + turned[1][0]) / 2, (turned[0][1] + turned[1][1]) / 2)

    def written(place: list[Point]) -> str:
        return " ".join(f"{b:.1f},{a:.1f}" if frame.sideways else f"{a:.1f},{b:.1f}" for a, b in place)

    line = " ".join(f"{letter}{written(place)}" for letter, place in steps)
    kind = "edge dashed" if mark.is_dashed else "edge"
    drawn = f'<path class="{kind}" d="{line}"/>' + "".join(
        f'<polygon class="head" points="{written(head)}"/>' for head in heads
    )
    if not mark.label:
        return drawn
    x, y = (beside[1], beside[0]) if frame.sideways else beside
    return f'{drawn}<text class="label" x="{x:.1f}" y="{y + 3:.1f}">{escape(cut(mark.label, WIDEST, *LABEL))}</text>'


def _head(across: float, tip: float, back: int) -> list[Point]:
    return [(across, tip), (across - 4, tip + back * (ARROW + 1)), (across + 4, tip + back * (ARROW + 1))]


def _box(node: PictureNode, x: float, y: float, frame: Frame) -> Iterator[str]:
    left, top = x - frame.box_width / 2, y - frame.box_height / 2
    size = f'width="{frame.box_width:.1f}" height="{frame.box_height:.1f}" rx="9"'
    room = frame.box_width - PADDING
    kind = f"node {node.state or 'plain'}{' aside' if node.is_aside else ''}"
    yield f'<g class="{kind}"><title>{escape(_tooltip(node))}</title>'
    for behind in (2, 1) if node.is_mapped else ():
        yield f'<rect x="{left + STACK * behind:.1f}" y="{top + STACK * behind:.1f}" {size}/>'
    yield f'<rect x="{left:.1f}" y="{top:.1f}" {size}/>'
    if node.is_whole:
        inner = f'width="{frame.box_width - 8:.1f}" height="{frame.box_height - 8:.1f}" rx="6"'
        yield f'<rect x="{left + 4:.1f}" y="{top + 4:.1f}" {inner}/>'
    third = _third(node)
    first = y - 3 - (8 if third else 0)
    yield f'<text class="name" x="{x:.1f}" y="{first:.1f}">{escape(cut(node.title, room, *NAME))}</text>'
    yield f'<text class="action" x="{x:.1f}" y="{first + 16:.1f}">{escape(cut(node.subtitle, room, *ACTION))}</text>'
    if third:
        yield f'<text class="note" x="{x:.1f}" y="{first + 32:.1f}">{escape(cut(third, room, *NOTE))}</text>'
    yield "</g>"


def _third(node: PictureNode) -> str:
    return " · ".join(part for part in ((node.state or "").replace("_", " "), node.note) if part)


def _tooltip(node: PictureNode) -> str:
    state = [f"state: {node.state.replace('_', ' ')}"] if node.state is not None else []
    return "\n".join([node.title, *state, *(f"{name}: {text}" for name, text in node.facts)])


def _legend(shown: list[str], high: float, *, has_dashed: bool) -> Iterator[str]:
    y = high - MARGIN
    for number, state in enumerate(shown):
        x = MARGIN + number * 104
        yield f'<g class="node {state}"><rect x="{x:g}" y="{y - 10:g}" width="14" height="14" rx="4"/></g>'
        yield f'<text class="summary" x="{x + 20:g}" y="{y + 1:g}">{state.replace("_", " ")}</text>'
    if has_dashed:
        x = MARGIN + len(shown) * 104
        yield f'<path class="edge dashed" d="M{x:g},{y - 3:g} h22"/>'
        yield f'<text class="summary" x="{x + 28:g}" y="{y + 1:g}">adds or calls</text>'


def _style(shown: list[str]) -> str:
    """Every rule begins with the picture's own class: it may stand in a page, beside others."""
    plain_light, plain_dark = Colour("#ffffff", "#8a97a8", "#1f2937"), Colour("#1c232d", "#718096", "#e5eaf0")
    light = {"plain": plain_light} | {state: LIGHT[state] for state in shown}
    dark = {"plain": plain_dark} | {state: DARK[state] for state in shown}
    return (
        ".dagger-picture{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',Helvetica,sans-serif;max-width:none}"
        ".dagger-picture .heading{font-size:17px;font-weight:600}.dagger-picture .summary{font-size:12px}"
        ".dagger-picture .node text{text-anchor:middle}.dagger-picture .name{font-size:13px;font-weight:600}"
        ".dagger-picture .action{font-size:11.5px;opacity:.8}.dagger-picture .note{font-size:11px}"
        ".dagger-picture .edge{fill:none;stroke-width:1.4}.dagger-picture .node rect{stroke-width:1.4}"
        ".dagger-picture .label{font-size:10px;text-anchor:middle;paint-order:stroke;stroke-width:4px}"
        ".dagger-picture .skipped rect{stroke-dasharray:4 3}.dagger-picture .dashed{stroke-dasharray:5 4}"
        ".dagger-picture .aside rect{rx:2px;stroke-dasharray:1.5 2.5}.dagger-picture .aside .name{font-weight:400}"
        + _colours(light, "#fbfcfd", "#1f2937", "#5b6675", "#97a3b3")
        + "@media (prefers-color-scheme:dark){"
        + _colours(dark, "#12171e", "#e5eaf0", "#9aa7b6", "#64748b")
        + "}"
    )


def _colours(boxes: dict[str, Colour], ground: str, heading: str, summary: str, edge: str) -> str:
    rules = (
        f".dagger-picture .ground{{fill:{ground}}}.dagger-picture .heading{{fill:{heading}}}"
        f".dagger-picture .summary{{fill:{summary}}}"
        f".dagger-picture .edge{{stroke:{edge}}}.dagger-picture .head{{fill:{edge}}}"
        f".dagger-picture .label{{fill:{summary};stroke:{ground}}}"
    )
    return rules + "".join(
        f".dagger-picture .{state} rect{{fill:{colour.fill};stroke:{colour.line}}}"
        f".dagger-picture .{state} text{{fill:{colour.text}}}"
        for state, colour in boxes.items()
    )
