"""Errands: an owner of attempts that is no flow. Worker processes import its contexts and its bodies from here."""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from dagger_actors.bodies.actions import Action, read_action
from dagger_actors.bodies.context import BodyContext, Surroundings
from dagger_actors.bodies.suspend import Suspend
from dagger_actors.core.messages import StartAttempt


class ErrandContext(BodyContext):
    may_suspend = True

    def __init__(self, start: StartAttempt, around: Surroundings) -> None:
        super().__init__(start, around)
        self.errand = start.run_id

    @property
    def idempotency_key(self) -> str:
        return f"errand {self.errand}"

    @staticmethod
    def write_log(start: StartAttempt, level: int, message: str) -> None:
        logging.getLogger("dagger_actors.run").log(level, "errand %s: %s", start.run_id, message)

    def greeting(self, name: str) -> str:
        answer = self._backends.owner.ask("greeting", msgspec.msgpack.encode(name))
        return msgspec.msgpack.decode(answer, type=str)

    def come_back_later(self) -> None:
        raise Suspend


def tell(ctx: ErrandContext, name: str) -> dict[str, Any]:
    return {"key": ctx.idempotency_key, "greeting": ctx.greeting(name), "attempt": ctx.attempt}


async def tell_on_the_loop(ctx: ErrandContext, name: str) -> dict[str, Any]:
    return tell(ctx, name)


def wait(ctx: ErrandContext) -> None:
    ctx.save("so far", b"half")
    ctx.step("first", str, "done")
    try:
        ctx.come_back_later()
    except Exception as error:
        raise AssertionError("user code takes it for an error of its own") from error


async def wait_on_the_loop(ctx: ErrandContext) -> None:
    ctx.save("so far", b"half")
    await ctx.astep("first", str, "done")
    ctx.come_back_later()


class Runner:
    """A class whose ``run`` is the body."""

    def __init__(self) -> None:
        self.runs = 0

    def run(self, ctx: ErrandContext, name: str) -> str:
        self.runs += 1
        return f"{type(self).__name__} runs {ctx.errand} for {name}"

    @classmethod
    def __as_action__(cls, name: str) -> Action:
        return read_action(cls().run, name, source=cls)


class AsyncRunner:
    async def run(self, ctx: ErrandContext, name: str) -> str:
        return f"{type(self).__name__} runs {ctx.errand} for {name}"

    @classmethod
    def __as_action__(cls, name: str) -> Action:
        return read_action(cls().run, name, source=cls)
