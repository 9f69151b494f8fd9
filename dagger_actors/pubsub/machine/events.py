"""What the machine of a member is told, and what it decides.

The machine owns what one member of one group has in hand: the ranges that it has leased, what it has read of the channels
of the group's subscriptions, and the turns that are being taken. It runs ahead of its commits; whatever is rejected, it is
made anew from the file.
"""

from __future__ import annotations

from typing import Final

import msgspec

from dagger_actors.core.member_rows import CursorRow, DeadLetterRow, DeliveryRow
from dagger_actors.core.range_leases import Lease
from dagger_actors.core.turns import TurnEffects

__all__ = [
    "IN_HAND_BYTES",
    "Begin",
    "CursorState",
    "Decision",
    "DoneTurn",
    "Effect",
    "End",
    "Event",
    "Fetch",
    "Fetched",
    "Gained",
    "GiveBack",
    "Grown",
    "Lost",
    "Message",
    "Paused",
    "Retire",
    "Settle",
    "ShiftDone",
    "SubscriptionTerms",
    "Surplus",
    "Ticked",
    "TurnRedone",
    "TurnRef",
    "Undone",
    "Waiting",
    "WakeAt",
]

IN_HAND_BYTES: Final = 64 * 1024 * 1024
"""Payloads of one subscription that a member has in memory: else a window of large messages would be gigabytes."""


class SubscriptionTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine must know of one subscription.

    Attributes:
        name: ``group.handler``.
        is_keyed: Whether messages of one key are handled in their order, and one at a time in the whole group.
        is_ordered: Whether all are, as if they were of one key; neither = in any order, any number at once.
        concurrency: Shifts at once, 1 or more; an ordered one has 1.
        batch: Messages in one turn at most; 1 = the handler takes one.
        window: Messages that are read and not done, at most.
        window_bytes: Bytes of their payloads, at most; the last one that is read may go beyond it.
    """

    name: str
    is_keyed: bool = False
    is_ordered: bool = True
    concurrency: int = 1
    batch: int = 1
    window: int = 1_000
    window_bytes: int = IN_HAND_BYTES


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message that was read.

    Attributes:
        offset: On its channel.
        range: Its range, 0 to 63.
        key: Its key; empty = none.
        is_wanted: False = it is done without being delivered: its filter, its type, its own publisher.
        size_bytes: Of its payload.
    """

    offset: int
    range: int
    key: str = ""
    is_wanted: bool = True
    size_bytes: int = 0


class CursorState(msgspec.Struct, frozen=True):
    """Where one subscription is on one channel, for the ranges that are gained.

    Attributes:
        cursor_key: The subscription on the channel.
        subscription: Its name.
        start: Where ranges begin that are not in ``done``.
        done: Floor and gaps by range.
    """

    cursor_key: int
    subscription: str
    start: int
    done: dict[int, tuple[int, tuple[tuple[int, int], ...]]]


class Waiting(msgspec.Struct, frozen=True, array_like=True):
    """A delivery that is no plain one, as the file has it."""

    cursor_key: int
    offset: int
    range: int
    try_no: int
    crash_no: int
    due_at: int | None


# --- events


class Gained(msgspec.Struct, frozen=True):
    """Ranges were leased: with all cursors of the group for them, and what waits there. Known cursors are extended.

    Also told, with no leases, when a channel is new to a subscription.
    """

    leases: tuple[Lease, ...]
    cursors: tuple[CursorState, ...]
    waiting: tuple[Waiting, ...] = ()


class Lost(msgspec.Struct, frozen=True):
    """Ranges are another's now: what is in hand of them is nobody's business here any more."""

    ranges: tuple[int, ...]


class Surplus(msgspec.Struct, frozen=True):
    """These ranges are to be given back: begin nothing of them, and give each back when nothing of it is in hand."""

    ranges: tuple[int, ...]


class Retire(msgspec.Struct, frozen=True):
    """The member leaves: begin nothing more. What is in hand may end."""


class Grown(msgspec.Struct, frozen=True):
    """A channel has messages up to this offset (exclusive); told after ``Gained`` too."""

    cursor_key: int
    next_offset: int


class Fetched(msgspec.Struct, frozen=True):
    """What a ``Fetch`` brought.

    Attributes:
        cursor_key: The subscription on the channel.
        first: The offset that was asked for.
        next_offset: Everything below it, from ``first`` on, is in ``messages``, or gone, or in no range that this member had
            when it asked. ``first`` itself = nothing could be read: it is not asked again before the channel has ``Grown``.
        messages: Ascending by offset.
    """

    cursor_key: int
    first: int
    next_offset: int
    messages: tuple[Message, ...]


