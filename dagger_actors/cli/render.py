"""Reports and outputs as text for people.

Everything that comes from a flow, an action or a database goes through ``text.printable`` or ``text.one_line``, and
into rich as ``Text``, which reads no markup.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dagger_actors.bodies.artifact_ref import ArtifactRef
from dagger_actors.cli.text import duration, invocation, one_line, printable, shorten, when
from dagger_actors.core.wording import counted
from dagger_actors.flow.reports.report import AttemptReport, NodeReport, Report, RunSummary

__all__ = ["TRACE_LINES", "failures", "outputs", "report_page", "runs_table", "stdout"]

TABLE_ROWS: Final = 50
FAILURES: Final = 20
ARTIFACTS: Final = 20
INSIDE: Final = 20
"""Runs of flows inside a run that are named."""
TRACE_LINES: Final = 30
LONGEST_VALUE: Final = 2000
LONGEST_CELL: Final = 80
WIDE: Final = 200
"""Columns where there is no terminal to fit into."""

STYLES: Final = {"succeeded": "green", "failed": "red", "timed_out": "red", "cancelled": "yellow", "paused": "yellow"}


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


def report_page(console: Console, report: Report, *, is_stranded: bool = False) -> None:
    """Print one run: what it is, its nodes, what failed, its outputs; a stranded one stopped with its process."""
    title = Text(f"run {one_line(report.run_id)} of flow {one_line(report.flow_name)}: ")
    state = "interrupted" if is_stranded else report.state
    console.print(title.append(state, style=STYLES.get(report.state, "")))
    if report.error:
        console.print(Text(printable(report.error)), soft_wrap=True)
    console.print(f"created {when(report.created_us)} UTC, ran {duration(report.elapsed_us)}")
    if report.forked_from is not None:
        nodes = ", ".join(one_line(node) for node in report.forked_from.nodes)
        console.print(Text(f"forked from run {one_line(report.forked_from.run_id)} at {nodes}"), soft_wrap=True)
    if report.inputs:
        given = ", ".join(f"{one_line(key)}={cell_text(value)}" for key, value in report.inputs.items())
        console.print(Text(f"inputs: {given}"), soft_wrap=True)
    console.print()
    console.print(nodes_table(report.nodes))
    lines = failures(report)
    if lines:
        console.print()
        for line in lines:
            console.print(Text(line), soft_wrap=True)
    if inside := runs_inside(report):
        console.print()
        for line in inside:
            console.print(Text(line), soft_wrap=True)
    if saved := artifacts(report):
        console.print()
        for line in saved:
            console.print(Text(line), soft_wrap=True)
    if report.outputs:
        console.print()
        outputs(console, report.outputs)


def runs_inside(report: Report) -> list[str]:
    """Name the runs of the flows that its nodes run, and how many more there are."""
    begun = [node for node in report.nodes if node.run and node.attempts]
    lines = [
        f"{one_line(invocation(node.node_id, node.invocation_key))} is run {one_line(node.run)}"
        for node in begun[:INSIDE]
    ]
    if len(begun) > INSIDE:
        lines.append(f"... and {len(begun) - INSIDE} more runs inside; --json names them all")
    return lines


def artifacts(report: Report) -> list[str]:
    """Name what the nodes saved, and how much more there is."""
    saved = [(node, one) for node in report.nodes for one in node.artifacts]
    lines = [
        f"{one_line(one.name)} saved by {one_line(invocation(node.node_id, node.invocation_key))}: {value_text(one)}"
        for node, one in saved[:ARTIFACTS]
    ]
    if len(saved) > ARTIFACTS:
        lines.append(f"... and {len(saved) - ARTIFACTS} more artifacts; --json gives them all")
    return lines


def nodes_table(nodes: Iterable[NodeReport]) -> Table:
    """Lay out the nodes, the items of a map as counts."""
    by_id: dict[str, list[NodeReport]] = {}
    for node in nodes:
        by_id.setdefault(node.node_id, []).append(node)
    table = plain("node", "state", "items", "attempts", "took", right=("attempts", "took"))
    for node_id, invocations in by_id.items():
        own = [node for node in invocations if not node.invocation_key]
        items = [node for node in invocations if node.invocation_key]
        state = own[0].state if own else most_telling(items)
        # A mapped node has an attempt of its own, which only waits for its items'.
        attempts = [attempt for node in items or own for attempt in node.attempts]
        table.add_row(
            Text(one_line(node_id)),
            Text(state, style=STYLES.get(state, ""))
            + Text(f" ({one_line(own[0].reason)})" if own and own[0].reason else ""),
            Text(counts(items)),
            Text(str(len(attempts))),
            Text(duration(span(attempts))),
        )
    return table


def counts(items: Sequence[NodeReport]) -> str:
    """Count the items of a map by state: ``700 succeeded, 4 failed``."""
    tally = Counter(
        f"{node.state} (cached)" if (node.reason or "").startswith("cached") else node.state for node in items
    )
    return ", ".join(f"{number} {state}" for state, number in sorted(tally.items(), key=lambda pair: -pair[1]))


def most_telling(items: Sequence[NodeReport]) -> str:
    """Choose the state of a mapped node from its items'."""
    states = {node.state for node in items}
    for state in ("failed", "timed_out", "running", "waiting", "ready", "pending", "cancelled", "skipped"):
        if state in states:
            return state
    return "succeeded"


def span(attempts: Sequence[AttemptReport]) -> int | None:
    """Measure from the first start to the last end; None before both are known."""
    starts = [attempt.started_us for attempt in attempts if attempt.started_us is not None]
    ends = [attempt.finished_us for attempt in attempts if attempt.finished_us is not None]
    return max(ends) - min(starts) if starts and ends else None


def runs_table(summaries: Iterable[RunSummary], resumable: Collection[str]) -> Table:
    """Lay out the runs of a database; those that nobody runs are in ``resumable``, and have no process."""
    table = plain("run", "flow", "state", "created (UTC)", "ran", "process", "error", right=("ran",))
    for summary in summaries:
        state = summary.state
        has_process = summary.owner_pid is not None and summary.run_id not in resumable
        # A run that goes on by the file, and has no live owner, stopped with its process.
        is_stranded = state in ("pending", "running") and summary.run_id in resumable
        table.add_row(
            Text(one_line(summary.run_id)),
            Text(one_line(summary.flow_name)),
            Text("interrupted" if is_stranded else state, style=STYLES.get(state, "")),
            when(summary.created_us),
            duration(summary.elapsed_us),
            str(summary.owner_pid) if has_process else "",
            Text(shorten(one_line(summary.error or ""), LONGEST_CELL)),
        )
    return table
