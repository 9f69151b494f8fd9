"""Who in this process waits for which task or job.

What ends here is told by whoever has committed it. What other processes do, and what follows from an end (a task that
can never run now, a job that is over), is seen at the next look at the file.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

import msgspec

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.core.task_states import FINAL_TASK
from dagger_actors.store.reader import Readers

__all__ = ["Waiters"]

AT_REST = FINAL_TASK | {"paused"}
BAD_END = frozenset({"failed", "cancelled"})

LOOKED_AT = 1000
"""Tasks that one look asks about, so that it stays short however many are waited for; ``look_on`` goes on behind them."""

_keys = msgspec.json.Decoder(list[int])

Futures = dict[int, list[ReplyFuture[None]]]


class Waiters:
    """Wakes those who wait when what they wait for comes to rest; any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tasks: Futures = {}
        self._jobs: Futures = {}
        self._moved: ReplyFuture[None] | None = None
        self._closed: Exception | None = None
        self._left = 0
        self.on_watched: Callable[[], None] = lambda: None
        """Called when somebody begins to wait."""
        self.hurry: Callable[[], None] = lambda: None
        """Called when a look at the file may wake somebody."""

    @property
    def are_there(self) -> bool:
        """Whether somebody waits."""
        return bool(self._tasks or self._jobs)

    def watch(self, task_key: int) -> ReplyFuture[None]:
        """A future that is resolved when the task comes to rest; ``leave`` must follow."""
        return self._watch(self._tasks, task_key)

    def watch_job(self, job_key: int) -> ReplyFuture[None]:
        """A future that is resolved when the job comes to rest; ``leave_job`` must follow."""
        return self._watch(self._jobs, job_key)

    def _watch(self, futures: Futures, key: int) -> ReplyFuture[None]:
        future: ReplyFuture[None] = ReplyFuture()
        with self._lock:
            if self._closed is not None:
                raise self._closed
            futures.setdefault(key, []).append(future)
        self.on_watched()
        return future

    def leave(self, task_key: int, future: ReplyFuture[None]) -> None:
        """Wait no more."""
        self._leave(self._tasks, task_key, future)

    def leave_job(self, job_key: int, future: ReplyFuture[None]) -> None:
        """Wait no more."""
        self._leave(self._jobs, job_key, future)

    def _leave(self, futures: Futures, key: int, future: ReplyFuture[None]) -> None:
        with self._lock:
            waiting = futures.get(key, [])
            if future in waiting:
                waiting.remove(future)
            if not waiting:
                futures.pop(key, None)

    def next_move(self) -> ReplyFuture[None]:
        """A future that is resolved when the next task comes to rest here."""
        with self._lock:
            if self._closed is not None:
                raise self._closed
            if self._moved is None:
                self._moved = ReplyFuture()
            return self._moved

    def told(self, states: Sequence[tuple[int, str]]) -> None:
        """Tasks have come to rest, ids and states; on the journal's thread."""
        if self._moved is None and not self._tasks and not self._jobs:
            return
        woken: list[ReplyFuture[None]] = []
        with self._lock:
            for task_key, state in states:
                if state in AT_REST:
                    woken += self._tasks.pop(task_key, ())
            if self._moved is not None:
                woken.append(self._moved)
                self._moved = None
        _set(woken)
        if self._jobs or (self._tasks and any(state in BAD_END for _key, state in states)):
            self.hurry()

    def look(self, readers: Readers) -> None:
        """The file has changed: wake those whose tasks and jobs are at rest by it; one thread at a time.

        Raises:
            StoreError: The file cannot be read.
        """
        self._left = max(len(self._tasks), len(self._jobs))
        self.look_on(readers)

    @property
    def is_cut_short(self) -> bool:
        """Whether somebody has not been looked after yet since the file changed."""
        return self._left > 0

    def look_on(self, readers: Readers) -> None:
        """Look after the next ones; one thread at a time.

        Raises:
            StoreError: The file cannot be read.
        """
        self._look(self._tasks, "read.tasks_at_rest", readers)
        self._look(self._jobs, "read.jobs_at_rest", readers)
        self._left -= LOOKED_AT

    def _look(self, futures: Futures, statement: str, readers: Readers) -> None:
        with self._lock:
            asked = list(islice(futures, LOOKED_AT))
            if len(asked) < len(futures):
                for key in asked:  # behind the others, so that each has its turn
                    futures[key] = futures.pop(key)
        if not asked:
            return
        found = _keys.decode(readers.query(statement, msgspec.json.encode(asked).decode())[0][0])
        with self._lock:
            woken = [future for key in found for future in futures.pop(key, ())]
        _set(woken)

    def close(self, error: Exception) -> None:
        """Nothing comes to rest here any more, for this reason: whoever waits, and whoever is going to, hears of it."""
        with self._lock:
            self._closed = error
            left = [future for futures in (self._tasks, self._jobs) for many in futures.values() for future in many]
            self._tasks.clear()
            self._jobs.clear()
            if self._moved is not None:
                left.append(self._moved)
                self._moved = None
        for future in left:
            future.set_exception((type(error), error, None))


def _set(futures: Iterable[ReplyFuture[None]]) -> None:
    for future in futures:
        future.set(None)
