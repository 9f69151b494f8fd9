"""``runs`` and ``show``: look at a database."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from cyclopts import Parameter, Token

from dagger_actors.cli.command_line import command
from dagger_actors.cli.exits import OK, REFUSED, complain
from dagger_actors.cli.json_report import write_json, write_reports
from dagger_actors.cli.looking import look
from dagger_actors.cli.options import DEFAULT_DATABASE, AsJson, Database, RunId
from dagger_actors.cli.render import stdout
from dagger_actors.cli.run_pages import report_page, runs_table
from dagger_actors.cli.steps import asked, next_steps
from dagger_actors.cli.text import invocation, one_line, printable
from dagger_actors.core.states import RunState
from dagger_actors.errors import ArtifactCorrupt, ArtifactMissing
from dagger_actors.flow.reports.interrupted import interrupted
from dagger_actors.reading.filters import LISTED

__all__ = ["runs", "show"]


Wanted = Literal[RunState, "interrupted"]
"""For the completion of shells; what is none of these is refused by the library, with the nearest one."""


def as_written(_hint: object, tokens: Sequence[Token]) -> tuple[str, ...]:
    """Take the words as they are."""
    return tuple(token.value for token in tokens)


def runs(
    *,
    state: Annotated[
        tuple[Wanted, ...],
        Parameter(
            converter=as_written,
            help="Only runs in this state, `interrupted` (its process is gone) among them; repeatable: any of them.",
        ),
    ] = (),
    flow: Annotated[str | None, Parameter(help="Only runs of the flow of this name.")] = None,
    since: Annotated[
        str | None, Parameter(help="Only runs created after this: an age (30m, 2h, 7d), a date or a time (UTC).")
    ] = None,
    inside: Annotated[bool, Parameter(help="List the runs of flows inside others too.", negative=())] = False,
    limit: Annotated[int, Parameter(help="At most so many, the newest.", show_default=True)] = LISTED,
    db: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> int:
    """List the runs of a database, the newest first; changes nothing, and works on a read-only folder."""
    with look(db) as here:
        summaries = here.flows.runs(state=state, flow=flow, since=since, limit=limit, inside=inside)
        resumable = here.flows.resumable()
    if as_json:
        write_json(summaries)
    elif summaries:
        console = stdout()
        console.print(runs_table(summaries, resumable, console.width))
        if len(summaries) == limit:
            sys.stderr.write(f"the newest {limit}; --limit N shows more\n")
    elif state or flow or since:
        sys.stderr.write(f"no such runs; all of them: {command('runs', db=db)}\n")
    else:
        sys.stderr.write("no runs yet; start one with: dagger-actors run SPEC\n")
    return OK


def show(
    run_id: RunId,
    /,
    *,
    db: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
    logs: Annotated[bool, Parameter(help="Show what each attempt logged and printed.", negative=())] = False,
) -> int:
    """Show one run: its nodes, attempts, errors and outputs; changes nothing, and works on a read-only folder."""
    with look(db) as here:
        damage: Exception | None = None
        try:
            report = here.flows.report(run_id)
        except (ArtifactCorrupt, ArtifactMissing) as error:
            report, damage = here.flows.report(run_id, outputs=False), error
        told = here.flows.logs(run_id) if logs else ()
        if as_json:
            if logs:
                write_json({**msgspec.structs.asdict(report), "logs": told})
            else:
                write_reports([report], is_list=False)
            return _told(damage)
        is_stranded, is_pausing = here.flows.is_interrupted(run_id), here.flows.is_pausing(run_id)
        questions = here.flows.questions(run_id) if report.state == "paused" else ()
        left = here.flows.to_cancel(run_id)
        goes_on, is_left = left or here.flows.to_go_on(run_id), left != ""
    page = interrupted(report) if is_stranded else report
    report_page(stdout(), page, now_us=time.time_ns() // 1000, is_pausing=is_pausing)
    for log in told:
        title = one_line(f"{invocation(log.node_id, log.invocation_key)} attempt {log.attempt} {log.state}")
        sys.stdout.write(f"\n--- {title}\n{printable(log.text.rstrip())}\n")
    if logs and not told:
        sys.stderr.write("nothing was logged by the attempts that have ended\n")
    for line in asked(questions, run_id):
        sys.stderr.write(printable(f"{line}\n"))
    for step in next_steps(report, db, questions=questions, is_stranded=is_stranded, is_left=is_left, goes_on=goes_on):
        sys.stderr.write(printable(f"next: {step}\n"))
    return _told(damage)


def _told(damage: Exception | None) -> int:
    """Say why the outputs are left out, if they are."""
    if damage is None:
        return OK
    complain(f"its outputs cannot be shown: {damage}")
    return REFUSED
