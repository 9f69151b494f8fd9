"""Channels as operations meet them: where each one's log ends, and whether it has room."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import apsw
import msgspec

from dagger_actors.errors import UnknownChannel
from dagger_actors.store.stepping import ask, do, text

__all__ = ["Log", "logs_of", "write_logs"]


class Log(msgspec.Struct, array_like=True):
    """A row of ``read.channel_doors``, and what is appended meanwhile."""

    name: str
    channel_key: int
    next_offset: int
    first_offset: int
    floor: int
    delayed: int
    capacity: int
    created_at: int
    rows: list[tuple[str | None, ...]] = []
    bytes: int = 0
    is_looked_up: bool = False
    is_open: bool = False

    @property
    def end(self) -> int:
        """The offset of the next one behind what is appended."""
        return self.next_offset + len(self.rows)

    def has_room(self, connection: apsw.Connection) -> bool:
        """Tell whether one more message may wait; the floor is looked up anew only when there seems to be no room."""
        while self.end - self.floor + self.delayed >= self.capacity:
            if self.is_looked_up:
                return False
            self.is_looked_up = True
            self.floor = ask(connection, "read.channel_floor", self.channel_key)
        return True


_logs = msgspec.json.Decoder(list[Log])
_names = msgspec.json.Decoder(list[str])


def logs_of(connection: apsw.Connection, names: Iterable[str]) -> dict[str, Log]:
    """The channels of these names.

    Raises:
        UnknownChannel: One is not there.
    """
    names = list(dict.fromkeys(names))
    found = {log.name: log for log in _logs.decode(ask(connection, "read.channel_doors", text(names)))}
    if len(found) < len(names):
        lost = next(name for name in names if name not in found)
        known = _names.decode(ask(connection, "read.channel_names"))
        raise UnknownChannel(lost, next(iter(difflib.get_close_matches(lost, known, 1)), ""))
    return found


def write_logs(connection: apsw.Connection, logs: Iterable[Log], now_us: int) -> None:
    """Append what they were given."""
    grown = [log for log in logs if log.rows or log.is_looked_up]
    for log in grown:
        if log.rows:
            do(connection, "messages.append", log.channel_key, log.next_offset, now_us, text(log.rows))
    if grown:
        do(connection, "channels.grow", text([(one.channel_key, len(one.rows), one.bytes, one.floor) for one in grown]))
