"""What the verbs of ``system.channels`` share."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from dagger_actors.bodies.asking import Asker, Asking, Await
from dagger_actors.core.channels import ChannelOperation
from dagger_actors.errors import DaggerError, RequestError, SystemClosed, UnknownChannel
from dagger_actors.pubsub.outgoing.doors import Doors
from dagger_actors.pubsub.reports.asked_names import refuse_no_name
from dagger_actors.pubsub.reports.looking import NOT_YET, ChannelArchive, StoredChannel
from dagger_actors.pubsub.verbs.services import ChannelServices

__all__ = ["ChannelsBase"]

logger = logging.getLogger("dagger_actors.pubsub")

HEARD_S: Final = 1.0
"""How long those who take turns here are waited for: what they hear late, they hear all the same."""


class ChannelsBase(ChannelArchive):
    """One system's pub/sub, and how to ask it.

    Args:
        services: Keep it going.
    """

    def __init__(self, services: ChannelServices) -> None:
        super().__init__(services.store, lambda: services.runtime.clock.now().wall_us)
        self._services = services
        self._asker = Asker(services.runtime)
        self._doors = Doors(services.wiring, services.store.readers, services.row)
        self._is_closed = False

    def close(self) -> None:
        """Take nothing new; whoever follows a channel has heard the last of it."""
        self._is_closed = True
        self._services.arrivals.close(SystemClosed())

    def _refuse_closed(self) -> None:
        self._services.store.home.check()
        if self._is_closed:
            raise SystemClosed

    def _committing(self, operation: ChannelOperation, *, is_heard: bool = False) -> Asking[Any]:
        """Have one operation done, and the members of this process look at it; gives its answer.

        Args:
            operation: What to do.
            is_heard: Whether they have been told of it by then: what is published afterwards reaches them behind it.
        """
        self._refuse_closed()
        answers = yield Await(self._services.ask([operation]))
        heard = self._services.heard()
        if is_heard:
            try:
                yield Await(heard, HEARD_S)
            except TimeoutError:
                logger.debug("who takes turns here has still to hear of %s", type(operation).__name__)
        return answers[0]

    def _in_hand(self) -> Mapping[str, int]:
        return self._services.in_hand()

    def _channel(self, channel: str) -> StoredChannel:
        refuse_no_name(channel)
        known = self._services.wiring.channel(channel)
        if known is not None and known.ephemeral:
            raise RequestError(
                f"the channel {channel!r} is ephemeral, and nothing of it is stored; read it with a subscription"
            )
        try:
            return super()._channel(channel)
        except UnknownChannel:
            if known is not None:  # its pattern makes it with its first message
                return StoredChannel(channel, NOT_YET, 0, 0)
            raise UnknownChannel(channel, self._doors.near(channel)) from None

    def _decode(self, channel: str, kind: str, payload: str) -> Any:
        try:
            return self._doors.find(channel).encoding.decode(kind, payload)
        except DaggerError:  # whoever reads is shown what is there
            return super()._decode(channel, kind, payload)
