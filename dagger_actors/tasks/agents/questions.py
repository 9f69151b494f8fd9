"""What contexts of tasks ask of the process that has the agents and the file: one question, one answer, all in MessagePack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from dagger_actors.bodies.backends import OwnerSource
from dagger_actors.tasks.agents.growth import NewChild, Sibling, Wanted
from dagger_actors.tasks.handles.outcomes import TaskOutcome

__all__ = ["CHILDREN", "JOB", "MARK", "NEEDS", "NEW", "OUTCOMES", "Questions"]

NEW = "new"
"""For a child to be spawned, a ``Wanted``; the answer is a ``NewChild``."""

CHILDREN = "children"
"""For what a task has spawned; the answer are ``Sibling``."""

OUTCOMES = "outcomes"
"""For tasks by their ids; the answer are ``TaskOutcome``, of those that there are."""

NEEDS = "needs"
"""For what a task was submitted to depend on; the answer are ids, in that order."""

JOB = "job"
"""For the id of a job, by its key."""

MARK = "mark"
"""For the mark of a task's earlier turns; the answer is text, None = there is none."""

_new = msgspec.msgpack.Decoder(NewChild)
_siblings = msgspec.msgpack.Decoder(list[Sibling])
_outcomes = msgspec.msgpack.Decoder(list[TaskOutcome])
_keys = msgspec.msgpack.Decoder(list[int])


class Questions:
    """Asks them; any thread, and it may block for a moment.

    Args:
        source: Answers them.
    """

    def __init__(self, source: OwnerSource) -> None:
        self._source = source

    def _ask(self, question: str, argument: Any) -> bytes:
        return self._source.ask(question, msgspec.msgpack.encode(argument))

    def new(self, wanted: Wanted) -> NewChild:
        """Ask for a child's id, and whether its agent takes it.

        Raises:
            PayloadRefused: It does not.
        """
        return _new.decode(self._ask(NEW, wanted))

    def children(self, task_key: int) -> list[Sibling]:
        """Ask what a task has spawned."""
        return _siblings.decode(self._ask(CHILDREN, task_key))

    def outcomes(self, task_keys: Sequence[int]) -> list[TaskOutcome]:
        """Ask how tasks have ended, if they have; in any order, and without those that there are not."""
        return _outcomes.decode(self._ask(OUTCOMES, task_keys))

    def needs(self, task_key: int) -> list[int]:
        """Ask what a task was submitted to depend on."""
        return _keys.decode(self._ask(NEEDS, task_key))

    def job_id(self, job_key: int) -> str:
        """Ask for the id of a job."""
        return msgspec.msgpack.decode(self._ask(JOB, job_key), type=str)

    def mark(self, task_key: int) -> str | None:
        """Ask for the mark of a task's earlier turns."""
        return msgspec.msgpack.decode(self._ask(MARK, task_key), type=str | None)
