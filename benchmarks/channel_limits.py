"""The limit of durable channels: the rows of each message, written by bare APSW in groups, and nothing else.

An insert for each message, for each group the end of its channel and a cursor, and a state for each message where there is
one, in tables like the product's, in a fresh file opened by the product's own connection rules (WAL, ``synchronous=FULL``),
one sync for what is published and one for what is done. Nothing is read back, and no thread waits for another.
"""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
from channel_work import Count, items

from dagger_actors.store.connection import open_writer, transaction

__all__ = ["GROUP", "bare_s", "commits_ms"]

GROUP = 500
"""Messages of one transaction."""

SCHEMA = """
CREATE TABLE channels (channel_key INTEGER PRIMARY KEY, next_offset INTEGER NOT NULL) STRICT;
CREATE TABLE messages (
  channel_key INTEGER NOT NULL, offset INTEGER NOT NULL, type TEXT NOT NULL, payload TEXT NOT NULL,
  published_at INTEGER NOT NULL, message_id TEXT, key TEXT, PRIMARY KEY (channel_key, offset)
) STRICT;
CREATE TABLE cursors (cursor_key INTEGER PRIMARY KEY, floor INTEGER NOT NULL) STRICT;
CREATE TABLE states (
  group_key INTEGER NOT NULL, key TEXT NOT NULL, state BLOB NOT NULL, updated_at INTEGER NOT NULL,
  PRIMARY KEY (group_key, key)
) STRICT, WITHOUT ROWID;
INSERT INTO channels VALUES (1, 0);
"""
PUBLISH = "INSERT INTO messages (channel_key, offset, type, payload, published_at) VALUES (1, ?, 'Item', ?, ?)"
GROW = "UPDATE channels SET next_offset = ? WHERE channel_key = 1"
MOVE = "INSERT INTO cursors VALUES (1, ?) ON CONFLICT DO UPDATE SET floor = excluded.floor"
KEEP = "INSERT INTO states VALUES (1, ?, ?, ?) ON CONFLICT DO UPDATE SET state = excluded.state"
NOW_US = 1_800_000_000_000_000


def bare_s(path: Path, count: int, *, cursors: int = 1, keys: int = 0) -> float:
    """Write the rows of ``count`` messages into a file that does not exist.

    Args:
        path: The file.
        count: Messages.
        cursors: How often each of them is done.
        keys: How many states are written again and again, for each of these times; 0 = none is.

    Returns:
        Seconds.
    """
    new = [(one.number, msgspec.json.encode(one).decode(), NOW_US) for one in items(count)]
    states = [
        (f"key {at % keys} of {time}", msgspec.msgpack.encode(Count(1, at)), NOW_US)
        for time in range(cursors if keys else 0)
        for at in range(count)
    ]
    connection = open_writer(path)
    try:
        connection.execute(SCHEMA)
        began = time.perf_counter()
        for at in range(0, count, GROUP):
            with transaction(connection):
                connection.executemany(PUBLISH, new[at : at + GROUP])
                connection.execute(GROW, (at + GROUP,))
        for at in range(0, count * cursors, GROUP):
            with transaction(connection):
                connection.executemany(KEEP, states[at : at + GROUP])
                connection.execute(MOVE, (at + GROUP,))
        return time.perf_counter() - began
    finally:
        connection.close()


def commits_ms(path: Path, count: int) -> list[float]:
    """Write ``count`` messages into a file that does not exist, each by a commit of its own: milliseconds of each."""
    connection = open_writer(path)
    took: list[float] = []
    try:
        connection.execute(SCHEMA)
        for one in items(count):
            began = time.perf_counter()
            with transaction(connection):
                connection.execute(PUBLISH, (one.number, msgspec.json.encode(one).decode(), NOW_US))
                connection.execute(GROW, (one.number + 1,))
            took.append((time.perf_counter() - began) * 1e3)
    finally:
        connection.close()
    return took
