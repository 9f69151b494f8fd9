"""Turns what SQLite, the disk and the path complain about into this package's errors.

No ``apsw`` exception leaves ``store/``: each one goes through ``translate``. Each refusal of a path is one sentence
that says what is wrong and what to do.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import apsw

from dagger_actors.errors import (
    NetworkFilesystem,
    NotADatabase,
    ReadOnlyDatabase,
    StoreBroken,
    StoreBusy,
    StoreError,
    StoreFull,
    UnsafeSQLite,
)
from dagger_actors.store.holder import write_lock_holder

__all__ = ["busy", "check_library", "check_path", "filesystem_of", "translate", "translate_os"]

OLDEST_SQLITE = (3, 51, 3)
"""The first release without the "WAL-reset bug" (https://sqlite.org/wal.html): before it, two connections that write
and checkpoint at once can corrupt the file."""

NETWORK_FILESYSTEMS = frozenset({
    "9p", "afs", "beegfs", "ceph", "cifs", "davfs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "smb3", "smbfs",
    "fuse.ceph-fuse", "fuse.davfs2", "fuse.gcsfuse", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs",
})  # fmt: skip
"""Types, as the mount table spells them, on which locks or shared memory do not hold between machines."""


SMALLEST_DATABASE_BYTES = 512
"""One page of the smallest page size."""


def translate(error: apsw.Error, path: str | Path) -> StoreError:
    """Say in this package's words what SQLite refused.

    Args:
        error: What APSW raised.
        path: The database it was raised about.

    Returns:
        The error to raise instead, ``from`` the given one.
    """
    # After an I/O error or on a full disk SQLite rolls back by itself; APSW's `with connection:` then fails to do it
    # once more, and that failure hides the first.
    if isinstance(error, apsw.SQLError) and isinstance(error.__context__, apsw.Error):
        error = error.__context__
    where = str(path)
    detail = str(error)
    extended = getattr(error, "extendedresult", 0)
    if extended == apsw.SQLITE_READONLY_DBMOVED:
        return StoreBroken(where, "the file was moved or deleted while it was open; put it back and start again")
    # IOERR_SHMSIZE: the index of the WAL could not grow, as the file system had no room for it.
    if isinstance(error, apsw.FullError) or extended == apsw.SQLITE_IOERR_SHMSIZE:
        return StoreFull(where, detail)
    if isinstance(error, apsw.NotADBError):
        return NotADatabase(where, "the file holds something else")
    if isinstance(error, apsw.ReadOnlyError | apsw.CantOpenError | apsw.PermissionsError):
        return ReadOnlyDatabase(where, detail)
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return busy(path, detail)
    return StoreBroken(where, detail)


def busy(path: str | Path, detail: str) -> StoreBusy:
    """Say who holds the lock that was waited for, as far as the system tells."""
    holder = write_lock_holder(path)
    return (
        StoreBusy(str(path), detail) if holder is None else StoreBusy(str(path), detail, holder.pid, holder.is_stopped)
    )


def translate_os(error: OSError, path: str | Path) -> StoreError:
    """Say in this package's words what the system refused about a file beside the database.

    Args:
        error: What was raised.
        path: The file or folder it was raised about.

    Returns:
        The error to raise instead, ``from`` the given one.
    """
    detail = error.strerror or str(error)
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StoreFull(str(path), detail)
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return ReadOnlyDatabase(str(path), detail)
    return StoreBroken(str(path), detail)


def check_library(path: Path, version: str | None = None) -> None:
    """Refuse an SQLite library that can corrupt the file.

    Args:
        path: The database, for the message.
        version: The library's version; None asks it.

    Raises:
        UnsafeSQLite: It is older than 3.51.3.
    """
    found = apsw.sqlite_lib_version() if version is None else version
    if tuple(int(part) for part in found.split(".")[:3]) < OLDEST_SQLITE:
        raise UnsafeSQLite(str(path), found)


def check_path(path: Path, *, writing: bool) -> None:
    """Refuse, before SQLite touches anything, a path that cannot hold a database of ours.

    Args:
        path: Absolute path of the database; it may be missing when ``writing``.
        writing: Whether the caller wants to write.

    Raises:
        ReadOnlyDatabase: The folder is missing, or the file or the folder cannot be written.
        NotADatabase: It is no regular file, or it is missing and only to be read.
        NetworkFilesystem: Locks do not hold there.
        StoreBroken: The system cannot even look at it.
    """
    where = str(path)
    try:
        where.encode()
    except UnicodeEncodeError:
        raise StoreBroken(where, "its name is not UTF-8; rename it") from None
    try:
        found = _stat(path)
        folder = Path(os.path.realpath(path)).parent
        if not folder.is_dir():
            raise ReadOnlyDatabase(where, f"the folder {folder} does not exist")
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        raise StoreBroken(where, str(error)) from error
    if found is None and not writing:
        raise NotADatabase(where, "there is no such file")
    if found is not None and not stat.S_ISREG(found.st_mode):
        raise NotADatabase(where, "it is a folder" if stat.S_ISDIR(found.st_mode) else "it is no regular file")
    # SQLite takes a file of one byte for an empty one and would overwrite it.
    if found is not None and 0 < found.st_size < SMALLEST_DATABASE_BYTES:
        raise NotADatabase(where, "the file holds something else")
    kind = filesystem_of(folder)
    if kind in NETWORK_FILESYSTEMS:
        raise NetworkFilesystem(where, kind)
    if writing:
        _check_writable(path, folder, exists=found is not None)


def filesystem_of(folder: Path, mounts: str | None = None) -> str:
    """Name the type of the file system that holds a folder.

    Args:
        folder: An absolute path without symbolic links.
        mounts: The text of a mount table; None reads this process's own.

    Returns:
        The type as Linux's mount table spells it, such as ``ext4``; empty where there is no such table.

    Source: proc_pid_mountinfo(5).
    """
    if mounts is None:
        try:
            mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return ""
    best, kind = "", ""
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        point = left.split(" ")[4].encode("utf-8", "surrogateescape").decode("unicode_escape")
        point = point.encode("latin-1").decode("utf-8", "surrogateescape")
        # Not shorter rather than longer: of two mounts on one point the later one hides the earlier.
        if folder.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, right.split(" ")[0]
    return kind


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _check_writable(path: Path, folder: Path, *, exists: bool) -> None:
    # Asked with the ids that opening will use. SQLite alone would open a read-only file in silence; and it makes its
    # -wal and -shm beside it.
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        raise ReadOnlyDatabase(str(path), f"no permission to write in the folder {folder}")
    if exists and not os.access(path, os.R_OK | os.W_OK, effective_ids=True):
        raise ReadOnlyDatabase(str(path), "no permission to write the file")
