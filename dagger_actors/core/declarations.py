"""Channels and subscriptions as they are declared, and the operation that writes them down."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["ChannelRow", "Declare", "Declared", "SubscriptionRow"]


class ChannelRow(msgspec.Struct, frozen=True, kw_only=True):
    """A durable channel as its declaration has it.

    Attributes:
        name: As people write it; without ``*``.
        schema: JSON Schema of what it takes, as JSON text.
        types: Names of the classes it takes; empty = anything.
        capacity: Messages that its slowest subscription may not have done.
        overflow: What is done about one more: ``block``, ``reject``.
        retain_age_us: How long done messages are kept; None = as long as the others allow.
        retain_count: How many done messages are kept at most; None = any number.
        retain_bytes: How much of them; None = any amount.
    """

    name: str
    schema: str = "{}"
    types: tuple[str, ...] = ()
    capacity: int = 100_000
    overflow: Literal["block", "reject"] = "block"
    retain_age_us: int | None = 7 * 86_400_000_000
    retain_count: int | None = None
    retain_bytes: int | None = None


class SubscriptionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription as its declaration has it.

    Attributes:
        group: The name of its group; made if there is none.
        name: ``group.handler``.
        pattern: The channels that it reads, ``*`` for any text without a dot.
        channels: Those of them that are there; its group's private one besides.
        start: ``earliest``, ``latest``, ``offset:N`` or ``time:N`` (wall microseconds): where it begins on a channel that is
            new to it. On a channel that was made after it, at the earliest.
        ranges: 64, or 1 when all is in order.
        keying: What says the range of a message, as text: its order, the path of its key. When that changes, nobody knows
            which messages of a new range are done: all ranges go on from the lowest floor, and what was done above comes again.
        settings: The rest of its options as JSON text, for people.
        place: Where its class stands, for people.
    """

    group: str
    name: str
    pattern: str
    channels: tuple[str, ...]
    start: str = "earliest"
    ranges: Literal[1, 64] = 64
    keying: str = ""
    settings: str = "{}"
    place: str = ""


class Declare(msgspec.Struct, frozen=True, tag="declare"):
    """Write channels and subscriptions, new ones and changed ones; what is there and not named stays. Answers ``Declared``.

    A subscription is put on its ``channels`` and on its group's private channel, which is made with it; from a channel that a
    changed pattern leaves out it is taken away. Refused: ``UnknownChannel``, and ``OffsetRefused`` for a start above a
    channel's next offset.

    Attributes:
        channels: Durable ones.
        subscriptions: Of this process's agents.
        now_us: Wall microseconds.
        worker: Who has the code of the subscriptions, and keeps them from being forgotten while it lives; None = nobody.
    """

    channels: tuple[ChannelRow, ...]
    subscriptions: tuple[SubscriptionRow, ...]
    now_us: int
    worker: int | None = None


class Declared(msgspec.Struct, frozen=True):
    """The ids of what was declared.

    Attributes:
        groups: By name.
        channels: Channel_key by name, private ones too.
        cursors: Cursor_key, subscription and channel of each subscription on each of its channels.
    """

    groups: dict[str, int]
    channels: dict[str, int]
    cursors: tuple[tuple[int, str, str], ...]
