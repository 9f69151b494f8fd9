"""What there is on channels and what became of it, read from the rows; times are microseconds UTC."""

from __future__ import annotations

from typing import Any

import msgspec

from dagger_actors.bodies.stored_error import describe
from dagger_actors.core.messages import ErrorDetail
from dagger_actors.core.wording import counted

__all__ = [
    "FILLED",
    "ChannelSummary",
    "DeadLetterReport",
    "DeadLetterSummary",
    "GroupMember",
    "Published",
    "ReadPosition",
    "StoredMessage",
    "SubscriptionSummary",
]


FILLED = 0.5
"""From so much of a channel's capacity on, a subscription that nobody has the code of is told of."""


class Published(msgspec.Struct, frozen=True):
    """What became of a message that was published.

    Attributes:
        channel: Its channel.
        offset: Its place there, also the earlier one's when its id was there already; None = it is kept until it is due, or
            nobody has waited for its commit.
        is_new: Whether it was written; None = nobody has waited for that.
    """

    channel: str
    offset: int | None
    is_new: bool | None

    def __str__(self) -> str:
        if self.is_new is None:
            return f"{self.channel}: on its way"
        place = "kept until it is due" if self.offset is None else f"offset {self.offset:,}"
        return f"{self.channel}: {place}" + ("" if self.is_new else ", where it was already")


class StoredMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message as its channel keeps it.

    Attributes:
        offset: Its place in the channel.
        type: The name of its class; empty = none.
        message: An instance of its class where this process has that; else plain data.
        published_us: When it was appended.
        id: Its id; None = it has none.
        key: The key that its publisher gave; None = its fields say it.
        headers: Texts by name.
        source: The subscription whose turn published it; None = somebody else.
        source_key: The key of that turn.
    """

    channel: str
    offset: int
    type: str
    message: Any
    published_us: int
    id: str | None
    key: str | None
    headers: dict[str, str]
    source: str | None
    source_key: str | None

    def __str__(self) -> str:
        return f"{self.channel} {self.offset}: {self.message!r}"


class ChannelSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A durable channel.

    Attributes:
        types: The names of the classes it takes; empty = anything.
        capacity: Messages that its slowest subscription may not have done.
        overflow: What is done about one more: ``block`` or ``reject``.
        retain_age_s: Seconds that done messages are kept; None = as long as the others allow.
        retain_count: How many of them; None = any number.
        retain_bytes: How much of them; None = any amount.
        first_offset: The lowest one that is kept.
        next_offset: What the next message gets.
        floor: Below it every subscription has done all.
        size_bytes: Of the payloads of all that is kept.
        delayed: Messages that are due later.
        subscriptions: How many read it.
    """

    name: str
    types: tuple[str, ...]
    capacity: int
    overflow: str
    retain_age_s: float | None
    retain_count: int | None
    retain_bytes: int | None
    first_offset: int
    next_offset: int
    floor: int
    size_bytes: int
    delayed: int
    subscriptions: int
    created_us: int

    @property
    def count(self) -> int:
        """How many messages are kept."""
        return self.next_offset - self.first_offset

    def __str__(self) -> str:
        read = counted(self.subscriptions, "subscription")
        return f"{self.name}: {counted(self.count, 'message')}, next offset {self.next_offset:,}, {read}"


class ReadPosition(msgspec.Struct, frozen=True, kw_only=True):
    """How far a subscription is on one channel.

    Attributes:
        channel: Its name; ``@GROUP`` is the group's own, of timers and redriven messages.
        floor: The lowest offset that it has not done.
        lag: How many it has not done, from there on.
        fill: How much of the channel's capacity is taken from there on, 0 to 1: at 1 the channel is full because of it.
    """

    channel: str
    floor: int
    lag: int
    fill: float


class GroupMember(msgspec.Struct, frozen=True, kw_only=True):
    """An agent that takes turns for a group.

    Attributes:
        name: The agent's name.
        worker: Its worker's id.
        pid: Its process; None = that is gone.
        ranges: Key ranges that it holds, of 64.
        joined_us: When it joined.
    """

    name: str
    worker: int
    pid: int | None
    ranges: int
    joined_us: int


class SubscriptionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription.

    Attributes:
        name: ``GROUP.HANDLER``.
        place: Where its class was found last.
        pattern: The channels that it reads.
        start: Where it begins on a channel that is new to it.
        settings: The rest of its options.
        positions: How far it is, channel by channel.
        lag: Messages that it has not done, on all channels.
        in_hand: Messages that this process has in hand for it; 0 for whoever only looks.
        waiting: Messages that wait for another try.
        next_retry_us: When the next of them is due; None = at once, or none waits.
        dead_letters: Those that are not redriven.
        members: Who takes the turns of its group.
        processes: Living processes that have its code.
        paused_us: When it was paused; None = it is not.
        reason: Why it is.
    """

    name: str
    group: str
    place: str
    pattern: str
    start: str
    settings: dict[str, Any]
    positions: tuple[ReadPosition, ...]
    lag: int
    in_hand: int
    waiting: int
    next_retry_us: int | None
    dead_letters: int
    members: tuple[GroupMember, ...]
    processes: tuple[int, ...]
    paused_us: int | None
    reason: str | None
    created_us: int

    @property
    def is_paused(self) -> bool:
        """Whether it takes no turns until it is resumed."""
        return self.paused_us is not None

    @property
    def fullest(self) -> ReadPosition | None:
        """The channel that it keeps fullest; None = it reads none."""
        return max(self.positions, key=lambda one: one.fill, default=None)

    @property
    def is_forsaken(self) -> bool:
        """Whether nobody has its code, and it fills a channel all the same: at least by half."""
        fullest = self.fullest
        return not self.processes and fullest is not None and fullest.fill >= FILLED

    def __str__(self) -> str:
        parts = [f"lag {self.lag:,}"]
        if self.is_paused:
            parts.append(f"paused: {self.reason}" if self.reason else "paused")
        if self.waiting:
            parts.append(f"{self.waiting:,} waiting")
        if self.dead_letters:
            parts.append(counted(self.dead_letters, "dead letter"))
        parts.append(counted(len(self.members), "member"))
        return f"{self.name}: {', '.join(parts)}"


class DeadLetterSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A message that a subscription has given up.

    Attributes:
        channel: Where it was read.
        offset: Its place there.
        key: The key of its turn; empty = none.
        type: The name of its class; empty = none.
        reason: ``failed`` (the last try), ``fatal`` (no other try was wanted), ``refused`` (it does not fit what the handler
            takes), ``poison`` (it killed its worker three times).
        tries: How often it was tried.
        error: The last failure.
        redriven_us: When it was published again; None = it was not.
    """

    id: int
    subscription: str
    channel: str
    offset: int
    key: str
    type: str
    reason: str
    tries: int
    error: ErrorDetail | None
    died_us: int
    redriven_us: int | None

    @property
    def why(self) -> str:
        """Why it was given up, as one line."""
        return self.reason if self.error is None else f"{self.reason}: {describe(self.error)}"

    def __str__(self) -> str:
        return f"dead letter {self.id} of {self.subscription}, {self.channel} {self.offset}: {self.why}"


class DeadLetterReport(DeadLetterSummary, frozen=True, kw_only=True):
    """A whole dead letter.

    Attributes:
        message: Plain data.
        headers: Texts by name.
    """

    message: Any
    headers: dict[str, str]
