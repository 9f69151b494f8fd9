"""Writes down what is declared of channels and subscriptions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.actors.runtime import Runtime
from dagger_actors.bodies.asking import wait_beside
from dagger_actors.core.channels import ChannelOperation
from dagger_actors.core.declarations import ChannelRow, Declare, Declared, SubscriptionRow
from dagger_actors.errors import RequestRefused
from dagger_actors.pubsub.declared.declared_rows import channel_rows, subscription_rows
from dagger_actors.pubsub.declared.wired import Wiring

__all__ = ["Declaring"]

logger = logging.getLogger("dagger_actors.pubsub")


class Declaring:
    """Has the store write it.

    Args:
        runtime: The world.
        wiring: What is declared.
        worker_id: Who declares it.
        ask: Hands over a unit of operations.

    Attributes:
        found: What the store has answered to what is declared at the start; None before, and when there is nothing.
    """

    def __init__(
        self,
        runtime: Runtime,
        wiring: Wiring,
        worker_id: int,
        *,
        ask: Callable[[Sequence[ChannelOperation]], ReplyFuture[list[Any]]],
    ) -> None:
        self._runtime = runtime
        self._wiring = wiring
        self._worker_id = worker_id
        self._ask = ask
        self.found: Declared | None = None

    def declare(self) -> Declared | None:
        """Write down all of it; nothing when there is nothing.

        Raises:
            OffsetRefused: A subscription begins where its channel is not yet.
            StoreError: It cannot be written.
        """
        for warning in self._wiring.warnings:
            logger.warning("%s", warning)
        channels = channel_rows(self._wiring)
        subscriptions = subscription_rows(self._wiring, [row.name for row in channels])
        if channels or subscriptions:
            try:
                self.found = wait_beside(
                    self._runtime.wait, self._ask([self._operation(channels, subscriptions)]), None
                )[0]
            except RequestRefused as refused:
                raise refused.cause from None
        return self.found

    def subscribe(self, subscriptions: tuple[SubscriptionRow, ...]) -> ReplyFuture[list[Any]]:
        """Write down subscriptions to channels that are new; resolved after the commit."""
        return self._ask([self._operation((), subscriptions)])

    def _operation(self, channels: tuple[ChannelRow, ...], subscriptions: tuple[SubscriptionRow, ...]) -> Declare:
        return Declare(channels, subscriptions, self._runtime.clock.now().wall_us, self._worker_id)
