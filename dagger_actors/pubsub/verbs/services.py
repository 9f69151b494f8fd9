"""What ``system.channels`` stands on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.actors.runtime import Runtime
from dagger_actors.bodies.arrivals import Arrivals
from dagger_actors.core.channel_rows import NewMessage
from dagger_actors.core.channels import Appended, ChannelOperation
from dagger_actors.core.declarations import ChannelRow
from dagger_actors.errors import SupervisorGaveUp
from dagger_actors.pubsub.outgoing.catalog import Catalog
from dagger_actors.pubsub.outgoing.outbox import Outbox
from dagger_actors.pubsub.reports.ephemeral_report import EphemeralChannel
from dagger_actors.pubsub.reports.tally import TurnTally
from dagger_actors.store.store import Store

__all__ = ["ChannelServices", "EphemeralChannels"]


class EphemeralChannels(Protocol):
    """Hands messages to the subscribers of this process, in memory."""

    def publish(self, messages: Sequence[NewMessage], *, waits: bool, until_us: int) -> ReplyFuture[list[Appended]]:
        """Hand over messages of one channel, in order.

        Args:
            messages: One or more.
            waits: Whether somebody waits for room, where the channel's ``overflow`` is ``block``.
            until_us: Until when, monotonic microseconds.

        Returns:
            Brings an ``Appended`` for each, with the channel's own count as its offset; or ``ChannelFull``.
        """
        ...

    def look(self) -> list[EphemeralChannel]:
        """Say what there is of them, by name: those that are declared or named here, and those that patterns have made."""
        ...


class ChannelServices(Protocol):
    """The hub of pub/sub, as far as who publishes and looks is concerned.

    Attributes:
        runtime: The world.
        store: The open database.
        wiring: What is declared here.
        outbox: Publishes.
        arrivals: Wakes who follows channels.
        ephemeral: The channels of which nothing is stored.
        row: Gives what the database is told of a channel before its first message.
        trace: Gives the trace context of the code that calls, as text; None = it is in no trace.
        tally: What was done with messages here.
    """

    runtime: Runtime
    store: Store
    outbox: Outbox
    arrivals: Arrivals
    row: Callable[[Any], ChannelRow]
    trace: Callable[[], str | None]
    tally: TurnTally

    @property
    def failures(self) -> Mapping[tuple[str, str], SupervisorGaveUp]:
        """Why members take no turns any more, by their names and groups."""
        ...

    @property
    def wiring(self) -> Catalog:
        """What is declared here."""
        ...

    @property
    def ephemeral(self) -> EphemeralChannels:
        """The channels of which nothing is stored."""
        ...

    def ask(self, operations: Sequence[ChannelOperation]) -> ReplyFuture[list[Any]]:
        """Hand over a unit of operations; resolved with their answers after the commit, or with what refused it."""
        ...

    def check(self) -> None:
        """Raise what keeps messages from being taken here at all."""
        ...

    def heard(self) -> ReplyFuture[None]:
        """Pauses, places or channels were changed here: the members look at the file; resolved when they have been told."""
        ...

    def in_hand(self) -> Mapping[str, int]:
        """Messages that this process has in hand now, by the names of subscriptions."""
        ...

    def agents(self) -> Mapping[str, tuple[str, ...]]:
        """The agents of this process that take the turns of its subscriptions, by the names of these."""
        ...
