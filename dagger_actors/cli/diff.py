"""``diff``: what two runs did otherwise."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter
from rich.text import Text

from dagger_actors.bodies.artifact_ref import ArtifactRef
from dagger_actors.cli.exits import FAILED, OK, UsageError
from dagger_actors.cli.json_report import write_json
from dagger_actors.cli.looking import look
from dagger_actors.cli.options import DEFAULT_DATABASE, AsJson, Database, RunId
from dagger_actors.cli.render import stdout, value_text
from dagger_actors.cli.text import invocation, one_line, printable, shorten
from dagger_actors.core.wording import counted
from dagger_actors.errors import ArtifactError
from dagger_actors.flow.reports.run_diff import NodeDiff, RunDiff, Sides, diff_runs

__all__ = ["diff", "diff_lines"]

SHOWN = 50
SMALL_BYTES = 64 * 1024
"""An output up to this is compared line by line, also when it is an artifact."""
LINES = 60
LONGEST_LINE = 200
STYLES = {"-": "red", "+": "green", "@": "dim"}

Load = Callable[[str], bytes]


def diff(
    run_id: RunId,
    other: Annotated[str, Parameter(name="RUN", help="The run that it is compared with.")],
    /,
    *,
    calls: Annotated[bool, Parameter(help="Compare the hooks and failure actions too that they have called.")] = False,
    limit: Annotated[int, Parameter(help="At most so many nodes; the rest is counted.", show_default=True)] = SHOWN,
    db: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> int:
    """Show what two runs did otherwise: nodes whose state, inputs or outputs differ, and what they give.

    Times and numbers of attempts are not compared. Exits with 0 when nothing differs, 1 when something does. Changes
    nothing, and works on a read-only folder.
    """
    if limit < 1:
        raise UsageError(f"--limit {limit} shows nothing", "give 1 or more")
    with look(db) as here:
        flows = here.flows
        given = [dict(flows.inputs_of(flows.row(one)).fingerprints()) for one in (run_id, other)]
        found = diff_runs(flows.report(run_id), flows.report(other), (given[0], given[1]), calls=calls)
        if as_json:
            write_json(found)
        else:
            console = stdout()
            for line in diff_lines(found, limit, flows.store.load_artifact):
                console.print(line, soft_wrap=True)
    return OK if found.is_empty else FAILED


def diff_lines(found: RunDiff, limit: int, load: Load) -> Iterator[Text]:
    """Lay a diff out, and say on stderr what is left out."""
    alike = f"{counted(found.alike, 'invocation')} alike" if found.alike else "no invocation alike"
    yield Text(f"{one_line(found.runs.one)} and {one_line(found.runs.other)}: {alike}, {len(found.nodes):,} not")
    if found.flows.one != found.flows.other:
        yield Text(f"flow: {one_line(found.flows.one)} | {one_line(found.flows.other)}")
    if found.states.one != found.states.other:
        yield Text(f"state: {found.states.one} | {found.states.other}")
    for kind, values in (("input", found.inputs), ("output", found.outputs)):
        for name, sides in values.items():
            yield Text(f"{kind} {one_line(name)}", style="bold")
            yield from _values(sides, load)
    for node in found.nodes[:limit]:
        yield from _node(node, found, load)
    if len(found.nodes) > limit:
        sys.stderr.write(f"{counted(len(found.nodes) - limit, 'more invocation')}; --limit N shows more, --json all\n")


def _node(node: NodeDiff, found: RunDiff, load: Load) -> Iterator[Text]:
    name = Text(one_line(invocation(node.node_id, node.invocation_key)), style="bold")
    if None in (node.states.one, node.states.other):
        run, state = (
            (found.runs.one, node.states.one) if node.states.other is None else (found.runs.other, node.states.other)
        )
        yield name + Text(f"  only in {one_line(run)}, {str(state).replace('_', ' ')}", style="not bold")
        return
    if node.states.one != node.states.other:
        states = (str(state).replace("_", " ") for state in (node.states.one, node.states.other))
        name.append(f"  {' | '.join(states)}", style="not bold")
    if node.inputs:
        name.append(f"  other inputs: {', '.join(map(one_line, node.inputs))}", style="not bold")
    yield name
    # What the one had goes before what the other has, be it an output or a problem.
    yield from _problem("-", None if node.problem is None else node.problem.one)
    if node.output is not None:
        yield from _values(node.output, load)
    yield from _problem("+", None if node.problem is None else node.problem.other)


def _problem(sign: str, problem: str | None) -> Iterator[Text]:
    if problem is not None:
        yield Text(f"  {sign}{one_line(problem)}", style=STYLES[sign])


def _values(sides: Sides, load: Load) -> Iterator[Text]:
    """Line by line where both are small, else what each of them is."""
    one, other = _text(sides.one, load), _text(sides.other, load)
    changes = list(difflib.unified_diff(one, other, lineterm="", n=2))[3:]  # without its head and where it begins
    for change in changes[:LINES]:
        yield Text(f"  {shorten(printable(change), LONGEST_LINE)}", style=STYLES.get(change[:1], ""))
    if len(changes) > LINES:
        yield Text(f"  ... {len(changes) - LINES:,} more lines; --json gives them all", style="dim")


def _text(value: Any, load: Load) -> list[str]:
    if value is None:
        return []
    if isinstance(value, ArtifactRef):
        if value.kind != "json" or value.size_bytes > SMALL_BYTES:
            return [value_text(value)]
        try:
            content = load(value.artifact_id)
        except ArtifactError as error:
            return [f"{value_text(value)}, which cannot be read: {error}"]
    else:
        content = msgspec.json.encode(value)
        if len(content) > SMALL_BYTES:
            return [f"{len(content):,} bytes of JSON: {shorten(content.decode(), LONGEST_LINE)}"]
    return msgspec.json.format(content, indent=2).decode().split("\n")
