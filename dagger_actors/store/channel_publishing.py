"""New messages: appended to their channels in a few steps, however many they are, or kept until they are due."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import apsw
import msgspec

from dagger_actors.core.channel_rows import NewMessage
from dagger_actors.core.channels import Appended, PublishMessages
from dagger_actors.errors import ChannelFull
from dagger_actors.store.channel_logs import Log, logs_of, write_logs
from dagger_actors.store.stepping import ask, do, text

__all__ = ["publish"]

KEPT: Final = Appended(-1, is_new=True)
FULL: Final = Appended(-2, is_new=False)

_known = msgspec.json.Decoder(list[tuple[int, str, int]])


def publish(connection: apsw.Connection, operation: PublishMessages) -> tuple[Appended, ...]:
    """Append messages; answers what became of each.

    Raises:
        UnknownChannel: One's channel is not there.
        ChannelFull: One's channel is, and they go out together.
    """
    messages = operation.messages
    logs = logs_of(connection, (message.channel for message in messages))
    draft = _Draft(connection, operation, logs)
    answers = tuple([draft.settle(message, logs[message.channel]) for message in messages])
    draft.write()
    return answers


class _Draft:
    """The messages of one operation on their way to the file."""

    def __init__(self, connection: apsw.Connection, operation: PublishMessages, logs: dict[str, Log]) -> None:
        self._connection = connection
        self._now_us = operation.now_us
        self._is_whole = operation.is_whole
        self._logs = logs
        self._delayed: list[tuple[object, ...]] = []
        self._ids = self._look_up(operation.messages)

    def _look_up(self, messages: Iterable[NewMessage]) -> dict[tuple[int, str], int]:
        named = [
            (self._logs[one.channel].channel_key, one.message_id) for one in messages if one.message_id is not None
        ]
        if not named:
            return {}
        rows = _known.decode(ask(self._connection, "read.message_ids", text(named)))
        return {(channel_key, message_id): offset for channel_key, message_id, offset in rows}

    def settle(self, message: NewMessage, log: Log) -> Appended:
        """Find out what becomes of one."""
        name = message.message_id
        if name is not None and (log.channel_key, name) in self._ids:
            return Appended(self._ids[log.channel_key, name], is_new=False)
        if not (log.is_open or self._admit(log)):
            return FULL
        row = row_of(message)
        if message.due_at is not None and message.due_at > self._now_us:
            self._delayed.append((log.channel_key, message.due_at, *row))
            log.delayed += 1
            answer = KEPT
        else:
            answer = Appended(log.next_offset + len(log.rows), is_new=True)
            log.rows.append(row)
            payload = message.payload
            log.bytes += len(payload) if payload.isascii() else len(payload.encode())
        if name is not None:
            self._ids[log.channel_key, name] = answer.offset
        return answer

    def _admit(self, log: Log) -> bool:
        if log.has_room(self._connection):
            log.is_open = self._is_whole
            return True
        if self._is_whole:
            raise ChannelFull(log.name, log.capacity)
        return False

    def write(self) -> None:
        """Write what is new."""
        write_logs(self._connection, self._logs.values(), self._now_us)
        if self._delayed:
            do(self._connection, "delayed_messages.put", text(self._delayed))


def row_of(message: NewMessage) -> tuple[str | None, ...]:
    """The cells of a message as ``messages.append`` takes them; short ones are read faster."""
    plain = (message.type, message.payload)
    if message.source is None and message.headers is None and message.message_id is None and message.target is None:
        return plain if message.key is None else (*plain, message.key)
    return (
        *plain, message.key, message.headers, message.source, message.source_key, message.message_id, message.target,
    )  # fmt: skip
