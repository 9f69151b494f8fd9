"""What people do to subscriptions: moved to another place, paused, resumed."""

from __future__ import annotations

import difflib

import apsw
import msgspec

from dagger_actors.core.channels import PauseSubscription, ResumeSubscription, Seek
from dagger_actors.errors import OffsetRefused, UnknownChannel, UnknownSubscription
from dagger_actors.store.channel_declaring import KnownSubscription, Reading, forget_cursors, named, readings_of
from dagger_actors.store.stepping import ask, do, text

__all__ = ["must_find", "pause", "resume", "seek"]

_names = msgspec.json.Decoder(list[str])


def must_find(connection: apsw.Connection, name: str) -> KnownSubscription:
    """The subscription of that name.

    Raises:
        UnknownSubscription: There is none.
    """
    found = named(connection, [name])
    if name not in found:
        names = _names.decode(ask(connection, "read.subscription_names"))
        raise UnknownSubscription(name, next(iter(difflib.get_close_matches(name, names, 1)), ""))
    return found[name]


def seek(connection: apsw.Connection, operation: Seek) -> int:
    """Move a subscription; answers on how many channels.

    Raises:
        UnknownSubscription: There is none of that name.
        UnknownChannel: It does not read that one.
        OffsetRefused: Its channel has not come so far.
    """
    known = must_find(connection, operation.subscription)
    found = readings_of(connection, [known.subscription_key])
    wanted = operation.channel
    chosen = [one for one in found if (one.channel == wanted if wanted else not one.channel.startswith("@"))]
    if wanted is not None and not chosen:
        near = difflib.get_close_matches(wanted, [one.channel for one in found], 1)
        raise UnknownChannel(wanted, next(iter(near), ""))
    places = [_place(connection, operation, one) for one in chosen]
    forget_cursors(connection, [one.cursor_key for one in chosen])
    moved = [(one.cursor_key, place) for one, place in zip(chosen, places, strict=True)]
    do(connection, "subscription_channels.move", text(moved))
    lowered = [(one.channel_key, place) for one, place in zip(chosen, places, strict=True)]
    do(connection, "channels.lower", text(lowered))
    do(connection, "group_ranges.renew", known.group_key)
    do(connection, "subscription_groups.bump", known.group_key)
    return len(chosen)


def _place(connection: apsw.Connection, operation: Seek, one: Reading) -> int:
    if operation.offset is not None:
        if not 0 <= operation.offset <= one.next_offset:
            raise OffsetRefused(one.channel, operation.offset, one.next_offset)
        return max(operation.offset, one.first_offset)
    if operation.since_us is not None:
        offset: int = ask(connection, "read.offset_at", one.channel_key, operation.since_us)
        return offset
    assert operation.to is not None, "where it goes on is said in one of three ways"
    return one.first_offset if operation.to == "earliest" else one.next_offset


def pause(connection: apsw.Connection, operation: PauseSubscription) -> bool:
    """Stop a subscription; answers whether it went on until now.

    Raises:
        UnknownSubscription: There is none of that name.
    """
    known = must_find(connection, operation.subscription)
    do(connection, "subscriptions.pause", known.name, operation.reason, operation.now_us)
    return _told(connection, known.group_key)


def resume(connection: apsw.Connection, operation: ResumeSubscription) -> bool:
    """Have a subscription go on; answers whether it was paused.

    Raises:
        UnknownSubscription: There is none of that name.
    """
    known = must_find(connection, operation.subscription)
    do(connection, "subscriptions.resume", known.name)
    return _told(connection, known.group_key)


def _told(connection: apsw.Connection, group_key: int) -> bool:
    is_changed = connection.changes() > 0
    if is_changed:
        do(connection, "subscription_groups.bump", group_key)
    return is_changed
