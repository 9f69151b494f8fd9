"""``why``: say in sentences why a node of a run is in its state."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from dagger_actors.cli.command_line import command
from dagger_actors.cli.exits import OK
from dagger_actors.cli.json_report import write_json
from dagger_actors.cli.looking import look
from dagger_actors.cli.options import DEFAULT_DATABASE, AsJson, Database, RunId
from dagger_actors.cli.render import TRACE_LINES
from dagger_actors.cli.text import invocation, one_line, printable
from dagger_actors.flow.reports.explanation import Explanation

__all__ = ["why"]


def why(
    run_id: RunId,
    node: Annotated[str, Parameter(name="NODE", help="The node's id; `dagger-actors show RUN` lists them.")],
    /,
    *,
    item: Annotated[str, Parameter(help="The key of one item of a map.")] = "",
    db: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> int:
    """Say why a node of a run is in its state: whom it waits for, when it is tried next, what it comes from.

    Changes nothing, and works on a read-only folder.
    """
    with look(db) as here:
        found = here.flows.explain(run_id, node, item)
    if as_json:
        write_json(found)
        return OK
    sys.stdout.write("".join(f"{line}\n" for line in _lines(found)))
    if (origin := found.origin) is not None:
        options = [("--item", origin.invocation_key)] if origin.invocation_key else []
        step = command("why", origin.run_id, origin.node_id, options=options, db=db)
        sys.stderr.write(printable(f"next: {step}\n"))
    if found.next_verb:
        sys.stderr.write(printable(f"next: {command(found.next_verb, found.next_run, db=db)}\n"))
    return OK


def _lines(found: Explanation) -> list[str]:
    name = one_line(invocation(found.node_id, found.invocation_key))
    lines = [
        f"{name}: {found.state.replace('_', ' ')}, in run {one_line(found.run_id)} ({found.run_state.replace('_', ' ')})"
    ]
    lines += [f"  {one_line(sentence)}" for sentence in found.sentences]
    lines += [
        f"    {one_line(invocation(cause.node_id, cause.invocation_key))} ({cause.state.replace('_', ' ')}): "
        f"{one_line(cause.sentence)}"
        for cause in found.causes
    ]
    frames = found.traceback.rstrip().splitlines()[-TRACE_LINES:]
    return [*lines, *(f"  {printable(frame)}" for frame in frames), f"  {one_line(found.place)}"]
