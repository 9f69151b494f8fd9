"""Channels of which nothing is stored: messages go, in memory, to the subscriptions of this process, each once.

Each subscription of each group gets each message, and of several members of a group one takes it. All turns of a member
share one instance of its class. There is no second try, no dead letter and no state: a turn that raises is logged and
counted.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial
from typing import Any

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.core.channel_rows import NewMessage
from dagger_actors.core.channels import Appended
from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.wording import counted
from dagger_actors.errors import PublicationRefused, SystemClosed
from dagger_actors.pubsub.declared.wired import Wiring
from dagger_actors.pubsub.ephemeral.fanout import Fanout
from dagger_actors.pubsub.ephemeral.feed import Feed
from dagger_actors.pubsub.ephemeral.seating import EphemeralSeating, EphemeralServices
from dagger_actors.pubsub.outgoing.doors import MAX_CHANNELS
from dagger_actors.pubsub.outgoing.onward import PATIENCE_US, Onward, by_channel, logger, lost
from dagger_actors.pubsub.reports.ephemeral_report import EphemeralChannel, EphemeralReader
from dagger_actors.pubsub.subscribers.registry import Members

__all__ = ["Ephemeral"]


class Ephemeral:
    """Hands messages to the subscribers of this process, in memory; any thread.

    Args:
        wiring: What is declared.
        members: The subscribers.
        services: What it stands on.
        rested: Called when nothing waits, is in hand, or is on its way from here any more; must not block.

    Attributes:
        taken_no: Grows with all that is published.
    """

    def __init__(self, wiring: Wiring, members: Members, services: EphemeralServices, rested: Any) -> None:
        self.taken_no = 0
        self._wiring = wiring
        self._members = members
        self._services = services
        self._rested = rested
        self._onward = Onward(
            doors=services.doors,
            outbox=services.outbox,
            clock=services.runtime.clock,
            post=lambda channel, messages, until_us: self._fanout(channel).publish(
                messages, waits=True, until_us=until_us
            ),
            rested=self._look_idle,
        )
        self._seating = EphemeralSeating(members, services, self._onward)
        self._lock = threading.Lock()
        self._fanouts: dict[str, Fanout] = {}
        self._feeds: dict[str, Feed] = {}
        self._is_leaving = False
        self._is_closed = False
        self._draining: list[ReplyFuture[None]] = []

    # --- publishing

    def publish(self, messages: Sequence[NewMessage], *, waits: bool, until_us: int) -> ReplyFuture[list[Appended]]:
        """See ``EphemeralChannels``.

        Raises:
            SystemClosed: The system is being left.
            PublicationRefused: It would be one more channel than there may be.
        """
        if self._is_leaving:
            raise SystemClosed
        return self._fanout(messages[0].channel).publish(messages, waits=waits, until_us=until_us)

    def hand_over(self, messages: Sequence[NewMessage]) -> list[ReplyFuture[Any]]:
        """Take what durable turns have published, behind their commit; never blocks.

        Returns:
            One for each channel without room: it is resolved when there was some, or when it was waited for long enough,
            and what is left is lost, as the log says. Whoever publishes is to publish no more before.
        """
        waiting = []
        until_us = self._services.runtime.clock.now().mono_us + PATIENCE_US
        for channel, some in by_channel(messages):
            try:
                fanout = self._fanout(channel)
            except PublicationRefused as error:
                logger.warning("%s", error, extra=LogFields(channel=channel, reason=str(error)))
                continue
            asked = fanout.publish(some, waits=True, until_us=until_us)
            asked.add_done(partial(lost, channel, len(some)))
            if not asked.is_done():
                waiting.append(asked)
        return waiting

    def _fanout(self, channel: str) -> Fanout:
        self.taken_no += 1
        found = self._fanouts.get(channel)
        return found or self._make_fanout(channel)

    def _make_fanout(self, channel: str) -> Fanout:
        known = self._wiring.channel(channel)
        assert known is not None
        services = self._services
        with self._lock:
            if channel in self._fanouts:
                return self._fanouts[channel]
            if len(self._fanouts) >= MAX_CHANNELS:
                reason = f"it would be a new one, and there are {MAX_CHANNELS:,} ephemeral channels, which is the most there may be"
                raise PublicationRefused(channel, reason, "tell messages apart by their keys, not by channels")
            made = Fanout(
                known,
                [self._feed(name) for name in known.readers],
                clock=services.runtime.clock,
                timers=services.runtime.timers,
                tally=services.tally,
            )
            if self._is_closed:
                made.close()
            self._fanouts[channel] = made
            return made

    def _feed(self, name: str) -> Feed:
        feed = self._feeds.get(name)
        if feed is None:
            feed = Feed(name, self._wiring.subscriptions[name].handler, self._look_idle)
            feed.seat(self._seating.takers(feed))
            self._feeds[name] = feed
        return feed

    # --- to look at

    def look(self) -> list[EphemeralChannel]:
        """See ``EphemeralChannels``."""
        with self._lock:
            fanouts, feeds = dict(self._fanouts), dict(self._feeds)
        named = {name for name, one in self._wiring.channels.items() if one.ephemeral}
        found = []
        for name in sorted(named | fanouts.keys()):
            known = self._wiring.channel(name)
            assert known is not None
            found.append(
                EphemeralChannel(
                    name=name,
                    types=tuple(kind for kind in known.types if kind),
                    capacity=known.capacity,
                    overflow=known.overflow,
                    published=fanouts[name].published if name in fanouts else 0,
                    subscriptions=tuple(self._reader(reader, feeds.get(reader)) for reader in known.readers),
                )
            )
        return found

    def _reader(self, name: str, feed: Feed | None) -> EphemeralReader:
        return EphemeralReader(
            name=name,
            agents=tuple(one.name for one in self._members if name in one.subscriptions),
            waiting=0 if feed is None else feed.waiting,
            in_hand=0 if feed is None else feed.in_hand,
        )

    # --- rest, and the end

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits, is in hand, or is on its way to a durable channel."""
        with self._lock:
            feeds = list(self._feeds.values())
        return all(feed.is_idle for feed in feeds) and self._onward.is_idle

    def _look_idle(self) -> None:
        if self._draining and self.is_idle:
            with self._lock:
                drained, self._draining = self._draining, []
            for future in drained:
                future.set(None)
        self._rested()

    def begin_leaving(self) -> None:
        """Take nothing of publishers any more; what turns publish is still taken."""
        self._is_leaving = True

    def drained(self) -> ReplyFuture[None]:
        """Be told when nothing waits and nothing is in hand."""
        future: ReplyFuture[None] = ReplyFuture()
        with self._lock:
            self._draining.append(future)
        self._look_idle()
        return future

    def close(self) -> None:
        """Take nothing at all any more; what waits is lost, and turns that run are told."""
        with self._lock:
            self._is_leaving = self._is_closed = True
            fanouts, feeds = list(self._fanouts.values()), list(self._feeds.values())
            drained, self._draining = self._draining, []
        for fanout in fanouts:
            fanout.close()
        count = sum(feed.close() for feed in feeds)
        if count:
            told = counted(count, "message")
            logger.warning("%s of ephemeral channels: lost, for the system was left", told)
        for future in drained:
            future.set(None)
