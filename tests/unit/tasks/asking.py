"""Bodies that use all that a context of tasks gives; worker processes import them from here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from dagger_actors import Immediate, RetryPolicy, TaskAgent, TaskContext, task_agent

RETRY = RetryPolicy(tries=2, wait=Immediate())


class Order(msgspec.Struct, frozen=True):
    path: str
    fails: int = 0


class Receipt(msgspec.Struct, frozen=True):
    number: int


class Told(msgspec.Struct, frozen=True):
    facts: tuple[Any, ...]
    receipt: Receipt
    counted: int
    shared: int


@task_agent
def leaf(task: Order, ctx: TaskContext) -> Receipt:
    assert ctx.parent is not None
    return Receipt(len(task.path))


class Telling(TaskAgent):
    def execute(self, task: str, ctx: TaskContext) -> None:
        ctx.progress(3, 10)
        Path(task).read_text()


@task_agent
async def passing(task: int) -> int:
    return task


def pay(path: str) -> int:
    with Path(path).open("a") as file:
        file.write("paid\n")
    return 7


def note(ctx: TaskContext) -> None:
    saved = ctx.save("note", b"careful", "text/plain")
    assert ctx.load(saved) == b"careful"
    ctx.execute("INSERT INTO payments VALUES (?, ?)", (ctx.task_id, ctx.attempt))
    ctx.shared.increment("payments", str(ctx.task_id))
    ctx.progress(1, 2)
    ctx.log(f"attempt {ctx.attempt}")
    assert not ctx.cancelled


def wait(task: Order, ctx: TaskContext) -> Receipt:
    (receipt,) = ctx.gather([ctx.spawn(leaf, Order("x" * 2000))])
    assert isinstance(receipt, Receipt), receipt
    if ctx.try_no <= task.fails:
        raise ConnectionError("not yet")
    return receipt


def facts(ctx: TaskContext) -> tuple[Any, ...]:
    return ctx.task_id, ctx.agent, ctx.job, ctx.parent, ctx.attempt, ctx.try_no, ctx.idempotency_key


class Plain(TaskAgent, retry=RETRY):
    def execute(self, task: Order, ctx: TaskContext) -> Told:
        assert ctx.step("pay", pay, task.path) == 7
        note(ctx)
        receipt = wait(task, ctx)
        ((counted,),) = ctx.query("SELECT count(*) FROM payments WHERE task = ?", (ctx.task_id,))
        return Told(facts(ctx), receipt, counted, ctx.shared.get("payments", str(ctx.task_id)))


class OnLoop(TaskAgent, retry=RETRY):
    async def execute(self, task: Order, ctx: TaskContext) -> Told:
        assert await ctx.astep("pay", pay, task.path) == 7
        note(ctx)
        receipt = wait(task, ctx)
        ((counted,),) = await ctx.aquery("SELECT count(*) FROM payments WHERE task = ?", (ctx.task_id,))
        return Told(facts(ctx), receipt, counted, await ctx.shared.aget("payments", str(ctx.task_id)))


class Resourceful(TaskAgent):
    def execute(self, task: str, ctx: TaskContext) -> str:
        return ctx.resource(Till).name + task


class Till:
    name = "till"


class Growing(TaskAgent):
    """Spawns what its payload says, and waits for it; whatever is wrong with that is told."""

    def execute(self, task: list[tuple[str, Any, str | None]], ctx: TaskContext) -> list[Any]:
        return ctx.gather([ctx.spawn(agent, grown(payload), key) for agent, payload, key in task])


def grown(payload: Any) -> Any:
    return {"path": "x" * payload} if isinstance(payload, int) else payload
