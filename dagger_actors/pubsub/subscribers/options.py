"""What a subscription says about how its messages are taken: every option with its default, and what is wrong with a given one.

Options are given to ``@subscribe``, to ``configured`` and in system files; what is given last goes before what was given
earlier, and all that is given is judged together.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict

import msgspec

from dagger_actors.bodies.option_values import OptionProblem, read_options
from dagger_actors.core.channel_names import matches
from dagger_actors.core.channel_options import Order
from dagger_actors.core.retry import Exponential, RetryPolicy
from dagger_actors.pubsub.subscribers.filters import Filter
from dagger_actors.pubsub.subscribers.option_values import OPTIONS

__all__ = ["GivenOptions", "Start", "SubscribeOptions", "make_options"]

RETRY = RetryPolicy(tries=5, wait=Exponential(initial_delay_secs=1.0, max_delay_secs=60.0, multiplier=2.0, jitter=1.0))
CONCURRENCY = 16

Start = str | int | datetime
"""``earliest``, ``latest``, an offset, or a time; as text in ISO 8601."""


class SubscribeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of one subscription, judged and complete.

    Attributes:
        channels: The channels that it reads; patterns among them, with ``*`` for any text without a dot.
        publishes: The channels that its turns may publish to, patterns too; results go to the first.
        key: The path of the field by whose value messages are told apart: those of one value are handled in their order, and
            one at a time in the whole group; empty = they have no key.
        group: Its group; None = its agent's.
        start: Where it begins on a channel that is new to it: ``earliest``, ``latest``, ``offset:N``, ``time:N`` (wall
            microseconds).
        order: ``all``: each message after the one before; ``key``: that for each key; ``none``.
        concurrency: Turns that one process takes at once, 1 to 10,000; 1 when all is in order. (16, as the nodes of a run.)
        batch: Messages in one turn at most; 1 = the handler takes one, more = it takes a list.
        filter: Which messages it takes; the others are passed over; None = all.
        retry: How often a message is tried, how long apart, after what; 5 tries, 1 s doubling to 60 s, up to 1 s more by
            chance.
        timeout_s: Seconds for one turn, more than 0; None = as long as it likes.
        max_in_flight: Messages that one process has read and not done, 1 to 100,000; of large ones fewer, lest their payloads
            have more than 64 MiB.
        echo: Whether it takes what it has published itself, in a turn of the same key.
    """

    channels: tuple[str, ...] = ()
    publishes: tuple[str, ...] = ()
    key: str = ""
    group: str | None = None
    start: str = "earliest"
    order: Order = "all"
    concurrency: int = 1
    batch: int = 1
    filter: Filter | None = None
    retry: RetryPolicy = RETRY
    timeout_s: float | None = None
    max_in_flight: int = 1_000
    echo: bool = False

    @property
    def pattern(self) -> str:
        """Its channels as one text, for people."""
        return ", ".join(self.channels)

    @property
    def timeout_us(self) -> int | None:
        """Microseconds for one turn, 1 or more; None = as long as it likes."""
        return None if self.timeout_s is None else max(1, round(self.timeout_s * 1e6))

    @property
    def is_keyed(self) -> bool:
        """Whether messages are told apart by a key."""
        return self.order == "key"

    @property
    def is_ordered(self) -> bool:
        """Whether all are handled in their order, as if they were of one key."""
        return self.order == "all"

    def reads(self, channel: str) -> bool:
        """Tell whether it reads a channel."""
        return any(matches(pattern, channel) for pattern in self.channels)

    def may_publish(self, channel: str) -> bool:
        """Tell whether its turns may publish to a channel."""
        return any(matches(pattern, channel) for pattern in self.publishes)


class GivenOptions(TypedDict, total=False):
    """The options as they are given: arguments of ``@subscribe``, and in the ``subscriptions`` of ``configured``."""

    publishes: str | tuple[str, ...] | list[str]
    key: str | None
    group: str | None
    start: Start
    order: Order
    concurrency: int
    batch: int
    filter: Mapping[str, Any] | None
    try_count: int
    retry: RetryPolicy
    timeout_s: float | None
    max_in_flight: int
    echo: bool


def make_options(given: Mapping[str, object]) -> tuple[SubscribeOptions, list[OptionProblem]]:
    """Judge what was given, and fill in the rest.

    Args:
        given: Options by name, of ``GivenOptions`` and ``channels``; others are problems too.

    Returns:
        The options, to be used only if there are no problems; and the problems, in the order given.
    """
    made, problems = read_options(given, OPTIONS)
    problems += disagreements(made)
    if problems:
        return SubscribeOptions(), problems
    tries = made.pop("try_count", None)
    if tries is not None:
        made["retry"] = msgspec.structs.replace(made.get("retry", RETRY), tries=tries)
    order = made.setdefault("order", "key" if made.get("key") else "all")
    made.setdefault("concurrency", 1 if order == "all" else CONCURRENCY)
    made["max_in_flight"] = made.get("max_in_flight", max(1_000, made.get("batch", 1)))
    return SubscribeOptions(**made), problems


def disagreements(made: Mapping[str, Any]) -> list[OptionProblem]:
    """Find what is wrong only together."""
    found = []
    key, order = made.get("key"), made.get("order")
    if order == "none" and key:
        message = "with a key, messages of one key are handled in their order"
        found.append(OptionProblem("order", message, "leave out order='none', or the key"))
    elif order == "all" and key:
        message = "with a key, only messages of one key are handled in their order"
        found.append(OptionProblem("order", message, "leave out order='all', or the key"))
    elif order == "key" and not key:
        found.append(OptionProblem("order", "order='key' needs a key", "give one: key='customer'"))
    in_order = order == "all" or (order is None and not key)
    concurrency = made.get("concurrency", 1)
    if in_order and concurrency > 1:
        message = f"messages without a key are handled in their order, one at a time; {concurrency:,} at once cannot be"
        found.append(OptionProblem("concurrency", message, "give a key, or order='none'"))
    window, batch = made.get("max_in_flight"), made.get("batch", 1)
    if window is not None and window < batch:
        message = f"a batch of {batch:,} never fills, with {window:,} in flight"
        found.append(OptionProblem("max_in_flight", message, f"write {batch:,} or more"))
    tries, retry = made.get("try_count"), made.get("retry")
    if tries is not None and retry is not None and retry.tries not in (1, tries):
        message = f"try_count={tries} and a retry with tries={retry.tries} disagree"
        found.append(OptionProblem("try_count", message, "write one of them"))
    return found
