"""Operations on tasks: what must read before it writes, inside the transaction of the unit it belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw

from dagger_actors.core.tasks import ClaimTasks, PromoteDue, ReleaseTasks, TaskOperation
from dagger_actors.errors import DaggerError, RequestRefused
from dagger_actors.store.task_claims import claim, promote, release

__all__ = ["TaskWork"]


class TaskWork:
    """Runs operations on the journal's connection.

    Args:
        path: The database, for messages.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def run(self, connection: apsw.Connection, operation: TaskOperation) -> Any:
        """Run one operation.

        Returns:
            Its answer, as the operation says.

        Raises:
            RequestRefused: It cannot be; nothing of its unit may stay.
            apsw.Error: The disk is to blame.
        """
        try:
            return _run(connection, operation)
        except DaggerError as error:
            raise RequestRefused(str(self._path), error) from error


def _run(connection: apsw.Connection, operation: TaskOperation) -> Any:
    match operation:
        case ClaimTasks():
            return claim(connection, operation)
        case ReleaseTasks():
            return release(connection, operation)
        case PromoteDue():
            return promote(connection, operation)
        case _:
            raise NotImplementedError(type(operation).__name__)
