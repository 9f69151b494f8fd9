"""What the verbs of ``system.tasks`` share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from dagger_actors.bodies.asking import Asker, Asking, Await
from dagger_actors.core.protocols import Write
from dagger_actors.core.tasks import TaskOperation
from dagger_actors.errors import SystemClosed
from dagger_actors.tasks.agents.doors import Doors
from dagger_actors.tasks.handles.task import Task, TaskSource
from dagger_actors.tasks.reports.looking import TaskArchive
from dagger_actors.tasks.working.hub import TaskHub

__all__ = ["TasksBase"]


class TasksBase(TaskArchive):
    """One system's hub, and how to ask it.

    Args:
        hub: Keeps the paradigm going.
    """

    def __init__(self, hub: TaskHub) -> None:
        super().__init__(hub.store, lambda: hub.runtime.clock.now().wall_us)
        self._hub = hub
        self._asker = Asker(hub.runtime)
        self._doors = Doors(hub.agents, hub.store.readers)
        self._is_closed = False

    def _task(self, task_id: int) -> Task:
        # What this is a part of has all that a handle asks.
        return Task(task_id, cast("TaskSource", self))

    def close(self) -> None:
        """Take nothing new."""
        self._is_closed = True

    def _refuse_closed(self) -> None:
        self._hub.store.home.check()
        if self._is_closed:
            raise SystemClosed

    def _committing(self, operation: TaskOperation, writes: Sequence[Write] = ()) -> Asking[Any]:
        """Have one operation done; gives its answer."""
        self._refuse_closed()
        answers = yield Await(self._hub.ask([operation], writes))
        return answers[0]
