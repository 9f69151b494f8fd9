"""Ids of tasks and jobs: taken from ranges that the worker reserves, so that they are known before any commit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.bodies.asking import Asking, Await
from dagger_actors.store.ownership import reserve
from dagger_actors.store.store import Store

__all__ = ["Keys"]

RANGE = 4096
"""Ids that are reserved at once."""


class Keys:
    """Gives ids; any thread that may block for a moment.

    Args:
        store: The open database.
        name: Of the range: ``task`` or ``job``.
        wait: Blocks the calling thread until a future is resolved.
    """

    def __init__(self, store: Store, name: str, *, wait: Callable[[ReplyFuture[Any]], Any]) -> None:
        self._store = store
        self._name = name
        self._wait = wait
        self._lock = threading.Lock()
        self._free: list[range] = []
        self._is_filling = False

    def fill(self) -> None:
        """Reserve ahead, so that whoever takes some need not wait: bodies on the event loop should not. Never blocks."""
        with self._lock:
            if self._is_filling or sum(map(len, self._free)) >= RANGE // 2:
                return
            self._is_filling = True
        self._store.transact(lambda connection: reserve(connection, self._name, RANGE), self._filled)

    def _filled(self, first: Any, error: Exception | None) -> None:
        with self._lock:
            self._is_filling = False
            if error is None:
                self._free.append(range(first, first + RANGE))

    def take(self, count: int = 1) -> Sequence[int]:
        """Take so many; 1 or more."""
        while True:
            taken = self._try(count)
            if taken is not None:
                return taken
            self._wait(self._reserve(max(RANGE, count)))

    def taking(self, count: int = 1) -> Asking[Sequence[int]]:
        """``take``, for whoever waits as he can."""
        while True:
            taken = self._try(count)
            if taken is not None:
                return taken
            yield Await(self._reserve(max(RANGE, count)))

    def _try(self, count: int) -> Sequence[int] | None:
        with self._lock:
            taken = self._cut(count) if sum(map(len, self._free)) >= count else None
        if taken is not None:
            self.fill()
        return taken

    def _cut(self, count: int) -> list[int]:
        taken: list[int] = []
        while len(taken) < count:
            one = self._free.pop(0)
            wanted = count - len(taken)
            taken += one[:wanted]
            if one[wanted:]:
                self._free.insert(0, one[wanted:])
        return taken

    def _reserve(self, size: int) -> ReplyFuture[None]:
        future: ReplyFuture[None] = ReplyFuture()

        def done(first: Any, error: Exception | None) -> None:
            if error is not None:
                future.set_exception((type(error), error, None))
                return
            with self._lock:
                self._free.append(range(first, first + size))
            future.set(None)

        self._store.transact(lambda connection: reserve(connection, self._name, size), done)
        return future
