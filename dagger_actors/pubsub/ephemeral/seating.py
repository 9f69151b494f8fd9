"""Makes who takes the messages of ephemeral channels: takers of the subscribers of this process, and their desks."""

from __future__ import annotations

from dagger_actors.actors.runtime import Runtime
from dagger_actors.pubsub.ephemeral.feed import Feed
from dagger_actors.pubsub.ephemeral.takers import AnyTaker, LoopTaker, QuickTaker, ThreadTaker, is_quick
from dagger_actors.pubsub.outgoing.doors import Doors
from dagger_actors.pubsub.outgoing.onward import Onward
from dagger_actors.pubsub.outgoing.outbox import Outbox
from dagger_actors.pubsub.reports.tally import TurnTally
from dagger_actors.pubsub.subscribers.registry import Member, Members
from dagger_actors.pubsub.turns.activations import Activations
from dagger_actors.pubsub.turns.desk import Desk, TurnServices
from dagger_actors.pubsub.turns.ephemeral_context import EphemeralContext
from dagger_actors.pubsub.turns.stored_states import StoredStates

__all__ = ["EphemeralSeating", "EphemeralServices"]


class EphemeralServices:
    """What ephemeral channels stand on.

    Attributes:
        runtime: The world.
        turns: What all turns share.
        states: Nothing of it is read: there are no states.
        doors: Knows channels.
        outbox: Takes what durable channels get.
        tally: Counts.
    """

    def __init__(
        self,
        *,
        runtime: Runtime,
        turns: TurnServices,
        states: StoredStates,
        doors: Doors,
        outbox: Outbox,
        tally: TurnTally,
    ) -> None:
        self.runtime = runtime
        self.turns = turns
        self.states = states
        self.doors = doors
        self.outbox = outbox
        self.tally = tally


class EphemeralSeating:
    """Gives a subscription its takers.

    Args:
        members: The subscribers.
        services: What ephemeral channels stand on.
        onward: Takes what their turns publish.
    """

    def __init__(self, members: Members, services: EphemeralServices, onward: Onward) -> None:
        self._members = members
        self._services = services
        self._onward = onward
        self._activations: dict[str, Activations] = {}

    def takers(self, feed: Feed) -> list[AnyTaker]:
        """As many of each member as it takes turns at once; of one member alone, where all is in order."""
        members = [one for one in self._members if feed.name in one.subscriptions]
        if feed.handler.options.is_ordered:
            return [self._taker(feed, members[0])]
        desks = [(one, self._desk(feed, one)) for one in members]
        most = max(one.subscriptions[feed.name].handler.options.concurrency for one in members)
        return [
            self._taker(feed, one, desk)
            for place in range(most)
            for one, desk in desks
            if place < one.subscriptions[feed.name].handler.options.concurrency
        ]

    def _taker(self, feed: Feed, member: Member, desk: Desk | None = None) -> AnyTaker:
        runtime = self._services.runtime
        is_async = feed.handler.is_async
        kind = (
            LoopTaker
            if is_async
            else QuickTaker
            if is_quick(feed) and not self._services.turns.telemetry
            else ThreadTaker
        )
        return kind(
            feed,
            desk or self._desk(feed, member),
            dispatcher=runtime.io if is_async else runtime.blocking,
            onward=self._onward,
            tally=self._services.tally,
        )

    def _desk(self, feed: Feed, member: Member) -> Desk:
        group = member.subscriptions[feed.name].group
        activations = self._activations.get(member.name)
        if activations is None:
            activations = self._activations[member.name] = Activations(
                member.make,
                None,
                group=group,
                group_key=0,
                source=self._services.states,
                clock=self._services.runtime.clock,
            )
        return Desk(
            self._services.turns,
            feed.name,
            group=group,
            group_key=0,
            member=member.name,
            handler=feed.handler,
            timers={},
            activations=activations,
            context=EphemeralContext,
        )
