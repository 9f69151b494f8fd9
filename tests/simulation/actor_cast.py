"""Actor classes of every make, whose methods do what their stage draws for them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.context import ActorContext, Terminated
from dagger_actors.supervised.handlers import handler

if TYPE_CHECKING:
    from tests.simulation.actor_stage import Stage
    from tests.simulation.thread_stage import ThreadStage

__all__ = ["KINDS", "ONCE", "REPEATING", "Blue", "Green", "Mail", "Player", "Red", "Who", "cast", "make", "on_stage"]


class Mail(msgspec.Struct, frozen=True):
    """What is sent: its number, who sent it, and the how-manieth of that sender's it is."""

    id: int
    sender: int
    seq: int


class Red(Mail, frozen=True):
    pass


class Green(Mail, frozen=True):
    pass


class Blue(Mail, frozen=True):
    pass


KINDS = (Red, Green, Blue)

ONCE, REPEATING = -1_000, -1_001
"""The senders of what timers send."""


class Who(msgspec.Struct, frozen=True):
    index: int


on_stage: list[Stage | ThreadStage] = []
"""The stage that plays; the last one."""


class Player(Actor):
    """What all classes have in common."""

    config: Who
    stage: Any

    def __init__(self) -> None:
        self.stage = on_stage[-1]
        self.index = self.config.index
        self.life = self.stage.is_born(self)

    @handler
    def hear(self, end: Terminated, ctx: ActorContext) -> None:
        self.stage.hears(self, end)

    def unhandled(self, message: object, ctx: ActorContext) -> None:
        self.stage.is_unhandled(self)


def plain(self: Player, mail: Any) -> Any:
    with self.stage.handling(self, (mail,)):
        return self.stage.act(self, None)


def in_context(self: Player, mail: Any, ctx: ActorContext) -> Any:
    with self.stage.handling(self, (mail,)):
        return self.stage.act(self, ctx)


async def awaiting(self: Player, mail: Any, ctx: ActorContext) -> Any:
    with self.stage.handling(self, (mail,)):
        return await self.stage.act_awaiting(self, ctx)


def batch(self: Player, mails: Any) -> Any:
    with self.stage.handling(self, mails):
        return self.stage.act(self, None)


async def batch_awaiting(self: Player, mails: Any, ctx: ActorContext) -> Any:
    with self.stage.handling(self, mails):
        return await self.stage.act_awaiting(self, ctx)


FORMS: dict[str, tuple[Callable[..., Any], dict[str, Any] | None]] = {
    "plain": (plain, None),
    "in_context": (in_context, None),
    "awaiting": (awaiting, None),
    "batch": (batch, {"batch": 3}),
    "batch_within": (batch, {"batch": 3, "within_s": 0.2}),
    "batch_awaiting": (batch_awaiting, {"batch": 2, "within_s": 0.1}),
}


def started(self: Player, ctx: ActorContext) -> None:
    self.stage.starts(self, ctx)


async def started_awaiting(self: Player, ctx: ActorContext) -> None:
    await self.stage.pause(0.01)
    self.stage.starts(self, ctx)


def stopping(self: Player, ctx: ActorContext) -> None:
    self.stage.is_hooked(self, "stopping")


async def stopping_awaiting(self: Player, ctx: ActorContext) -> None:
    self.stage.is_hooked(self, "stopping")
    await self.stage.pause(0.3)


def pre_restart(self: Player, error: BaseException, ctx: ActorContext) -> None:
    self.stage.is_hooked(self, f"pre_restart {type(error).__name__}")


HOOKS: dict[str, tuple[Callable[..., Any] | None, ...]] = {
    "started": (None, None, started, started_awaiting),
    "stopping": (None, None, stopping, stopping_awaiting),
    "pre_restart": (None, pre_restart),
}


@cache
def cast() -> tuple[type[Player], ...]:
    """The classes; the same in every process."""
    chance = random.Random(4711)
    simple = [
        make(chance, forms=("plain",) * 3, dispatcher=one, hooks={}) for one in (None, "blocking", "shared", "io")
    ]
    return (*simple, *(make(chance) for _ in range(30)))


def make(
    chance: random.Random,
    forms: tuple[str | None, ...] | None = None,
    dispatcher: str | None = None,
    hooks: dict[str, Any] | None = None,
) -> type[Player]:
    names = [*FORMS, "plain", "in_context", None]
    forms = tuple(chance.choice(names) for _ in KINDS) if forms is None else forms
    hooks = {name: chance.choice(choices) for name, choices in HOOKS.items()} if hooks is None else hooks
    hooks = {name: hook for name, hook in hooks.items() if hook is not None}
    body: dict[str, Any] = dict(hooks)
    for kind, form in zip(KINDS, forms, strict=True):
        if form is not None:
            body[f"take_{kind.__name__}"] = _handler(kind, form)
    if not any(asyncio.iscoroutinefunction(one) for one in body.values()):
        body["dispatcher"] = dispatcher if dispatcher is not None else chance.choice((None, "shared", "blocking", "io"))
    return type("Cast", (Player,), body)


def _handler(kind: type, form: str) -> Callable[..., Any]:
    template, options = FORMS[form]
    copy = type(template)(template.__code__, globals(), template.__name__)  # type: ignore[call-arg]  # a function's own class
    copy.__annotations__ = {
        **{name: kind for name in ("mail",) if name in template.__annotations__},
        **{name: list[kind] for name in ("mails",) if name in template.__annotations__},  # type: ignore[valid-type]
        **({"ctx": ActorContext} if "ctx" in template.__annotations__ else {}),
    }
    return handler(copy) if options is None else handler(**options)(copy)
