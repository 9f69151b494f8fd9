"""Following a channel: what is there, then what comes, from a place on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from dagger_actors.bodies.asking import Asking, Await
from dagger_actors.bodies.loop_guard import refuse_on_loop
from dagger_actors.bodies.option_values import is_number
from dagger_actors.core.wording import quoted
from dagger_actors.errors import RequestError, SystemClosed
from dagger_actors.pubsub.reports.looking import NOT_YET, Start, StoredChannel
from dagger_actors.pubsub.reports.report import StoredMessage
from dagger_actors.pubsub.verbs.base import ChannelsBase

__all__ = ["Following"]

PAGE = 500
"""Messages that are read at once."""

POLL_S = 0.5
"""How often it is looked for messages at the latest; it is told of them before."""


class Following(ChannelsBase):
    """The verbs that follow."""

    def tail(self, channel: str, start: Start = "latest", *, timeout: float | None = None) -> Iterator[StoredMessage]:
        """Follow a channel: its messages from a place on, and those that come, whoever publishes them.

        Who stops may go on behind the last one: ``start=message.offset + 1``. It is no subscription: nothing is acknowledged,
        and what its retention deletes meanwhile is passed over.

        Args:
            channel: Its name.
            start: From here on, see ``Start``.
            timeout: Ends when for so many seconds there was none; None = never, but when the system is left.

        Raises:
            UnknownChannel: There is none; names the nearest.
            OffsetRefused: The channel has not come so far.
            RequestError: Something cannot be; says what to write.
            BlockingCall: On a running event loop; use ``channels.atail(...)``.
        """
        refuse_on_loop("channels.tail()", "async for message in channels.atail(...)")
        return self._tail(self._begin(channel, start, timeout))

    def atail(
        self, channel: str, start: Start = "latest", *, timeout: float | None = None
    ) -> AsyncIterator[StoredMessage]:
        """``tail``, for ``async for``."""
        return self._atail(self._begin(channel, start, timeout))

    def _tail(self, place: Place) -> Iterator[StoredMessage]:
        while page := self._asker.run(self._next(place), "channels.tail()", "channels.atail(...)"):
            yield from page

    async def _atail(self, place: Place) -> AsyncIterator[StoredMessage]:
        while page := await self._asker.arun(self._next(place)):
            for message in page:
                yield message

    def _begin(self, channel: str, start: Start, timeout: float | None) -> Place:
        self._refuse_closed()
        if timeout is not None and (not is_number(timeout) or timeout < 0):
            raise RequestError(f"timeout is seconds, 0 or more, or None, not {quoted(timeout)}")
        stored = self._channel(channel)
        return Place(stored, self._offset(stored, start), timeout)

    def _next(self, place: Place) -> Asking[list[StoredMessage]]:
        """The next messages; none when it is over."""
        clock = self._services.runtime.clock
        since_us = clock.now().mono_us
        while not self._is_closed:
            try:
                arrival = self._services.arrivals.next(place.stored.name)
                if place.stored.key == NOT_YET:
                    place.stored = self._channel(place.stored.name)
                page = self._page(place.stored, place.offset, PAGE)
                if page:
                    place.offset = page[-1].offset + 1
                    return page
                left_s = POLL_S
                if place.timeout is not None:
                    left_s = min(left_s, place.timeout - (clock.now().mono_us - since_us) / 1e6)
                    if left_s <= 0:
                        return []
                yield Await(arrival, left_s)
            except TimeoutError:
                continue
            except SystemClosed:
                return []
        return []


class Place:
    """Where somebody who follows a channel is."""

    def __init__(self, stored: StoredChannel, offset: int, timeout: float | None) -> None:
        self.stored = stored
        self.offset = offset
        self.timeout = timeout
