"""Who in this process waits for which task."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.core.tasks import FINAL_TASK

__all__ = ["Waiters"]

AT_REST = FINAL_TASK | {"paused"}


class Waiters:
    """Wakes those who wait when a task comes to rest here; any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._futures: dict[int, list[ReplyFuture[None]]] = {}

    def watch(self, task_key: int) -> ReplyFuture[None]:
        """A future that is resolved when the task comes to rest in this process; ``leave`` must follow."""
        future: ReplyFuture[None] = ReplyFuture()
        with self._lock:
            self._futures.setdefault(task_key, []).append(future)
        return future

    def leave(self, task_key: int, future: ReplyFuture[None]) -> None:
        """Wait no more."""
        with self._lock:
            futures = self._futures.get(task_key, [])
            if future in futures:
                futures.remove(future)
            if not futures:
                self._futures.pop(task_key, None)

    def told(self, states: Sequence[tuple[int, str]]) -> None:
        """Tasks have come to rest; on the journal's thread."""
        if not self._futures:
            return
        woken: list[ReplyFuture[None]] = []
        with self._lock:
            for task_key, state in states:
                if state in AT_REST:
                    woken += self._futures.pop(task_key, ())
        for future in woken:
            future.set(None)
