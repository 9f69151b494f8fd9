"""Publishing: what is wrong with any message is said before one is stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Unpack

import msgspec

from dagger_actors.bodies.asking import Aside, Asking, Await
from dagger_actors.bodies.trace_headers import in_trace
from dagger_actors.core.channel_rows import NewMessage
from dagger_actors.core.channels import Appended
from dagger_actors.errors import PublicationRefused
from dagger_actors.pubsub.outgoing.encoding import Encoding
from dagger_actors.pubsub.outgoing.given import GivenWith, With, judge, listed_messages
from dagger_actors.pubsub.reports.report import Published
from dagger_actors.pubsub.verbs.base import ChannelsBase
from dagger_actors.pubsub.verbs.sending import Sending

__all__ = ["Publishing"]

MANY = 200
"""Messages from which an event loop has them judged on a thread."""


class Publishing(ChannelsBase):
    """The verbs that publish."""

    def publish(self, channel: str, message: Any, *, wait: bool = True, **options: Unpack[GivenWith]) -> Published:
        """Publish a message; it is durable when this returns.

        Args:
            channel: The channel's name; also one that only another process has declared.
            message: An instance of one of the channel's classes, or plain data that fits exactly one; at most 1 MiB of JSON.
            wait: False = come back at once, also on an event loop: it is committed soon, in order, or a warning in the log says
                why it is not.
            **options: See ``GivenWith``.

        Returns:
            Where it is.

        Raises:
            UnknownChannel: There is none of that name; names the nearest.
            PublicationRefused: It does not fit, with the path to what does not, or is too large.
            ChannelFull: The slowest subscription is as far behind as it may be: at once where the channel's ``overflow`` is
                ``reject``, or nobody waits; else after the time-out.
            OutboxFull: As many messages wait to be committed as may.
            RequestError: An option has a value that it cannot have.
            BlockingCall: On a running event loop; use ``await channels.apublish(...)``.
        """
        asking = self._publishing(channel, [message], judge(options), waits=wait)
        if not wait:
            return self._asker.run_here(asking)[0]
        return self._asker.run(asking, "channels.publish()", "await channels.apublish(...)")[0]

    def publish_many(
        self,
        channel: str,
        messages: Iterable[Any],
        *,
        ids: Iterable[str] | None = None,
        wait: bool = True,
        **options: Unpack[GivenWith],
    ) -> list[Published]:
        """Publish messages to one channel, in order, a thousand to a commit; all are durable when this returns.

        Args:
            channel: As for ``publish``.
            messages: Judged all before the first is stored.
            ids: One for each of them.
            wait: As for ``publish``.
            **options: Of each of them; the time-out is for each thousand.

        Returns:
            Where they are, in order.

        Raises:
            Exception: As ``publish``. When something stops it halfway, a note of the error says how many were published.
        """
        listed = listed_messages(messages)
        asking = self._publishing(channel, listed, judge(options, len(listed), ids), waits=wait)
        if not wait:
            return self._asker.run_here(asking)
        return self._asker.run(asking, "channels.publish_many()", "await channels.apublish_many(...)")

    async def apublish(self, channel: str, message: Any, **options: Unpack[GivenWith]) -> Published:
        """``publish``, without blocking the loop; who is cancelled meanwhile may have published it."""
        return (await self._asker.arun(self._publishing(channel, [message], judge(options))))[0]

    async def apublish_many(
        self, channel: str, messages: Iterable[Any], *, ids: Iterable[str] | None = None, **options: Unpack[GivenWith]
    ) -> list[Published]:
        """``publish_many``, without blocking the loop."""
        listed = listed_messages(messages)
        return await self._asker.arun(self._publishing(channel, listed, judge(options, len(listed), ids)))

    def _publishing(
        self, channel: str, messages: Sequence[Any], given: With, *, waits: bool = True
    ) -> Asking[list[Published]]:
        trace = self._services.trace()  # of the code that calls: further on it may be another thread's
        self._refuse_closed()
        self._services.check()
        door = self._doors.find(channel)
        now = self._services.runtime.clock.now()
        due_at = now.wall_us + given.delay_us if given.delay_us else None
        if door.is_ephemeral and due_at is not None:
            raise PublicationRefused(
                channel, "the channel is ephemeral, and keeps nothing for later", "leave delay out"
            )
        if door.is_ephemeral and given.ids is not None:
            raise PublicationRefused(
                channel, "the channel is ephemeral, and knows no message by its id", "leave the id out"
            )
        if trace is not None:
            given = msgspec.structs.replace(given, headers=in_trace(given.headers, trace))
        judging = partial(_judged, door.encoding, channel, messages, given, due_at)
        drafts: list[NewMessage] = (yield Aside(judging)) if len(messages) >= MANY and waits else judging()
        if not drafts:
            return []
        if door.is_ephemeral:
            until_us = now.mono_us + given.timeout_us
            answers: list[Appended] = yield Await(
                self._services.ephemeral.publish(drafts, waits=waits, until_us=until_us)
            )
        else:
            answers = yield from Sending(self._services, door.outlet, waits=waits, timeout_us=given.timeout_us).run(
                drafts
            )
        if not answers:
            return [Published(channel, None, None)] * len(drafts)
        return [Published(channel, one.offset if one.offset >= 0 else None, one.is_new) for one in answers]


def _judged(
    encoding: Encoding, channel: str, messages: Sequence[Any], given: With, due_at: int | None
) -> list[NewMessage]:
    drafts: list[NewMessage] = []
    for at, message in enumerate(messages):
        try:
            name, payload = encoding.encode(message, given.type)
        except PublicationRefused as error:
            if len(messages) > 1:
                error.add_note(f"it is message {at:,} of {len(messages):,}, counted from 0; nothing was published")
            raise
        message_id = None if given.ids is None else given.ids[at]
        drafts.append(NewMessage(channel, name, payload, message_id, given.key, given.headers, due_at))
    return drafts
