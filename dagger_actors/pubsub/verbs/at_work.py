"""How a system's subscriptions stand, for whoever watches it."""

from __future__ import annotations

import msgspec

from dagger_actors.errors import SupervisorGaveUp
from dagger_actors.pubsub.reports.tally import SubscriptionTally
from dagger_actors.pubsub.verbs.base import ChannelsBase

__all__ = ["AtWork", "SubscriptionStanding"]

NOTHING = SubscriptionTally()


class SubscriptionStanding(msgspec.Struct, frozen=True, kw_only=True):
    """One subscription of this process at this moment.

    Attributes:
        subscription: ``GROUP.HANDLER``.
        agents: The agents of this process that take its turns.
        handled: Messages whose turn was taken well here since the system was opened; timers among them.
        retried: Tries that failed here and come again.
        dead: Messages that were given up here.
        published: Messages that its turns here have published.
        lost: Messages of ephemeral channels that its turns failed with, or that were dropped.
        lag: Messages that it has not done, on all durable channels and whoever does them.
        in_hand: Those of them that this process has read.
        dead_letters: Those in the file that are not redriven, whoever gave them up.
        is_paused: Whether it takes no turns until it is resumed.
    """

    subscription: str
    agents: tuple[str, ...]
    handled: int
    retried: int
    dead: int
    published: int
    lost: int
    lag: int
    in_hand: int
    dead_letters: int
    is_paused: bool

    @property
    def failed(self) -> int:
        """Tries that failed here, the last ones too."""
        return self.retried + self.dead + self.lost


class AtWork(ChannelsBase):
    """What is seen of the work."""

    @property
    def own(self) -> tuple[str, ...]:
        """The names of the subscriptions whose turns this process takes."""
        return tuple(sorted(self._services.agents()))

    @property
    def failure(self) -> SupervisorGaveUp | None:
        """Why a member takes no turns here any more; None = they all do."""
        return next(iter(self._services.failures.values()), None)

    def standing(self) -> list[SubscriptionStanding]:
        """The subscriptions of this process, by name; those too that the file knows nothing of, as of ephemeral channels."""
        tally, stored = self._services.tally.read(), {one.name: one for one in self.subscriptions()}
        found = []
        for name, agents in sorted(self._services.agents().items()):
            done, row = tally.get(name, NOTHING), stored.get(name)
            found.append(
                SubscriptionStanding(
                    subscription=name,
                    agents=agents,
                    handled=done.handled,
                    retried=done.retried,
                    dead=done.dead,
                    published=done.published,
                    lost=done.lost,
                    lag=0 if row is None else row.lag,
                    in_hand=0 if row is None else row.in_hand,
                    dead_letters=0 if row is None else row.dead_letters,
                    is_paused=row is not None and row.is_paused,
                )
            )
        return found
