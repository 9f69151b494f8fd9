"""What the triggers on tasks refuse, in this package's words.

A trigger calls the function ``refuse_task``, which writers' connections have and which raises. (``RAISE`` with anything but
a constant cannot be read by SQLite before 3.47: other programs could not even open the file. A function is looked for only
by who inserts a task.)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import apsw

from dagger_actors.errors import DaggerError, JobClosed, RequestRefused, TaskQueueFull, UnknownAgent

__all__ = ["install"]


def install(connection: apsw.Connection, path: Path) -> None:
    """Give a writer's connection what the triggers on tasks call.

    Args:
        connection: The connection.
        path: The database, for messages.
    """

    def refuse(*facts: Any) -> None:
        reason, name, capacity = facts
        made = _REFUSALS.get(reason)
        if made is not None:  # users' statements may call it too, with what they like
            raise RequestRefused(str(path), made(str(name), capacity if isinstance(capacity, int) else 0))

    # Innocuous: the schema is not trusted, and may call nothing else.
    connection.create_scalar_function("refuse_task", refuse, 3, flags=apsw.SQLITE_INNOCUOUS)


def _unknown(name: str, _capacity: int) -> DaggerError:
    return UnknownAgent(name)


def _closed(name: str, _capacity: int) -> DaggerError:
    return JobClosed(name)


_REFUSALS: Final = {"unknown agent": _unknown, "queue full": TaskQueueFull, "job closed": _closed}
