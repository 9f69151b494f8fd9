"""Whether an attempt is over: said once, and asked by all that its context hands out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import ParamSpec

from dagger_actors.errors import AttemptOver

__all__ = ["AttemptEnd"]

P = ParamSpec("P")


class AttemptEnd:
    """That of one attempt.

    What bodies keep for the end of their attempt goes through ``keep``, so that each change is either part of it or
    refused: bodies have threads of their own, and whoever holds a context may outlive its attempt.
    """

    __slots__ = ("_is_over", "_lock")

    def __init__(self) -> None:
        self._is_over = False
        self._lock = threading.Lock()

    def come(self) -> None:
        """The attempt is over; what is kept by now is all there is; any thread, and twice is once."""
        with self._lock:
            self._is_over = True

    def refuse(self, what: str, done: str = "stored") -> None:
        """Refuse what makes no sense any more, before anything is done for it.

        Raises:
            AttemptOver: The attempt is over.
        """
        if self._is_over:
            raise AttemptOver(what, done)

    def keep(self, what: str, change: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Make a change that the end of the attempt is to take along.

        Args:
            what: It, for people.
            change: Makes it; must not wait for anything.
            *args: What it is called with.
            **kwargs: The same by name.

        Raises:
            AttemptOver: The attempt is over.
        """
        with self._lock:
            self.refuse(what)
            change(*args, **kwargs)
