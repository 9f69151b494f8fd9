"""What a member holds: its leases of ranges, and its subscriptions' cursors, as the file had them when they were gained."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec

from dagger_actors.core.range_leases import Lease
from dagger_actors.pubsub.machine.events import CursorState, Waiting
from dagger_actors.pubsub.members.intake import Cursor
from dagger_actors.store.reader import Readers

__all__ = ["Holdings"]

_states = msgspec.json.Decoder(list[tuple[int, int, list[tuple[int, int, tuple[tuple[int, int], ...]]]]])
_waiting = msgspec.json.Decoder(tuple[Waiting, ...])


class Holdings:
    """Knows and reads them.

    Args:
        readers: The file.
        group_key: The group.
    """

    def __init__(self, readers: Readers, group_key: int) -> None:
        self._readers = readers
        self._group_key = group_key
        self._leases: dict[int, int] = {}
        self._cursors: dict[int, Cursor] = {}
        self._of_channel: dict[int, list[Cursor]] = {}

    @property
    def ranges(self) -> Collection[int]:
        """Those that are held."""
        return self._leases.keys()

    def cursor(self, cursor_key: int) -> Cursor:
        """One of them."""
        return self._cursors[cursor_key]

    def on(self, channel_key: int) -> Sequence[Cursor]:
        """Those on a channel."""
        return self._of_channel.get(channel_key, ())

    def add(self, cursors: Iterable[Cursor]) -> list[Cursor]:
        """Note cursors; gives those that are new."""
        new = [cursor for cursor in cursors if cursor.cursor_key not in self._cursors]
        for cursor in new:
            self._cursors[cursor.cursor_key] = cursor
            self._of_channel.setdefault(cursor.channel_key, []).append(cursor)
        return new

    def channels_of(self, rows: Iterable[tuple[int, int]]) -> list[str]:
        """The names of channels, for cursors (and ranges) of theirs; any thread."""
        cursors = [self._cursors.get(key) for key in {key for key, _range in rows}]
        return [cursor.channel for cursor in cursors if cursor is not None]

    def clear(self) -> None:
        """Forget all."""
        self._leases.clear()
        self._cursors.clear()
        self._of_channel.clear()

    def lost(self, held: Sequence[Lease]) -> tuple[int, ...]:
        """Forget leases that are not among these any more; gives their ranges."""
        now = {lease.range: lease.epoch for lease in held}
        lost = tuple(one for one, epoch in self._leases.items() if now.get(one) != epoch)
        for one in lost:
            del self._leases[one]
        return lost

    def gained(self, held: Sequence[Lease]) -> tuple[Lease, ...]:
        """Note leases that are new; gives them."""
        gained = tuple(lease for lease in held if lease.range not in self._leases)
        self._leases.update((lease.range, lease.epoch) for lease in gained)
        return gained

    def read(self, gained: Sequence[Lease]) -> tuple[tuple[CursorState, ...], tuple[Waiting, ...]]:
        """Read where all cursors are in ranges that were gained, and what waits there."""
        return self._read(self._cursors.values(), [lease.range for lease in gained])

    def read_new(self, cursors: Iterable[Cursor]) -> tuple[tuple[CursorState, ...], tuple[Waiting, ...]]:
        """Read where cursors that are new begin, in all ranges that are held."""
        return self._read(self.add(cursors), list(self._leases))

    def _read(
        self, cursors: Iterable[Cursor], ranges: Sequence[int]
    ) -> tuple[tuple[CursorState, ...], tuple[Waiting, ...]]:
        wanted = _encode({one.cursor_key: None for one in cursors}), _encode(ranges)
        states = tuple(
            CursorState(key, self._cursors[key].subscription, start, {one: (floor, gaps) for one, floor, gaps in begun})
            for key, start, begun in _states.decode(self._readers.query("read.cursors", *wanted)[0][0])
        )
        return states, _waiting.decode(self._readers.query("read.deliveries", *wanted)[0][0])


def _encode(numbers: Iterable[int]) -> str:
    return msgspec.json.encode(list(numbers)).decode()
