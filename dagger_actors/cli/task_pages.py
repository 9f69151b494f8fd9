"""Tasks, agents and jobs as text for people; what comes from them is printable, and no markup (see ``render``)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dagger_actors.bodies.artifact_ref import ArtifactRef
from dagger_actors.cli.command_line import command
from dagger_actors.cli.render import LONGEST_CELL, TRACE_LINES, is_rows, is_scalar, outputs, plain, value_text
from dagger_actors.cli.text import duration, one_line, printable, shorten, when
from dagger_actors.core.messages import ErrorDetail
from dagger_actors.core.wording import counted
from dagger_actors.tasks.reports.report import (
    AgentSummary,
    JobProgress,
    JobReport,
    JobSummary,
    TaskAttempt,
    TaskReport,
    TaskSummary,
)

__all__ = [
    "agents_table",
    "error_lines",
    "job_page",
    "jobs_table",
    "progress_text",
    "result_lines",
    "shown_state",
    "task_page",
    "tasks_table",
]

DEPENDENCIES: Final = 20
ATTEMPTS: Final = 20
STYLES: Final = {
    "completed": "green", "accepted": "green", "succeeded": "green", "running": "blue", "failed": "red", "stuck": "red",
    "rejected": "red", "cancelled": "yellow", "paused": "yellow",
}  # fmt: skip


def shown_state(task: TaskSummary | TaskReport) -> str:
    """The state as people are told it: what is blocked by what has failed is ``stuck``, as the filter says it."""
    return "stuck" if task.is_stuck else task.state


def tasks_table(tasks: Iterable[TaskSummary]) -> Table:
    """Lay out the tasks of a list."""
    table = plain("task", "agent", "state", "job", "created (UTC)", "ran", "reason", right=("task", "ran"))
    for task in tasks:
        state = shown_state(task)
        table.add_row(
            str(task.id),
            Text(one_line(task.agent)),
            Text(state, style=STYLES.get(state, "")),
            Text(one_line(task.job or "")),
            when(task.created_us),
            duration(_span(task.started_us, task.finished_us)),
            Text(shorten(one_line(task.reason or ""), LONGEST_CELL)),
        )
    return table


def agents_table(agents: Iterable[AgentSummary]) -> Table:
    """Lay out the agents of a database."""
    table = plain("agent", "open", "capacity", "limits", "processes", "where", right=("open", "capacity"))
    for agent in agents:
        table.add_row(
            Text(one_line(agent.name)),
            f"{agent.open:,}",
            f"{agent.capacity:,}",
            Text(", ".join(_limits(agent))),
            Text(", ".join(map(str, agent.worker_pids)) or "nobody", style="" if agent.worker_pids else "yellow"),
            Text(one_line(agent.place)),
        )
    return table


def _limits(agent: AgentSummary) -> Iterator[str]:
    if agent.rate is not None:
        yield f"{agent.rate:g}/s"
    if agent.per_key is not None:
        yield f"{agent.per_key:,} of a key"


def _span(started_us: int | None, finished_us: int | None) -> int | None:
    return None if started_us is None or finished_us is None else finished_us - started_us


# --- one task


def task_page(console: Console, task: TaskReport) -> None:
    """Print one task: what it is, how it stands, whom it waits for, what went wrong, what came of it."""
    state = shown_state(task)
    title = Text(f"task {task.id} of agent {one_line(task.agent)}: ")
    console.print(title.append(state, style=STYLES.get(state, "")))
    for line in _facts(task):
        console.print(Text(line), soft_wrap=True)
    if task.dependencies:
        console.print(Text("waits for:"))
        for one in task.dependencies[:DEPENDENCIES]:
            wanted = "succeed" if one.kind == "success" else "end"
            told = "met" if one.is_met else f"is to {wanted}"
            console.print(Text(f"  task {one.id} ({one.state or 'deleted'}): {told}"))
        if len(task.dependencies) > DEPENDENCIES:
            console.print(f"  ... and {len(task.dependencies) - DEPENDENCIES:,} more; --json gives them all")
    for line in _attempt_lines(task.attempts):
        console.print(Text(line), soft_wrap=True)
    for line in error_lines(task.error):
        console.print(Text(line), soft_wrap=True)
    if task.payload is not None:
        console.print(Text(f"payload: {value_text(task.payload)}"), soft_wrap=True)
    if task.result is not None:
        outputs(console, {"result": task.result})


def _facts(task: TaskReport) -> Iterator[str]:
    if task.reason:
        yield one_line(task.reason)
    yield f"created {when(task.created_us)} UTC" + (
        f", ran {duration(took)}" if (took := _span(task.started_us, task.finished_us)) is not None else ""
    )
    if task.worker_pid is not None:
        yield f"process {task.worker_pid} does it"
    if task.is_held:
        yield "others of its key go first"
    for name, value in (("due", task.due_us), ("expires", task.expires_us)):
        if value is not None and task.finished_us is None:
            yield f"{name} {when(value)} UTC"
    tries = "" if task.try_count is None else f" of {task.try_count:,}"
    crashes = f", {counted(task.crash_no, 'death')} of its workers" if task.crash_no else ""
    yield f"attempt {task.attempt:,}, try {task.try_no:,}{tries}{crashes}, priority {task.priority}, version {task.version}"
    named = (("key", task.key), ("limited with", task.limit_key), ("job", task.job), ("spawned by task", task.parent))
    yield from (f"{name}: {one_line(str(value))}" for name, value in named if value is not None)
    if task.children:
        yield f"has spawned {counted(task.children, 'task')}"


def _attempt_lines(attempts: tuple[TaskAttempt, ...]) -> Iterator[str]:
    if len(attempts) > ATTEMPTS:
        yield f"the first {len(attempts) - ATTEMPTS:,} attempts are left out; --json gives them all"
    for one in attempts[-ATTEMPTS:]:
        took = duration(_span(one.started_us, one.finished_us))
        why = f": {shorten(_error(one.error), LONGEST_CELL * 2)}" if one.error is not None else ""
        yield f"attempt {one.attempt} {one.outcome.replace('_', ' ')}{f' after {took}' if took else ''}{why}"


def _error(error: ErrorDetail) -> str:
    kind = error.type.removeprefix("builtins.")
    return one_line(f"{kind}: {error.message}" if error.message else kind)


def error_lines(error: ErrorDetail | None) -> list[str]:
    """Write an error with the user's frames; none for None."""
    if error is None:
        return []
    frames = error.traceback.rstrip().splitlines()[-TRACE_LINES:]
    return [f"error: {shorten(_error(error), 1000)}", *(f"  {printable(line)}" for line in frames)]


