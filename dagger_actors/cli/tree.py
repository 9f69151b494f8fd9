"""``tree``: the execution tree of a run, and its levels."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from typing import Annotated

from cyclopts import Parameter
from rich.text import Text

from dagger_actors.cli.exits import OK, UsageError
from dagger_actors.cli.json_report import write_json
from dagger_actors.cli.looking import as_it_stands, look
from dagger_actors.cli.options import DEFAULT_DATABASE, AsJson, Database, RunId
from dagger_actors.cli.render import STYLES, stdout
from dagger_actors.cli.text import duration, one_line, shorten
from dagger_actors.core.wording import counted
from dagger_actors.flow.reports.archive import Archive
from dagger_actors.flow.reports.report import Report
from dagger_actors.flow.reports.run_tree import Branch, Twig, levels_of, shown_branches, tree_of

__all__ = ["tree", "tree_lines"]

LINES = 200
RUNS = 50
"""Runs that are shown at once."""
DEEPEST = 24
"""Generations that are indented further; the others stand below each other."""
NAMED = 12
LONGEST_PROBLEM = 100
LONGEST_LINK = 40
"""Characters of a node that another one's line names."""


def tree(
    run_id: RunId,
    /,
    *,
    calls: Annotated[bool, Parameter(help="Show the hooks and failure actions too that it has called.")] = False,
    levels: Annotated[
        bool, Parameter(help="Show which nodes could run at once instead, a level in each line.")
    ] = False,
    inside: Annotated[
        bool, Parameter(help="Show the runs inside too, each below the run above it: those of nodes that run a flow.")
    ] = False,
    limit: Annotated[
        int, Parameter(help="At most so many nodes of a run; the rest is counted.", show_default=True)
    ] = LINES,
    db: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> int:
    """Show a run as a tree: each node beneath the one it waited for longest, or that added it; what failed, and why.

    Changes nothing, and works on a read-only folder.
    """
    if limit < 1:
        raise UsageError(f"--limit {limit} shows nothing", "give 1 or more")
    with look(db) as here:
        most = 1 if not inside else sys.maxsize if as_json else RUNS + 1
        found = list(_trees(here.flows, run_id, calls=calls, most=most))
    if as_json:
        documents = {report.run_id: levels_of(tree) if levels else tree for report, tree in found}
        write_json(documents if inside else documents[run_id])
        return OK
    console = stdout()
    for number, (report, branches) in enumerate(found[:RUNS]):
        if number:
            console.print()
        title = Text(f"run {one_line(report.run_id)} of flow {one_line(report.flow_name)}: ")
        title.append(report.state, style=STYLES.get(report.state, ""))
        console.print(title.append(f", {duration(report.elapsed_us)}" if report.elapsed_us else ""))
        for line in _levels(branches, limit) if levels else tree_lines(branches, limit):
            console.print(line, soft_wrap=True)
        if len(branches) > limit:
            sys.stderr.write(f"{counted(len(branches), 'node')}; --limit N shows more of them\n")
    if len(found) > RUNS:
        sys.stderr.write(f"there are more than {RUNS} runs inside; each has a tree of its own\n")
    return OK


def _trees(flows: Archive, run_id: str, *, calls: bool, most: int) -> Iterator[tuple[Report, tuple[Branch, ...]]]:
    """The tree of a run, then those of the runs inside it, each behind the one above it."""
    left = [run_id]
    while left and most:
        one = left.pop()
        if one != run_id and flows.find(one) is None:
            continue  # it has not begun
        most -= 1
        report = as_it_stands(flows, one)
        branches = tree_of(flows.definition(one), report, calls=calls)
        yield report, branches
        left += [run for branch in reversed(branches) for run in reversed(branch.runs)]


def _levels(branches: tuple[Branch, ...], limit: int) -> Iterator[Text]:
    found = levels_of(branches)
    for number, level in enumerate(found[:limit]):
        line = Text(f"{number:>3}  ")
        for at, one in enumerate(level[:NAMED]):
            line.append(", " if at else "").append(one_line(one.node_id), style=STYLES.get(one.state, ""))
        yield line.append(f" and {len(level) - NAMED:,} more" if len(level) > NAMED else "")


def tree_lines(branches: tuple[Branch, ...], limit: int) -> Iterator[Text]:
    """Lay a tree out, a line for each node and for each item that did not succeed."""
    shown, left_out = shown_branches(branches, limit)
    children: dict[str | None, list[Branch]] = {}
    for one in shown:
        children.setdefault(one.parent, []).append(one)
    stack: list[tuple[str, bool, Branch | Twig | str]] = []

    def push(parent: str | None, prefix: str, above: Branch | None = None) -> None:
        beneath: list[Branch | Twig | str] = [*(() if above is None else above.items)]
        if above is not None and above.items_left_out:
            beneath.append(_left_out(above.items_left_out))
        beneath += children.get(parent, ())
        if parent in left_out:
            beneath.append(_left_out(left_out[parent]))
        for number, line in reversed([*enumerate(beneath)]):
            stack.append((prefix, number == len(beneath) - 1, line))

    push(None, "")
    while stack:
        prefix, is_last, found = stack.pop()
        yield Text.assemble((f"{prefix}{'└─ ' if is_last else '├─ '}", "dim"), _told(found))
        if isinstance(found, Branch):
            deeper = prefix + ("   " if is_last else "│  ")
            push(found.node_id, deeper if len(deeper) <= 3 * DEEPEST else prefix, found)


def _left_out(states: Counter[str]) -> str:
    told = ", ".join(f"{count:,} {state.replace('_', ' ')}" for state, count in states.most_common())
    return f"... {states.total():,} more: {told}"


def _told(one: Branch | Twig | str) -> Text:
    if isinstance(one, str):
        return Text(one, style="dim")
    name = one_line(one.node_id if isinstance(one, Branch) else f"[{one.invocation_key}]")
    told = Text.assemble((name, "bold" if isinstance(one, Branch) else ""), "  ")
    told.append(one.state.replace("_", " "), style=STYLES.get(one.state, ""))
    facts = [_items(one), duration(one.took_us)] if isinstance(one, Branch) else []
    size = (one.size or 0) if isinstance(one, Branch) else 0
    facts.append(f"{one.attempts:,} attempts" if one.attempts > max(size, 1) else "")
    facts.append(shorten(one_line(one.problem), LONGEST_PROBLEM) if one.state != "succeeded" else "")
    if isinstance(one, Branch):
        facts += _links(one)
    told.append("".join(f"  {fact}" for fact in facts if fact))
    return told


def _items(one: Branch) -> str:
    if one.size is None:
        return ""
    return f"{one.states.get('succeeded', 0):,}/{one.size:,} items"


def _links(one: Branch) -> Iterator[str]:
    if one.runs:
        more = f" and {len(one.runs) - 1:,} more" if len(one.runs) > 1 else ""
        yield f"(run {one_line(one.runs[0])}{more})"
    if one.added_by is not None:
        yield f"(added by {shorten(one_line(one.added_by), LONGEST_LINK)})"
    if one.called_for:
        yield f"(called for {one.called_for.replace('_', ' ')})"
    if one.also_after:
        more = f" and {len(one.also_after) - NAMED:,} more" if len(one.also_after) > NAMED else ""
        named = ", ".join(shorten(one_line(node), LONGEST_LINK) for node in one.also_after[:NAMED])
        yield f"(after {named}{more} too)"
