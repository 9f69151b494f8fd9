"""What all paradigms of one system stand on: the world, the database, the gates, the worker processes, what users lend.

It is made first and in this order, and closed last and in the other: so whatever a paradigm does while it is left, all that it
was made with is still there.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dagger_actors.actors.gates import Gates
from dagger_actors.actors.runtime import ABANDONED, THREADS, Runtime, ThreadRuntime
from dagger_actors.actors.telemetry import TelemetrySource
from dagger_actors.bodies.processes.lazy import LazyPool
from dagger_actors.bodies.resources import Factory, Resources
from dagger_actors.errors import StoreError
from dagger_actors.store.store import Store
from dagger_actors.system.options import ProcessOptions, StoreOptions

__all__ = ["Foundation"]

CLOSE_S: Final = 5.0


class Foundation:
    """Opens it, and closes it.

    Args:
        db: The database; None = a temporary file that is deleted on closing.
        runtime: The world, which is closed with the rest; None = one of threads.
        resources: How to make what actions get; nothing of it is made before ``resources.enter()``.
        schema: A file with tables of users' own.
        store: How the file is used.
        processes: How the worker processes are.
        telemetry: Told what happens; None = nothing is.

    Attributes:
        path: The database, absolute.
        runtime: The world.
        store: It, open.
        gates: Where attempts start.
        pool: The worker processes.
        usable_pool: The same; None where this world can spawn none.
        resources: What ``ctx.resource`` gives.
        telemetry: Told what happens; None = nothing is.

    Raises:
        RequestError: The schema cannot be.
        StoreError: The database cannot be used.
    """

    def __init__(
        self,
        db: str | Path | None,
        *,
        runtime: Runtime | None,
        resources: Mapping[type, Factory] | None,
        schema: str | Path | None,
        store: StoreOptions,
        processes: ProcessOptions,
        telemetry: TelemetrySource | None,
    ) -> None:
        self._folder = None if db is not None else Path(tempfile.mkdtemp(prefix="dagger-actors-"))
        # Absolute from the start: an action may change the folder that a relative one is relative to.
        self.path = Path(db).absolute() if db is not None else Path(str(self._folder)) / "dagger.db"
        runtime = ThreadRuntime() if runtime is None else runtime
        self.runtime: Runtime = runtime
        try:
            self.resources = Resources(resources, io=runtime.io, wait=runtime.wait)
            self.store = Store(
                self.path,
                clock=runtime.clock,
                writing=runtime.writing,
                synchronous=store.synchronous,
                artifact_threshold=store.artifact_threshold,
                readers=store.readers,
                schema=schema,
                vfs=store.vfs,
            )
        except BaseException:
            runtime.close(CLOSE_S)
            self._remove_folder()
            raise
        self.gates = Gates(
            slots=self.store.membership.slots,
            clock=runtime.clock,
            threads=THREADS,
            abandoned_limit=ABANDONED,
            processes=processes.count,
        )
        self.pool = LazyPool(
            processes=processes.count,
            attempts=processes.attempts,
            memory_bytes=None if processes.memory_mib is None else processes.memory_mib * 1024 * 1024,
            database=self.path,
            artifact_threshold=store.artifact_threshold,
        )
        self.usable_pool = self.pool if runtime.can_spawn else None
        self.telemetry = None if telemetry is None else telemetry.open(runtime.clock)

    def close(self) -> None:
        """Let go of it all; nothing of the system runs any more."""
        self.pool.close(CLOSE_S)
        self.resources.close(CLOSE_S)
        self.runtime.close(CLOSE_S)
        if self.telemetry is not None:
            self.telemetry.close()
        try:
            self.store.leave()
        except StoreError:
            self.store.abandon()
        self._remove_folder()

    def abandon(self) -> None:
        """Let go of the file as a dying process would, without a word."""
        self.pool.close(CLOSE_S)
        if self.telemetry is not None:
            self.telemetry.close()
        self.store.abandon()

    def _remove_folder(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
