"""Channels as the store and the supervisors of groups speak of them: rows, and operations that read before they write.

A channel is a log: the committed order gives each message its offset, from 0. A subscription reads channels; its
acknowledgement is, for each channel and key range, a floor (every message of that range below it is done) and gaps (those
above it that are done too). Subscriptions of one group share 64 key ranges, and each range is leased by one member at a
time: owner, member and epoch. Whatever a member writes of a range expects its lease.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from dagger_actors.core.channel_rows import NewMessage, NewTimer

__all__ = [
    "Appended",
    "ChannelOperation",
    "ChannelRow",
    "CursorRow",
    "DeadLetterRow",
    "Declare",
    "Declared",
    "DeliveryRow",
    "ForgetSubscription",
    "Forgotten",
    "Lease",
    "PauseSubscription",
    "PromoteMessages",
    "PruneMessages",
    "PublishMessages",
    "Redrive",
    "ReleaseRanges",
    "ResumeSubscription",
    "Seek",
    "SetTimers",
    "ShareRanges",
    "Shared",
    "StateRow",
    "SubscriptionRow",
    "TakeRanges",
]


# --- rows that a member of a group writes with each unit; each statement changes one row for each of them


class CursorRow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """How far one range of one channel is done, for one subscription; a row of ``cursors.put``, and the fence of its unit.

    A unit that touches a range at all has its row, changed or not: with the lease lost it is refused whole.

    Attributes:
        cursor_key: The subscription on the channel.
        range: 0 to 63.
        group_key: The group.
        owner: This worker.
        member: The name of the member in it.
        epoch: That of the lease.
        floor: The lowest offset that is not done.
        gaps: Offsets at or above the floor that are done, as JSON: ``[[first, last], ...]``, ascending.
    """

    cursor_key: int
    range: int
    group_key: int
    owner: int
    member: str
    epoch: int
    floor: int
    gaps: str = "[]"


class DeliveryRow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A delivery that is no plain one; a row of ``deliveries.put``. It is deleted by ``deliveries.clear`` (cursor_key, offset).

    Attributes:
        cursor_key: The subscription on the channel.
        offset: The message.
        range: Its range.
        try_no: The user's count of the next try, from 1.
        crash_no: Deaths of workers that it met.
        due_at: Not before this, wall microseconds; None = at once.
        error: The last failure, as JSON; None = none.
        updated_at: Now.
    """

    cursor_key: int
    offset: int
    range: int
    try_no: int
    crash_no: int
    due_at: int | None
    error: str | None
    updated_at: int


class DeadLetterRow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A message that a subscription has given up; a row of ``dead_letters.put``, which copies the message.

    Attributes:
        cursor_key: The subscription on the channel.
        offset: The message.
        key: Its key; empty = none.
        reason: ``failed`` (the last try), ``fatal`` (no other try was wanted), ``refused`` (it does not fit what the handler
            takes), ``poison`` (it killed its worker three times).
        tries: How often it was tried.
        error: The last failure, as JSON.
        died_at: Now.
    """

    cursor_key: int
    offset: int
    key: str
    reason: str
    tries: int
    error: str | None
    died_at: int


class StateRow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The state of one key of a group; a row of ``subscriber_states.put``.

    Attributes:
        group_key: The group.
        key: Empty = of the one subscriber without key.
        state: MessagePack, as hexadecimal text.
        updated_at: Now.
    """

    group_key: int
    key: str
    state: str
    updated_at: int


# --- operations: what must read before it writes


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


class PublishMessages(msgspec.Struct, frozen=True, tag="publish"):
    """Append messages, or keep those that are due later. Answers an ``Appended`` for each, in order.

    Attributes:
        messages: Of any channels; each must be there (``UnknownChannel``).
        now_us: Wall microseconds.
        is_whole: Whether a full channel refuses the unit (``ChannelFull``: a turn's publications go out together; the last
            unit that a channel takes may overstep its capacity, or one of more messages than that would never go out); else
            the messages that find theirs full are answered so, and the others are appended.
    """

    messages: tuple[NewMessage, ...]
    now_us: int
    is_whole: bool = True


class Appended(msgspec.Struct, frozen=True, gc=False):
    """What became of one message.

    Attributes:
        offset: On its channel, the earlier one's when its id was there already; -1 = it is kept until it is due; -2 = its
            channel is full.
        is_new: Whether it was written.
    """

    offset: int
    is_new: bool


class SetTimers(msgspec.Struct, frozen=True, tag="timers"):
    """Set and cancel timers, in order. Answers when the next of all timers and delayed messages is due, or None."""

    timers: tuple[NewTimer, ...]
    now_us: int


class PromoteMessages(msgspec.Struct, frozen=True, tag="promote_messages"):
    """Append what is due by now, at most 1,000 at once; full channels do not stop it.

    Answers when the next one is due, wall microseconds, or None.
    """

    now_us: int


class ShareRanges(msgspec.Struct, frozen=True, tag="share_ranges"):
    """Join a group (again), and take the ranges that are this member's share and nobody's.

    The share is told by all that have joined and whose workers are there: they are put in the order of joining, and range r
    of 64 goes to number ``r * n // 64``. A range in another's hands is waited for: its holder gives it back. Answers a
    ``Shared``.

    Attributes:
        group_key: The group.
        worker: This worker.
        member: The name of the member in it.
        now_us: Wall microseconds.
    """

    group_key: int
    worker: int
    member: str
    now_us: int


