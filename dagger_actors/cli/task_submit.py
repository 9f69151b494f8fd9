"""``tasks submit``: a task from the command line, waited for if that is wanted."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from cyclopts import Parameter

from dagger_actors.cli.command_line import command
from dagger_actors.cli.exits import FAILED, OK, PAUSED, UsageError
from dagger_actors.cli.json_report import write_json
from dagger_actors.cli.leaving import leaving
from dagger_actors.cli.log_lines import LogLines, say
from dagger_actors.cli.looking import look
from dagger_actors.cli.options import DEFAULT_DATABASE, AsJson, Database, Quiet, Resources, existing
from dagger_actors.cli.place import resources_at
from dagger_actors.cli.render import stdout
from dagger_actors.cli.task_imports import imported_kinds
from dagger_actors.cli.task_pages import error_lines, result_lines, shown_state
from dagger_actors.cli.task_staying import Stay
from dagger_actors.cli.task_steps import next_for_tasks
from dagger_actors.cli.text import one_line, printable
from dagger_actors.cli.watch import Interrupts
from dagger_actors.core.wording import nearest
from dagger_actors.errors import UnknownAgent
from dagger_actors.system import ActorSystem
from dagger_actors.tasks.agents.kind import TaskKind
from dagger_actors.tasks.handles.task import Task
from dagger_actors.tasks.reports.report import TaskReport

__all__ = ["submit"]

LARGEST: Final = 16 * 1024 * 1024
"""Characters that are read from stdin; far more than a payload may have, which the library says."""


def submit(
    agent: Annotated[str, Parameter(name="AGENT", help="The agent's name; `dagger-actors tasks agents` lists them.")],
    payload: Annotated[
        str, Parameter(name="JSON", help="The payload as JSON; `-` reads it from stdin.", allow_leading_hyphen=True)
    ] = "null",
    /,
    *,
    imports: Annotated[
        tuple[str, ...],
        Parameter(
            name="--import",
            help="Where the agent lives: module, module:name, file.py or file.py:name; repeatable. Needed when no worker "
            "has ever told the database of it; the payload is checked by its type before it is stored.",
        ),
    ] = (),
    priority: Annotated[int, Parameter(help="Higher goes first, then age.", show_default=True)] = 0,
    delay: Annotated[float | None, Parameter(help="Seconds until it may begin.")] = None,
    expires: Annotated[float | None, Parameter(help="Seconds; when it has not begun by then, it is cancelled.")] = None,
    key: Annotated[
        str | None, Parameter(help="Unique among the tasks of its agent: the same key again is the same task.")
    ] = None,
    on_conflict: Annotated[
        Literal["existing", "reject", "replace"] | None,
        Parameter(help="When another task has the key: give that one (the default), refuse, or cancel that one."),
    ] = None,
    depends_on: Annotated[tuple[int, ...], Parameter(help="Id of a task that must succeed before; repeatable.")] = (),
    job: Annotated[str | None, Parameter(help="Id of the job that it belongs to; made when there is none.")] = None,
    tries: Annotated[int | None, Parameter(help="Total tries, instead of what its agent says.")] = None,
    wait: Annotated[
        bool,
        Parameter(
            help="Wait for its end and print its result. With --import this process does it, when no other does its agent's "
            "tasks.",
            negative=(),
        ),
    ] = False,
    timeout: Annotated[float | None, Parameter(help="With --wait: wait at most so many seconds; it goes on.")] = None,
    resources: Resources = None,
    db: Database = DEFAULT_DATABASE,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> int:
    """Submit a task; it is durable when this returns, and its id is on stdout.

    With --wait it exits with 0 when the task succeeded, 1 when it did not, 3 when it is paused or has not ended within
    --timeout, 130 when it was interrupted: then it goes on.
    """
    _check_timeout(timeout, is_waited_for=wait)
    if resources is not None and not (wait and imports):
        raise UsageError("--resources is for a task that this process does", "give --wait and --import too")
    value = _payload(payload)
    kinds = imported_kinds(imports)
    made = resources_at(resources)
    is_ours = wait and bool(kinds) and not _is_done_by_others(agent, db)
    wishes = {
        "priority": priority, "delay": delay, "expires": expires, "key": key, "on_conflict": on_conflict, "job": job,
        "depends_on": depends_on, "try_count": tries,
    }  # fmt: skip
    given = {name: one for name, one in wishes.items() if one is not None}

    def send(system: ActorSystem) -> Task:
        return _submitted(system, agent, kinds, value, given)

    place = existing(db) if not imports else db
    if not wait:
        with ActorSystem(place, recover=False) as system:
            report = send(system).report()
        _tell_id(report, db, quiet=quiet, as_json=as_json)
        return OK
    stay = Stay(db, timeout, is_quiet=quiet or as_json)
    with (
        # What a body prints would stand between a reader and the one document.
        contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext(),
        Interrupts() as interrupts,
        LogLines(say),  # before there is a task: its body may have logged, and ended, before this thread gets on
        ActorSystem(
            place, imports=imports if is_ours else (), resources=made if is_ours else None, recover=False
        ) as system,
        leaving(system, interrupts),
    ):
        task = send(system)
        interrupts.parting = f"left at once; {stay.goes_on(task)}"
        if not is_ours:
            stay.say_who_does(system, agent)
        ended = stay.wait(system, task, interrupts)
    if isinstance(ended, int):
        return ended
    return _tell(ended, db, as_json=as_json)


def _check_timeout(timeout: float | None, *, is_waited_for: bool) -> None:
    if timeout is not None and not is_waited_for:
        raise UsageError("--timeout is for --wait", "give both, or neither")
    if timeout is not None and not 0 <= timeout < float("inf"):
        raise UsageError(f"--timeout {timeout:g} is out of range", "give seconds, 0 or more")


def _payload(text: str) -> Any:
    if text == "-":
        text = sys.stdin.read(LARGEST)
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError) as error:
        advice = """quote it for the shell: '{"query": "words"}', '"words"', '[1, 2]'; `-` reads it from stdin"""
        raise UsageError(f"the payload is not JSON: {one_line(str(error))}", advice) from None


def _is_done_by_others(agent: str, db: str) -> bool:
    if not Path(db).exists():
        return False
    with look(db) as here:
        return any(one.worker_pids for one in here.tasks.agents() if one.name == agent)


def _submitted(
    system: ActorSystem, agent: str, kinds: Sequence[TaskKind], payload: Any, wishes: dict[str, Any]
) -> Task:
    found = next((kind for kind in kinds if kind.name == agent), None)
    try:
        return system.tasks.submit(agent if found is None else found.source, payload, **wishes)
    except UnknownAgent as error:
        near = error.near or nearest(agent, [kind.name for kind in kinds]) or ""
        if near:
            raise UnknownAgent(agent, near) from None
        raise UsageError(f"there is no agent {agent!r}", "name the module it is in with --import") from None
    except TimeoutError as error:  # its queue is full
        raise UsageError(str(error)) from None


def _tell_id(report: TaskReport, db: str, *, quiet: bool, as_json: bool) -> None:
    if as_json:
        write_json(report)
        return
    sys.stdout.write(f"{report.id}\n")
    if not quiet:
        sys.stderr.write(printable(f"next: {command('tasks show', str(report.id), db=db)}\n"))


def _tell(report: TaskReport, db: str, *, as_json: bool) -> int:
    if as_json:
        write_json(report)
    elif report.state in ("completed", "accepted"):
        result_lines(stdout(), report.result, db)
    else:
        for line in error_lines(report.error if report.state == "failed" else None):
            sys.stderr.write(f"{line}\n")
        why = "" if report.state == "failed" or not report.why else f": {one_line(report.why)}"
        sys.stderr.write(f"task {report.id} {shown_state(report)}{why}\n")
        for step in next_for_tasks([report], db):
            sys.stderr.write(printable(f"next: {step}\n"))
    if report.state in ("completed", "accepted"):
        return OK
    return PAUSED if report.state == "paused" else FAILED
