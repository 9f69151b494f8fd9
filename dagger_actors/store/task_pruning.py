"""Old tasks, and old jobs that have none, deleted a few at a time."""

from __future__ import annotations

import apsw

from dagger_actors.core.tasks import Pruned, PruneTasks
from dagger_actors.store.statements import sql
from dagger_actors.store.stepping import ask, do

__all__ = ["prune"]


def prune(connection: apsw.Connection, operation: PruneTasks) -> Pruned:
    """Delete what ended long ago among the next tasks by id; behind the last ones, jobs that never had any."""
    asked = (operation.before_us, operation.limit, operation.after)
    last, looked_at, keys = next(connection.execute(sql("read.prunable"), asked))
    count = 0 if keys == "[]" else _delete(connection, keys)
    if looked_at == operation.limit:
        return Pruned(count, last)
    do(connection, "jobs.prune_empty", operation.before_us, operation.limit)
    return Pruned(count, operation.after if connection.changes() == operation.limit else None)


def _delete(connection: apsw.Connection, keys: str) -> int:
    jobs = ask(connection, "read.jobs_of_tasks", keys)
    do(connection, "tasks.prune", keys)
    count = connection.changes()
    do(connection, "jobs.prune", jobs)
    return count
