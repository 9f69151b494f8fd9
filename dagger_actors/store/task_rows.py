"""What operations must know of tasks before they change them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import apsw
import msgspec

from dagger_actors.core.task_states import FINAL_TASK, TASK_TRANSITIONS
from dagger_actors.errors import TaskChanged, TaskNotFound, TaskTransitionRefused
from dagger_actors.store.stepping import ask, text

__all__ = ["TaskRow", "check_version", "must_become", "must_find", "states_of"]


class TaskRow(msgspec.Struct, frozen=True, array_like=True):
    """A row of ``read.task_states``."""

    task_key: int
    state: str
    is_stuck: int
    version: int
    owner: int | None
    epoch: int
    is_delayed: int

    @property
    def is_final(self) -> bool:
        """Whether it has ended."""
        return self.state in FINAL_TASK


_rows = msgspec.json.Decoder(list[TaskRow])


def states_of(connection: apsw.Connection, keys: Sequence[int]) -> dict[int, TaskRow]:
    """Those of the tasks that exist, by their ids."""
    return {row.task_key: row for row in _rows.decode(ask(connection, "read.task_states", text(keys)))}


def must_find(found: Mapping[int, TaskRow], key: int) -> TaskRow:
    """The task of that id.

    Raises:
        TaskNotFound: There is none.
    """
    if key not in found:
        raise TaskNotFound(key)
    return found[key]


def check_version(task: TaskRow, version: int | None) -> None:
    """Refuse what is asked of another version.

    Raises:
        TaskChanged: It is another one.
    """
    if version is not None and task.version != version:
        raise TaskChanged(task.task_key, version, task.version)


def must_become(task: TaskRow, state: str, advice: str) -> None:
    """Refuse what the table of transitions does not hold.

    Raises:
        TaskTransitionRefused: With the advice.
    """
    if state not in TASK_TRANSITIONS[task.state]:
        raise TaskTransitionRefused(task.task_key, task.state, state, advice)
