"""Runs as text for people: what each is, its nodes, what failed, and what is inside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dagger_actors.cli.render import LONGEST_CELL, STYLES, cell_text, failures, outputs, plain, value_text
from dagger_actors.cli.text import duration, invocation, one_line, printable, when
from dagger_actors.drawing.text import shorten, width
from dagger_actors.flow.reports.origin import innermost
from dagger_actors.flow.reports.report import AttemptReport, NodeReport, Report, RunSummary

__all__ = ["report_page", "runs_table"]

ARTIFACTS: Final = 20
INSIDE: Final = 20
"""Runs of flows inside a run that are named."""
NARROWEST_ERROR: Final = 16
"""Columns below which an error tells nothing."""
WIDEST_FLOW: Final = 24
"""Columns beyond which the name of a flow goes on in the next line."""
FLOW, STATE, CREATED = 1, 2, 3


def report_page(console: Console, report: Report, *, now_us: int, is_pausing: bool = False) -> None:
    """Print one run: what it is, its nodes, what failed, its outputs.

    Args:
        console: Whereto.
        report: The run.
        now_us: The time now, microseconds UTC: until then what runs has taken.
        is_pausing: Nothing more of it begins.
    """
    title = Text(f"run {one_line(report.run_id)} of flow {one_line(report.flow_name)}: ")
    title.append(report.state, style=STYLES.get(report.state, ""))
    console.print(title.append(", and pausing: nothing more begins, what runs ends" if is_pausing else ""))
    if report.error:
        console.print(Text(printable(report.error)), soft_wrap=True)
    # What is stored of a running one is as old as the last thing that happened to it.
    ran = (
        f"{duration(now_us - report.created_us)} ago"
        if report.state == "running"
        else f"ran {duration(report.elapsed_us)}"
    )
    console.print(f"created {when(report.created_us)} UTC, {ran}")
    if report.forked_from is not None:
        nodes = ", ".join(one_line(node) for node in report.forked_from.nodes)
        console.print(Text(f"forked from run {one_line(report.forked_from.run_id)} at {nodes}"), soft_wrap=True)
    if report.inputs:
        given = ", ".join(f"{one_line(key)}={cell_text(value)}" for key, value in report.inputs.items())
        console.print(Text(f"inputs: {given}"), soft_wrap=True)
    console.print()
    console.print(nodes_table(report.nodes, now_us if report.state == "running" else None))
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
    """Name the runs of the flows that its nodes run, first those that have not succeeded, and how many more there are."""
    begun = sorted(
        (node for node in report.nodes if node.run and node.attempts), key=lambda one: one.state == "succeeded"
    )
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


def nodes_table(nodes: Iterable[NodeReport], now_us: int | None) -> Table:
    """Lay out the nodes, the items of a map as counts; without a map there is no column for these."""
    by_id: dict[str, list[NodeReport]] = {}
    for node in nodes:
        by_id.setdefault(node.node_id, []).append(node)
    has_items = any(node.invocation_key for found in by_id.values() for node in found)
    headings = ["node", "state", *(["items"] if has_items else []), "attempts", "took"]
    table = plain(*headings, right=("attempts", "took"))
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
            *([Text(counts(items))] if has_items else []),
            Text(str(len(attempts))),
            Text(took(attempts, state, now_us)),
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
    for state in (
        "failed",
        "timed_out",
        "interrupted",
        "running",
        "waiting",
        "ready",
        "pending",
        "cancelled",
        "skipped",
    ):
        if state in states:
            return state
    return "succeeded"


def took(attempts: Sequence[AttemptReport], state: str, now_us: int | None) -> str:
    """Write how long attempts took, those of a running node until now; without a now until the last of them ended."""
    starts = [attempt.started_us for attempt in attempts if attempt.started_us is not None]
    if now_us is not None and state == "running" and starts:
        return f"{duration(max(0, now_us - min(starts)))} so far"
    return duration(span(attempts))


def span(attempts: Sequence[AttemptReport]) -> int | None:
    """Measure from the first start to the last end; None before both are known."""
    starts = [attempt.started_us for attempt in attempts if attempt.started_us is not None]
    ends = [attempt.finished_us for attempt in attempts if attempt.finished_us is not None]
    return max(ends) - min(starts) if starts and ends else None


def runs_table(summaries: Sequence[RunSummary], resumable: Collection[str], columns: int) -> Table:
    """Lay out the runs of a database, a line each where the terminal has room for their ids.

    Args:
        summaries: The runs.
        resumable: Those that nobody runs, which have no process.
        columns: Of the terminal; an error is cut to what the others leave of it, and told by ``show`` alone where that is little.
    """
    rows = [_run_cells(summary, is_resumable=summary.run_id in resumable) for summary in summaries]
    headings = ["run", "flow", "state", "created (UTC)", "ran"] + (["process"] if any(row[5] for row in rows) else [])
    widths = [max(width(heading), *(width(row[at]) for row in rows)) for at, heading in enumerate(headings)]
    widths[FLOW] = min(widths[FLOW], WIDEST_FLOW)
    room = columns - sum(widths) - 2 * len(widths)
    has_errors = room >= NARROWEST_ERROR and any(row[6] for row in rows)
    table = plain(*headings, *(["error"] if has_errors else []), right=("ran",))
    table.columns[FLOW].max_width = WIDEST_FLOW
    for place in (STATE, CREATED):
        table.columns[place].no_wrap = True
    for row in rows:
        table.add_row(
            *(
                Text(cell, style=STYLES.get(cell, "") if at == STATE else "")
                for at, cell in enumerate(row[: len(headings)])
            ),
            *([Text(shorten(row[6], min(room, LONGEST_CELL)))] if has_errors else []),
        )
    return table


def _run_cells(summary: RunSummary, *, is_resumable: bool) -> tuple[str, ...]:
    # A run that goes on by the file, and has no live owner, stopped with its process.
    is_stranded = summary.state in ("pending", "running") and is_resumable
    return (
        one_line(summary.run_id),
        one_line(summary.flow_name),
        "interrupted" if is_stranded else summary.state,
        when(summary.created_us),
        duration(summary.elapsed_us),
        str(summary.owner_pid) if summary.owner_pid is not None and not is_resumable else "",
        one_line(innermost(summary.error or "")),
    )
