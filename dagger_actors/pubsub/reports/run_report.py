"""What became of messages while a system ran: how the run ended, and a row for each subscription."""

from __future__ import annotations

from typing import Literal

import msgspec

from dagger_actors.core.wording import counted

__all__ = ["RunReason", "RunReport", "SubscriptionRun"]

RunReason = Literal["quiescent", "count", "timeout", "stopped"]

ENDS: dict[RunReason, str] = {
    "quiescent": "nothing was left to do",
    "count": "as many messages as wanted were handled",
    "timeout": "the time was over",
    "stopped": "the system was stopped",
}


class SubscriptionRun(msgspec.Struct, frozen=True, kw_only=True):
    """What this process did for one subscription; of what is committed.

    Attributes:
        subscription: ``GROUP.HANDLER``.
        agents: The agents of this process that take its turns.
        handled: Messages whose turn was taken well; timers among them.
        retried: Tries that failed and come again.
        snoozed: Messages that were put off.
        dead: Messages that were given up: dead letters.
        published: Messages that its turns have published.
        lost: Messages of ephemeral channels that its turns failed with, or that were dropped.
        lag: Messages that it has not done, on all channels and whoever does them, when the run ended.
    """

    subscription: str
    agents: tuple[str, ...]
    handled: int
    retried: int
    snoozed: int
    dead: int
    published: int
    lost: int
    lag: int

    def __str__(self) -> str:
        told = [f"{self.handled:,} handled"]
        for count, what in (
            (self.published, "published"),
            (self.retried, "retried"),
            (self.snoozed, "snoozed"),
            (self.dead, "dead"),
            (self.lost, "lost"),
            (self.lag, "not done"),
        ):
            if count:
                told.append(f"{count:,} {what}")
        return ", ".join(told)


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """How ``run_until`` ended, and what was done since the report before it, or since the system was opened.

    Attributes:
        reason: ``quiescent``, ``count``, ``timeout`` or ``stopped``.
        elapsed_s: Seconds that it was waited.
        subscriptions: One row for each of this process's, by name.
    """

    reason: RunReason
    elapsed_s: float
    subscriptions: tuple[SubscriptionRun, ...]

    @property
    def handled(self) -> int:
        """Messages that were handled, of all subscriptions."""
        return sum(one.handled for one in self.subscriptions)

    def to_json(self) -> str:
        """All of it as one JSON object, on one line; ``msgspec.convert`` reads it again."""
        return msgspec.json.encode(self).decode()

    def of(self, subscription: str) -> SubscriptionRun:
        """The row of one subscription, by its name.

        Raises:
            KeyError: There is none of that name here.
        """
        for one in self.subscriptions:
            if one.subscription == subscription:
                return one
        raise KeyError(subscription)

    def __str__(self) -> str:
        width = max((len(one.subscription) for one in self.subscriptions), default=0)
        head = f"{ENDS[self.reason]}, after {self.elapsed_s:.2f} s: {counted(self.handled, 'message')} handled"
        return "\n".join([head, *(f"  {one.subscription:<{width}}  {one}" for one in self.subscriptions)])