def result_lines(console: Console, result: object, db: str) -> None:
    """Print a result alone, for the next program in the pipe or a person: fields by name, rows as a table, a value as it is."""
    if isinstance(result, dict) and result and all(map(is_scalar, result.values())):
        for name, value in result.items():
            outputs(console, {str(name): value})
    elif isinstance(result, dict) and result and all(is_scalar(one) or is_rows(one) for one in result.values()):
        outputs(console, {str(name): value for name, value in result.items()})
    elif is_rows(result):
        outputs(console, {"result": result})
    elif isinstance(result, ArtifactRef):
        advice = command("artifacts get", result.artifact_id, db=db)
        console.print(Text(f"{value_text(result)}; read it with: {advice}"), soft_wrap=True)
    elif result is not None:
        console.print(Text(value_text(result)), soft_wrap=True)


# --- jobs


def progress_text(progress: JobProgress) -> str:
    """Write how far a job is as one line: ``7/10 done, 1 running, 2 waiting, 1 failed``."""
    done = progress.total - progress.open
    parts = [f"{done:,}/{progress.total:,} done"]
    for name in ("running", "waiting", "paused", "stuck", "failed", "rejected", "cancelled"):
        count = getattr(progress, name)
        if count:
            parts.append(f"{count:,} {name}")
    return ", ".join(parts)


def jobs_table(jobs: Iterable[JobSummary]) -> Table:
    """Lay out the jobs of a database."""
    table = plain("job", "state", "tasks", "created (UTC)", "last change (UTC)", "reason")
    for job in jobs:
        table.add_row(
            Text(one_line(job.id)),
            Text(job.state, style=STYLES.get(job.state, "")) + (" (stalled)" if job.stalled_us is not None else ""),
            progress_text(job.progress),
            when(job.created_us),
            when(job.moved_us),
            Text(shorten(one_line(job.reason or ""), LONGEST_CELL)),
        )
    return table


def job_page(console: Console, job: JobReport) -> None:
    """Print one job: how far it is, and which of its tasks need a look."""
    title = Text(f"job {one_line(job.id)}: ")
    console.print(title.append(job.state, style=STYLES.get(job.state, "")))
    if job.reason:
        console.print(Text(one_line(job.reason)), soft_wrap=True)
    console.print(progress_text(job.progress))
    console.print(f"created {when(job.created_us)} UTC, last change {when(job.moved_us)} UTC")
    if job.on_failure == "stop":
        console.print("the first failure cancels the rest")
    if job.stalled_us is not None:
        console.print(f"stalled since {when(job.stalled_us)} UTC")
    if job.problems:
        console.print()
        console.print(tasks_table(job.problems))
