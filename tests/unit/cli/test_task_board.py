"""The table of a worker: what is done here and elsewhere, hostile names as text."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Callable
from typing import Any

from rich.console import Console

from dagger_actors import ActorSystem, RetryPolicy, TaskContext, task_agent
from dagger_actors.cli.task_board import TaskBoard
from dagger_actors.cli.task_pages import agents_table
from dagger_actors.cli.task_staying import Stay
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
        system.tasks.shared.put("board", "behind", 1)  # what the file had shown before that is counted by now
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


def test_how_far_bodies_are_is_shown_while_they_run(sim: Any) -> None:
    """Law: what they told last, with or without a total; a few of many; nothing of those that have ended."""

    @task_agent(name="c[o]pies", concurrency=20)
    async def copies(task: int, ctx: TaskContext) -> None:
        ctx.progress(1, task)
        ctx.progress(2, task)
        await asyncio.sleep(1)
        ctx.progress(task)
        await asyncio.sleep(1)

    system = sim.system(agents=[copies])
    task = system.tasks.submit(copies, 40)
    board = TaskBoard(system.tasks, is_shown=True)
    stay = Stay("x.db", None, is_quiet=False)
    stay._console = Console(file=io.StringIO(), force_terminal=True)
    for at_s, told in ((0.5, "1/40"), (1, "40")):
        sim.advance(at_s)
        assert [str(one) for one in system.tasks.progress(task.id)] == [told]
        assert system.tasks.progress(task.id + 1) == []
        board.look()
        rows = [line.split() for line in shown(*board.tables())]
        assert rows[-2:] == [["task", "agent", "progress"], [str(task.id), "c[o]pies", told]]
        assert board.line().endswith(f"to be tried again, task {task.id} {told}")
        with stay._shown():
            stay._say(task.report(), system.tasks.progress(task.id))
            assert stay._told.endswith(f", {told}")
    sim.advance(2)
    assert (system.tasks.progress(), task.state) == ([], "completed")
    system.tasks.submit_many(copies, range(3, 15))
    sim.advance(0.5)
    assert shown(*board.tables())[-1].strip() == "... and 2 more"


def shown(*tables: Any) -> list[str]:
    console = Console(width=200, record=True, markup=False, highlight=False, file=io.StringIO())
    for table in tables:
        console.print(table)
    return [line.rstrip() for line in console.export_text().splitlines()]
