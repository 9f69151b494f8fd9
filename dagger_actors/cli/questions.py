"""``questions``: what people are asked, in one run or in all of a database."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from dagger_actors.cli.command_line import command
from dagger_actors.cli.exits import OK
from dagger_actors.cli.json_report import write_json
from dagger_actors.cli.looking import look
from dagger_actors.cli.options import DEFAULT_DATABASE, AsJson, Database
from dagger_actors.cli.render import value_text
from dagger_actors.cli.steps import answer_step, asked
from dagger_actors.cli.text import one_line, printable, when
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
    for question in found:
        sys.stdout.write(f"{asked([question])[0]}\n  {_times(question)}\n")
    if len(found) == limit:
        sys.stderr.write(f"the first {limit}; --limit N shows more\n")
    sys.stderr.write(printable(f"next: {answer_step(found[0], db)}\n"))
    sys.stderr.write(printable(f"next: {command('why', found[0].run_id, found[0].node_id, db=db)}\n"))
    return OK


def _times(question: Question) -> str:
    """Since when it is asked, until when, and what then."""
    since = f"since {when(question.since_us)}"
    if question.due_us is None:
        return f"{since} UTC"
    then = "it waits on" if question.on_timeout == "pause" else f"autopilot: {one_line(value_text(question.default))}"
    return f"{since}, until {when(question.due_us)} UTC, then {then}"
