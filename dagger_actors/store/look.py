"""A database to look at only: no worker, no lock, nothing written; works where nothing can be written, too."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from dagger_actors.errors import ArtifactMissing, OlderSchema, ReadOnlyDatabase
from dagger_actors.store.artifacts import ArtifactStore
from dagger_actors.store.migrate import migrations
from dagger_actors.store.ownership import WorkerRow, worker_folder
from dagger_actors.store.reader import Readers
from dagger_actors.store.slot_records import is_gone

__all__ = ["Look", "ReadableStore", "load_artifact"]


class ReadableStore(Protocol):
    """What is read from; ``Look`` and ``store.store.Store`` are such."""

    path: Path
    readers: Readers

    def workers(self) -> dict[int, WorkerRow]:
        """All workers that have not left in order, by id."""
        ...

    def is_gone(self, worker: WorkerRow) -> bool:
        """Tell whether that worker's process has died or left."""
        ...

    def load_artifact(self, artifact_id: str) -> bytes:
        """Read an artifact's content, verified."""
        ...


class Look:
    """Reads one database.

    Args:
        path: The database; it must exist.
        readers: Connections that read at once.
        vfs: As in ``open_reader``.

    Raises:
        StoreError: It cannot be read; says why and what to do.
    """

    def __init__(self, path: Path, *, readers: int = 5, vfs: str | None = None) -> None:
        self.path = path
        self.readers = Readers(path, size=readers, is_quiet=True, vfs=vfs)
        self.artifacts = ArtifactStore(path, is_read_only=True)
        found = int(self.readers.query("read.user_version")[0][0])
        if found < len(migrations()):
            self.readers.close()
            raise OlderSchema(str(path), found, len(migrations()))

    def workers(self) -> dict[int, WorkerRow]:
        """All workers that have not left in order, by id."""
        return {row[0]: WorkerRow(*row) for row in self.readers.query("read.workers")}

    def is_gone(self, worker: WorkerRow) -> bool:
        """Tell whether that worker's process has died or left; one whose proof of life may not be read is taken as alive."""
        try:
            return is_gone(worker_folder(self.path), worker.slot_file)
        except ReadOnlyDatabase:
            return False

    def load_artifact(self, artifact_id: str) -> bytes:
        """Read an artifact's content, verified.

        Raises:
            ArtifactMissing, ArtifactCorrupt: It is not there, or no longer what it was.
        """
        return load_artifact(self.readers, self.artifacts, artifact_id)

    def close(self) -> None:
        """Let go of the file."""
        self.readers.close()


def load_artifact(readers: Readers, artifacts: ArtifactStore, artifact_id: str) -> bytes:
    """Read an artifact's content, verified, from its row or its file.

    Raises:
        ArtifactMissing, ArtifactCorrupt: It is not there, or no longer what it was.
    """
    rows = readers.query("read.artifact", artifact_id)
    if not rows:
        raise ArtifactMissing(str(artifacts.folder), artifact_id)
    _kind, _media_type, _size, location, data, _file = rows[0]
    return artifacts.verify(artifact_id, data) if location == "inline" else artifacts.load_file(artifact_id)
