"""What is measured, each figure in one place; names of OpenTelemetry's conventions for messaging where they fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from opentelemetry.metrics import CallbackOptions, Meter, Observation

__all__ = ["Instruments"]

HANDLER_BUCKETS_S = (0.00001, 0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0)
RUN_BUCKETS_S = (0.01, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 300.0, 1800.0, 3600.0, 21600.0, 86400.0)

Observed = Callable[[CallbackOptions], Iterable[Observation]]


class Instruments:
    """The instruments of one meter.

    Args:
        meter: Makes them.
        depths: Called when somebody reads how much is queued.
        lags: Called when somebody reads how far subscriptions are behind.

    Attributes:
        handled: ``messaging.client.consumed.messages``: messages given to handlers, those of turns included.
        duration: ``messaging.process.duration``: seconds that a handler or a turn took; of an ``async`` one with its awaiting.
        undelivered: ``dagger_actors.undelivered.messages``: messages that were never handled, by reason.
        restarts: ``dagger_actors.actor.restarts``: failures of supervised actors that were followed by a restart.
        stuck: ``dagger_actors.actor.stuck``: handlers that did not come back in time.
        attempts: ``dagger_actors.node.attempts``: attempts of nodes that have ended, by the state that is committed.
        deliveries: ``dagger_actors.deliveries``: what became of messages that subscriptions were given, by the state that is
            committed.
        run_duration: ``dagger_actors.run.duration``: seconds that a run was open in this process until it came to rest.
    """

    def __init__(self, meter: Meter, depths: Observed, lags: Observed) -> None:
        self.handled = meter.create_counter(
            "messaging.client.consumed.messages", unit="{message}", description="Messages given to handlers."
        )
        self.duration = meter.create_histogram(
            "messaging.process.duration",
            unit="s",
            description="Duration of a handler's call, its awaiting included.",
            explicit_bucket_boundaries_advisory=HANDLER_BUCKETS_S,
        )
        self.undelivered = meter.create_counter(
            "dagger_actors.undelivered.messages", unit="{message}", description="Messages that were never handled."
        )
        self.restarts = meter.create_counter(
            "dagger_actors.actor.restarts", unit="{restart}", description="Restarts of supervised actors."
        )
        self.stuck = meter.create_counter(
            "dagger_actors.actor.stuck", unit="{handler}", description="Handlers that did not come back in time."
        )
        self.attempts = meter.create_counter(
            "dagger_actors.node.attempts", unit="{attempt}", description="Attempts of nodes that have ended."
        )
        self.deliveries = meter.create_counter(
            "dagger_actors.deliveries",
            unit="{message}",
            description="What became of messages that subscriptions were given.",
        )
        self.run_duration = meter.create_histogram(
            "dagger_actors.run.duration",
            unit="s",
            description="Time a run was open in this process until it came to rest.",
            explicit_bucket_boundaries_advisory=RUN_BUCKETS_S,
        )
        meter.create_observable_gauge(
            "dagger_actors.subscription.lag",
            callbacks=[lags],
            unit="{message}",
            description="Messages that a subscription has not done, whichever process does them.",
        )
        meter.create_observable_gauge(
            "dagger_actors.mailbox.depth", callbacks=[depths], unit="{message}", description="Messages that are queued."
        )
