"""Rows that a member of a group writes with each unit; each statement changes one row for each of them."""

from __future__ import annotations

import msgspec

__all__ = ["CursorRow", "DeadLetterRow", "DeliveryRow", "StateRow"]


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
