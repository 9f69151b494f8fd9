"""Messages that everybody has done and nobody keeps, deleted a few at a time."""

from __future__ import annotations

import apsw
import msgspec

from dagger_actors.core.channels import PruneMessages
from dagger_actors.store.statements import sql
from dagger_actors.store.stepping import ask, do

__all__ = ["prune"]


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    """A row of ``read.channels_to_prune``."""

    channel_key: int
    first_offset: int
    bytes: int
    retain_age_us: int | None
    retain_count: int | None
    retain_bytes: int | None


_channels = msgspec.json.Decoder(list[_Kept])


def prune(connection: apsw.Connection, operation: PruneMessages) -> tuple[int, bool]:
    """Delete from the beginning of each channel; answers how many, and whether there may be more.

    A channel's messages go in the order of their offsets, and whichever of its limits is passed deletes.
    """
    left = operation.limit
    for one in _channels.decode(ask(connection, "read.channels_to_prune")):
        if not left:
            break
        left -= _prune_one(connection, one, left, operation.now_us)
    return operation.limit - left, not left


def _prune_one(connection: apsw.Connection, one: _Kept, limit: int, now_us: int) -> int:
    floor = ask(connection, "read.channel_floor", one.channel_key)
    before_us = -1 if one.retain_age_us is None else now_us - one.retain_age_us
    below = -1 if one.retain_count is None else floor - one.retain_count
    awaited = ask(connection, "read.awaited_floor", one.channel_key)
    done = floor if awaited is None else min(floor, awaited)
    surplus = -1 if one.retain_bytes is None else one.bytes - one.retain_bytes
    asked = (one.channel_key, done, limit, before_us, below, surplus)
    cut, size = next(connection.execute(sql("read.prunable_messages"), asked))
    if not size:  # nothing is done, or all that is done is kept
        return 0
    do(connection, "messages.prune", one.channel_key, cut)
    count = connection.changes()
    do(connection, "channels.prune", one.channel_key, cut, size, floor)
    return count
