"""Who of a group has which ranges: shared out, given back, taken from the dead."""

from __future__ import annotations

import apsw
import msgspec

from dagger_actors.core.channel_rows import RANGES
from dagger_actors.core.range_leases import Lease, ReleaseRanges, Shared, ShareRanges, TakeRanges
from dagger_actors.store.stepping import ask, do, text

__all__ = ["release", "share", "take"]

_members = msgspec.json.Decoder(list[tuple[int, str]])
_ranges = msgspec.json.Decoder(list[tuple[int, int | None, str | None, int]])


def share(connection: apsw.Connection, operation: ShareRanges) -> Shared:
    """Join, and take what is this member's share and nobody's."""
    group_key, me = operation.group_key, (operation.worker, operation.member)
    members = _members.decode(ask(connection, "read.group_members", group_key))
    if me not in members:
        do(connection, "group_members.tidy", group_key)
        do(connection, "group_members.join", group_key, *me, operation.now_us)
        do(connection, "subscription_groups.bump", group_key)
        members = _members.decode(ask(connection, "read.group_members", group_key))
    count = len(members)
    # A worker that was taken over is no member any more, whatever it believes.
    number = members.index(me) if me in members else -1
    mine = {one for one in range(RANGES) if one * count // RANGES == number}
    ranges = _ranges.decode(ask(connection, "read.group_ranges", group_key))
    taken = tuple(Lease(one, epoch + 1) for one, owner, _, epoch in ranges if owner is None and one in mine)
    if taken:
        do(connection, "group_ranges.take", group_key, text([lease.range for lease in taken]), *me)
    kept = tuple(Lease(one, epoch) for one, owner, member, epoch in ranges if (owner, member) == me)
    held = tuple(sorted((*kept, *taken), key=lambda lease: lease.range))
    return Shared(taken, held, tuple(lease.range for lease in kept if lease.range not in mine), count)


def release(connection: apsw.Connection, operation: ReleaseRanges) -> None:
    """Give ranges back, or all of them, and leave."""
    me = (operation.group_key, operation.worker, operation.member)
    do(connection, "group_ranges.release", *me, None if operation.ranges is None else text(operation.ranges))
    if operation.ranges is None:
        do(connection, "group_members.leave", *me)
    do(connection, "subscription_groups.bump", operation.group_key)


def take(connection: apsw.Connection, operation: TakeRanges) -> int:
    """Take all from a worker that is gone; answers how many ranges. Who comes second finds nothing."""
    owner = operation.owner
    if operation.begun:
        do(connection, "deliveries.interrupt", owner, text(operation.begun), operation.now_us)
    do(connection, "subscription_groups.bump_of", owner)
    do(connection, "group_members.take_from", owner)
    do(connection, "group_ranges.take_from", owner)
    return connection.changes()
