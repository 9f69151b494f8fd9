"""What is done about jobs in which nothing moves: in the database by whichever worker sees it first, in a program by its own.

A callback runs on a thread of its own, after the commit that says that the job has stalled, once until it moves again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from dagger_actors.actors.due import DueTimes
from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.actors.runtime import Runtime
from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.task_stalls import Stalled, StallJobs, StallNotifies, StallTells
from dagger_actors.core.tasks import TaskOperation
from dagger_actors.store.store import Store
from dagger_actors.tasks.agents.results import Stall
from dagger_actors.tasks.reports.looking import TaskArchive

__all__ = ["Stalls"]

logger = logging.getLogger("dagger_actors.tasks")

KEPT = 1_000
"""Callbacks that are kept whatever became of their jobs; of more, those of jobs that have not ended."""


class Stalls:
    """Finds stalled jobs; any thread.

    Args:
        runtime: The world.
        store: The open database.
        ask: Has operations done.
        moved: Told when tasks were made or cancelled for it.
    """

    def __init__(
        self,
        runtime: Runtime,
        store: Store,
        *,
        ask: Callable[[Sequence[TaskOperation]], ReplyFuture[list[Any]]],
        moved: Callable[[], None],
    ) -> None:
        self._runtime = runtime
        self._store = store
        self._moved = moved
        self._lock = threading.Lock()
        self._callbacks: dict[int, Callable[..., object]] = {}
        self._open = 0
        self._archive = TaskArchive(store, lambda: runtime.clock.now().wall_us)
        self.due = DueTimes(
            runtime,
            "stalls",
            ask=lambda: ask([StallJobs(runtime.clock.now().wall_us, store.worker_id)]),
            answered=self._found,
        )

    def watch(self, job_key: int, stall: Stall) -> None:
        """A job of this process may stall.

        Raises:
            StoreError: The file cannot be read.
        """
        if stall.callback is not None:
            with self._lock:
                self._callbacks[job_key] = stall.callback
                keys = list(self._callbacks) if len(self._callbacks) > max(KEPT, 2 * self._open) else []
            if keys:
                self._forget_ended(keys)
        self.due.at(self._runtime.clock.now().wall_us + stall.after_us)

    def _forget_ended(self, keys: Sequence[int]) -> None:
        text = self._store.readers.query("read.jobs_ended", msgspec.json.encode(keys).decode())[0][0]
        ended = msgspec.json.decode(text, type=list[int])
        with self._lock:
            for key in ended:
                self._callbacks.pop(key, None)
            # Only at twice as many again, so that each costs the same, however many are open.
            self._open = len(self._callbacks)

    def look(self) -> None:
        """The file has changed: see when the next job may stall.

        Raises:
            StoreError: It cannot be read.
        """
        next_us = self._store.readers.query("read.next_stall", self._store.worker_id)[0][0]
        if next_us is not None:
            self.due.at(next_us)

    def _found(self, found: Stalled) -> int | None:
        for job in found.jobs:
            fields = LogFields(reason="stalled")
            logger.warning("job %r has stalled: nothing of it has moved", job.job_id, extra=fields)
            if isinstance(job.action, StallNotifies) and job.notified is None:
                logger.error("the agent %r cannot be told that job %r has stalled", job.action.agent, job.job_id)
            with self._lock:
                callback = self._callbacks.get(job.job_key) if isinstance(job.action, StallTells) else None
            if callback is None and isinstance(job.action, StallTells):
                logger.error(
                    "nobody is told that job %r has stalled: whose callback it was is gone, or has forgotten it when the job "
                    "had ended; give its stall again: system.tasks.job(...)",
                    job.job_id,
                    extra=fields,
                )
            elif callback is not None:
                self._runtime.waiting.schedule(_Told(partial(self._tell, callback, job.job_id)))
        if found.jobs:
            self._moved()
        return found.again_us

    def _tell(self, callback: Callable[..., object], job_id: str) -> None:
        try:
            callback(self._archive.job_report(job_id))
        except Exception:  # it is the user's, and nobody waits for it
            logger.exception("the callback of job %r, which has stalled, failed", job_id)


class _Told:
    """One call on its way to a thread; implements ``core.protocols.Runnable``."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call

    def run_turn(self) -> bool:
        """Call."""
        self._call()
        return False
