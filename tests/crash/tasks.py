"""The task agents of the crash tests: each body writes down that it begins, in one append, and leaves an effect with its end.

The log is the outside witness of beginnings: a line is in the kernel as soon as ``write`` returns. The table ``effects``
is the inside one of ends: its rows are committed with them.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from dagger_actors import RetryPolicy
from dagger_actors.tasks.agents.agent import task_agent
from dagger_actors.tasks.agents.context import TaskContext

LOG = Path(os.environ["BODY_LOG"])
_log = os.open(LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

others: set[str] = set()
"""Ids of the other processes that ``meeting`` has found in the log."""

PLACES = 4


def leave(ctx: TaskContext, seconds: float) -> int:
    os.write(_log, f"start {ctx.task_id} {ctx._start.epoch} {ctx.attempt} {os.getpid()}\n".encode())
    ctx.execute("INSERT INTO effects VALUES (?, ?, ?)", (ctx.task_id, ctx._start.epoch, os.getpid()))
    time.sleep(seconds)
    return ctx.task_id


@task_agent(concurrency=PLACES, capacity=1_000_000)
def racing(task: float, ctx: TaskContext) -> int:
    return leave(ctx, task)


@task_agent(concurrency=PLACES, capacity=1_000_000)
def meeting(task: float, ctx: TaskContext) -> int:
    """Ends only when another process has begun one too: none can do all of them before the other comes."""
    made = leave(ctx, task)
    while not others:
        others.update({line.rpartition(" ")[2] for line in LOG.read_text().splitlines()} - {str(os.getpid())})
        time.sleep(task)
    return made


@task_agent(concurrency=PLACES, capacity=1_000_000, durability="at_most_once")
def careful(task: float, ctx: TaskContext) -> int:
    return leave(ctx, task)


@task_agent(concurrency=2, isolation="process", retry=RetryPolicy(tries=3))
def dozing(task: float, ctx: TaskContext) -> int:
    return leave(ctx, task)


AGENTS = [racing, meeting, careful, dozing]
