"""Task agents whose bodies do what no body should; in worker processes they are found by this module's name."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

from dagger_actors import RetryPolicy
from dagger_actors.tasks.agents.agent import task_agent

TWICE = RetryPolicy(tries=2)


def misbehave(how: str) -> Any:
    match how:
        case "exits":
            sys.exit(3)
        case "os._exit":
            os._exit(3)
        case "segfault":
            ctypes.string_at(0)
        case "interrupts":
            raise KeyboardInterrupt
        case "nothing that can be stored":
            return object()
        case "a lone surrogate":
            return "\ud800"
        case "a cycle":
            ring: list[Any] = []
            ring.append(ring)
            return ring
        case "closes descriptors":
            os.closerange(3, 64)
            return how
    return how


@task_agent(retry=TWICE)
def on_a_thread(task: str) -> Any:
    return misbehave(task)


@task_agent(retry=TWICE)
async def on_the_loop(task: str) -> Any:
    return misbehave(task)


@task_agent(retry=TWICE, isolation="process")
def in_a_process(task: str) -> Any:
    return misbehave(task)


@task_agent(durability="at_most_once", isolation="process")
def in_a_process_once(task: str) -> Any:
    return misbehave(task)


AGENTS = [on_a_thread, on_the_loop, in_a_process, in_a_process_once]
