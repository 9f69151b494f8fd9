"""``jobs list``, ``show`` and ``graph``: look at groups of tasks; they change nothing."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from dagger_actors.cli.command_line import command
from dagger_actors.cli.exits import OK, UsageError
from dagger_actors.cli.json_report import write_json
from dagger_actors.cli.looking import look
from dagger_actors.cli.options import DEFAULT_DATABASE, AsJson, Database, JobId
from dagger_actors.cli.pictures import Format, Output, write_picture
from dagger_actors.cli.render import stdout
from dagger_actors.cli.runs import as_written
from dagger_actors.cli.task_pages import job_page, jobs_table
from dagger_actors.cli.task_steps import next_for_job
from dagger_actors.cli.text import printable
from dagger_actors.core.task_states import JobState
from dagger_actors.drawing.picture import Picture
from dagger_actors.reading.filters import LISTED
from dagger_actors.tasks.reports.job_graph import DRAWN, MOST_DRAWN, picture_of_job

__all__ = ["graph", "list_jobs", "show"]


def list_jobs(
    *,
    state: Annotated[
        tuple[JobState, ...], Parameter(converter=as_written, help="Only jobs in this state; repeatable: any of them.")
    ] = (),
    since: Annotated[
        str | None, Parameter(help="Only jobs made after this: an age (30m, 2h, 7d), a date or a time (UTC).")
    ] = None,
    limit: Annotated[int, Parameter(help="At most so many, the newest.", show_default=True)] = LISTED,
    db: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> int:
    """List the jobs of a database, the newest first; changes nothing, and works on a read-only folder."""
    with look(db) as here:
        found = here.tasks.jobs(state=state, since=since, limit=limit)
    if as_json:
        write_json(found)
    elif found:
        stdout().print(jobs_table(found))
        if len(found) == limit:
            sys.stderr.write(f"the newest {limit:,}; --limit N shows more\n")
    elif state or since:
        sys.stderr.write(printable(f"no such jobs; all of them: {command('jobs list', db=db)}\n"))
    else:
        sys.stderr.write("no jobs yet; submit a task to one with: dagger-actors tasks submit AGENT 'JSON' --job ID\n")
    return OK


def show(job: JobId, /, *, db: Database = DEFAULT_DATABASE, as_json: AsJson = False) -> int:
    """Show a job: how far it is, and which of its tasks failed, were rejected, are paused or stuck; at most 100 of them."""
    with look(db) as here:
        report = here.tasks.job_report(job)
    if as_json:
        write_json(report)
        return OK
    job_page(stdout(), report)
    for step in next_for_job(report, db):
        sys.stderr.write(printable(f"next: {step}\n"))
    return OK


def graph(
    job: JobId,
    /,
    *,
    format_: Format = None,
    output: Output = None,
    limit: Annotated[
        int,
        Parameter(
            help="Tasks at most: those that need a look first, then those that run, then the first; the rest is counted.",
            show_default=True,
        ),
    ] = DRAWN,
    db: Database = DEFAULT_DATABASE,
) -> int:
    """Draw a job's tasks with their states, an arrow to each from those it waits for and from the one that spawned it.

    svg needs the extra: pip install 'dagger-actors[graph]'.
    """
    if not 1 <= limit <= MOST_DRAWN:
        raise UsageError(f"--limit {limit} is out of range", f"give 1 to {MOST_DRAWN:,}; more of them nobody can read")

    def picture() -> Picture:
        with look(db) as here:
            return picture_of_job(here.tasks.job_graph(job, limit))

    return write_picture(picture, format_, output)
