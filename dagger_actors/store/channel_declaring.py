"""Channels, groups and subscriptions as declared: made, changed, and put where they begin."""

from __future__ import annotations

import re
from collections.abc import Iterable

import apsw
import msgspec

from dagger_actors.core.channel_rows import RANGES, private_channel
from dagger_actors.core.declarations import ChannelRow, Declare, Declared, SubscriptionRow
from dagger_actors.errors import OffsetRefused
from dagger_actors.store.channel_logs import Log, logs_of
from dagger_actors.store.stepping import ask, do, text

__all__ = ["KnownSubscription", "Reading", "declare", "forget_cursors", "named", "readings_of"]

PRIVATE_CAPACITY = 1_000_000_000
"""None in effect: what comes on a private channel was let in before it came there."""


class KnownSubscription(msgspec.Struct, frozen=True, array_like=True):
    """A row of ``read.subscriptions_named``."""

    name: str
    subscription_key: int
    group_key: int
    pattern: str
    ranges: int
    keying: str
    created_at: int


class Reading(msgspec.Struct, frozen=True, array_like=True):
    """A row of ``read.channels_of_subscriptions``: a subscription on a channel."""

    cursor_key: int
    subscription_key: int
    channel_key: int
    channel: str
    start_offset: int
    next_offset: int
    first_offset: int


_names = msgspec.json.Decoder(list[tuple[str, int]])
_subscriptions = msgspec.json.Decoder(list[KnownSubscription])
_readings = msgspec.json.Decoder(list[Reading])
_floors = msgspec.json.Decoder(list[tuple[int, int]])


def declare(connection: apsw.Connection, operation: Declare) -> Declared:
    """Write what is declared; answers the ids.

    Raises:
        UnknownChannel: A subscription reads one that is not there.
        OffsetRefused: A subscription begins above what its channel has.
    """
    now_us = operation.now_us
    places = {one.group: one.place for one in operation.subscriptions}
    private = [ChannelRow(name=private_channel(group), capacity=PRIVATE_CAPACITY, retain_age_us=0) for group in places]
    old = _known_channels(connection, (one.name for one in operation.channels))
    do(connection, "channels.declare", text([_cells(one, now_us) for one in (*operation.channels, *private)]))
    do(connection, "subscription_groups.declare", text([(name, place, now_us) for name, place in places.items()]))
    groups = dict(_names.decode(ask(connection, "read.groups_named", text(list(places)))))
    do(connection, "group_ranges.make", text(list(groups.values())), RANGES)
    names = [one.name for one in operation.subscriptions]
    before = named(connection, names)
    rows = [
        (groups[one.group], one.name, one.pattern, one.start, one.ranges, one.keying, one.settings, now_us)
        for one in operation.subscriptions
    ]
    do(connection, "subscriptions.declare", text(rows))
    after = named(connection, names)
    for one in operation.subscriptions:
        if one.name in before:
            _change(connection, one, before[one.name])
    if operation.worker is not None:
        keys = text([known.subscription_key for known in after.values()])
        do(connection, "subscription_workers.tidy", keys)
        do(connection, "subscription_workers.put", keys, operation.worker)
    read = [name for one in operation.subscriptions for name in one.channels]
    logs = logs_of(connection, [one.name for one in (*operation.channels, *private)] + read)
    _attach(connection, operation, after, before, logs, old)
    return _declared(connection, groups, logs, after)


def _cells(one: ChannelRow, now_us: int) -> tuple[object, ...]:
    return (
        one.name, one.schema, text(one.types), one.capacity, one.overflow, one.retain_age_us, one.retain_count,
        one.retain_bytes, now_us,
    )  # fmt: skip


def _known_channels(connection: apsw.Connection, names: Iterable[str]) -> frozenset[str]:
    rows = msgspec.json.decode(ask(connection, "read.channel_doors", text(list(names))))
    return frozenset(row[0] for row in rows)


