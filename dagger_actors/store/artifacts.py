"""Stored outputs by their content: small ones in the database's rows, larger ones as files beside it.

An artifact's id is the SHA-256 of its content, so the same bytes are stored once and every read is verified. A file
is written by the thread that made the content: temporary file, sync, rename, sync of the folders, all *before* the unit
that names it is handed over. So a committed row never names a file that a power cut could take back.

A path is built from a checked id alone and opened without following links, so neither a row nor a link can lead outside
the folder (the folder itself may be a link, to keep artifacts on another disk).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import itertools
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from dagger_actors.errors import ArtifactCorrupt, ArtifactMissing
from dagger_actors.store.refusals import translate_os

__all__ = ["THRESHOLD_BYTES", "Artifact", "ArtifactStore"]

THRESHOLD_BYTES = 32 * 1024
"""Content of this size or more is a file; a row holds the rest."""

ID = re.compile(r"[0-9a-f]{64}")
TEMPORARY = "tmp"


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """Stored content, as its row tells it.

    Attributes:
        artifact_id: SHA-256 of the content, 64 hexadecimal digits.
        kind: What reads it: ``json`` or ``bytes``.
        media_type: As its maker named it, such as ``application/json``.
        size_bytes: Length of the content.
        location: ``inline``: in the row; ``file``: in the artifact folder.
        file_path: Relative to the artifact folder; None when inline.
        data: The content when inline, else None.
    """

    artifact_id: str
    kind: str
    media_type: str
    size_bytes: int
    location: Literal["inline", "file"]
    file_path: str | None = None
    data: bytes | None = None


class ArtifactStore:
    """The artifact folder of one database; any thread may use it.

    Args:
        database_path: The database; the folder is ``<its name>-artifacts`` beside it, made when it is first needed.
        threshold: Size in bytes from which content is a file; 0 or more.
        is_read_only: Nothing is stored here and nothing swept.

    Raises:
        StoreError: Temporary files of dead processes cannot be looked at.
    """

    def __init__(
        self, database_path: str | Path, threshold: int = THRESHOLD_BYTES, *, is_read_only: bool = False
    ) -> None:
        database = Path(database_path)
        self.folder = database.with_name(database.name + "-artifacts")
        self.threshold = threshold
        self._count = itertools.count()
        self._synced: set[str] = set()
        if not is_read_only:
            with self._translated(self.folder):
                self._sweep()

    def prepare(self, data: bytes, *, kind: str, media_type: str) -> Artifact:
        """Make content ready to be named by a unit: a file is durable on return, inline content travels with the unit.

        Args:
            data: The content.
            kind: ``json`` or ``bytes``.
            media_type: Such as ``application/json``.

        Returns:
            What the unit's row holds.

        Raises:
            StoreFull: No space; nothing is left behind.
            ReadOnlyDatabase: No permission.
            StoreBroken: An I/O error; the content is not stored.
        """
        artifact_id = hashlib.sha256(data).hexdigest()
        is_file = len(data) >= self.threshold
        if is_file:
            with self._translated(self.folder):
                self._store(artifact_id, data)
        return Artifact(
            artifact_id=artifact_id,
            kind=kind,
            media_type=media_type,
            size_bytes=len(data),
            location="file" if is_file else "inline",
            file_path=f"{artifact_id[:2]}/{artifact_id}" if is_file else None,
            data=None if is_file else data,
        )

    def load_file(self, artifact_id: str) -> bytes:
        """Read a file's content and verify it.

        Raises:
            ArtifactMissing: There is none of that id, or the id is none.
            ArtifactCorrupt: The content has another hash, or something else lies in its place.
            StoreError: The system refused.
        """
        if not ID.fullmatch(artifact_id):
            raise ArtifactMissing(str(self.folder), artifact_id)
        try:
            with self._shard(artifact_id) as shard:
                data = _read(artifact_id, shard)
        except FileNotFoundError as error:
            raise ArtifactMissing(str(self.folder), artifact_id) from error
        except OSError as error:
            if error.errno in {errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO}:
                raise ArtifactCorrupt(str(self.folder), artifact_id) from error
            raise translate_os(error, self.folder) from error
        return self.verify(artifact_id, data)

    def verify(self, artifact_id: str, data: bytes) -> bytes:
        """Return the content if it has the hash that is its id.

        Raises:
            ArtifactCorrupt: It has not.
        """
        if hashlib.sha256(data).hexdigest() != artifact_id:
            raise ArtifactCorrupt(str(self.folder), artifact_id)
        return data

    def _store(self, artifact_id: str, data: bytes) -> None:
        try:
            self._put(artifact_id, data)
        except FileNotFoundError:
            # Somebody has deleted folders that we had made; what was in them is lost, what comes now need not be.
            self._synced.clear()
            self._put(artifact_id, data)

    def _put(self, artifact_id: str, data: bytes) -> None:
        self._make_folders(artifact_id[:2])
        with self._shard(artifact_id) as shard:
            if not _is_stored(artifact_id, shard, len(data)):
                self._write(artifact_id, data, shard)
            # Also when the file was there: whoever renamed it may not have come to this line yet.
            os.fsync(shard)

    def _write(self, artifact_id: str, data: bytes, shard: int) -> None:
        temporary, descriptor = self._make_temporary()
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                rest = memoryview(data)
                while rest:
                    rest = rest[file.write(rest) :]
                os.fsync(descriptor)
                os.rename(temporary, artifact_id, dst_dir_fd=shard)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def _make_temporary(self) -> tuple[Path, int]:
        # Its lock says that its writer lives. A sweeper may come between the open and the lock: then another name.
        while True:
            path = self.folder / TEMPORARY / f"{os.getpid()}-{next(self._count)}"
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            except FileExistsError:
                continue
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(descriptor).st_nlink:
                    return path, descriptor
            os.close(descriptor)

    def _sweep(self) -> None:
        try:
            found = list((self.folder / TEMPORARY).iterdir())
        except FileNotFoundError:
            return
        for path in found:
            # Gone meanwhile, locked by its living writer, or not ours to delete (a reader of another's folder).
            with contextlib.suppress(FileNotFoundError, BlockingIOError, PermissionError):
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()
                finally:
                    os.close(descriptor)

    def _make_folders(self, shard: str) -> None:
        if shard in self._synced:
            return
        for folder in (self.folder, self.folder / TEMPORARY, self.folder / shard):
            folder.mkdir(exist_ok=True)
        # Made by us or just now by someone else: both entries must last before a row relies on them.
        for folder in (self.folder.parent, self.folder):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        self._synced.add(shard)

    @contextlib.contextmanager
    def _shard(self, artifact_id: str) -> Iterator[int]:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self.folder / artifact_id[:2], flags)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _translated(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise translate_os(error, path) from error


def _read(artifact_id: str, shard: int) -> bytes:
    # Without blocking: somebody may have put a pipe there.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    descriptor = os.open(artifact_id, flags, dir_fd=shard)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))
        return file.readall()


def _is_stored(artifact_id: str, shard: int, size_bytes: int) -> bool:
    try:
        found = os.stat(artifact_id, dir_fd=shard, follow_symlinks=False)
        if not stat.S_ISREG(found.st_mode) or found.st_size != size_bytes:
            return False
        if hashlib.sha256(_read(artifact_id, shard)).hexdigest() != artifact_id:
            return False
        # Young again: collection spares young files, and the row that names this one is not committed yet.
        os.utime(artifact_id, dir_fd=shard, follow_symlinks=False)
    except OSError:
        return False  # unreadable is as bad as damaged: it is written anew
    return True
