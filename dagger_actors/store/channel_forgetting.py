"""Subscriptions whose code is gone, deleted with all that is theirs alone."""

from __future__ import annotations

import apsw
import msgspec

from dagger_actors.core.channel_rows import private_channel
from dagger_actors.core.channels import ForgetSubscription, Forgotten
from dagger_actors.errors import SubscriptionInUse, SubscriptionUnread
from dagger_actors.store.channel_declaring import KnownSubscription, forget_cursors, readings_of
from dagger_actors.store.channel_lists import lags_of
from dagger_actors.store.channel_logs import logs_of
from dagger_actors.store.channel_moving import must_find
from dagger_actors.store.statements import sql
from dagger_actors.store.stepping import ask, do, text

__all__ = ["forget"]


class _Remains(msgspec.Struct, frozen=True, array_like=True):
    """The answer of ``read.subscription_remains``."""

    dead_letters: int
    delayed: int
    private: int
    subscriptions: int
    states: int


_remains = msgspec.json.Decoder(_Remains)


def forget(connection: apsw.Connection, operation: ForgetSubscription) -> Forgotten:
    """Delete a subscription; answers what went with it.

    Raises:
        UnknownSubscription: There is none of that name.
        SubscriptionInUse: A living process has its code.
        SubscriptionUnread: There are unread messages or dead letters, and that is not said to be meant.
    """
    known = must_find(connection, operation.subscription)
    users = connection.execute(sql("read.subscription_workers"), (known.name,))
    living = [pid for _name, worker, pid in users if worker not in operation.gone]
    if living:
        raise SubscriptionInUse(known.name, tuple(living))
    group = known.name.partition(".")[0]
    private = private_channel(group)
    private_key = logs_of(connection, [private])[private].channel_key
    lags = {
        one.channel: one
        for one in lags_of(ask(connection, "read.subscription_cursors", known.name))[known.subscription_key]
    }
    asked = (known.subscription_key, known.name, known.group_key, private_key, lags.pop(private).floor)
    remains = _remains.decode(ask(connection, "read.subscription_remains", *asked))
    unread = remains.private + sum(one.lag for one in lags.values())
    if (unread or remains.dead_letters) and not operation.is_meant:
        raise SubscriptionUnread(known.name, unread, remains.dead_letters)
    _delete(connection, known, private_key)
    if remains.subscriptions > 1:
        return Forgotten(unread, remains.dead_letters, remains.delayed)
    _delete_group(connection, known.group_key, private_key)
    return Forgotten(unread, remains.dead_letters, remains.delayed, group, remains.states)


def _delete(connection: apsw.Connection, known: KnownSubscription, private_key: int) -> None:
    cursor_keys = [one.cursor_key for one in readings_of(connection, [known.subscription_key])]
    forget_cursors(connection, cursor_keys)
    do(connection, "subscription_channels.delete", text(cursor_keys))
    do(connection, "delayed_messages.forget", private_key, known.name)
    for table in ("dead_letters", "subscription_workers", "subscriptions"):
        do(connection, f"{table}.forget", known.subscription_key)


def _delete_group(connection: apsw.Connection, group_key: int, private_key: int) -> None:
    do(connection, "delayed_messages.forget", private_key, None)
    for table in ("messages", "channels"):
        do(connection, f"{table}.forget", private_key)
    for table in ("subscriber_states", "group_members", "group_ranges", "subscription_groups"):
        do(connection, f"{table}.forget", group_key)
