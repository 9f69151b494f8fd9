"""The pool of a system that may never want one: made with the first attempt that does."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagger_actors.bodies.processes.pool import WorkerPool

__all__ = ["LazyPool"]


class LazyPool:
    """Makes the pool when it is first asked for.

    Args:
        processes: As in ``WorkerPool``, like the others.
    """

    def __init__(
        self, *, processes: int, attempts: int, memory_bytes: int | None, database: Path, artifact_threshold: int
    ) -> None:
        self._processes = processes
        self._attempts = attempts
        self._memory_bytes = memory_bytes
        self._database = database
        self._artifact_threshold = artifact_threshold
        self._lock = threading.Lock()
        self._pool: WorkerPool | None = None

    def get(self) -> WorkerPool:
        """The pool."""
        with self._lock:
            if self._pool is None:
                # Here and not above: without such an attempt, nothing of processes is paid for.
                from dagger_actors.bodies.processes.pool import WorkerPool  # noqa: PLC0415

                self._pool = WorkerPool(
                    processes=self._processes,
                    attempts=self._attempts,
                    memory_bytes=self._memory_bytes,
                    database=self._database,
                    artifact_threshold=self._artifact_threshold,
                )
            return self._pool

    def close(self, timeout_s: float) -> None:
        """Kill the workers, if there are any."""
        with self._lock:
            pool = self._pool
        if pool is not None:
            pool.close(timeout_s)
