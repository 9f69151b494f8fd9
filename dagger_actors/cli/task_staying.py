"""Stays with a task until it is at rest, with a word on how it stands."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.text import Text

from dagger_actors.cli.command_line import command
from dagger_actors.cli.exits import INTERRUPTED, PAUSED
from dagger_actors.cli.task_pages import shown_state
from dagger_actors.cli.text import one_line, printable
from dagger_actors.cli.watch import GRACE_S, Interrupts, wait_for
from dagger_actors.core.wording import counted
from dagger_actors.system import ActorSystem
from dagger_actors.tasks.handles.task import Task
from dagger_actors.tasks.reports.report import TaskReport
from dagger_actors.tasks.verbs.at_work import TaskProgress

__all__ = ["Stay"]

LOOK_S: Final = 0.2


class Stay:
    """Waiting for a task, with a word on how it stands.

    Args:
        db: The database, as it was given.
        timeout: Seconds; None = as long as it takes.
        is_quiet: Whether nothing is said meanwhile.
    """

    def __init__(self, db: str, timeout: float | None, *, is_quiet: bool) -> None:
        self._db = db
        self._timeout = timeout
        self._is_quiet = is_quiet
        self._told = ""
        self._console = Console(stderr=True, highlight=False, markup=False)
        self._live: Live | None = None

    def goes_on(self, task: Task) -> str:
        """Say how to look at it again."""
        return f"task {task.id} goes on; look at it with: {command('tasks show', str(task.id), db=self._db)}"

    def say_who_does(self, system: ActorSystem, agent: str) -> None:
        """Say it when nobody is there who does an agent's tasks, and how to start one: else it is waited for in vain."""
        found = next((one for one in system.tasks.agents() if one.name == agent), None)
        if found is None or found.worker_pids or self._is_quiet:
            return
        file = found.place.rpartition(":")[0]
        start = command("worker", db=self._db, imports=[file] if file else ())
        self._say_aside(f"nobody does the tasks of the agent {agent!r} now; start a worker that has it: {start}")

    def wait(self, system: ActorSystem, task: Task, interrupts: Interrupts) -> TaskReport | int:
        """Wait until it is at rest; the exit status instead, when that is not waited for any more."""

        def look() -> None:
            self._say(system.tasks.report(task.id, values=False), system.tasks.progress(task.id))

        with self._shown():
            look()
            try:
                ended = wait_for(lambda: task.wait(self._timeout), interrupts, look, LOOK_S)
            except TimeoutError:
                self._say_aside(f"waited for {self._timeout:g} s; {self.goes_on(task)}")
                return PAUSED
        if ended is not None:
            return ended
        assert interrupts.first is not None
        grace_s = GRACE_S[interrupts.first]
        if system.bodies():
            sys.stderr.write(f"stopping: what is in hand has {grace_s:g} s to end; once more to leave at once\n")
        system.stop(grace_s=grace_s)
        self._say_aside(self.goes_on(task))
        return INTERRUPTED

    def _shown(self) -> contextlib.AbstractContextManager[object]:
        if self._is_quiet or not self._console.is_terminal:
            return contextlib.nullcontext()
        self._live = Live(
            console=self._console, get_renderable=lambda: Text(self._told), refresh_per_second=4, transient=True
        )
        return self._live

    def _say(self, report: TaskReport, progress: Sequence[TaskProgress]) -> None:
        # To lines that stay it would add one for each look.
        told = map(str, progress) if self._live is not None else ()
        before, self._told = self._told, ", ".join([standing(report), *told])
        if not self._is_quiet and self._live is None and self._told != before:
            sys.stderr.write(f"{self._told}\n")

    @staticmethod
    def _say_aside(text: str) -> None:
        sys.stderr.write(printable(f"{text}\n"))


def standing(report: TaskReport) -> str:
    """Write how a task stands as one line."""
    parts = [f"task {report.id} of {one_line(report.agent)}: {shown_state(report)}"]
    if report.worker_pid is not None:
        parts.append(f"in process {report.worker_pid}")
    if report.attempt > 1:
        parts.append(f"attempt {report.attempt:,}")
    if report.children:
        parts.append(f"{counted(report.children, 'task')} spawned")
    if report.why:
        parts.append(one_line(report.why)[:200])
    return ", ".join(parts)
