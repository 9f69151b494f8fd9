"""``tasks list``, ``show``, ``logs`` and ``agents``: look at the tasks of a database; they change nothing."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

from cyclopts import Parameter

from dagger_actors.cli.command_line import command
from dagger_actors.cli.exits import OK, REFUSED, complain
from dagger_actors.cli.json_report import write_json
from dagger_actors.cli.looking import look
from dagger_actors.cli.options import DEFAULT_DATABASE, AsJson, Database, JobFilter, TaskId, TaskIds
from dagger_actors.cli.render import stdout
from dagger_actors.cli.runs import as_written
from dagger_actors.cli.task_pages import agents_table, task_page, tasks_table
from dagger_actors.cli.task_steps import next_for_tasks
from dagger_actors.cli.text import printable
from dagger_actors.core.task_states import TaskState
from dagger_actors.errors import ArtifactCorrupt, ArtifactMissing
from dagger_actors.inspection import Inspection
from dagger_actors.reading.filters import LISTED
from dagger_actors.tasks.reports.report import TaskReport

__all__ = ["agents", "list_tasks", "logs", "show"]

Wanted = Literal[TaskState, "stuck"]
"""For the completion of shells; what is none of these is refused by the library, with the nearest one."""


def list_tasks(
    *,
    state: Annotated[
        tuple[Wanted, ...],
        Parameter(
            converter=as_written,
            help="Only tasks in this state, `stuck` (blocked by what has failed) among them; repeatable: any of them.",
        ),
    ] = (),
    agent: Annotated[str | None, Parameter(help="Only tasks of the agent of this name.")] = None,
    job: JobFilter = None,
    since: Annotated[
        str | None, Parameter(help="Only tasks made after this: an age (30m, 2h, 7d), a date or a time (UTC).")
    ] = None,
    text: Annotated[
        str | None, Parameter(help="Only tasks whose payload (up to 32 KiB of JSON), reason or error holds this.")
    ] = None,
    limit: Annotated[int, Parameter(help="At most so many, the newest.", show_default=True)] = LISTED,
    db: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> int:
    """List the tasks of a database, the newest first; changes nothing, and works on a read-only folder.

    What has failed since yesterday: dagger-actors tasks list --state failed --state stuck --since 1d
    """
    with look(db) as here:
        found = here.tasks.tasks(state=state, agent=agent, job=job, since=since, text=text, limit=limit)
    if as_json:
        write_json(found)
    elif found:
        stdout().print(tasks_table(found))
        if len(found) == limit:
            sys.stderr.write(f"the newest {limit:,}; --limit N shows more\n")
    elif state or agent or job or since or text:
        sys.stderr.write(printable(f"no such tasks; all of them: {command('tasks list', db=db)}\n"))
    else:
        sys.stderr.write("no tasks yet; submit one with: dagger-actors tasks submit AGENT 'JSON'\n")
    return OK


def show(tasks: TaskIds, /, *, db: Database = DEFAULT_DATABASE, as_json: AsJson = False) -> int:
    """Show tasks: payload, result, errors, attempts, whom they wait for; changes nothing, and works on a read-only folder.

    --json prints a list of them when several are named.
    """
    damages: list[Exception] = []
    with look(db) as here:
        reports = [_report(here, task, damages) for task in tasks]
    if as_json:
        write_json(reports if len(reports) > 1 else reports[0])
    else:
        console = stdout()
        for at, report in enumerate(reports):
            if at:
                console.print()
            task_page(console, report)
        for step in next_for_tasks(reports, db):
            sys.stderr.write(printable(f"next: {step}\n"))
    for damage in damages:
        complain(f"its payload and result cannot be shown: {damage}")
    return REFUSED if damages else OK


def _report(here: Inspection, task: int, damages: list[Exception]) -> TaskReport:
    try:
        return here.tasks.report(task)
    except (ArtifactCorrupt, ArtifactMissing) as error:
        damages.append(error)
        return here.tasks.report(task, values=False)


def logs(task: TaskId, /, *, db: Database = DEFAULT_DATABASE, as_json: AsJson = False) -> int:
    """Print what the attempts at a task logged, of those that have ended; with what they printed, if they ran in processes."""
    with look(db) as here:
        told = here.tasks.logs(task)
    if as_json:
        write_json(told)
        return OK
    for log in told:
        sys.stdout.write(f"--- attempt {log.attempt}\n{printable(log.text.rstrip())}\n")
    if not told:
        sys.stderr.write("nothing was logged by the attempts that have ended\n")
    return OK


def agents(*, db: Database = DEFAULT_DATABASE, as_json: AsJson = False) -> int:
    """List the agents that the database knows: their open tasks, limits, and the processes that do their tasks now.

    --json has the JSON Schemas of their payloads and results.
    """
    with look(db) as here:
        found = here.tasks.agents()
    if as_json:
        write_json(found)
    elif found:
        stdout().print(agents_table(found))
    else:
        sys.stderr.write("no agents yet; a worker tells of its own: dagger-actors worker --import MODULE\n")
    return OK
