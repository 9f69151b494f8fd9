"""``Channel``: what is said of a channel, or of all that a pattern stands for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from dagger_actors.bodies.option_values import Misfit, OptionProblem, complain, is_number, whole, word
from dagger_actors.core.channel_names import NAME_ADVICE, is_name, is_pattern
from dagger_actors.core.channel_options import (
    MAX_CHANNEL_CAPACITY,
    MAX_KEPT_BYTES,
    MAX_KEPT_MESSAGES,
    MAX_KEPT_SECONDS,
    OVERFLOWS,
    RETAIN_AGE_S,
    ChannelOverflow,
)
from dagger_actors.core.wording import quoted
from dagger_actors.errors import ActorClassError
from dagger_actors.pubsub.subscribers.message_types import types_of
from dagger_actors.pubsub.subscribers.places import InCode, Placed

__all__ = ["Channel"]


class Channel:
    """A channel, or with ``*`` in its name every channel of that form: each is made when it is first published to.

    ``Channel("orders.*", Order | Refund, capacity=10_000)``. A channel that is published and read needs no declaration: it
    takes what its publishers give and its subscribers take, and has the defaults.

    Args:
        name: Parts with dots between them; ``*`` stands for any text without a dot.
        type: The type of its messages, a union for several; None = what those that name it give and take.
        ephemeral: True = nothing is stored: messages go to the subscribers of this process, in memory, once.
        capacity: Messages that its slowest subscription may not have done, 1 to 10,000,000.
        overflow: What becomes of one more: whoever publishes waits (``block``), or gets ``ChannelFull`` (``reject``); of an
            ephemeral channel also: the oldest is dropped (``drop_oldest``).
        retain_age_s: Seconds that messages are kept once all subscriptions have done them; None = as long as the others
            allow.
        retain_count: How many of those are kept at most; None = any number.
        retain_bytes: How much of those; None = any amount.
        place: Where it is declared, as ``file:line``; the caller's by default.
        where: Words what is wrong with it later on; by default with that place.

    Attributes:
        types: Its types by the names of their classes; None = they are not declared.
        where: Words what is wrong with it.

    Raises:
        ActorClassError: Something of it cannot be; tells all that.
    """

    __slots__ = (
        "capacity",
        "ephemeral",
        "name",
        "overflow",
        "place",
        "retain_age_s",
        "retain_bytes",
        "retain_count",
        "type",
        "types",
        "where",
    )

    def __init__(
        self,
        name: str,
        type: Any = None,  # noqa: A002  the word of the system file
        *,
        ephemeral: bool = False,
        capacity: int = 100_000,
        overflow: ChannelOverflow = "block",
        retain_age_s: float | None = RETAIN_AGE_S,
        retain_count: int | None = None,
        retain_bytes: int | None = None,
        place: str = "",
        where: Placed | None = None,
    ) -> None:
        self.name = name
        self.type = type
        self.ephemeral = ephemeral
        self.capacity = capacity
        self.overflow: ChannelOverflow = overflow
        self.retain_age_s = retain_age_s
        self.retain_count = retain_count
        self.retain_bytes = retain_bytes
        caller = sys._getframe(1)  # noqa: SLF001  as tracebacks do
        self.place = place or f"{caller.f_code.co_filename}:{caller.f_lineno}"
        problems = misfits(self)
        label = f"Channel({quoted(name)})"
        self.where = InCode(self.place, label) if where is None else where
        if problems:
            raise ActorClassError(label, complain(problems))
        self.types: dict[str, Any] | None = None if type is None else types_of(label, type, "a message")

    def __repr__(self) -> str:
        return f"<Channel {self.name}>"

    @property
    def is_pattern(self) -> bool:
        """Whether it stands for many."""
        return "*" in self.name

    @property
    def retain_age_us(self) -> int | None:
        """Microseconds that messages are kept; None = as long as the others allow."""
        return None if self.retain_age_s is None else round(self.retain_age_s * 1e6)

    def settings(self) -> tuple[object, ...]:
        """All that two declarations of one channel must agree in."""
        kept = (self.retain_age_s, self.retain_count, self.retain_bytes)
        return (self.types, self.ephemeral, self.capacity, self.overflow, *kept)


def misfits(channel: Channel) -> list[OptionProblem]:
    """Find what of a channel cannot be."""
    found = []
    for option, read in READS.items():
        value = getattr(channel, option)
        try:
            if value is not None or option not in UNLIMITED:
                read(value)
        except Misfit as error:
            found.append(OptionProblem(option, *error.args))
    return found or [*_disagreements(channel)]


def _disagreements(channel: Channel) -> list[OptionProblem]:
    found = []
    if channel.overflow == "drop_oldest" and not channel.ephemeral:
        message = "a durable channel loses nothing, so it drops nothing"
        found.append(OptionProblem("overflow", message, "write block or reject, or ephemeral=True"))
    if channel.ephemeral:
        for option, default in (("retain_age_s", RETAIN_AGE_S), ("retain_count", None), ("retain_bytes", None)):
            if getattr(channel, option) not in (default, None):
                found.append(OptionProblem(option, "an ephemeral channel keeps nothing", "leave it out"))
    return found


def _name(value: object) -> object:
    if not is_name(value) and not is_pattern(value):
        raise Misfit(f"{quoted(value)} is no channel", NAME_ADVICE)
    return value


def _flag(value: object) -> object:
    if not isinstance(value, bool):
        raise Misfit(f"it is True or False, not {quoted(value)}", "write one of them")
    return value


def _age(value: object) -> object:
    if not is_number(value) or not 0 <= value <= MAX_KEPT_SECONDS:
        message = f"it is a number of seconds from 0 to {MAX_KEPT_SECONDS:,}, not {quoted(value)}"
        raise Misfit(message, "write seconds, or None for no limit")
    return value


UNLIMITED = ("retain_age_s", "retain_count", "retain_bytes")
READS: dict[str, Callable[[object], object]] = {
    "name": _name,
    "ephemeral": _flag,
    "capacity": whole(MAX_CHANNEL_CAPACITY),
    "overflow": word(OVERFLOWS),
    "retain_age_s": _age,
    "retain_count": whole(MAX_KEPT_MESSAGES),
    "retain_bytes": whole(MAX_KEPT_BYTES),
}
