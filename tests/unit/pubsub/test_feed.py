"""What waits for a subscription of an ephemeral channel, and who takes it."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace
from typing import Any, cast

from dagger_actors.pubsub.ephemeral.feed import Feed
from dagger_actors.pubsub.subscribers.handler_kind import HandlerKind


class Taken(deque[Any]):
    """A queue of which a taker without the lock takes the rest, between two steps of one that has it."""

    def popleft(self) -> Any:
        first = super().popleft()
        self.clear()
        return first


def test_what_is_taken_meanwhile_is_no_failure_of_a_turn() -> None:
    """Law: a turn has what it got, and who finds nothing has none."""
    options = SimpleNamespace(channels=("notes",), batch=3)
    feed = Feed("a.take", cast("HandlerKind", SimpleNamespace(options=options, key_of=None)), lambda: None)
    feed.queue = Taken(("", at) for at in range(3))
    turn = feed.next(None)
    assert turn is not None
    assert turn.deliveries == (0,)
    assert feed.next(None) is None
