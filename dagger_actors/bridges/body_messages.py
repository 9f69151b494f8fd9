"""Messages that tasks and actions of flows publish: judged when they are, and written with the end of the attempt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.actors.runtime import Runtime
from dagger_actors.bodies.publications import WantedMessage
from dagger_actors.core.channel_rows import NewMessage
from dagger_actors.core.channels import Appended, ChannelOperation
from dagger_actors.core.declarations import Declare
from dagger_actors.errors import PublicationRefused
from dagger_actors.pubsub.declared.declared_rows import channel_row
from dagger_actors.pubsub.declared.wired import Wiring
from dagger_actors.pubsub.members.hub import ChannelHub
from dagger_actors.pubsub.outgoing.doors import Doors
from dagger_actors.pubsub.outgoing.given import judge
from dagger_actors.store.reader import Readers

__all__ = ["BodyMessages"]

_wanted = msgspec.msgpack.Decoder(WantedMessage)
_encode = msgspec.msgpack.Encoder().encode


class BodyMessages:
    """Answers what bodies publish; any thread that may block for a moment.

    Args:
        runtime: The world.
        readers: The database.
        wiring: The channels that are declared here.
    """

    def __init__(self, runtime: Runtime, readers: Readers, wiring: Wiring) -> None:
        self._runtime = runtime
        self._doors = Doors(wiring, readers, channel_row)
        self._hub: ChannelHub | None = None

    def attach(self, hub: ChannelHub) -> None:
        """Begin to tell a hub of what is published."""
        self._hub = hub

    def answer(self, arguments: bytes) -> bytes:
        """Make the message that is wanted; both as MessagePack.

        Raises:
            UnknownChannel: There is no such channel.
            PublicationRefused: It does not take the message.
            RequestError: What is given with it cannot be.
        """
        wanted = _wanted.decode(arguments)
        given = judge(wanted.given)
        door = self._doors.find(wanted.channel)
        if door.is_ephemeral:
            reason = "the channel is ephemeral, and this message is stored with the end of the attempt"
            raise PublicationRefused(wanted.channel, reason, "make the channel a durable one")
        name, text = door.encoding.encode_text(wanted.payload, wanted.class_name, wanted.found)
        now_us = self._runtime.clock.now().wall_us
        if door.outlet.row is not None:  # one that a pattern makes; without a message it does no harm
            self._declare(Declare((door.outlet.row,), (), now_us))
        due_at = now_us + given.delay_us if given.delay_us else None
        message_id = None if given.ids is None else given.ids[0]
        return _encode(NewMessage(wanted.channel, name, text, message_id, given.key, given.headers, due_at))

    def _declare(self, operation: ChannelOperation) -> None:
        hub = self._hub
        assert hub is not None, "bodies begin when all is there"
        asked: ReplyFuture[list[Any]] = hub.ask([operation])
        self._runtime.wait_in_body(asked)

    def appended(self, messages: Sequence[NewMessage], answers: Sequence[Appended]) -> None:
        """Messages are in the file: whoever reads their channels goes on; any thread, never blocks."""
        if self._hub is not None:
            self._hub.appended(messages, answers)
