"""Old tasks, deleted a few at a time."""

from __future__ import annotations

import apsw

from dagger_actors.core.tasks import Pruned, PruneTasks
from dagger_actors.store.statements import sql
from dagger_actors.store.task_sql import ask, do

__all__ = ["prune"]


def prune(connection: apsw.Connection, operation: PruneTasks) -> Pruned:
    """Delete what ended long ago among the next tasks by id."""
    asked = (operation.before_us, operation.limit, operation.after)
    last, looked_at, keys = next(connection.execute(sql("read.prunable"), asked))
    after = last if looked_at == operation.limit else None
    if keys == "[]":
        return Pruned(0, after)
    jobs = ask(connection, "read.jobs_of_tasks", keys)
    do(connection, "tasks.prune", keys)
    count = connection.changes()
    do(connection, "jobs.prune", jobs)
    return Pruned(count, after)