class Lease(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One range in a member's hands.

    Attributes:
        range: 0 to 63.
        epoch: Counts its holders.
    """

    range: int
    epoch: int


class Shared(msgspec.Struct, frozen=True):
    """What a member holds.

    Attributes:
        taken: Ranges that it has taken now.
        held: All that it holds, those included.
        surplus: Ranges that are another's share: to be given back once nothing of them is in hand.
        members: How many members share.
    """

    taken: tuple[Lease, ...]
    held: tuple[Lease, ...]
    surplus: tuple[int, ...]
    members: int


class ReleaseRanges(msgspec.Struct, frozen=True, tag="release_ranges"):
    """Give ranges back; what is no longer this member's is passed over.

    Attributes:
        group_key: The group.
        worker: This worker.
        member: The member.
        ranges: Which; None = all, and it leaves the group.
    """

    group_key: int
    worker: int
    member: str
    ranges: tuple[int, ...] | None


class TakeRanges(msgspec.Struct, frozen=True, tag="take_ranges"):
    """Take what a dead or stalled worker held away from it, and count the deaths that its messages met.

    Its ranges become nobody's, with a new epoch; it leaves all groups. Answers how many ranges.

    Attributes:
        owner: The dead worker.
        begun: Messages that it had begun and not ended: cursor_key, offset and range (its slot file says both: ``place_of``).
            The ``crash_no`` of those that are not done rises by one.
        now_us: Wall microseconds.
    """

    owner: int
    begun: tuple[tuple[int, int, int], ...]
    now_us: int


class Seek(msgspec.Struct, frozen=True, tag="seek"):
    """Move a subscription: it goes on from another place on all its channels, or on one.

    Cursors and waiting deliveries are forgotten, and the ranges of its group become nobody's, with new epochs, so that what is
    in hand is committed by nobody. What is kept no longer is passed over. Answers the number of channels. Refused:
    ``UnknownSubscription``, ``UnknownChannel`` (it does not read that one), ``OffsetRefused``.

    Attributes:
        subscription: Its name.
        channel: None = all of its, but for its group's private one.
        offset: Where it goes on; None = as ``to`` or ``since_us`` says. Refused when it is above the channel's next one.
        to: ``earliest``, ``latest`` or None.
        since_us: From the first message published then or later, wall microseconds.
        now_us: Wall microseconds.
    """

    subscription: str
    channel: str | None = None
    offset: int | None = None
    to: Literal["earliest", "latest"] | None = None
    since_us: int | None = None
    now_us: int = 0


class PauseSubscription(msgspec.Struct, frozen=True, tag="pause_subscription"):
    """Stop deliveries of a subscription, in all processes, until it is resumed. Answers whether it changed anything."""

    subscription: str
    reason: str
    now_us: int


class ResumeSubscription(msgspec.Struct, frozen=True, tag="resume_subscription"):
    """Go on with a paused subscription. Answers whether it changed anything."""

    subscription: str
    now_us: int


class ForgetSubscription(msgspec.Struct, frozen=True, tag="forget_subscription"):
    """Delete a subscription whose code is gone: how far it is, what waits, its dead letters, timers and redriven messages.

    With the last one of a group the group goes: its ranges, its private channel, the states of its keys. Channels and their
    messages stay, and have room again. Answers ``Forgotten``. Refused: ``UnknownSubscription``, ``SubscriptionInUse``,
    ``SubscriptionUnread``.

    Attributes:
        subscription: Its name.
        gone: Workers that are known to be dead.
        is_meant: Whether it goes though there are unread messages or dead letters.
    """

    subscription: str
    gone: tuple[int, ...] = ()
    is_meant: bool = False


class Forgotten(msgspec.Struct, frozen=True):
    """What went with a subscription.

    Attributes:
        unread: Messages that it had not done.
        dead_letters: Those that were not redriven.
        timers: Timers of its turns.
        group: The group that went with it; empty = that has others.
        states: States of that group's keys.
    """

    unread: int
    dead_letters: int
    timers: int
    group: str = ""
    states: int = 0


class Redrive(msgspec.Struct, frozen=True, tag="redrive"):
    """Publish dead letters again, each on the private channel of its group, for its subscription alone.

    Answers how many, at most 1,000 at once: of ``subscription`` the oldest; those that are redriven already are passed over.
    Refused: ``DeadLetterNotFound``, ``UnknownSubscription``.

    Attributes:
        dead_letters: Ids; None = all of ``subscription``.
        subscription: None = any.
        now_us: Wall microseconds.
    """

    dead_letters: tuple[int, ...] | None
    subscription: str | None
    now_us: int


class PruneMessages(msgspec.Struct, frozen=True, tag="prune_messages"):
    """Delete messages that every subscription has acknowledged and whose channel keeps them no longer.

    Answers how many were deleted and whether there may be more, a tuple.

    Attributes:
        limit: At most so many at once.
        now_us: Wall microseconds.
    """

    limit: int
    now_us: int


ChannelOperation = (
    Declare
    | PublishMessages
    | SetTimers
    | PromoteMessages
    | ShareRanges
    | ReleaseRanges
    | TakeRanges
    | Seek
    | PauseSubscription
    | ResumeSubscription
    | ForgetSubscription
    | Redrive
    | PruneMessages
)
