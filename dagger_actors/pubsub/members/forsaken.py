"""An alarm for subscriptions whose code is gone: what nobody handles any more fills their channels, until publishers wait."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import msgspec

from dagger_actors.core.log_fields import LogFields
from dagger_actors.errors.commands import command_line
from dagger_actors.pubsub.reports.report import FILLED, SubscriptionSummary
from dagger_actors.store.look import ReadableStore

__all__ = ["Forsaken"]

logger = logging.getLogger("dagger_actors.pubsub")

_names = msgspec.json.Decoder(list[str])


class Forsaken:
    """Looks for them now and then; each is told of when its channel is half full, and when that is full.

    Args:
        store: The database.
        subscriptions: Lists all subscriptions.
    """

    def __init__(self, store: ReadableStore, subscriptions: Callable[[], list[SubscriptionSummary]]) -> None:
        self._store = store
        self._subscriptions = subscriptions
        self._told: dict[str, bool] = {}

    def look(self) -> None:
        """Warn of those that have not been told of.

        Raises:
            StoreError: The file cannot be read.
        """
        channels = _names.decode(self._store.readers.query("read.channels_half_full", round(FILLED * 100))[0][0])
        # Which is nearly always nothing, and costs a row a channel; all cursors are read only when it is not.
        found = [one for one in self._subscriptions() if one.is_forsaken] if channels else []
        before, self._told = self._told, {}
        for one in found:
            fullest: Any = one.fullest
            is_full = self._told[one.name] = fullest.fill >= 1
            if before.get(one.name) not in (is_full, True):
                _tell(one, fullest.channel, fullest.fill)


def _tell(one: SubscriptionSummary, channel: str, fill: float) -> None:
    logger.log(
        logging.ERROR if fill >= 1 else logging.WARNING,
        "no process has the code of the subscription %r (%s), and what it has not done fills the channel %r to %.0f %% of its "
        "capacity%s; start its code again, or give it up with: %s",
        one.name,
        one.place or "place unknown",
        channel,
        fill * 100,
        ": whoever publishes there waits or is refused" if fill >= 1 else "",
        command_line("subscriptions forget", one.name),
        extra=LogFields(subscription=one.name, channel=channel),
    )
