"""Operations: what must read before it writes, inside the transaction of the unit it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import apsw

from dagger_actors.core.channels import ChannelOperation
from dagger_actors.core.run_rows import StartRuns
from dagger_actors.core.task_leases import ClaimTasks
from dagger_actors.core.tasks import TaskOperation
from dagger_actors.errors import DaggerError, RequestRefused
from dagger_actors.store.channel_work import CHANNEL_RUNS
from dagger_actors.store.run_starting import start_runs
from dagger_actors.store.task_claims import claim
from dagger_actors.store.task_work import TASK_RUNS

__all__ = ["Operations"]

_RUNS: Final[dict[type, Callable[[apsw.Connection, Any], Any]]] = {**TASK_RUNS, **CHANNEL_RUNS, StartRuns: start_runs}


class Operations:
    """Runs operations on the journal's connection.

    Args:
        path: The database, for messages.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def run(
        self,
        connection: apsw.Connection,
        operation: TaskOperation | ChannelOperation | StartRuns,
        *,
        has_met: bool = True,
    ) -> Any:
        """Run one operation.

        Args:
            connection: The journal's.
            operation: What is asked.
            has_met: Whether a task that has ended in this transaction was waited for by another.

        Returns:
            Its answer, as the operation says.

        Raises:
            RequestRefused: It cannot be; nothing of its unit may stay.
            apsw.Error: The disk is to blame.
        """
        try:
            if isinstance(operation, ClaimTasks):
                return claim(connection, operation, has_met=has_met)
            return _RUNS[type(operation)](connection, operation)
        except RequestRefused:
            raise
        except DaggerError as error:
            raise RequestRefused(str(self._path), error) from error
