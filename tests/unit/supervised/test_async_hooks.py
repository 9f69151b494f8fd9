"""Hooks that are coroutines: each is awaited, on the actor's loop, before what comes after it."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.context import ActorContext
from dagger_actors.supervised.handlers import handler
from dagger_actors.supervised.spec import ChildSpec
from dagger_actors.testing.simulation import simulate

diary: list[str] = []


class Do(msgspec.Struct, frozen=True):
    what: str = ""


class Other(msgspec.Struct, frozen=True):
    """Has no handler."""


class Patient(Actor):
    """Takes a virtual second for each of its hooks."""

    async def started(self, ctx: ActorContext) -> None:
        await self._note(f"started {ctx.incarnation}")

    async def stopping(self, ctx: ActorContext) -> None:
        await self._note(f"stopping {ctx.incarnation}")

    async def pre_restart(self, error: BaseException, ctx: ActorContext) -> None:
        await self._note(f"pre_restart {ctx.incarnation} {error}")

    async def unhandled(self, message: object, ctx: ActorContext) -> None:
        await self._note(f"unhandled {ctx.incarnation} {message}")

    @handler
    def do(self, order: Do) -> None:
        diary.append(f"do {order.what}")
        if order.what == "fail":
            raise ValueError("as told")

    async def _note(self, what: str) -> None:
        assert asyncio.get_running_loop()
        diary.append(f"({what}")
        await asyncio.sleep(1)
        diary.append(f"{what})")


class Hasty(Patient):
    """Each of its hooks but ``started`` fails after its second."""

    async def _note(self, what: str) -> None:
        await super()._note(what)
        if not what.startswith("started"):
            raise LookupError(what)


def told(cls: type[Actor], *orders: object) -> list[str]:
    """What an actor does that is told all this at once, and then to stop."""
    diary.clear()
    with simulate(1) as sim:
        system = sim.system(agents=[ChildSpec(cls, "one", shutdown_s=10.0)])
        diary.append("up")
        for order in orders:
            system.actors["one"].tell(order)  # type: ignore[union-attr]  # an actor
        sim.run()
        system.stop()
    return list(diary)


def test_each_hook_is_awaited_before_what_comes_after_it() -> None:
    """Law: nothing happens to the actor between a hook's beginning and its end."""
    assert told(Patient, Other(), Do("1"), Do("fail"), Do("2")) == [
        "(started 1",
        "started 1)",
        "up",
        "(unhandled 1 {}",
        "unhandled 1 {})",
        "do 1",
        "do fail",
        "(pre_restart 2 as told",
        "pre_restart 2 as told)",
        "(started 2",
        "started 2)",
        "do 2",
        "(stopping 2",
        "stopping 2)",
    ]


def test_a_failure_of_an_awaited_hook_counts_as_that_of_a_plain_one(caplog: pytest.LogCaptureFixture) -> None:
    """Law: of ``pre_restart`` and ``stopping`` it is logged, and all goes on; of ``unhandled`` it is the actor's own."""
    lines = told(Hasty, Do("fail"), Do("2"), Other())
    assert lines[2:8] == [
        "up",
        "do fail",
        "(pre_restart 2 as told",
        "pre_restart 2 as told)",
        "(started 2",
        "started 2)",
    ]
    assert lines[8:] == [
        "do 2",
        "(unhandled 2 {}",
        "unhandled 2 {})",
        "(pre_restart 3 unhandled 2 {}",
        "pre_restart 3 unhandled 2 {})",
        "(started 3",
        "started 3)",
        "(stopping 3",
        "stopping 3)",
    ]
    said = [record.getMessage() for record in caplog.records]
    assert [text for text in said if text.startswith(("pre_restart", "stopping"))] == [
        "pre_restart of one failed",
        "pre_restart of one failed",
        "stopping of one failed",
    ]