def named(connection: apsw.Connection, names: Iterable[str]) -> dict[str, KnownSubscription]:
    """Those of the subscriptions that are there, by name."""
    rows = ask(connection, "read.subscriptions_named", text(list(names)))
    return {one.name: one for one in _subscriptions.decode(rows)}


def readings_of(connection: apsw.Connection, subscription_keys: Iterable[int]) -> list[Reading]:
    """Subscriptions on their channels."""
    return _readings.decode(ask(connection, "read.channels_of_subscriptions", text(list(subscription_keys))))


def forget_cursors(connection: apsw.Connection, cursor_keys: list[int]) -> None:
    """Forget how far subscriptions are on channels, and what waits there."""
    for name in ("cursors.forget", "deliveries.forget", "subscriber_steps.forget_all"):
        do(connection, name, text(cursor_keys))


def _change(connection: apsw.Connection, one: SubscriptionRow, before: KnownSubscription) -> None:
    """What a changed pattern or keying means to the channels that are read already."""
    is_other = (one.ranges, one.keying) != (before.ranges, before.keying)
    if one.pattern == before.pattern and not is_other:
        return
    readings = readings_of(connection, [before.subscription_key])
    if one.pattern != before.pattern:
        kept = {*one.channels, private_channel(one.group)}
        left = [
            reading.cursor_key
            for reading in readings
            if reading.channel not in kept and not _matches(one.pattern, reading.channel)
        ]
        if left:
            forget_cursors(connection, left)
            do(connection, "subscription_channels.delete", text(left))
    if is_other:
        keys = [reading.cursor_key for reading in readings]
        floors = ask(connection, "read.cursor_floors", text(keys))
        do(connection, "subscription_channels.move", floors)
        forget_cursors(connection, keys)
        do(connection, "group_ranges.renew", before.group_key)
    do(connection, "subscription_groups.bump", before.group_key)


def _matches(pattern: str, channel: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", "[^.]*"), channel) is not None


def _attach(
    connection: apsw.Connection,
    operation: Declare,
    after: dict[str, KnownSubscription],
    before: dict[str, KnownSubscription],
    logs: dict[str, Log],
    old: frozenset[str],
) -> None:
    there = {
        (one.subscription_key, one.channel_key)
        for one in readings_of(connection, (known.subscription_key for known in after.values()))
    }
    rows: dict[tuple[int, int], int] = {}
    made = {one.name for one in operation.channels} - old
    for one in operation.subscriptions:
        known = after[one.name]
        private = logs[private_channel(one.group)]
        rows[known.subscription_key, private.channel_key] = private.next_offset  # nothing there is for a new one
        for log in (logs[name] for name in one.channels):
            is_younger = log.name in made or (one.name in before and log.created_at >= known.created_at)
            pair = (known.subscription_key, log.channel_key)
            if pair not in there:
                rows[pair] = log.first_offset if is_younger else _start(connection, one, log)
    new = [(*pair, offset) for pair, offset in rows.items() if pair not in there]
    if new:
        do(connection, "subscription_channels.put", text(new))
        do(connection, "channels.lower", text([(channel_key, offset) for _, channel_key, offset in new]))


def _start(connection: apsw.Connection, one: SubscriptionRow, log: Log) -> int:
    kind, _, number = one.start.partition(":")
    match kind:
        case "earliest":
            return log.first_offset
        case "latest":
            return log.next_offset
        case "offset":
            if not 0 <= int(number) <= log.next_offset:
                raise OffsetRefused(log.name, int(number), log.next_offset, one.name)
            return max(int(number), log.first_offset)
        case _:
            offset: int = ask(connection, "read.offset_at", log.channel_key, int(number))
            return offset


def _declared(
    connection: apsw.Connection, groups: dict[str, int], logs: dict[str, Log], after: dict[str, KnownSubscription]
) -> Declared:
    names = {known.subscription_key: known.name for known in after.values()}
    cursors = tuple(
        (one.cursor_key, names[one.subscription_key], one.channel) for one in readings_of(connection, names)
    )
    return Declared(groups, {log.name: log.channel_key for log in logs.values()}, cursors)
