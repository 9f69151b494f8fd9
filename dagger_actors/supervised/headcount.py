"""How many actors and supervisors one system has, and may have."""

from __future__ import annotations

import threading
from typing import Final

from dagger_actors.errors import TooManyActors

__all__ = ["MAX_ACTORS", "Headcount"]

MAX_ACTORS: Final = 4_000_000
"""Unless the system says otherwise; idle ones that have been used take some 1.7 GiB a million."""


class Headcount:
    """How many actors and supervisors one system has, and may have.

    Attributes:
        limit: So many at once.
        here: How many there are.
    """

    def __init__(self) -> None:
        self.limit = MAX_ACTORS
        self._lock = threading.Lock()
        self.here = 0

    def enter(self) -> None:
        """One more.

        Raises:
            TooManyActors: There are as many as there may be.
        """
        with self._lock:
            if self.here >= self.limit:
                raise TooManyActors(self.limit)
            self.here += 1

    def leave(self) -> None:
        """One less; once for each that has entered, when it has stopped for good or could not be made."""
        with self._lock:
            self.here -= 1
