"""What the members of this process have done with messages since the system was opened, subscription by subscription."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from dagger_actors.pubsub.machine.events import End

__all__ = ["SubscriptionTally", "TurnTally"]

STATES: Final[Mapping[str, str]] = {"handled": "handled", "retry": "retried", "snooze": "snoozed", "dead": "dead"}
"""What became of messages, by the verdict on their turn."""


class SubscriptionTally(msgspec.Struct, frozen=True):
    """What became of the messages of one subscription; of what is committed.

    Attributes:
        handled: Messages whose turn was taken well.
        retried: Tries that failed and come again.
        snoozed: Messages that were put off.
        dead: Messages that were given up: dead letters.
        published: Messages that its turns have published.
        lost: Messages of ephemeral channels that its turns failed with, or that were dropped.
    """

    handled: int = 0
    retried: int = 0
    snoozed: int = 0
    dead: int = 0
    published: int = 0
    lost: int = 0


class _Counts:
    """The same, counting."""

    __slots__ = ("dead", "handled", "lost", "published", "retried", "snoozed")

    def __init__(self) -> None:
        self.handled = self.retried = self.snoozed = self.dead = self.published = self.lost = 0


class TurnTally:
    """Counts ends that are committed; any thread.

    Args:
        heard: Told what became of how many messages of which subscription, by the names of ``SubscriptionTally``; must not
            block. None = nobody measures this system.

    Attributes:
        is_closed: Whether nothing is handled any more.
    """

    def __init__(self, heard: Callable[[str, str, int], None] | None = None) -> None:
        self._heard = heard
        self._lock = threading.Lock()
        self._counts: dict[str, _Counts] = {}
        self._handled = 0
        self._watching: dict[Callable[[], None], None] = {}
        self.is_closed = False

    @property
    def handled(self) -> int:
        """Messages that were handled, in all."""
        return self._handled

    def count(self, ends: Iterable[End]) -> None:
        """Count what is committed."""
        found: Counter[tuple[str, str]] = Counter()
        with self._lock:
            for end in ends:
                count = len(end.turn.messages)
                self._add(self._of(end.turn.subscription), end, count)
                if self._heard is not None and end.verdict.kind in STATES:
                    found[end.turn.subscription, STATES[end.verdict.kind]] += count
        if self._heard is not None:
            for (subscription, state), count in found.items():
                self._heard(subscription, state, count)
        self._tell()

    def watch(self, told: Callable[[], None]) -> None:
        """Have somebody told of each commit, and of the last one that it was; must not block."""
        with self._lock:
            self._watching[told] = None

    def leave(self, told: Callable[[], None]) -> None:
        """Tell somebody nothing any more."""
        with self._lock:
            self._watching.pop(told, None)

    def close(self) -> None:
        """Nothing is handled any more."""
        self.is_closed = True
        self._tell()

    def _tell(self) -> None:
        with self._lock:
            watching = tuple(self._watching)
        for told in watching:
            told()

    def count_ephemeral(self, subscription: str, *, handled: int, published: int, lost: int) -> None:
        """Count what was done with messages of ephemeral channels."""
        with self._lock:
            counts = self._of(subscription)
            counts.handled += handled
            counts.published += published
            counts.lost += lost
            self._handled += handled
        if self._heard is not None:
            for state, count in (("handled", handled), ("lost", lost)):
                if count:
                    self._heard(subscription, state, count)
        if handled:
            self._tell()

    def count_lost(self, subscription: str, lost: int) -> None:
        """Count messages that were dropped."""
        self.count_ephemeral(subscription, handled=0, published=0, lost=lost)

    def _of(self, subscription: str) -> _Counts:
        counts = self._counts.get(subscription)
        if counts is None:
            counts = self._counts[subscription] = _Counts()
        return counts

    def _add(self, counts: _Counts, end: End, messages: int) -> None:
        match end.verdict.kind:
            case "handled":
                counts.handled += messages
                self._handled += messages
                if end.verdict.effects is not None:
                    counts.published += len(end.verdict.effects.published)
            case "retry":
                counts.retried += messages
            case "snooze":
                counts.snoozed += messages
            case "dead":
                counts.dead += messages

    def read(self) -> dict[str, SubscriptionTally]:
        """What was counted, by the names of subscriptions."""
        with self._lock:
            return {
                name: SubscriptionTally(one.handled, one.retried, one.snoozed, one.dead, one.published, one.lost)
                for name, one in self._counts.items()
            }
