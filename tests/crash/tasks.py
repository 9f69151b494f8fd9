"""The task agents of the crash tests: each body writes down that it begins, in one append, and leaves an effect with its end.

The log is the outside witness of beginnings: a line is in the kernel as soon as ``write`` returns. The table ``effects``
is the inside one of ends: its rows are committed with them.
"""

from __future__ import annotations

import os
import time

from dagger_actors import RetryPolicy
from dagger_actors.tasks.agent import task_agent
from dagger_actors.tasks.context import TaskContext

_log = os.open(os.environ["BODY_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

PLACES = 4


def leave(ctx: TaskContext, seconds: float) -> int:
    os.write(_log, f"start {ctx.task_id} {ctx._start.epoch} {ctx.attempt} {os.getpid()}\n".encode())
    ctx.execute("INSERT INTO effects VALUES (?, ?, ?)", (ctx.task_id, ctx._start.epoch, os.getpid()))
    time.sleep(seconds)
    return ctx.task_id


@task_agent(concurrency=PLACES, capacity=1_000_000)
def racing(task: float, ctx: TaskContext) -> int:
    return leave(ctx, task)


@task_agent(concurrency=PLACES, capacity=1_000_000, durability="at_most_once")
def careful(task: float, ctx: TaskContext) -> int:
    return leave(ctx, task)


@task_agent(concurrency=2, isolation="process", retry=RetryPolicy(tries=3))
def dozing(task: float, ctx: TaskContext) -> int:
    return leave(ctx, task)


AGENTS = [racing, careful, dozing]
