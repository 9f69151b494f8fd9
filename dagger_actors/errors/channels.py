"""Errors of channels, messages and subscriptions: what a caller asked of them, and what was published."""

from __future__ import annotations

from dagger_actors.errors.action import ActionError
from dagger_actors.errors.commands import command_line
from dagger_actors.errors.request import RequestError
from dagger_actors.errors.wording import counted

# --- the caller, now


class UnknownChannel(RequestError):
    """No channel of that name is declared, here or in the database.

    Args:
        channel: The name that was asked for.
        near: The nearest one there is; may be empty.
    """

    def __init__(self, channel: str, near: str = "") -> None:
        self.channel = channel
        self.near = near
        super().__init__(channel, near)

    def __str__(self) -> str:
        advice = (
            f"did you mean {self.near!r}?"
            if self.near
            else "declare it with ActorSystem(channels=[Channel(...)]), or by whoever publishes or reads it"
        )
        return f"there is no channel {self.channel!r}; {advice}"


class UnknownSubscription(RequestError):
    """No subscription of that name is in the database.

    Args:
        subscription: The name that was asked for: ``GROUP.HANDLER``.
        near: The nearest one there is; may be empty.
    """

    def __init__(self, subscription: str, near: str = "") -> None:
        self.subscription = subscription
        self.near = near
        super().__init__(subscription, near)

    def __str__(self) -> str:
        advice = (
            f"did you mean {self.near!r}?"
            if self.near
            else f"its name is GROUP.HANDLER; list them with: {command_line('subscriptions list')}"
        )
        return f"there is no subscription {self.subscription!r}; {advice}"


class SubscriptionInUse(RequestError):
    """A living process has the code of a subscription that is to be forgotten.

    Args:
        subscription: Its name.
        pids: The processes.
    """

    def __init__(self, subscription: str, pids: tuple[int, ...]) -> None:
        self.subscription = subscription
        self.pids = pids
        super().__init__(subscription, pids)

    def __str__(self) -> str:
        return (
            f"the subscription {self.subscription!r} cannot be forgotten: its code is in process "
            f"{', '.join(map(str, self.pids))}, which would make it anew; take it out of the code and stop that first, or pause "
            f"it with: "
            f"{command_line('subscriptions pause', self.subscription)}"
        )


class SubscriptionUnread(RequestError):
    """A subscription that is to be forgotten has messages that nobody else would ever handle.

    Args:
        subscription: Its name.
        unread: Messages that it has not done.
        dead_letters: Those that are not redriven.
    """

    def __init__(self, subscription: str, unread: int, dead_letters: int) -> None:
        self.subscription = subscription
        self.unread = unread
        self.dead_letters = dead_letters
        super().__init__(subscription, unread, dead_letters)

    def __str__(self) -> str:
        return (
            f"with the subscription {self.subscription!r} go {self.unread:,} unread messages and {self.dead_letters:,} dead "
            f"letters; if that is meant, say so: discard=True, or --yes"
        )


class UnknownGroup(RequestError):
    """No group of that name is in the database.

    Args:
        group: The name that was asked for.
        near: The nearest one there is; may be empty.
    """

    def __init__(self, group: str, near: str = "") -> None:
        self.group = group
        self.near = near
        super().__init__(group, near)

    def __str__(self) -> str:
        advice = (
            f"did you mean {self.near!r}?"
            if self.near
            else f"it is what stands before the dot of a subscription; list them with: {command_line('subscriptions list')}"
        )
        return f"there is no group {self.group!r}; {advice}"


class PublicationRefused(RequestError):
    """A message that the channel does not take, or that is too large.

    Args:
        channel: The channel's name.
        reason: What is wrong with it, with the path to the bad field.
        advice: What to do.
    """

    def __init__(self, channel: str, reason: str, advice: str = "correct it") -> None:
        self.channel = channel
        self.reason = reason
        self.advice = advice
        super().__init__(channel, reason, advice)

    def __str__(self) -> str:
        return f"the channel {self.channel!r} does not take this message: {self.reason}; {self.advice}"


class ChannelFull(RequestError):
    """As many messages of the channel wait for its slowest subscription as may.

    Args:
        channel: The channel's name.
        capacity: How many that is.
        waited_s: For how long there was no room; 0 = that was not waited for.
    """

    def __init__(self, channel: str, capacity: int, waited_s: float = 0.0) -> None:
        self.channel = channel
        self.capacity = capacity
        self.waited_s = waited_s
        super().__init__(channel, capacity, waited_s)

    def __str__(self) -> str:
        waited = f", and for {self.waited_s:g} s there was no room for another" if self.waited_s else ""
        return (
            f"the slowest subscription of the channel {self.channel!r} has {counted(self.capacity, 'message')} before it, "
            f"which is the channel's capacity{waited}; publish slower, help that subscription, or raise the capacity"
        )


class OutboxFull(RequestError):
    """As many messages of this process wait to be committed as may.

    Args:
        messages: How many wait.
        size_bytes: How many bytes they have.
    """

    def __init__(self, messages: int, size_bytes: int) -> None:
        self.messages = messages
        self.size_bytes = size_bytes
        super().__init__(messages, size_bytes)

    def __str__(self) -> str:
        return (
            f"the outbox of this process has {counted(self.messages, 'message')} with {counted(self.size_bytes, 'byte')} to be "
            f"committed, which is all that it keeps; publish with wait=True, which waits for room, or publish slower"
        )


class OffsetRefused(RequestError):
    """An offset that the channel has not reached yet.

    Args:
        channel: The channel's name.
        offset: The offset that was asked for.
        next_offset: What its next message gets.
        subscription: The subscription whose ``start`` it is; empty = somebody else has asked.
    """

    def __init__(self, channel: str, offset: int, next_offset: int, subscription: str = "") -> None:
        self.channel = channel
        self.offset = offset
        self.next_offset = next_offset
        self.subscription = subscription
        super().__init__(channel, offset, next_offset, subscription)

    def __str__(self) -> str:
        whose = f"{self.subscription} starts at offset {self.offset:,}: " if self.subscription else ""
        return (
            f"{whose}the channel {self.channel!r} has no offset {self.offset:,} yet: its next message gets "
            f"{self.next_offset:,}; give that one or less, or 'latest'"
        )


class DeadLetterNotFound(RequestError):
    """No dead letter of that id in this database."""

    def __init__(self, dead_letter: int, database: str = "") -> None:
        self.dead_letter = dead_letter
        self.database = database
        super().__init__(dead_letter, database)

    def __str__(self) -> str:
        where = f" in {self.database}" if self.database else ""
        return f"no dead letter {self.dead_letter}{where}; list them with: {command_line('dead-letters list')}"


# --- whoever published


class EphemeralRefused(ActionError):
    """A handler asks, in a turn of an ephemeral channel's message, for what would have to be kept.

    Args:
        subscription: The subscription.
        what: What it asks for.
    """

    def __init__(self, subscription: str, what: str) -> None:
        self.subscription = subscription
        self.what = what
        super().__init__(subscription, what)

    def __str__(self) -> str:
        return (
            f"{self.what} in a turn of {self.subscription} whose message is of an ephemeral channel: of such turns nothing is "
            f"kept; make the channel a durable one, or publish to one and do it there"
        )


class KeyRefused(ActionError):
    """A message without the key that a subscription tells messages apart by: it goes to the dead letters.

    Args:
        path: The path of the key's field.
        reason: What is wrong.
    """

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(path, reason)

    def __str__(self) -> str:
        return f"the message has no key {self.path}: {self.reason}"
