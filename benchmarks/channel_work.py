"""The work of the benchmark of channels: a small typed message, and handlers so cheap that what is measured is pub/sub itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import msgspec

from dagger_actors import Channel, Subscriber, subscribe

__all__ = [
    "BATCH",
    "CAPACITY",
    "CHANNELS",
    "Batched",
    "Count",
    "First",
    "Item",
    "Keyed",
    "KeyedFirst",
    "KeyedLast",
    "KeyedSecond",
    "Last",
    "Second",
    "Sent",
    "Single",
    "Sizes",
    "Stuck",
    "Timing",
    "items",
    "seen",
]

CAPACITY = 10_000_000
BATCH = 500


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """How much work the figures of channels do; targets hold for the default sizes only.

    Attributes:
        handled: Messages of each figure that one handler takes.
        receivers: Subscriptions of a fan-out.
        cast: Messages that each of them takes.
        keys: Keys of the figure that has few of them.
        rated_s: How long messages are published at a fixed rate, while their delay is measured.
        passed: Messages that pass through a channel while the memory of the process is looked at.
        kept: Keys, with a state each, that it sees then.
    """

    handled: int = 30_000
    receivers: int = 100
    cast: int = 300
    keys: int = 100
    rated_s: float = 3.0
    passed: int = 1_000_000
    kept: int = 100_000


class Item(msgspec.Struct, frozen=True):
    """A message."""

    number: int
    key: str
    text: str


class Sent(msgspec.Struct, frozen=True):
    """A message that says when it was to be published, on the monotonic clock, which is one for all processes."""

    number: int
    due_ns: int


class Count(msgspec.Struct):
    """A state."""

    total: int = 0
    last: int = -1


seen: list[int] = []
"""The numbers of the messages that handlers of this process have seen."""


def items(count: int, keys: int | None = None, first: int = 0) -> Iterator[Item]:
    """Yield so many messages, numbered from ``first``, of so many keys; None = no two of one key."""
    return (
        Item(number, f"key {number if keys is None else number % keys}", f"what is said of {number}")
        for number in range(first, first + count)
    )


class Batched(Subscriber):
    """Takes many messages in a turn."""

    @subscribe("items", order="none", batch=BATCH, max_in_flight=4 * BATCH)
    def take(self, many: list[Item]) -> None:
        seen.extend([one.number for one in many])


class Single(Subscriber):
    """Takes one message in a turn."""

    @subscribe("items", order="none")
    def take(self, one: Item) -> None:
        seen.append(one.number)


class Keyed(Subscriber):
    """Keeps a state for each key."""

    state: Count

    @subscribe("items", key="key")
    def take(self, one: Item) -> None:
        self.state.total += 1
        self.state.last = one.number
        seen.append(one.number)


class First(Subscriber):
    """The first of three stages."""

    @subscribe("items", publishes="seconds", order="none")
    def take(self, one: Item) -> Item:
        return one


class Second(Subscriber):
    """The second one."""

    @subscribe("seconds", publishes="thirds", order="none")
    def take(self, one: Item) -> Item:
        return one


class Last(Subscriber):
    """The last one."""

    @subscribe("thirds", order="none")
    def take(self, one: Item) -> None:
        seen.append(one.number)


class KeyedFirst(Subscriber):
    """The first of three stages, which keeps a state for each key."""

    state: Count

    @subscribe("items", publishes="seconds", key="key")
    def take(self, one: Item) -> Item:
        self.state.total += 1
        return one


class KeyedSecond(Subscriber):
    """The second one."""

    state: Count

    @subscribe("seconds", publishes="thirds", key="key")
    def take(self, one: Item) -> Item:
        self.state.total += 1
        return one


class KeyedLast(Subscriber):
    """The last one."""

    state: Count

    @subscribe("thirds", key="key")
    def take(self, one: Item) -> None:
        self.state.total += 1
        seen.append(one.number)


class Timing(Subscriber):
    """Looks at the clock."""

    @subscribe("sent", order="none", publishes="heard")
    def take(self, one: Sent) -> Sent:
        return Sent(one.number, time.monotonic_ns() - one.due_ns)


class Stuck(Subscriber):
    """Is busy with the first message until the process ends."""

    @subscribe("items")
    async def take(self, _one: Item) -> None:
        await asyncio.Event().wait()


CHANNELS = (
    Channel("items", Item, capacity=CAPACITY),
    Channel("sent", Sent, capacity=CAPACITY),
    Channel("heard", Sent, capacity=CAPACITY),
)
