"""Who runs what: workers, their proof of life, and how work changes hands.

A worker is a row and a file beside the database on which it holds a ``flock`` for as long as it lives. *Gone* = that lock
can be taken: its work is taken over at once. *Stalled* = the same beat seen for a whole lease on this process's monotonic
clock, while its own commits went through: the epoch then keeps the old owner from writing. No decision reads a wall
clock.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import apsw
import msgspec

from dagger_actors.core.protocols import Now
from dagger_actors.store.connection import transaction
from dagger_actors.store.refusals import translate
from dagger_actors.store.slot_records import SlotRecord, is_gone, read_slots
from dagger_actors.store.slots import SlotFile
from dagger_actors.store.statements import sql

__all__ = ["LEASE_US", "BeatWatch", "Membership", "WorkerRow", "worker_folder"]

LEASE_US = 30_000_000
"""How long a worker that shows no beat is believed to be alive."""

RUN_KEYS = 256
"""Run keys a worker reserves at once: known before any commit, without asking the file for each."""


class WorkerRow(msgspec.Struct, frozen=True):
    """One row of ``workers``."""

    worker_id: int
    pid: int
    beat: int
    slot_file: str


def worker_folder(database: Path) -> Path:
    """The folder beside the database that holds the workers' slot files."""
    return database.with_name(database.name + "-workers")


def reserve(connection: apsw.Connection, name: str, count: int) -> int:
    """Reserve ``count`` ids inside the running transaction; the first one is returned."""
    return int(next(connection.execute(sql("reserve.ids"), (count, name)))[0])


class Membership:
    """This process's place among the workers of a file.

    Attributes:
        worker_id: Its id; new with each start, never used again.
        slots: Its slot file, which also holds its lock.
    """

    def __init__(self, database: Path, worker_id: int, slots: SlotFile, run_keys: range) -> None:
        self.worker_id = worker_id
        self.slots = slots
        self.run_keys = iter(run_keys)
        self.folder = worker_folder(database)
        self._database = database

    @classmethod
    def enlist(cls, connection: apsw.Connection, database: Path, now: Now, pid: int | None = None) -> Membership:
        """Become a worker; one transaction on the writer's connection, and when it fails nothing is left of the attempt."""
        with contextlib.ExitStack() as undo:
            try:
                with transaction(connection):
                    worker_id = reserve(connection, "worker", 1)
                    first = reserve(connection, "run", RUN_KEYS)
                    slots = SlotFile.create(worker_folder(database), worker_id)
                    undo.callback(slots.remove)
                    row = (worker_id, pid or os.getpid(), now.wall_us, now.wall_us + LEASE_US, slots.path.name)
                    connection.execute(sql("workers.insert"), (msgspec.json.encode([row]).decode(),))
            except apsw.Error as error:
                raise translate(error, database) from error
            undo.pop_all()
        return cls(database, worker_id, slots, range(first, first + RUN_KEYS))

    def is_gone(self, worker: WorkerRow) -> bool:
        """Tell whether that worker's process has died or left."""
        return worker.worker_id != self.worker_id and is_gone(self.folder, worker.slot_file)

    def records_of(self, worker: WorkerRow) -> list[SlotRecord]:
        """What a gone worker had started, and how it had ended."""
        path = self.folder / worker.slot_file
        return read_slots(path) if path.exists() else []

    def own_records(self) -> list[SlotRecord]:
        """What this worker has started, and how it has ended, as far as that is not committed."""
        return read_slots(self.slots.path)

    def forget(self, worker: WorkerRow) -> None:
        """Remove what a gone worker left in the folder; its row is the caller's business."""
        (self.folder / worker.slot_file).unlink(missing_ok=True)


class BeatWatch:
    """Tells which workers are stalled, by this process's own monotonic clock."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[int, int]] = {}
        self._looked_us: int | None = None

    def stalled(self, beats: Mapping[int, int], now: Now) -> list[int]:
        """Look at all beats; to be called regularly, and only while our own commits go through.

        After a gap of half a lease, in which we stood still or somebody held the write lock, all beats are news: who could
        not write any more than we could has not stalled.

        Args:
            beats: Beat counters by worker id.
            now: The time of looking.

        Returns:
            Workers whose counter has not changed for a whole lease.
        """
        stalled: list[int] = []
        if self._looked_us is not None and now.mono_us - self._looked_us > LEASE_US // 2:
            self._seen = {}
        self._looked_us = now.mono_us
        for worker_id, beat in beats.items():
            before = self._seen.get(worker_id)
            if before is None or before[0] != beat:
                self._seen[worker_id] = (beat, now.mono_us)
            elif now.mono_us - before[1] >= LEASE_US:
                stalled.append(worker_id)
        self._seen = {worker_id: seen for worker_id, seen in self._seen.items() if worker_id in beats}
        return stalled


def rows_of(found: list[tuple[Any, ...]]) -> list[WorkerRow]:
    """The answer of ``read.workers`` as Structs."""
    return [WorkerRow(*row) for row in found]
