"""The quick tasks of ``test_shifts.py``, which their worker does in shifts, and one kind that is done at most once."""

from __future__ import annotations

import ctypes
import os
import sys
import time

from dagger_actors.tasks.agents.agent import task_agent
from dagger_actors.tasks.agents.context import TaskContext

_log = os.open(os.environ["BODY_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

NEVER_S = 600.0


def note(ctx: TaskContext) -> None:
    os.write(_log, f"start {ctx.task_id} {ctx._start.epoch} {ctx.attempt} {os.getpid()}\n".encode())


@task_agent(concurrency=1, capacity=1_000_000)
def quick(task: str, ctx: TaskContext) -> int:
    note(ctx)
    ctx.execute("INSERT INTO effects VALUES (?, ?, ?)", (ctx.task_id, ctx._start.epoch, os.getpid()))
    match task:
        case "stands" if ctx.attempt == 1:
            time.sleep(NEVER_S)  # it is killed here
        case "rests":
            time.sleep(0.001)
        case "os._exit":
            sys.stderr.flush()
            os._exit(3)
        case "segfault":
            ctypes.string_at(0)
    return ctx.task_id


@task_agent(concurrency=2, capacity=1_000_000, durability="at_most_once")
def once(task: str, ctx: TaskContext) -> int:
    note(ctx)
    ctx.execute("INSERT INTO effects VALUES (?, ?, ?)", (ctx.task_id, ctx._start.epoch, os.getpid()))
    if task == "stands":
        time.sleep(NEVER_S)
    return ctx.task_id


AGENTS = [quick, once]
