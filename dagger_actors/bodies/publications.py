"""``ctx.publish`` of tasks and of actions: messages that are published in the very transaction that ends the attempt.

A body may run in another process than the one that knows the channels, so each message is asked about as plain data; the
answer is the message as it will be stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from dagger_actors.bodies.context import BodyContext
from dagger_actors.bodies.outputs import to_json
from dagger_actors.bodies.records import is_record
from dagger_actors.core.channel_rows import NewMessage
from dagger_actors.core.channels import Appended
from dagger_actors.core.messages import ArtifactRecord, Turn
from dagger_actors.errors import OutputError, PublicationRefused, RequestError

__all__ = ["LARGEST_PUBLISHED", "MOST_PUBLISHED", "PUBLISH", "Messages", "PublishingContext", "WantedMessage"]

PUBLISH: Final = "publish"
"""For a ``WantedMessage``; the answer is a ``NewMessage``."""

MOST_PUBLISHED: Final = 10_000
LARGEST_PUBLISHED: Final = 16 * 1024 * 1024
"""Messages of one attempt, and characters of their texts."""

_message = msgspec.msgpack.Decoder(NewMessage)


class WantedMessage(msgspec.Struct, frozen=True, array_like=True):
    """A message, as it is asked of the process that knows the channels.

    Attributes:
        channel: Where it is to go.
        payload: JSON text.
        class_name: The class that it is an instance of; empty = it is plain data.
        found: That class, for people.
        given: What else was said, as it was said.
    """

    channel: Any
    payload: bytes
    class_name: str
    found: str
    given: dict[str, Any]


class Messages(Protocol):
    """Knows the channels."""

    def answer(self, arguments: bytes, /) -> bytes:
        """Answer ``PUBLISH``; any thread, and it may block for a moment.

        Raises:
            UnknownChannel, PublicationRefused, RequestError: It cannot be published.
        """
        ...

    def appended(self, messages: Sequence[NewMessage], answers: Sequence[Appended], /) -> None:
        """Hear of what is committed; any thread, never blocks."""
        ...


class PublishingContext(BodyContext):
    """The context of a body that may publish."""

    _published: tuple[NewMessage, ...] | list[NewMessage] = ()
    _published_size = 0

    def publish(
        self,
        channel: str,
        message: object,
        key: str | None = None,
        id: str | None = None,  # noqa: A002 - as everywhere that messages are published
        delay: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Publish a message in the very transaction that records this attempt's success: exactly once.

        An attempt that fails, is cancelled, times out or is cut off publishes nothing. When the channel is full by then, the
        attempt fails with ``ChannelFull``; its retry policy applies.

        Args:
            channel: A durable one that is declared in this process (``ActorSystem(channels=[...])``), or that the database
                knows.
            message: What the channel takes, at most 1 MiB of JSON.
            key: Says which lane it takes, whatever its fields say.
            id: Unique on its channel while it is kept there: a second one is the first one.
            delay: Seconds, up to a year.
            headers: Texts by name.

        Raises:
            UnknownChannel: There is none of that name; names the nearest.
            PublicationRefused: The channel does not take the message, or these are more than 10,000, or 16 MiB.
            RequestError: What is given with it cannot be.
            AttemptOver: The attempt is over.
        """
        what = "what ctx.publish is given"
        self._end.refuse(what)
        try:
            text = to_json(message)
        except OutputError as error:
            raise PublicationRefused(str(channel), error.reason, error.advice) from None
        self._mask.refuse(text)
        kind = type(message)
        names = (kind.__name__, f"{kind.__module__}.{kind.__qualname__}") if is_record(kind) else ("", "")
        given = {"key": key, "id": id, "delay": delay, "headers": headers}
        wanted = WantedMessage(channel, text, *names, {name: one for name, one in given.items() if one is not None})
        try:
            question = msgspec.msgpack.encode(wanted)
        except (TypeError, ValueError, OverflowError) as error:
            raise RequestError(f"what is given with a message is plain data: {error}") from None
        self._mask.refuse(question)
        new = _message.decode(self._backends.owner.ask(PUBLISH, question))
        self._published_size += len(new.payload)
        if len(self._published) >= MOST_PUBLISHED or self._published_size > LARGEST_PUBLISHED:
            reason = f"an attempt publishes at most {MOST_PUBLISHED:,} messages, of {LARGEST_PUBLISHED:,} characters"
            raise PublicationRefused(
                new.channel, reason, "put more into each, or keep large content with ctx.save(...)"
            )
        self._end.keep(what, self._add_message, new)

    def _add_message(self, new: NewMessage) -> None:
        if not isinstance(self._published, list):
            self._published = []  # most contexts publish nothing
        self._published.append(new)

    def turn(self, artifacts: tuple[ArtifactRecord, ...]) -> Turn:
        """What every body's turn has, and what it published."""
        turn = super().turn(artifacts)
        return msgspec.structs.replace(turn, published=tuple(self._published)) if self._published else turn
