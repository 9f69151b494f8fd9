"""Outputs and failures as text for people.

Everything that comes from a flow, an action or a database goes through ``text.printable`` or ``text.one_line``, and
into rich as ``Text``, which reads no markup.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dagger_actors.bodies.artifact_ref import ArtifactRef
from dagger_actors.cli.text import invocation, one_line, printable, shorten
from dagger_actors.core.wording import counted
from dagger_actors.flow.reports.report import AttemptReport, NodeReport, Report

__all__ = ["TRACE_LINES", "failures", "outputs", "stdout"]

TABLE_ROWS: Final = 50
FAILURES: Final = 20
TRACE_LINES: Final = 30
LONGEST_VALUE: Final = 2000
LONGEST_CELL: Final = 80
WIDE: Final = 200
"""Columns where there is no terminal to fit into."""

STYLES: Final = {
    "succeeded": "green",
    "failed": "red",
    "timed_out": "red",
    **dict.fromkeys(("cancelled", "paused", "interrupted"), "yellow"),
}


def stdout() -> Console:
    """Make the console for results."""
    return Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else WIDE)


def plain(*headings: str, right: Sequence[str] = ()) -> Table:
    """Make a table without lines, whose cells are never cut; ``right`` names the columns of numbers."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in headings:
        is_number = heading in right
        table.add_column(
            Text(one_line(heading)), justify="right" if is_number else "left", overflow="fold", no_wrap=is_number
        )
    return table


# --- outputs


def outputs(console: Console, values: Mapping[str, Any]) -> None:
    """Print a run's outputs: rows as a table, pairs aligned, everything else as one value."""
    for name, value in values.items():
        title = Text(one_line(name), style="bold")
        if is_rows(value):
            console.print(title)
            console.print(rows_table(value))
            if len(value) > TABLE_ROWS:
                console.print(f"... and {len(value) - TABLE_ROWS} more rows; --json gives them all")
        elif isinstance(value, dict) and value and all(map(is_scalar, value.values())):
            console.print(title)
            width = max(len(one_line(str(key))) for key in value)
            for key, cell in value.items():
                console.print(Text(f"  {one_line(str(key)):{width}}  {cell_text(cell)}"), soft_wrap=True)
        else:
            console.print(Text.assemble(title, ": ", value_text(value)), soft_wrap=True)


def is_scalar(value: object) -> bool:
    """Tell whether it fits a cell."""
    return value is None or isinstance(value, (str, int, float, bool))


def is_rows(value: object) -> bool:
    """Tell whether it is a table: a list of mappings with the same keys and scalar values."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(row, dict) and row.keys() == value[0].keys() for row in value)
        and bool(value[0])
        and all(is_scalar(cell) for row in value for cell in row.values())
    )


def rows_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Lay out rows of equal keys."""
    shown = rows[:TABLE_ROWS]
    names = [str(name) for name in rows[0]]
    numbers = [str(name) for name in rows[0] if all(type(row[name]) in (int, float) for row in shown)]
    table = plain(*names, right=numbers)
    for row in shown:
        table.add_row(*(Text(cell_text(cell)) for cell in row.values()))
    return table


def cell_text(value: object) -> str:
    """Write a scalar; true, false and null as in JSON."""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return shorten(one_line(text), LONGEST_CELL)


def value_text(value: object) -> str:
    """Write any output on as many lines as it has."""
    if isinstance(value, ArtifactRef):
        return one_line(f"artifact {value.artifact_id[:12]} ({value.media_type}, {counted(value.size_bytes, 'byte')})")
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    if len(text) > LONGEST_VALUE:
        text = f"{text[:LONGEST_VALUE]}... ({len(text) - LONGEST_VALUE:,} more characters; --json gives it whole)"
    return printable(text)


# --- a run


def failures(report: Report) -> list[str]:
    """Name the invocations that failed for good, each with its last error and where that was raised.

    The first one's traceback is given whole, of the others the last frame; what is beyond ``FAILURES`` is counted.
    """
    failed = [node for node in report.nodes if node.state in ("failed", "timed_out")]
    lines, has_frames = [], False
    for node in failed[:FAILURES]:
        lines.append(failure(node))
        frames = trace(node.attempts[-1] if node.attempts else None, whole=not has_frames)
        has_frames = has_frames or bool(frames)
        lines += frames
    if len(failed) > FAILURES:
        lines.append(f"... and {len(failed) - FAILURES} more failed")
    return lines


def failure(node: NodeReport) -> str:
    """Write one failed invocation as a line."""
    attempt = node.attempts[-1] if node.attempts else None
    tries = f" after {len(node.attempts)} attempts" if len(node.attempts) > 1 else ""
    why = error_text(attempt) or one_line(node.reason or "")
    return f"{one_line(invocation(node.node_id, node.invocation_key))} {node.state}{tries}" + (
        f": {why}" if why else ""
    )


def error_text(attempt: AttemptReport | None) -> str:
    """Write an attempt's error as a line; "" when it has none."""
    if attempt is None or attempt.error is None:
        return ""
    kind = attempt.error.type.removeprefix("builtins.")
    return shorten(one_line(f"{kind}: {attempt.error.message}" if attempt.error.message else kind), 1000)


def trace(attempt: AttemptReport | None, *, whole: bool) -> list[str]:
    """Write the user's frames of an attempt's error as indented lines; none when it has none.

    Args:
        attempt: The attempt.
        whole: All frames that are kept; else only the last.
    """
    if attempt is None or attempt.error is None:
        return []
    lines = attempt.error.traceback.rstrip().splitlines()
    starts = [at for at, line in enumerate(lines) if line.startswith("  File ")]
    if starts and not whole:
        lines = lines[starts[-1] :]
    return [f"  {printable(line)}" for line in lines[-TRACE_LINES:]]
