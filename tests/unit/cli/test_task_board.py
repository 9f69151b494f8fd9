"""The table of a worker: what is done here and elsewhere, hostile names as text."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from typing import Any

from rich.console import Console

from dagger_actors import ActorSystem, RetryPolicy, task_agent
from dagger_actors.cli.task_board import TaskBoard
from dagger_actors.cli.task_pages import agents_table
from tests.conftest import Diary

PATIENCE_S = 30


def test_the_table_has_what_runs_waits_is_done_failed_and_tried_again(
    open_system: Callable[..., ActorSystem], diary: Diary
) -> None:
    """Law: a row for each agent of this process, and for others that have something open; the jobs that run below."""
    go = threading.Event()

    @task_agent(concurrency=1)
    def held(task: str) -> None:
        diary.note(task)
        go.wait(PATIENCE_S)

    @task_agent(retry=RetryPolicy(tries=3))
    def fail(task: str) -> None:
        raise ValueError(task)

    @task_agent
    def other(task: str) -> None: ...

    with open_system(agents=[other]) as before:
        before.tasks.submit(other, "x", delay=3600)
    system = open_system(agents=[held, fail])
    try:
        system.tasks.submit_many(held, ["a", "b"], job="j[b]")
        system.tasks.submit(fail, "no").wait(PATIENCE_S)
        diary.wait_for("a")
        board = TaskBoard(system.tasks, is_shown=True)
        board.look()
        rows = [line.split() for line in shown(*board.tables())]
        assert rows[0] == ["agent", "running", "waiting", "done/s", "done", "failed", "retries"]
        assert ["fail", "0", "0", "0", "0", "1", "2"] in rows
        assert ["other", "(elsewhere)", "0", "1", "0", "0", "0", "0"] in rows
        (of_held,) = [row for row in rows if row[0] == "held"]
        assert int(of_held[1]) + int(of_held[2]) == 2
        assert rows[-1][0] == "j[b]"
        assert "0/2" in rows[-1]
        assert board.line().startswith("2 agents, ")
        assert board.line().endswith("0 done, 1 failed, 2 to be tried again")
        assert "nobody" in " ".join(shown(agents_table(system.tasks.agents())))
    finally:
        go.set()


def shown(*tables: Any) -> list[str]:
    console = Console(width=200, record=True, markup=False, highlight=False, file=io.StringIO())
    for table in tables:
        console.print(table)
    return [line.rstrip() for line in console.export_text().splitlines()]
