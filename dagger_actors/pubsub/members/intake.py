"""What a member reads of channels, and keeps until it is done: the machine knows of offsets and keys, the payloads are here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

import msgspec

from dagger_actors.core.channel_rows import RANGES, range_of
from dagger_actors.core.turns import Delivered
from dagger_actors.pubsub.machine.events import Fetch, Fetched, Message
from dagger_actors.pubsub.subscribers.choosing import key_in, passes
from dagger_actors.pubsub.subscribers.handler_kind import HandlerKind
from dagger_actors.pubsub.subscribers.registry import Subscription
from dagger_actors.store.reader import Readers

__all__ = ["Cursor", "Intake", "StoredRow"]


class Cursor(NamedTuple):
    """A subscription on a channel.

    Attributes:
        cursor_key: Its id.
        subscription: The subscription's name.
        channel_key: The channel's id.
        channel: The channel's name.
    """

    cursor_key: int
    subscription: str
    channel_key: int
    channel: str


class StoredRow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A message as ``read.messages`` gives it."""

    offset: int
    type: str
    payload: str
    published_at: int
    key: str | None = None
    headers: str | None = None
    source: str | None = None
    source_key: str | None = None
    target: str | None = None


_rows = msgspec.json.Decoder(list[StoredRow])


class Intake:
    """Reads for one member.

    Args:
        readers: The file.
        subscriptions: The member's, by name.
    """

    def __init__(self, readers: Readers, subscriptions: Mapping[str, Subscription]) -> None:
        self._readers = readers
        self._subscriptions = subscriptions
        self._rows: dict[tuple[int, int], tuple[StoredRow, int]] = {}
        self._heads: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def grow(self, channel_key: int, next_offset: int) -> int:
        """A channel is known to have all below this offset; gives how far it is known to go, which is further at times."""
        head = self._heads[channel_key] = max(next_offset, self._heads.get(channel_key, 0))
        return head

    def channels(self) -> list[int]:
        """Those of which it is known how far they go."""
        return list(self._heads)

    def fetch(self, cursor: Cursor, wanted: Fetch) -> Fetched:
        """Read messages.

        Args:
            cursor: Of which subscription on which channel.
            wanted: From where on, and how many.

        Raises:
            StoreError: It cannot be read.
        """
        first, limits = wanted.first, (wanted.limit, wanted.limit_bytes)
        rows = _rows.decode(self._readers.query("read.messages", cursor.channel_key, first, *limits)[0][0])
        handler = self._subscriptions[cursor.subscription].handler
        messages: list[Message] = []
        for row in rows:
            message = _judged(handler, cursor.subscription, row)
            if message.is_wanted:
                self._rows[cursor.cursor_key, row.offset] = row, message.range
            messages.append(message)
        # Fewer than were asked for may be all that one answer holds; none are none.
        next_offset = rows[-1].offset + 1 if rows else max(first, self._heads.get(cursor.channel_key, 0))
        return Fetched(cursor.cursor_key, first, next_offset, tuple(messages))

    def delivered(self, cursor: Cursor, offset: int, try_no: int) -> Delivered:
        """A message as its handler is given it."""
        row, _range = self._rows[cursor.cursor_key, offset]
        return Delivered(
            cursor.cursor_key,
            offset,
            cursor.channel,
            row.type,
            row.payload.encode(),
            row.published_at,
            try_no,
            row.headers,
        )

    def forget(self, cursor_key: int, offset: int) -> None:
        """A message is done."""
        self._rows.pop((cursor_key, offset), None)

    def lose(self, ranges: Collection[int]) -> None:
        """These ranges are another's now."""
        self._rows = {place: entry for place, entry in self._rows.items() if entry[1] not in ranges}

    def clear(self) -> None:
        """Forget what was read."""
        self._rows.clear()


def _judged(handler: HandlerKind, subscription: str, row: StoredRow) -> Message:
    """Tell which range and lane a message has, and whether it is to be delivered."""
    options = handler.options
    payload = row.payload.encode()
    key = key_in(handler, row.key, payload)
    if row.target is not None:  # a timer, or redriven: nothing is asked again of what was meant for it
        is_wanted = row.target == subscription
    else:
        is_echo = row.source == subscription and (row.source_key or "") == key and not options.echo
        is_wanted = not is_echo and handler.hint_of(row.type) is not None and passes(handler, payload)
    return Message(row.offset, _range_of(handler, row.offset, key), key, is_wanted, len(payload))


def _range_of(handler: HandlerKind, offset: int, key: str) -> int:
    if handler.key_of is not None:
        return range_of(key)
    return 0 if handler.options.is_ordered else offset % RANGES
