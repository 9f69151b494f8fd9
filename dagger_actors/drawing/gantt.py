"""Writes a chart as an SVG that stands alone, as ``svg`` writes pictures: no script, nothing from elsewhere, light and dark.

What a stretch of time was is told by its height and its line, how an attempt ended by a mark behind it: the colours only
repeat it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from html import escape

from dagger_actors.drawing.chart import Chart, Row, Segment, at_once, tick_label, ticks
from dagger_actors.drawing.measure import BOLD, REGULAR, cut, pixels
from dagger_actors.drawing.palette import DARK, LIGHT, Colour
from dagger_actors.drawing.picture import STATES
from dagger_actors.drawing.sheet import FONT, MARGIN, Legend, Sheet, Sign

__all__ = ["write_gantt"]

HEADER, AXIS, FOOT = 60.0, 26.0, 14.0
ROW = 24.0
NAME, NOTE = (12.5, BOLD), (11.5, REGULAR)
"""Font sizes of the two columns of text, in pixels, and their weights."""
WIDEST_NAME, WIDEST_NOTE = 290.0, 340.0
INDENT = 12.0
PLOT = 760.0
BINS = 190
"""Stretches that a row of many is cut into: 4 pixels each."""
MARK = 12.0
NARROWEST = 2.0
"""Pixels that even the shortest attempt has."""
TOLD = 100
"""Rows that the description has."""
WAITS = {"waiting": "waiting", "retry": "waits for its next try", "outside": "awaits a person or a message"}
MARKS = {
    "failed": "M-3,-3 L3,3 M-3,3 L3,-3",
    "timed_out": "M0,-6 V6",
    "cancelled": "M-3,5 L3,-5",
    "interrupted": "M0,-6 L-2.5,-1 L2.5,1 L0,6",
    "running": "M-2,-4 L3,0 L-2,4",
}
"""Behind the end of an attempt, around its place; what succeeded has none."""


class Plot:
    """Where times are, in pixels."""

    def __init__(self, chart: Chart, left: float) -> None:
        self.left = left
        self.start_us = chart.start_us
        self.length_us = max(1, chart.end_us - chart.start_us)

    def x(self, us: int) -> float:
        """The place of a time."""
        return self.left + min(max((us - self.start_us) / self.length_us, 0.0), 1.0) * PLOT


def write_gantt(chart: Chart) -> str:
    """Draw a chart."""
    names = max((pixels(_name(row), *NAME) + INDENT * row.is_item for row in chart.rows), default=0.0) + 14
    notes = max((pixels(_note(row), *NOTE) for row in chart.rows), default=0.0) + 26
    plot = Plot(chart, MARGIN + names)
    bottom = HEADER + AXIS + ROW * len(chart.rows)
    wide = plot.left + PLOT + notes + MARGIN
    legend = Legend(_signs(chart.rows), wide - 2 * MARGIN)
    parts = []
    for number in range(0, len(chart.rows), 2):
        y = HEADER + AXIS + ROW * number
        parts.append(f'<rect class="band" x="{MARGIN / 2:g}" y="{y:g}" width="{wide - MARGIN:.1f}" height="{ROW:g}"/>')
    parts += _axis(plot, bottom)
    for number, row in enumerate(chart.rows):
        parts += _row(row, plot, HEADER + AXIS + ROW * (number + 0.5))
    parts += legend.drawn(MARGIN, bottom + FOOT)
    return Sheet(
        kind="dagger-gantt",
        title=chart.title,
        subtitle=chart.subtitle,
        described=_described(chart),
        style=_style(),
        wide=wide,
        high=bottom + FOOT + max(legend.high, MARGIN),
    ).around(parts)


def _described(chart: Chart) -> str:
    """The chart in words: its rows, as far as they are not too many."""
    told = [f"{row.title}: {_whole_note(row)}" for row in chart.rows[:TOLD]]
    more = [f"and {len(chart.rows) - TOLD:,} more"] if len(chart.rows) > TOLD else []
    return "\n".join([chart.subtitle, *told, *more])


def _axis(plot: Plot, bottom: float) -> Iterator[str]:
    top = HEADER + AXIS
    for tick in ticks(plot.length_us):
        x = plot.x(plot.start_us + tick)
        yield f'<path class="grid" d="M{x:.1f},{top - 4:g} V{bottom:g}"/>'
        label = tick_label(tick)
        yield f'<text class="tick" x="{x:.1f}" y="{top - 9:g}">{label}</text>'
        if bottom - top > 20 * ROW:
            yield f'<text class="tick" x="{x:.1f}" y="{bottom + 13:g}">{label}</text>'


def _row(row: Row, plot: Plot, y: float) -> Iterator[str]:
    x = MARGIN + INDENT * row.is_item
    kind = "name item" if row.is_item else "name"
    yield f'<text class="{kind}" x="{x:g}" y="{y + 4:g}">{_told(_name(row), row.title)}</text>'
    note = _told(_note(row), _whole_note(row))
    yield f'<text class="note" x="{plot.left + PLOT + 20:.1f}" y="{y + 4:g}">{note}</text>'
    if row.is_many:
        yield from _many(row.segments, plot, y)
        return
    for segment in row.segments:
        yield from _segment(segment, plot, y)


def _name(row: Row) -> str:
    return cut(row.title, WIDEST_NAME - INDENT * row.is_item, *NAME)


def _whole_note(row: Row) -> str:
    return " · ".join(part for part in (row.state.replace("_", " "), row.note) if part)


def _note(row: Row) -> str:
    return cut(_whole_note(row), WIDEST_NOTE, *NOTE)


def _told(shown: str, whole: str) -> str:
    """A text as it is shown, whole in its tooltip where something was cut."""
    return escape(shown) if shown == whole else f"{escape(shown)}<title>{escape(whole)}</title>"


def _segment(segment: Segment, plot: Plot, y: float) -> Iterator[str]:
    left, right = plot.x(segment.start_us), plot.x(segment.end_us)
    told = f"<title>{escape(segment.told)}</title>" if segment.told else ""
    if segment.kind != "running":
        if segment.kind == "retry" and right - left > 2 * MARK:
            left += MARK  # beside the mark of the attempt that failed
        if segment.kind == "outside":
            right = max(right, left + NARROWEST)  # it was answered, however quickly
        if right - left >= 1:
            yield f'<g class="{segment.kind}">{told}<path d="M{left:.1f},{y:g} H{right:.1f}"/></g>'
        return
    wide = max(right - left, NARROWEST)
    mark = (
        f'<path class="mark" transform="translate({left + wide + 6:.1f},{y:g})" d="{MARKS[segment.state]}"/>'
        if segment.state in MARKS
        else ""
    )
    bar = f'<rect x="{left:.1f}" y="{y - 7:g}" width="{wide:.1f}" height="14" rx="{min(3.0, wide / 2):.1f}"/>'
    yield f'<g class="bar {segment.state}">{told}{bar}{mark}</g>'


def _many(segments: Sequence[Segment], plot: Plot, y: float) -> Iterator[str]:
    """An area whose height is how many are at work at once."""
    counts = at_once(segments, plot.start_us, plot.start_us + plot.length_us, BINS)
    most = max(counts)
    if not most:
        return
    base, step = y + 8, PLOT / BINS
    shown = [(number, 15 * count / most) for number, count in enumerate(counts) if count]
    bars = " ".join(
        f"M{plot.left + number * step:.1f},{base:g} v{-max(high, 1):.1f} h{step:.1f} V{base:g} Z"
        for number, high in shown
    )
    peak = f"up to {max(1, round(most)):,} at once"
    yield f'<g class="many"><title>{peak}</title><path d="{bars}"/></g>'


def _signs(rows: Sequence[Row]) -> list[Sign]:
    segments = [segment for row in rows if not row.is_many for segment in row.segments]
    states = {segment.state for segment in segments}
    kinds = {segment.kind for segment in segments}
    signs = [Sign(partial(_bar_sign, state), 34, state.replace("_", " ")) for state in STATES if state in states]
    signs += [Sign(partial(_wait_sign, kind), 26, word) for kind, word in WAITS.items() if kind in kinds]
    if any(row.is_many for row in rows):
        signs.append(Sign(_many_sign, 24, "how many at once"))
    return signs


def _bar_sign(state: str, x: float, y: float) -> str:
    bar = f'<rect x="{x:.1f}" y="{y - 6:.1f}" width="22" height="12" rx="3"/>'
    mark = (
        f'<path class="mark" transform="translate({x + 28:.1f},{y:.1f})" d="{MARKS[state]}"/>' if state in MARKS else ""
    )
    return f'<g class="bar {state}">{bar}{mark}</g>'


def _wait_sign(kind: str, x: float, y: float) -> str:
    return f'<g class="{kind}"><path d="M{x:.1f},{y:.1f} h26"/></g>'


def _many_sign(x: float, y: float) -> str:
    return f'<g class="many"><path d="M{x:.1f},{y + 6:.1f} v-5 h8 v-5 h8 v7 h8 v3 Z"/></g>'


def _style() -> str:
    """Every rule begins with the chart's own class: it may stand in a page, beside others."""
    return (
        f".dagger-gantt{{{FONT};max-width:none}}"
        ".dagger-gantt .heading{font-size:17px;font-weight:600}.dagger-gantt .summary{font-size:12px}"
        ".dagger-gantt .name{font-size:12.5px;font-weight:600}.dagger-gantt .item{font-size:11.5px;font-weight:400}"
        ".dagger-gantt .note{font-size:11.5px}.dagger-gantt .tick{font-size:11px;text-anchor:middle}"
        ".dagger-gantt path{fill:none}.dagger-gantt .grid{stroke-width:1}"
        ".dagger-gantt .bar rect{stroke-width:1.2}.dagger-gantt .succeeded rect{fill-opacity:.5}.dagger-gantt .mark{stroke-width:2}"
        ".dagger-gantt .waiting path{stroke-width:2}.dagger-gantt .retry path{stroke-width:4;stroke-dasharray:5 3}"
        ".dagger-gantt .outside path{stroke-width:4;stroke-dasharray:1.5 3}"
        + _colours(LIGHT, "#fbfcfd", "#f1f4f8", "#1f2937", "#5b6675", "#dde3ea")
        + "@media (prefers-color-scheme:dark){"
        + _colours(DARK, "#12171e", "#181f28", "#e5eaf0", "#9aa7b6", "#2a3441")
        + "}"
    )


def _colours(states: dict[str, Colour], ground: str, band: str, heading: str, summary: str, grid: str) -> str:
    wait, again, out, busy = states["pending"].line, states["waiting"].line, states["paused"].line, states["running"]
    return (
        f".dagger-gantt .ground{{fill:{ground}}}.dagger-gantt .band{{fill:{band}}}"
        f".dagger-gantt .heading,.dagger-gantt .name{{fill:{heading}}}"
        f".dagger-gantt .summary,.dagger-gantt .note,.dagger-gantt .tick{{fill:{summary}}}.dagger-gantt .grid{{stroke:{grid}}}"
        f".dagger-gantt .waiting path{{stroke:{wait}}}.dagger-gantt .retry path{{stroke:{again}}}"
        f".dagger-gantt .outside path{{stroke:{out}}}"
        f".dagger-gantt .many path{{fill:{busy.line};fill-opacity:.5}}"
    ) + "".join(
        f".dagger-gantt .{state} rect{{fill:{colour.line};stroke:{colour.line}}}"
        f".dagger-gantt .{state} .mark{{stroke:{colour.line}}}"
        for state, colour in states.items()
        if state in (*MARKS, "succeeded")
    )
