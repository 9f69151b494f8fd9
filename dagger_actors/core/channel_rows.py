"""Messages of channels as they travel and are stored, and what a turn of a subscriber leaves for others."""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = ["NO_KEY", "RANGES", "NewMessage", "NewTimer", "private_channel", "range_of"]

RANGES: Final = 64
"""Key ranges of a group: what its members share out among them."""

NO_KEY: Final = "\x00"
"""The key of a message that has none though its subscription wants one: they share a lane, and each is refused."""

_FNV_OFFSET: Final = 0xCBF29CE484222325
_FNV_PRIME: Final = 0x100000001B3


class NewMessage(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A message to be appended to a channel.

    Attributes:
        channel: The channel's name.
        type: The name of its class, by which whoever takes several kinds tells them apart; empty = no class.
        payload: JSON text, at most 1 MiB.
        message_id: Unique on its channel while it is kept there: a second one is the first one; None = has none.
        key: Says which lane it takes, whatever its fields say; None = its fields say it.
        headers: A JSON object of texts; None = none. ``correlation_id``, ``traceparent`` and ``tracestate`` are ours.
        due_at: Not before this, wall microseconds; None = at once.
        source: The name of the subscription whose turn published it; None = somebody else.
        source_key: The key of that turn.
        target: The name of the only subscription it is for, on a group's private channel; None = all.
    """

    channel: str
    type: str
    payload: str
    message_id: str | None = None
    key: str | None = None
    headers: str | None = None
    due_at: int | None = None
    source: str | None = None
    source_key: str | None = None
    target: str | None = None


class NewTimer(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A change of the timers of one key of a group: set anew, or cancelled.

    Attributes:
        group_key: The group's id.
        key: Whose timer it is; empty = of the one subscriber without key.
        name: Unique for that key; setting it again replaces it.
        message: What comes when it is due, on the group's private channel; None = the timer is cancelled.
    """

    group_key: int
    key: str
    name: str
    message: NewMessage | None = None


def private_channel(group: str) -> str:
    """Name the channel of one group alone, on which its timers and its redriven messages come."""
    return f"@{group}"


def range_of(key: str) -> int:
    """Tell the range of a key, 0 to 63: the same in every process, version and platform (FNV-1a, folded); of none 0."""
    if not key:
        return 0
    value = _FNV_OFFSET
    for byte in key.encode("utf-8", "surrogatepass"):
        value = ((value ^ byte) * _FNV_PRIME) & 0xFFFFFFFFFFFFFFFF
    return (value ^ (value >> 32)) % RANGES


def piece_of(offset: int, key_range: int) -> int:
    """What a slot file calls a message whose turn is taken, besides its cursor: one number for its offset and its range."""
    return offset * RANGES + key_range


def place_of(piece: int) -> tuple[int, int]:
    """Offset and range of what ``piece_of`` named."""
    return divmod(piece, RANGES)
