"""What a turn publishes and which timers it sets: checked at once, and gathered until it is committed with the turn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import msgspec

from dagger_actors.bodies.snooze import MAX_SECONDS, is_seconds
from dagger_actors.bodies.trace_headers import TRACE_HEADERS
from dagger_actors.core.channel_rows import NewMessage, NewTimer
from dagger_actors.core.turns import Delivered
from dagger_actors.core.wording import quoted
from dagger_actors.errors import PublicationRefused, TurnLimit

__all__ = ["LARGEST_TURN", "LONGEST_NAME", "MOST_PUBLISHED", "Outgoing", "is_name"]

MOST_PUBLISHED: Final = 10_000
"""Messages of one turn; its timers likewise."""

LARGEST_TURN: Final = 16 * 1024 * 1024
"""Characters of the messages, and of those of the timers, of one turn."""

LARGEST_MESSAGE: Final = 1024 * 1024
LARGEST_HEADERS: Final = 16 * 1024
LONGEST_NAME: Final = 200

FORWARDED = ("correlation_id", *TRACE_HEADERS)
"""Headers that go on to what a turn publishes."""

NO_TRACE: Final[Mapping[str, str]] = MappingProxyType({})


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What ``ctx.publish`` is given with a message."""

    key: str | None = None
    id: str | None = None
    delay: float | None = None
    headers: Mapping[str, str] | None = None


class Outgoing:
    """That of one turn.

    Args:
        subscription: The subscription's name.
        key: The turn's.
        deliveries: Its messages.

    Attributes:
        published: In order.
        size: Characters of both.
        trace: The headers of the turn's own span; they go on in the place of those of its messages.
    """

    size = 0
    trace: Mapping[str, str] = NO_TRACE
    _timers: list[NewTimer] | None = None
    _forwarded: str | None = ""
    """As text, for all that is published without headers of its own; empty = not yet looked at."""

    def __init__(self, subscription: str, key: str, deliveries: Sequence[Delivered]) -> None:
        self._subscription = subscription
        self._key = key
        self._deliveries = deliveries
        self.published: list[NewMessage] = []

    def add(self, channel: str, name: str, text: str) -> None:
        """Publish a result of the handler."""
        self._count(channel, text, self.published)
        headers = self._forwarded
        if headers == "":
            headers = self._look()
        self.published.append(NewMessage(channel, name, text, None, None, headers, None, self._subscription, self._key))

    @property
    def timers(self) -> Sequence[NewTimer]:
        """Timers set and cancelled, in order."""
        return self._timers or ()

    def publish(self, channel: str, name: str, text: str, given: Given, now_us: int) -> None:
        """Publish what ``ctx.publish`` is given.

        Raises:
            PublicationRefused: What is given with it cannot be.
            TurnLimit: These are too many, or too much.
        """
        for what, value in (("key", given.key), ("id", given.id)):
            if value is not None and not is_name(value):
                raise PublicationRefused(
                    channel, f"its {what} is {quoted(value)}", f"give 1 to {LONGEST_NAME} printable characters"
                )
        due_at = None
        if given.delay is not None:
            if not is_seconds(given.delay):
                advice = f"give seconds from 0 to {MAX_SECONDS:,}"
                raise PublicationRefused(channel, f"its delay is {given.delay!r:.80}", advice)
            due_at = now_us + math.ceil(given.delay * 1e6)
        headers = self._headers(channel, given.headers)
        self._count(channel, text, self.published)
        self.published.append(
            NewMessage(channel, name, text, given.id, given.key, headers, due_at, self._subscription, self._key)
        )

    def set_timer(self, timer: NewTimer) -> None:
        """Set or cancel a timer.

        Raises:
            TurnLimit: These are too many, or too much.
        """
        text = "" if timer.message is None else timer.message.payload
        if self._timers is None:
            self._timers = []
        self._count(timer.name, text, self._timers)
        self._timers.append(timer)

    def _count(self, where: str, text: str, gathered: Sequence[object]) -> None:
        if len(text) > LARGEST_MESSAGE and len(text.encode()) > LARGEST_MESSAGE:
            raise PublicationRefused(where, f"it has {len(text):,} bytes, and {LARGEST_MESSAGE:,} are the most")
        if len(gathered) >= MOST_PUBLISHED:
            raise TurnLimit(
                self._subscription,
                f"it publishes, or sets timers, more than {MOST_PUBLISHED:,} times; put more into each",
            )
        self.size += len(text)
        if self.size > LARGEST_TURN:
            raise TurnLimit(
                self._subscription,
                f"what it publishes has more than {LARGEST_TURN:,} bytes; keep large content with ctx.save",
            )

    # --- headers

    def forwarded(self) -> dict[str, str]:
        """The headers that go on: those that are the same in all messages of the turn, and the turn's own trace."""
        found = self._shared()
        if self.trace:
            found = {**{name: text for name, text in found.items() if name not in TRACE_HEADERS}, **self.trace}
        return found

    def _shared(self) -> dict[str, str]:
        found: dict[str, str] | None = None
        for delivery in self._deliveries:
            headers = {} if delivery.headers is None else msgspec.json.decode(delivery.headers)
            own = {name: headers[name] for name in FORWARDED if name in headers}
            found = own if found is None else {name: text for name, text in found.items() if own.get(name) == text}
            if not found:
                return {}
        return found or {}

    def _look(self) -> str | None:
        deliveries = self._deliveries
        is_bare = not self.trace and len(deliveries) == 1 and deliveries[0].headers is None
        found = {} if is_bare else self.forwarded()
        self._forwarded = msgspec.json.encode(found).decode() if found else None
        return self._forwarded

    def _headers(self, channel: str, given: object) -> str | None:
        if given is None:
            return self._look() if self._forwarded == "" else self._forwarded
        if not isinstance(given, Mapping) or not all(
            is_name(name) and isinstance(value, str) for name, value in given.items()
        ):
            raise PublicationRefused(channel, "its headers are no mapping of names to texts", "give texts by name")
        try:
            text = msgspec.json.encode({**self.forwarded(), **given}).decode()
        except UnicodeEncodeError:
            raise PublicationRefused(channel, "a header is text that UTF-8 cannot hold") from None
        if len(text) > LARGEST_HEADERS:
            raise PublicationRefused(channel, f"its headers have more than {LARGEST_HEADERS:,} characters")
        return text


def is_name(value: Any) -> bool:
    """Whether something is 1 to 200 printable characters."""
    return isinstance(value, str) and value.isprintable() and 1 <= len(value) <= LONGEST_NAME
