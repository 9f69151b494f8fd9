"""``questions``: what people are asked, in one run or in all of a database."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

from dagger_actors.cli.command_line import command
from dagger_actors.cli.exits import OK
from dagger_actors.cli.json_report import write_json
from dagger_actors.cli.looking import look
from dagger_actors.cli.options import DEFAULT_DATABASE, AsJson, Database
from dagger_actors.cli.render import LONGEST_CELL, plain, stdout
from dagger_actors.cli.steps import answer_step, wanted
from dagger_actors.cli.text import one_line, printable, shorten, when
from dagger_actors.flow.reports.questions import Question
from dagger_actors.reading.filters import LISTED

__all__ = ["questions"]


def questions(
    run_id: Annotated[str | None, Parameter(name="RUN", help="Only of this run, and of those inside it.")] = None,
    /,
    *,
    limit: Annotated[int, Parameter(help="At most so many, the oldest runs first.", show_default=True)] = LISTED,
    db: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> int:
    """List what people are asked and have not answered; changes nothing, and works on a read-only folder."""
    with look(db) as here:
        found = here.flows.questions(run_id, limit=limit)
    if as_json:
        write_json(found)
        return OK
    if not found:
        whose = "" if run_id is None else f" in run {one_line(run_id)}"
        sys.stderr.write(f"nobody is asked anything{whose}\n")
        return OK
    stdout().print(_table(found))
    if len(found) == limit:
        sys.stderr.write(f"the first {limit}; --limit N shows more\n")
    sys.stderr.write(printable(f"next: {answer_step(found[0], db)}\n"))
    sys.stderr.write(printable(f"next: {command('why', found[0].run_id, found[0].node_id, db=db)}\n"))
    return OK


def _table(found: Sequence[Question]) -> Table:
    """Lay them out, a line each; times without a limit have no column."""
    has_due = any(question.due_us is not None for question in found)
    table = plain("run", "node", "asks", "answer", "since (UTC)", *(["until (UTC)", "then"] if has_due else []))
    for place in range(4, len(table.columns)):
        table.columns[place].no_wrap = True
    for question in found:
        then = question.on_timeout if question.due_us is not None else ""
        cells = [
            one_line(question.run_id),
            one_line(question.node_id),
            shorten(one_line(question.message), LONGEST_CELL),
        ]
        times = [when(question.since_us), *([when(question.due_us), then] if has_due else [])]
        table.add_row(*map(Text, [*cells, wanted(question), *times]))
    return table
