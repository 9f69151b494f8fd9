"""``system.channels``: publish, read and follow channels, look at subscriptions, decide about them and their dead letters."""

from __future__ import annotations

from dagger_actors.pubsub.declared.schemas import (
    ChannelSchema,
    SubscriptionSchema,
    channel_schemas,
    subscription_schemas,
)
from dagger_actors.pubsub.reports.ephemeral_report import EphemeralChannel
from dagger_actors.pubsub.verbs.at_work import AtWork
from dagger_actors.pubsub.verbs.following import Following
from dagger_actors.pubsub.verbs.moving import Moving
from dagger_actors.pubsub.verbs.publishing import Publishing

__all__ = ["Channels"]


class Channels(Publishing, Following, Moving, AtWork):
    """Pub/sub of one system.

    Its verbs are in ``publishing``, ``following``, ``moving`` and ``looking``; what is seen of the work is in ``at_work``. Those
    that change something are durable when they return, and have a twin for event loops, whose name begins with ``a``.

    Args:
        services: Keep it going.
    """

    def ephemeral(self) -> list[EphemeralChannel]:
        """The ephemeral channels of this process, by name, with the subscriptions that read them and what waits for these.

        Nothing of them is in the database: ``channels`` and ``subscriptions`` tell nothing of them, and no other process can.
        """
        return self._services.ephemeral.look()

    def schemas(self) -> list[SubscriptionSchema]:
        """Describe this system's subscriptions: what each takes and gives, as JSON Schema."""
        return list(subscription_schemas(self._services.wiring.subscriptions))

    def channel_schemas(self) -> list[ChannelSchema]:
        """Describe the channels and patterns that are declared here, or named by subscribers: what each takes, as JSON Schema."""
        return list(channel_schemas(self._services.wiring))
