"""What is kept of the attempts of a task is bounded, however long it lives."""

from __future__ import annotations

from typing import Any

import apsw

from dagger_actors import Snooze, TaskContext, task_agent

KEPT = 100
TRIES = 130


def test_of_a_task_that_snoozes_for_ever_the_last_hundred_attempts_and_logs_are_kept(sim: Any) -> None:
    """Law: one open task takes a bounded part of the file."""
    ran: list[int] = []

    @task_agent
    def poll(task: int, ctx: TaskContext) -> Any:
        ran.append(ctx.attempt)
        ctx.log("not yet")
        return Snooze(1) if len(ran) < TRIES else "done"

    task = sim.system(agents=[poll]).tasks.submit(poll, 0)
    sim.advance(2 * TRIES)
    assert task.state == "completed"
    connection = apsw.Connection(str(sim.path), flags=apsw.SQLITE_OPEN_READONLY)
    for table, last in (("task_attempts", TRIES - 1), ("task_logs", TRIES)):
        kept = [row[0] for row in connection.execute(f"SELECT attempt FROM {table} ORDER BY 1")]
        assert kept == list(range(last - KEPT + 1, last + 1)), table
    connection.close()
