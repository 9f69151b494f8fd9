"""What comes later: timers of keys, and delayed messages, appended to their channels when they are due."""

from __future__ import annotations

from typing import Final

import apsw

from dagger_actors.core.channels import PromoteMessages, SetTimers
from dagger_actors.store.channel_logs import logs_of
from dagger_actors.store.statements import sql
from dagger_actors.store.stepping import ask, do, text

__all__ = ["promote", "set_timers"]

DUE_AT_ONCE: Final = 1_000


def set_timers(connection: apsw.Connection, operation: SetTimers) -> int | None:
    """Set and cancel timers; answers when the next of everything is due.

    Raises:
        UnknownChannel: What a timer brings is for a channel that is not there.
    """
    last = {(one.group_key, one.key, one.name): one.message for one in operation.timers}
    messages = [one for one in last.values() if one is not None]
    logs = logs_of(connection, (one.channel for one in messages)) if messages else {}
    cancelled = [timer for timer, message in last.items() if message is None]
    rows = [
        (
            logs[one.channel].channel_key, operation.now_us if one.due_at is None else one.due_at, *timer, one.type,
            one.payload, one.key, one.headers, one.source, one.source_key, one.target,
        )
        for timer, one in last.items()
        if one is not None
    ]  # fmt: skip
    if cancelled:
        do(connection, "timers.cancel", text(cancelled))
    if rows:
        do(connection, "timers.set", text(rows))
    return _next_us(connection)


def promote(connection: apsw.Connection, operation: PromoteMessages) -> int | None:
    """Append what is due; answers when the next is."""
    keys, channels = next(connection.execute(sql("read.due_messages"), (operation.now_us, DUE_AT_ONCE)))
    if keys != "[]":
        do(connection, "messages.promote", keys, operation.now_us)
        do(connection, "channels.catch_up", channels)
        do(connection, "delayed_messages.delete", keys)
    return _next_us(connection)


def _next_us(connection: apsw.Connection) -> int | None:
    next_us: int | None = ask(connection, "read.next_delayed")
    return next_us
