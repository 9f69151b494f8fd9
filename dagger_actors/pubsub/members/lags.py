"""How many messages this process's subscriptions have not done, whoever does them."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from dagger_actors.core.log_fields import LogFields
from dagger_actors.errors import StoreError, SystemClosed
from dagger_actors.pubsub.subscribers.registry import Members
from dagger_actors.store.channel_lists import subscriptions_of
from dagger_actors.store.reader import Readers

__all__ = ["Lags"]

logger = logging.getLogger("dagger_actors.pubsub")


class Lags:
    """Reads it from the file, until the system is left.

    Args:
        members: The subscribers of this system.
        readers: Read the file.
    """

    def __init__(self, members: Members, readers: Readers) -> None:
        self._members = members
        self._readers = readers
        self._last: Mapping[str, int] | None = None

    def read(self, *, are_waited: bool = False) -> Mapping[str, int]:
        """By the names of subscriptions; as it was left, when it was left.

        Args:
            are_waited: Whether those count only whose messages come to an end by themselves: paused ones do not.
        """
        if self._last is not None:
            return self._last
        own = self._members.agents()
        return {
            one.name: one.lag
            for one in subscriptions_of(self._readers)
            if one.name in own and not (are_waited and one.paused_at is not None)
        }

    def read_quietly(self) -> Mapping[str, int]:
        """``read`` for whoever leaves, or only measures, and is not kept by the disk: then it is empty."""
        try:
            return self.read() if self._members else {}
        except (StoreError, SystemClosed) as error:
            logger.warning("how far messages are done cannot be read: %s", error, extra=LogFields(reason=str(error)))
            return {}

    def keep(self) -> None:
        """Read it for the last time."""
        self._last = self.read_quietly()
