"""Who in this process waits for what comes next: of which channel, or of which run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from dagger_actors.actors.reply import ReplyFuture

__all__ = ["Arrivals"]


class Arrivals:
    """Wakes those who follow channels, or runs; any thread.

    What is committed here is told by whoever commits it. What other processes write is seen at the next look at the file,
    which wakes all of them: each looks for itself.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, ReplyFuture[None]] = {}
        self._closed: Exception | None = None
        self.on_watched: Callable[[], None] = lambda: None
        """Called when somebody begins to wait."""

    @property
    def are_awaited(self) -> bool:
        """Whether somebody waits."""
        return bool(self._waiting)

    def next(self, name: str) -> ReplyFuture[None]:
        """A future that is resolved when there may be more on a channel, or of a run; to be had before looking whether there is.

        Raises:
            SystemClosed: Nothing arrives any more.
        """
        with self._lock:
            if self._closed is not None:
                raise self._closed
            future = self._waiting.get(name)
            if future is None:
                future = self._waiting[name] = ReplyFuture()
        self.on_watched()
        return future

    def told(self, names: Iterable[str]) -> None:
        """There is more of these in the file."""
        if not self._waiting:
            return
        with self._lock:
            woken = [self._waiting.pop(name) for name in set(names) if name in self._waiting]
        for future in woken:
            future.set(None)

    def look(self) -> None:
        """The file has changed."""
        with self._lock:
            woken, self._waiting = list(self._waiting.values()), {}
        for future in woken:
            future.set(None)

    def close(self, error: Exception) -> None:
        """Nothing arrives any more, for this reason: whoever waits, and whoever is going to, hears of it."""
        with self._lock:
            self._closed = error
            left, self._waiting = list(self._waiting.values()), {}
        for future in left:
            future.set_exception((type(error), error, None))
