"""What is seen of tasks while they are done: a table that moves on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from dagger_actors.cli.render import plain
from dagger_actors.cli.task_pages import progress_text
from dagger_actors.cli.text import one_line
from dagger_actors.core.wording import counted
from dagger_actors.tasks.reports.report import JobSummary
from dagger_actors.tasks.verbs.at_work import AgentStanding
from dagger_actors.tasks.verbs.tasks import Tasks

__all__ = ["TaskBoard"]

ROWS = 30
JOBS = 5
BODIES = 10
JOBS_S = 2.0
"""Between two looks at the jobs, of which there may be many."""
NUMBERS = ("running", "waiting", "done/s", "done", "failed", "retries")


class TaskBoard:
    """Looks at the tasks of a system.

    Args:
        tasks: They.
        is_shown: Whether anybody sees the table.

    Attributes:
        agents: Those of this process, and others that have something open, as they were looked at last.
    """

    def __init__(self, tasks: Tasks, *, is_shown: bool) -> None:
        self._tasks = tasks
        self._is_shown = is_shown
        self.agents: list[AgentStanding] = []
        self._jobs: list[JobSummary] = []
        self._rates: dict[str, float] = {}
        self._looked = time.monotonic()
        self._looked_at_jobs = 0.0

    def look(self) -> None:
        """Look once."""
        now = time.monotonic()
        span, self._looked = now - self._looked, now
        before = {one.name: one.completed for one in self.agents}
        self.agents = [one for one in self._tasks.standing() if one.is_own or one.open]
        for one in self.agents:
            self._rates[one.name] = (one.completed - before.get(one.name, 0)) / span if span else 0.0
        if self._is_shown and now - self._looked_at_jobs >= JOBS_S:
            self._looked_at_jobs = now
            self._jobs = self._tasks.jobs(state="running", limit=JOBS)

    def line(self) -> str:
        """How it stands, in one line."""
        own = [one for one in self.agents if one.is_own]
        running, is_open = sum(one.running for one in own), sum(one.open for one in own)
        return (
            f"{counted(len(own), 'agent')}, {running:,} running, {is_open - running:,} waiting, "
            f"{sum(one.completed for one in own):,} done, {sum(one.failed for one in own):,} failed, "
            f"{sum(one.retried for one in own):,} to be tried again"
        ) + "".join(f", task {one.task} {one}" for one in self._tasks.progress()[-1:])

    def tables(self) -> Iterator[Table]:
        """The agents that are at work here or have something open, how far bodies are, and the newest jobs that run."""
        table = plain("agent", *NUMBERS, right=NUMBERS)
        for one in self.agents[:ROWS]:
            name = one_line(one.name) if one.is_own else f"{one_line(one.name)} (elsewhere)"
            table.add_row(
                Text(name),
                f"{one.running:,}",
                f"{one.open - one.running:,}",
                f"{self._rates[one.name]:,.0f}",
                f"{one.completed:,}",
                Text(f"{one.failed:,}", style="red" if one.failed else ""),
                f"{one.retried:,}",
            )
        if len(self.agents) > ROWS:
            table.add_row(Text(f"... and {len(self.agents) - ROWS} more"))
        yield table
        told = self._tasks.progress()
        if told:
            bodies = plain("task", "agent", "progress", right=("task",))
            for body in told[:BODIES]:
                bodies.add_row(str(body.task), Text(one_line(body.agent)), str(body))
            if len(told) > BODIES:
                bodies.add_row("", Text(f"... and {len(told) - BODIES} more"))
            yield bodies
        if self._jobs:
            jobs = plain("job", "progress")
            for job in self._jobs:
                jobs.add_row(Text(one_line(job.id)), progress_text(job.progress))
            yield jobs
