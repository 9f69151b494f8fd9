"""Channels as the store and the supervisors of groups speak of them: operations that read before they write.

A channel is a log: the committed order gives each message its offset, from 0. A subscription reads channels; its
acknowledgement is, for each channel and key range, a floor (every message of that range below it is done) and gaps (those
above it that are done too). Subscriptions of one group share 64 key ranges; what is declared, and how ranges are leased,
has modules of its own.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from dagger_actors.core.channel_rows import NewMessage, NewTimer
from dagger_actors.core.declarations import Declare
from dagger_actors.core.range_leases import ReleaseRanges, ShareRanges, TakeRanges

__all__ = [
    "Appended",
    "ChannelOperation",
    "ForgetSubscription",
    "Forgotten",
    "PauseSubscription",
    "PromoteMessages",
    "PruneMessages",
    "PublishMessages",
    "Redrive",
    "ResumeSubscription",
    "Seek",
    "SetTimers",
]


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
