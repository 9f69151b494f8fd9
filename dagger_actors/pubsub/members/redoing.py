"""Turns whose unit was refused: told to the machine again, one at a time, each in a unit of its own.

So the one turn that wanted what the transaction cannot take is found, and fails as if its handler had raised; unless it is
a full channel, or a full queue of tasks, that has refused it, which it waits for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping

from dagger_actors.core.protocols import Now
from dagger_actors.errors import ChannelFull, RequestRefused, TaskQueueFull, UnitRejected
from dagger_actors.pubsub.machine.events import DoneTurn, End, TurnRedone, TurnRef
from dagger_actors.pubsub.members.verdicts import refused
from dagger_actors.pubsub.subscribers.registry import Subscription
from dagger_actors.pubsub.turns.sources import Bridges

__all__ = ["FULL_US", "Redoing"]

FULL_US = 50_000
"""How soon a turn whose publications found their channel full, or whose tasks their queue, is handed over again."""

PATIENCE_US = 30_000_000
"""How long it is; then it has failed."""


Messages = tuple[tuple[int, int, int, int], ...]


class Redoing:
    """What is still to be told again.

    Args:
        subscriptions: The member's, by name, for their retry policies.
        waits: Whether publishers wait for room in a channel of that name.
        bridges: Know whether who submits tasks waits too.

    Attributes:
        is_waiting: Whether the first of them waits for room.
    """

    def __init__(
        self, subscriptions: Mapping[str, Subscription], waits: Callable[[str], bool], bridges: Bridges
    ) -> None:
        self._subscriptions = subscriptions
        self._waits = waits
        self._tasks = bridges.tasks
        self._turns: deque[tuple[TurnRef, DoneTurn]] = deque()
        self._under_way: TurnRef | None = None
        self._full_since: dict[Messages, int] = {}
        self.is_waiting = False

    def __len__(self) -> int:
        return len(self._turns) + (self._under_way is not None)

    def take(self, ends: Iterable[End], error: UnitRejected | None, now: Now) -> None:
        """Take turns whose units are not written, in front of those that are here.

        Args:
            ends: In order.
            error: What refused the first of them, which stood alone in its unit; None = nobody knows whose fault it was.
            now: The time.
        """
        turns = [(end.turn, end.verdict) for end in ends]
        self._under_way = None
        if error is not None:
            turn, _verdict = turns[0]
            if self._is_patient(turn, error, now):
                self.is_waiting = True
            else:
                self._full_since.pop(turn.messages, None)
                turns[0] = turn, self._failed(turn, error, now)
        self._turns.extendleft(reversed(turns))

    def next(self) -> TurnRedone | None:
        """The next one, to be handed over by itself; None = there is none, or one is under way, or waits."""
        if self._under_way is not None or self.is_waiting or not self._turns:
            return None
        turn, verdict = self._turns.popleft()
        self._under_way = turn
        return TurnRedone(turn, verdict)

    def done(self) -> None:
        """The one under way is written, or was not to be."""
        if self._under_way is not None:
            self._full_since.pop(self._under_way.messages, None)
        self._under_way = None

    def lose(self, held: Collection[int]) -> None:
        """Forget those with messages of ranges that are not held any more."""
        self._turns = deque(one for one in self._turns if all(place[2] in held for place in one[0].messages))

    def clear(self) -> None:
        """Forget all."""
        self._turns.clear()
        self._full_since.clear()
        self._under_way = None
        self.is_waiting = False

    def _is_patient(self, turn: TurnRef, error: UnitRejected, now: Now) -> bool:
        cause = error.cause if isinstance(error, RequestRefused) else None
        if isinstance(cause, TaskQueueFull):
            may_wait = self._tasks is not None and self._tasks.waits(cause.agent)
        else:
            may_wait = isinstance(cause, ChannelFull) and self._waits(cause.channel)
        if not may_wait:
            return False
        since_us = self._full_since.setdefault(turn.messages, now.mono_us)
        return now.mono_us - since_us < PATIENCE_US

    def _failed(self, turn: TurnRef, error: UnitRejected, now: Now) -> DoneTurn:
        policy = self._subscriptions[turn.subscription].handler.options.retry
        return refused(policy, max(place[3] for place in turn.messages), error, now.wall_us)
