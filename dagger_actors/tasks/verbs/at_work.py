"""How a system's task agents stand, for whoever watches it."""

from __future__ import annotations

import msgspec

from dagger_actors.tasks.verbs.base import TasksBase

__all__ = ["AgentStanding", "AtWork", "TaskProgress"]


class AgentStanding(msgspec.Struct, frozen=True, kw_only=True):
    """One agent at this moment.

    Attributes:
        open: Its tasks in the file that have not ended.
        running: Those of them that a worker, this one or another, has leased.
        is_own: Whether this process does its tasks.
        completed: Tasks that this process has completed, since it was opened.
        failed: Those that failed here for good.
        retried: Tries that failed here and are followed by another one.
    """

    name: str
    open: int
    running: int
    is_own: bool
    completed: int
    failed: int
    retried: int


class TaskProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far the body of a task is, as it told last: ``ctx.progress(done, total)``.

    Attributes:
        task: The task's id.
        agent: The name of its agent.
        attempt: From 1.
        done: So much.
        total: Of so much; None = it does not know.
    """

    task: int
    agent: str
    attempt: int
    done: float
    total: float | None

    def __str__(self) -> str:
        return f"{self.done:g}" if self.total is None else f"{self.done:g}/{self.total:g}"


class AtWork(TasksBase):
    """What is seen of the work."""

    @property
    def own(self) -> tuple[str, ...]:
        """The names of the agents whose tasks this process does."""
        return self._hub.agents.names()

    @property
    def failure(self) -> Exception | None:
        """Why no task is done here any more; None = they are."""
        return self._hub.failure

    def standing(self) -> list[AgentStanding]:
        """All agents that the database knows, by name."""
        own, tally = set(self.own), self._hub.tally
        return [
            AgentStanding(
                name=name,
                open=is_open,
                running=running,
                is_own=name in own,
                completed=tally.of(name, "completed"),
                failed=tally.of(name, "failed"),
                retried=tally.of(name, "retried"),
            )
            for name, is_open, running in self._store.readers.query("read.agents_at_work")
        ]

    def progress(self, task: int | None = None) -> list[TaskProgress]:
        """How far bodies are that run in this process, those that told so, as they began; nothing of it is stored.

        Args:
            task: The id of the one that is asked about; None = all of them.
        """
        return [
            TaskProgress(
                task=hand.task.task_key, agent=hand.task.agent, attempt=hand.attempt, done=told.done, total=told.total
            )
            for hand in self._hub.supervisor.hands()
            if (told := hand.progress) is not None and task in (None, hand.task.task_key)
        ]

    def is_at_rest(self) -> bool:
        """Whether no task of this process's agents can move by itself: none is left that is not paused, or stuck.

        All that was done here is counted by then: see ``standing``.
        """
        # In this order: of what is still in hand the file may tell the end already.
        return not self.can_move(self.own) and not self._hub.supervisor.hands()
