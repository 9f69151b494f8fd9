"""What a task's body may ask of the attempt it runs in."""

from __future__ import annotations

import logging

from dagger_actors.bodies.context import BodyContext, Surroundings
from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.messages import StartAttempt

__all__ = ["TaskContext"]

logger = logging.getLogger("dagger_actors.run")


class TaskContext(BodyContext):
    """Given to an ``execute`` that declares a parameter of this type.

    Attributes:
        task_id: The task's id.
        agent: The name of its agent.
    """

    may_suspend = True

    def __init__(self, start: StartAttempt, around: Surroundings) -> None:
        super().__init__(start, around)
        self.task_id = start.run_key
        self.agent = start.action

    @staticmethod
    def write_log(start: StartAttempt, level: int, message: str) -> None:
        """Write what an attempt logged."""
        fields = LogFields(task=start.run_key, agent=start.action, attempt=start.attempt)
        logger.log(level, "task %d of %s: %s", start.run_key, start.action, message, extra=fields)

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt at this task."""
        return f"task/{self.task_id}"