class DoneTurn(msgspec.Struct, frozen=True, gc=False):
    """The verdict on one turn of a shift; the shell has asked the retry policy.

    Attributes:
        kind: ``handled``; ``retry`` (at ``due_at``, as try ``try_no``), ``snooze`` (at ``due_at``, no try counted), ``dead``
            (given up, for ``reason``), ``not_taken`` (delivered again at once, and not before what failed of its key);
            the machine itself says ``skipped`` of what had a row and is not wanted.
        effects: What is committed with it, when handled.
        due_at: Wall microseconds.
        reason: Of a dead letter.
        error: As JSON; None = none.
    """

    kind: str
    effects: TurnEffects | None = None
    due_at: int | None = None
    reason: str = ""
    error: str | None = None


class ShiftDone(msgspec.Struct, frozen=True):
    """A shift has ended, or was given up at a time-out: one verdict for each of its turns, in order.

    Attributes:
        shift: Its number.
        turns: The verdicts.
        spent_us: How long the turns that were taken took, together.
    """

    shift: int
    turns: tuple[DoneTurn, ...]
    spent_us: int = 0


class TurnRef(msgspec.Struct, frozen=True, gc=False):
    """One turn that had ended, told apart from every other.

    Attributes:
        subscription: The subscription's name.
        key: Its key.
        messages: Cursor_key, offset, range and try_no of each of its messages.
        number: Rising in the order in which turns ended: a message that was snoozed may have two of the same try, and one
            that ended under an earlier lease is not told again under the next.
    """

    subscription: str
    key: str
    messages: tuple[tuple[int, int, int, int], ...]
    number: int = 0


class Undone(msgspec.Struct, frozen=True):
    """The unit of these turns was rejected, and nothing of them is in the file: they are in hand again, not acknowledged.

    What was begun since of their lanes has seen what never was: it counts as not taken when it ends. Each of these turns is
    told again as ``TurnRedone``, in this order, one at a time: behind the commit of the one before.
    """

    turns: tuple[TurnRef, ...]


class TurnRedone(msgspec.Struct, frozen=True):
    """The verdict on one undone turn; not taken all the same when an earlier message of its lane is not done."""

    turn: TurnRef
    verdict: DoneTurn


class Paused(msgspec.Struct, frozen=True):
    """A subscription is paused, or goes on."""

    subscription: str
    is_paused: bool


class Ticked(msgspec.Struct, frozen=True):
    """Time has passed: see what is due."""


class Settle(msgspec.Struct, frozen=True):
    """Nothing has happened for a moment: write the floors that lag behind what is done."""


Event = Gained | Lost | Surplus | Retire | Grown | Fetched | ShiftDone | Undone | TurnRedone | Paused | Ticked | Settle


# --- decisions


class Begin(msgspec.Struct, frozen=True):
    """Have a shift taken. Nothing of it is committed before, so this is let out at once.

    Attributes:
        shift: Its number, rising.
        subscription: The subscription's name.
        turns: For each turn its key, and cursor_key, offset and try_no of its messages.
    """

    shift: int
    subscription: str
    turns: tuple[tuple[str, tuple[tuple[int, int, int], ...]], ...]


class Fetch(msgspec.Struct, frozen=True):
    """Read messages of a channel; at most one is under way for each cursor. Let out at once.

    Attributes:
        cursor_key: The subscription on the channel.
        first: From this offset on.
        limit: At most so many messages of this member's ranges.
        limit_bytes: At most so much of their payloads, or one message.
    """

    cursor_key: int
    first: int
    limit: int
    limit_bytes: int


class GiveBack(msgspec.Struct, frozen=True):
    """Release ranges, behind all that was decided before."""

    ranges: tuple[int, ...]


class WakeAt(msgspec.Struct, frozen=True):
    """Tell ``Ticked`` at that wall time; replaces the one before."""

    wall_us: int


Effect = Begin | Fetch | GiveBack | WakeAt


class End(msgspec.Struct, frozen=True):
    """One turn's part of the unit; each may be refused for itself.

    Attributes:
        turn: Which; its key, its messages.
        verdict: What was said of it; its effects are written with it when it was handled.
        ranges: The ranges that it touches.
        deliveries: Rows to put.
        clear: Cursor_key and offset of rows to delete; only where there may be one.
        dead_letters: Rows to put.
    """

    turn: TurnRef
    verdict: DoneTurn
    ranges: tuple[int, ...]
    deliveries: tuple[DeliveryRow, ...] = ()
    clear: tuple[tuple[int, int], ...] = ()
    dead_letters: tuple[DeadLetterRow, ...] = ()


class Decision(msgspec.Struct, frozen=True):
    """What follows from one event.

    Attributes:
        ends: Turns that ended, in order.
        cursors: One row for each cursor and range that the ends touch, or whose floor is to be written: the state behind
            all of them.
        effects: To be let out, in order.
    """

    ends: tuple[End, ...] = ()
    cursors: tuple[CursorRow, ...] = ()
    effects: tuple[Effect, ...] = ()
