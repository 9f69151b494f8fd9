"""What the recorded history of a channel must be, in the manner of Jepsen's checkers: judged from what is committed, alone.

Every turn writes one entry, in the transaction of its acknowledgement. So the order of entries is that of the commits.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
  entry INTEGER PRIMARY KEY,
  subscription TEXT NOT NULL,
  channel TEXT NOT NULL,
  offset INTEGER NOT NULL,
  key TEXT NOT NULL,
  before INTEGER NOT NULL,
  after INTEGER NOT NULL
) STRICT;
"""

INSERT = "INSERT INTO entries (subscription, channel, offset, key, before, after) VALUES (?, ?, ?, ?, ?, ?)"

READ = "SELECT subscription, channel, offset, key, before, after FROM entries ORDER BY entry"


class Entry(NamedTuple):
    """One turn that is committed.

    Attributes:
        subscription: Whose.
        channel: Of its message.
        offset: Its place there.
        key: The key of the turn.
        before: A number in the state of that key, as the turn found it.
        after: The same, as the turn left it.
    """

    subscription: str
    channel: str
    offset: int
    key: str
    before: int
    after: int


def complaints_of(history: Sequence[Entry], finals: dict[str, int] | None = None) -> Iterator[str]:
    """Tell what is wrong with a history.

    Args:
        history: All entries of one group, in the order of their commits.
        finals: The number as it is stored now, by key; None = it is not looked at.
    """
    yield from _repeated(history)
    yield from _out_of_order(history)
    yield from _torn(history, finals)


def _repeated(history: Iterable[Entry]) -> Iterator[str]:
    handled = Counter(entry[:3] for entry in history)
    yield from (f"handled {count} times: {place}" for place, count in handled.items() if count > 1)


def _out_of_order(history: Iterable[Entry]) -> Iterator[str]:
    """Order per key: of one channel, in one subscription, offsets of a key ascend."""
    last: dict[tuple[str, str, str], int] = {}
    for entry in history:
        lane = entry.subscription, entry.channel, entry.key
        if entry.offset < last.get(lane, -1):
            yield f"out of order: {entry} behind {last[lane]}"
        last[lane] = max(entry.offset, last.get(lane, -1))


def _torn(history: Iterable[Entry], finals: dict[str, int] | None) -> Iterator[str]:
    """Each turn of a key finds what the one before it has left, as if they were alone."""
    left: dict[str, int] = defaultdict(int)
    for entry in history:
        if entry.before != left[entry.key]:
            yield f"torn: {entry} found what nobody had left: {left[entry.key]} was there"
        left[entry.key] = entry.after
    if finals is not None:
        yield from (
            f"{key}: {finals.get(key, 0)} is stored, {left[key]} was left"
            for key in left
            if finals.get(key, 0) != left[key]
        )
