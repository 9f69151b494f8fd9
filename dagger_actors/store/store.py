"""One open database: its journal, its readers, its artifacts, and this process's place among its workers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import apsw

from dagger_actors.core.protocols import Clock, Dispatcher, Unit, Write
from dagger_actors.store.agent_states import AgentStates
from dagger_actors.store.artifacts import ArtifactStore
from dagger_actors.store.checkpointer import Checkpointer
from dagger_actors.store.connection import close, open_writer
from dagger_actors.store.home import Home
from dagger_actors.store.journal import Journal
from dagger_actors.store.look import load_artifact
from dagger_actors.store.migrate import migrate
from dagger_actors.store.ownership import LEASE_US, RUN_KEYS, Membership, WorkerRow, reserve
from dagger_actors.store.reader import Readers
from dagger_actors.store.user_schema import apply_schema, read_schema
from dagger_actors.store.user_tables import UserTables
from dagger_actors.store.writer import Call

__all__ = ["Store"]


class Store:
    """Opens the file, brings it to this program's schema and enlists this process.

    Args:
        path: The database.
        clock: For times in rows.
        writing: Gives turns to the journal.
        synchronous: As in ``open_writer``.
        artifact_threshold: Size in bytes from which an artifact is a file.
        readers: Connections that read at once.
        schema: A file with the script of users' own tables.
        vfs: As in ``open_writer``.

    Raises:
        StoreError: The file cannot be used; says why and what to do.
        SystemForked: A process of which this is a forked child has it open.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock,
        writing: Dispatcher,
        synchronous: Literal["full", "normal"] = "full",
        artifact_threshold: int = 32 * 1024,
        readers: int = 5,
        schema: str | Path | None = None,
        vfs: str | None = None,
    ) -> None:
        self.path = path
        self._clock = clock
        script = None if schema is None else read_schema(schema)
        self.home = Home(path)
        with contextlib.ExitStack() as undo:
            undo.callback(self.home.close)
            connection = open_writer(path, synchronous=synchronous, vfs=vfs)
            undo.callback(close, connection)
            migrate(connection, path)
            if script is not None:
                apply_schema(connection, path, str(schema), script)
            self.artifacts = ArtifactStore(path, artifact_threshold)
            self.membership = Membership.enlist(connection, path, clock.now())
            undo.pop_all()
        self.journal = Journal(path, connection=connection, dispatcher=writing, synchronous=synchronous, vfs=vfs)
        self.agent_states = AgentStates(path, journal=self.journal, membership=self.membership, clock=clock)
        self.readers = Readers(path, size=readers, vfs=vfs)
        self.tables = UserTables(path, size=readers, vfs=vfs)
        self.checkpointer = Checkpointer(path, vfs=vfs)

    @property
    def worker_id(self) -> int:
        """This process's id among the workers of the file."""
        return self.membership.worker_id

    def write(self, writes: Sequence[Write], done: Callable[[Exception | None], None]) -> None:
        """Write rows that belong to no owner's order; ``done`` is told None, or why they were refused."""
        self.journal.submit(Unit(writes, lambda: done(None), done))

    def transact(self, run: Callable[[apsw.Connection], Any], done: Callable[[Any, Exception | None], None]) -> None:
        """Run a transaction that reads before it writes."""
        self.journal.transact(Call(run, lambda result: done(result, None), lambda error: done(None, error)))

    def next_run_key(self) -> int | None:
        """Take the next reserved run key; None when the range is used up."""
        return next(self.membership.run_keys, None)

    def reserve_run_keys(self, done: Callable[[Any, Exception | None], None]) -> None:
        """Reserve another range of run keys."""

        def adopt(first: Any, error: Exception | None) -> None:
            if error is None:
                self.membership.run_keys = iter(range(first, first + RUN_KEYS))
            done(first, error)

        self.transact(lambda connection: reserve(connection, "run", RUN_KEYS), adopt)

    def beat(self, done: Callable[[Exception | None], None]) -> None:
        """Show that this worker lives."""
        expires = self._clock.now().wall_us + LEASE_US
        self.write([Write("workers.beat", ((self.worker_id, expires),), 1)], done)

    def workers(self) -> dict[int, WorkerRow]:
        """All workers that have not left in order, by id."""
        return {row[0]: WorkerRow(*row) for row in self.readers.query("read.workers")}

    def is_gone(self, worker: WorkerRow) -> bool:
        """Tell whether that worker's process has died or left."""
        return self.membership.is_gone(worker)

    def load_artifact(self, artifact_id: str) -> bytes:
        """Read an artifact's content, verified, from its row or its file.

        Raises:
            ArtifactMissing, ArtifactCorrupt: It is not there, or no longer what it was.
        """
        return load_artifact(self.readers, self.artifacts, artifact_id)

    def leave(self) -> None:
        """Leave in order; the journal must be idle. What this worker still owns is for others to take over."""
        is_empty = not self.readers.query("read.owned", self.worker_id)[0][0]
        try:
            if is_empty:
                self.journal.write_now([Write("workers.delete", ((self.worker_id,),), 1)])
        finally:
            self.abandon(is_empty=is_empty)

    def abandon(self, *, is_empty: bool = False) -> None:
        """Let go of the file as a dying process would; with ``is_empty`` nothing is left for others to look at."""
        self.readers.close()
        self.tables.close()
        self.checkpointer.close()
        self.journal.close()
        self.home.close()
        if is_empty:
            self.membership.slots.remove()
        else:
            self.membership.slots.close()
