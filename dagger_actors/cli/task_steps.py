"""What to type next: the commands that go on from where tasks and jobs stand."""

from __future__ import annotations

from collections.abc import Sequence

from dagger_actors.cli.command_line import command
from dagger_actors.tasks.reports.report import JobReport, TaskReport, TaskSummary

__all__ = ["next_for_job", "next_for_tasks"]

NAMED = 20
REOPENED = frozenset({"failed", "cancelled", "paused"})


def next_for_tasks(tasks: Sequence[TaskReport | TaskSummary], db: str) -> list[str]:
    """The commands that go on from tasks; none when there is nothing to do."""
    steps = []
    again = [str(one.id) for one in tasks if one.state in REOPENED]
    if again:
        steps.append(command("tasks retry", *again[:NAMED], db=db))
    rejected = [str(one.id) for one in tasks if one.state == "rejected"]
    if rejected:
        steps.append(command("tasks reopen", *rejected[:NAMED], db=db))
    return steps


def next_for_job(job: JobReport, db: str) -> list[str]:
    """The commands that go on from a job; none when there is nothing to do."""
    progress, of_job = job.progress, ("--job", job.id)
    steps = []
    for state, count in (("failed", progress.failed), ("paused", progress.paused)):
        if count:
            steps.append(command("tasks retry", options=[("--state", state), of_job], db=db))
    return steps
