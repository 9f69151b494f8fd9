"""What a body actor asks before it runs a body: whether its output is known already."""

from __future__ import annotations

from typing import Protocol

import msgspec

from dagger_actors.bodies.actions import Action
from dagger_actors.core.messages import CacheWish, StartAttempt, Succeeded, Turn

__all__ = ["Lookup", "OutputCache"]


class Lookup(msgspec.Struct, frozen=True, kw_only=True):
    """What the cache says of one attempt.

    Attributes:
        found: The end of the attempt, when its output is there.
        turn: What a computed output is to be stored with, when it is not.
    """

    found: Succeeded | None = None
    turn: Turn = Turn()


class OutputCache(Protocol):
    """Finds the outputs of attempts that wish for it."""

    def look(self, action: Action, start: StartAttempt, wish: CacheWish) -> Lookup:
        """Look for the output of an attempt.

        Raises:
            StoreError: It cannot be read.
        """
        ...
