"""Subscriptions as people see them: how far behind they are, what waits, who takes part."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from dagger_actors.store.reader import Readers

__all__ = ["Lag", "SubscriptionSummary", "count_open", "lags_of", "subscriptions_of"]


class Lag(msgspec.Struct, frozen=True):
    """How far a subscription is behind on one channel.

    Attributes:
        channel: Its name; of a group's private one, ``@`` and the group's name.
        lag: Messages that are not done.
        floor: The lowest offset that is not done.
        fill: How much of the channel's capacity is taken from there on: at 1 it has no room.
    """

    channel: str
    lag: int
    floor: int
    fill: float


class SubscriptionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One subscription.

    Attributes:
        group: Its group's name.
        name: ``group.handler``.
        pattern: The channels that it reads.
        start: Where it begins on a channel that is new to it.
        settings: The rest of its options, as JSON text.
        place: Where its class stands.
        paused_at: Wall microseconds; None = it is not paused.
        reason: Why it is.
        created_at: Wall microseconds.
        members: How many share the group.
        waiting: Messages that wait for another try.
        next_retry_at: When the next of them is due; None = at once, or none waits.
        dead_letters: Those that are not redriven.
        lag: Messages that are not done, on all channels.
        channels: The same by channel, the group's private one last.
    """

    group: str
    name: str
    pattern: str
    start: str
    settings: str
    place: str
    paused_at: int | None
    reason: str | None
    created_at: int
    members: int
    waiting: int
    next_retry_at: int | None
    dead_letters: int
    lag: int
    channels: tuple[Lag, ...]


Range = tuple[int, tuple[tuple[int, int], ...]]
"""Floor and gaps."""

_cursors = msgspec.json.Decoder(list[tuple[int, str, int, int, int, int, list[Range]]])


def subscriptions_of(readers: Readers, name: str = "") -> list[SubscriptionSummary]:
    """Read subscriptions.

    Args:
        readers: The file.
        name: Of a single one; empty = all.

    Returns:
        Them by name; nothing when there is none of that name.
    """
    rows = readers.query("read.subscriptions", name)
    lags = lags_of(readers.query("read.subscription_cursors", name)[0][0])
    return [_summary(row, tuple(sorted(lags.get(row[0], ()), key=_by_name))) for row in rows]


def lags_of(text: str) -> dict[int, list[Lag]]:
    """How far subscriptions are behind, by their keys: the answer of ``read.subscription_cursors``."""
    lags: dict[int, list[Lag]] = defaultdict(list)
    for key, channel, start, end, count, capacity, ranges in _cursors.decode(text):
        all_ranges = [*ranges, (start, ())] if len(ranges) < count else ranges
        floor = min(one for one, _ in all_ranges)
        lags[key].append(Lag(channel, count_open(all_ranges, end), floor, (end - floor) / capacity))
    return lags


def _by_name(lag: Lag) -> tuple[bool, str]:
    return lag.channel.startswith("@"), lag.channel


def _summary(row: tuple[object, ...], lags: tuple[Lag, ...]) -> SubscriptionSummary:
    _key, group, name, pattern, start, _ranges, settings, place, *rest = row
    paused_at, reason, created_at, members, waiting, next_retry_at, dead_letters = rest
    return msgspec.convert(
        {
            "group": group, "name": name, "pattern": pattern, "start": start, "settings": settings, "place": place,
            "paused_at": paused_at, "reason": reason, "created_at": created_at, "members": members, "waiting": waiting,
            "next_retry_at": next_retry_at, "dead_letters": dead_letters, "lag": sum(one.lag for one in lags),
            "channels": lags,
        },
        SubscriptionSummary,
    )  # fmt: skip


def count_open(ranges: Iterable[Range], end: int) -> int:
    """Count offsets that are not done.

    Each message is of one range, and what lies between the messages of a range counts as done there; so an offset is done
    when all ranges say so.

    Args:
        ranges: All of a cursor.
        end: The channel's next offset.
    """
    stretches: list[tuple[int, int]] = []
    for floor, gaps in ranges:
        at = floor
        for first, last in gaps:
            stretches.append((at, first))
            at = last + 1
        stretches.append((at, end))
    count = covered = 0
    for first, behind in sorted(stretches):
        count += max(0, behind - max(first, covered))
        covered = max(covered, behind)
    return count
