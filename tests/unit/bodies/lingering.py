"""Bodies that leave their context to others, in this process or in a worker process."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import msgspec

from dagger_actors import (
    AttemptOver,
    Context,
    RetryPolicy,
    Subscriber,
    TaskContext,
    TurnContext,
    action,
    subscribe,
    task_agent,
)
from dagger_actors.bodies.suspend import Suspend

left: list[Any] = []
"""Contexts of attempts."""

may_go_on = threading.Event()


class Order(msgspec.Struct, frozen=True):
    """A message, or a payload."""

    number: int


class BadLuckError(Exception):
    """What a body raises that fails."""


def of_all(ctx: Any) -> dict[str, Callable[[], object]]:
    """What the contexts of flows and of tasks have in common."""
    return {
        "save": lambda: ctx.save("s", b"s"),
        "execute": lambda: ctx.execute("INSERT INTO kept VALUES (?)", [1]),
        "publish": lambda: ctx.publish("orders", Order(1)),
        "shared.put": lambda: ctx.shared.put("s", "k", 1),
        "shared.delete": lambda: ctx.shared.delete("s", "k"),
        "shared.increment": lambda: ctx.shared.increment("s", "k"),
        "shared.get": lambda: ctx.shared.get("s", "k"),
        "shared.read": lambda: ctx.shared.read("s", "k"),
    }


def of_flows(ctx: Any) -> dict[str, Callable[[], object]]:
    """What a context of a flow keeps for the end, or reads with it."""
    return {
        **of_all(ctx),
        "cache.put": lambda: ctx.cache.put("k", 1),
        "cache.append": lambda: ctx.cache.append("l", 1),
        "cache.get": lambda: ctx.cache.get("k"),
        "add_nodes": lambda: ctx.add_nodes([{"id": "more", "action": "leave"}]),
    }


def of_tasks(ctx: Any) -> dict[str, Callable[[], object]]:
    """What a context of a task does."""
    return {
        **of_all(ctx),
        "spawn": lambda: ctx.spawn("task", Order(2)),
        "gather": lambda: ctx.gather([ctx.task_id]),
        "depend_on": lambda: ctx.depend_on(ctx.task_id),
    }


def of_turns(ctx: Any) -> dict[str, Callable[[], object]]:
    """What a context of a turn does."""
    return {
        "save": lambda: ctx.save("s", b"s"),
        "execute": lambda: ctx.execute("INSERT INTO kept VALUES (?)", [1]),
        "publish": lambda: ctx.publish("notes", Order(1)),
        "set_timer": lambda: ctx.set_timer("t", 1, Order(1)),
        "cancel_timer": lambda: ctx.cancel_timer("t"),
        "spawn": lambda: ctx.spawn("task", Order(2)),
        "start_flow": lambda: ctx.start_flow({"name": "f", "nodes": [{"id": "a", "action": "leave"}]}),
    }


def became(calls: dict[str, Callable[[], object]]) -> dict[str, str]:
    """What became of each."""
    told = {}
    for name, call in calls.items():
        try:
            call()
        except AttemptOver:
            told[name] = "over"
        except (Exception, Suspend) as error:
            told[name] = f"{type(error).__name__}: {error}"
        else:
            told[name] = "done"
    return told


@action
def leave(ctx: Context) -> str:
    """End well."""
    left.append(ctx)
    return "left"


@action
def leave_badly(ctx: Context) -> str:
    """End badly."""
    left.append(ctx)
    raise BadLuckError


@action
async def leave_on_loop(ctx: Context) -> str:
    """End well, on the event loop."""
    left.append(ctx)
    return "left"


@action
def hang(ctx: Context) -> str:
    """Go on until somebody allows the end."""
    left.append(ctx)
    may_go_on.wait(30)
    return "left"


@action
def look_back(ctx: Context) -> dict[str, str]:
    """Use the context of the attempt before, in one process."""
    left.append(ctx)
    return became(of_flows(left[0]))


@action
def write_on(ctx: Context) -> int:
    """Leave a thread that writes until it is refused; give nothing of it."""
    begun = threading.Event()

    def write() -> None:
        count = 0
        while True:
            try:
                ctx.cache.append("l", 1)
            except AttemptOver:
                break
            count += 1
            if count == 50:
                begun.set()
        left.append(count)

    thread = threading.Thread(target=write)
    left.append(thread)
    thread.start()
    begun.wait(30)
    return 0


@action
def ask_on(ctx: Context) -> int:
    """Leave a thread that asks until it is refused."""
    begun = threading.Event()

    def ask() -> None:
        with contextlib.suppress(AttemptOver):
            while True:
                ctx.query("SELECT 1")
                begun.set()

    threading.Thread(target=ask, daemon=True).start()
    assert begun.wait(30)
    return 0


@action
def ask_too(ctx: Context) -> int:
    """Ask as well."""
    return len([ctx.query("SELECT 1") for _ in range(5)])


@action
def count(ctx: Context) -> int:
    """Tell how much is stored."""
    return len(ctx.cache.get("l"))


@task_agent(name="task", retry=RetryPolicy(tries=1))
def task(order: Order, ctx: TaskContext) -> str:
    """End well or badly."""
    left.append(ctx)
    if order.number < 0:
        raise BadLuckError
    return "left"


class Leaver(Subscriber):
    """Leaves the contexts of its turns."""

    @subscribe("orders", publishes="notes", retry=RetryPolicy(tries=1))
    def take(self, order: Order, ctx: TurnContext) -> None:
        """End well or badly."""
        left.append(ctx)
        if order.number < 0:
            raise BadLuckError
