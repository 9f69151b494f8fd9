"""``tasks cancel``, ``retry``, ``accept``, ``reject``, ``reopen``, ``prune``, and ``jobs cancel``: decide about tasks.

Each task named is decided about by itself, in the order of the command line: one that is refused is told, and keeps no
other from it. Their system does no tasks itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Literal

from cyclopts import Parameter

from dagger_actors.cli.command_line import command, with_database
from dagger_actors.cli.exits import OK, REFUSED, UsageError, complain
from dagger_actors.cli.json_report import write_json
from dagger_actors.cli.options import DEFAULT_DATABASE, AsJson, Database, JobFilter, OnlyVersion, TaskIds, existing
from dagger_actors.cli.runs import as_written
from dagger_actors.cli.text import one_line, printable
from dagger_actors.core.wording import counted
from dagger_actors.errors import RequestError
from dagger_actors.system import ActorSystem
from dagger_actors.tasks.verbs.tasks import Tasks

__all__ = ["accept", "cancel", "cancel_jobs", "prune", "reject", "reopen", "retry"]

SHOWN = 20

Reason = Annotated[str, Parameter(help="Why, for people; kept with the task.")]
Reopened = Literal["failed", "cancelled", "paused"]
"""For the completion of shells; what is none of these is refused by the library."""


def cancel(
    tasks: TaskIds,
    /,
    *,
    reason: Reason = "",
    version: OnlyVersion = None,
    db: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> int:
    """Cancel tasks, also while another process does them; returns when that is recorded.

    Exits with 2 when one of them cannot be: it has ended, or is not there.
    """

    def decide(here: Tasks, task: int) -> None:
        here.cancel(task, reason=reason, version=version)

    return _decide(tasks, decide, Told("cancelled", version, db, as_json=as_json))


def retry(
    tasks: Annotated[
        tuple[int, ...],
        Parameter(name="TASK", help="Ids of tasks; without any, those that the options choose, at most 100,000."),
    ] = (),
    /,
    *,
    state: Annotated[
        tuple[Reopened, ...],
        Parameter(converter=as_written, help="Those in this state: failed, cancelled or paused; repeatable."),
    ] = (),
    agent: Annotated[str | None, Parameter(help="Only tasks of the agent of this name.")] = None,
    job: JobFilter = None,
    since: Annotated[
        str | None, Parameter(help="Only tasks made after this: an age (30m, 2h, 7d), a date or a time (UTC).")
    ] = None,
    text: Annotated[
        str | None, Parameter(help="Only tasks whose payload (up to 32 KiB of JSON), reason or error holds this.")
    ] = None,
    version: OnlyVersion = None,
    db: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> int:
    """Open failed, cancelled or paused tasks again, with fresh tries, and with them what they left stuck.

    One: dagger-actors tasks retry 17

    Many: dagger-actors tasks retry --state failed --agent search --since 1d --text timeout

    Options without --state choose among the failed ones. Somebody must do them: dagger-actors worker.
    """
    given = {"state": state, "agent": agent, "job": job, "since": since, "text": text}
    chosen = {name: value for name, value in given.items() if value}
    if tasks and chosen:
        named = ", ".join(f"--{name}" for name in chosen)
        raise UsageError(f"either tasks are named, or chosen by {named}; not both", "leave one out")
    if tasks:

        def decide(here: Tasks, task: int) -> None:
            here.retry(task, version=version)

        return _decide(tasks, decide, Told("opened again", version, db, as_json=as_json))
    if version is not None:
        raise UsageError("--version is that of one task", "name that task")
    if not chosen:
        raise UsageError("retry takes ids of tasks, or options that choose some", "all failed ones: --state failed")
    with ActorSystem(existing(db), recover=False) as system:
        opened = system.tasks.retry(**chosen)  # type: ignore[arg-type]  # of GivenFilter, by the same names
    if as_json:
        write_json(opened)
        return OK
    sys.stderr.write(f"{counted(len(opened), 'task')} opened again\n")
    if opened:
        sys.stderr.write(printable(f"next: {command('tasks list', options=[('--state', 'ready')], db=db)}\n"))
    return OK


def accept(
    tasks: TaskIds,
    /,
    *,
    reason: Reason = "",
    version: OnlyVersion = None,
    db: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> int:
    """Accept the results of completed tasks; that is their last state.

    Exits with 2 when one of them cannot be. With --version the verdict is about what was looked at, or is refused.
    """

    def decide(here: Tasks, task: int) -> None:
        here.accept(task, reason=reason, version=version)

    return _decide(tasks, decide, Told("accepted", version, db, as_json=as_json))


def reject(
    tasks: TaskIds,
    /,
    *,
    reason: Annotated[str, Parameter(help="Why, for people and for whoever reopens it; kept with the task.")],
    version: OnlyVersion = None,
    db: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> int:
    """Reject the results of completed tasks; what needs their success and has not begun waits for it again.

    dagger-actors tasks reject 17 --reason 'sources are missing'

    Exits with 2 when one of them cannot be. `dagger-actors tasks reopen 7` has it done again.
    """

    def decide(here: Tasks, task: int) -> None:
        here.reject(task, reason, version=version)

    return _decide(tasks, decide, Told("rejected", version, db, as_json=as_json))


def reopen(
    tasks: TaskIds,
    /,
    *,
    version: OnlyVersion = None,
    db: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> int:
    """Have rejected tasks done again, with fresh tries. Exits with 2 when one of them is not rejected."""

    def decide(here: Tasks, task: int) -> None:
        here.reopen(task, version=version)

    return _decide(tasks, decide, Told("reopened", version, db, as_json=as_json))


def prune(
    age: Annotated[str, Parameter(name="AGE", help="Those that ended longer ago: 30m, 2h, 7d.")],
    /,
    *,
    db: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> int:
    """Delete tasks that ended longer ago than AGE, with their attempts, logs and steps; a job goes with its last task.

    Kept is what an open task depends on or has spawned, and what a failed one would wait for if it was retried. A job that was
    made longer ago and has no tasks goes too.
    """
    with ActorSystem(existing(db), recover=False) as system:
        count = system.tasks.prune(age)
    if as_json:
        write_json({"deleted": count})
    else:
        sys.stderr.write(f"{counted(count, 'task')} deleted\n")
    return OK


def cancel_jobs(
    jobs: Annotated[
        tuple[str, ...],
        Parameter(name="JOB", help="Ids of jobs, one or more; `dagger-actors jobs list` lists them.", required=True),
    ],
    /,
    *,
    reason: Annotated[str, Parameter(help="Why, for people; kept with the job and its tasks.")] = "",
    db: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> int:
    """Cancel jobs: what is open of them, wherever it runs; they take no new tasks. Returns when that is recorded."""
    done: dict[str, list[int]] = {}
    with ActorSystem(existing(db), recover=False) as system:
        for job in jobs:
            try:
                done[job] = system.tasks.get_job(job).cancel(reason)
            except RequestError as error:
                complain(with_database(str(error), db))
    if as_json:
        write_json(done)
    else:
        for job, tasks in done.items():
            sys.stderr.write(f"job {one_line(job)} cancelled, and {counted(len(tasks), 'open task')} with it\n")
    return OK if len(done) == len(set(jobs)) else REFUSED


class Told:
    """How a decision is told.

    Args:
        done: What becomes of a task.
        version: What the one task's version must be; None = any.
        db: The database, as it was given.
        as_json: Whether as the reports of those that were decided about.
    """

    def __init__(self, done: str, version: int | None, db: str, *, as_json: bool) -> None:
        self.done = done
        self.version = version
        self.db = db
        self.as_json = as_json


def _decide(tasks: Sequence[int], decide: Callable[[Tasks, int], None], told: Told) -> int:
    if told.version is not None and len(tasks) > 1:
        raise UsageError("--version is that of one task", "name that task alone")
    decided: list[int] = []
    with ActorSystem(existing(told.db), recover=False) as system:
        for task in tasks:
            try:
                decide(system.tasks, task)
            except RequestError as error:
                complain(with_database(str(error), told.db))
            else:
                decided.append(task)
        reports = [system.tasks.report(task, values=False) for task in decided] if told.as_json else []
    if told.as_json:
        write_json(reports)
    else:
        for task in decided[:SHOWN]:
            sys.stderr.write(f"task {task} {told.done}\n")
        if len(decided) > SHOWN:
            sys.stderr.write(f"... and {len(decided) - SHOWN:,} more\n")
    return OK if len(decided) == len(tasks) else REFUSED
