"""A VFS for SQLite that remembers every write and sync, so that power cuts can be played.

SQLite works on ordinary files meanwhile; ``PowerVFS`` only logs, and ``states`` then walks through the log.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import apsw

from dagger_actors.testing.power_log import Acknowledged, Cut, Deleted, Entry, Found, Made, Synced, Written
from dagger_actors.testing.power_states import CrashState, crash_states

__all__ = ["PowerVFS"]


LOGGED = (
    apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL | apsw.SQLITE_OPEN_WAL
)
JOURNALS = apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL | apsw.SQLITE_OPEN_WAL


class PowerVFS(apsw.VFS):
    """A VFS to open databases of one folder with (``vfs=name``), inside a ``with`` block.

    Every connection that writes goes through it; close them before the block ends. One block logs one story; take
    another name for another.

    Args:
        name: The name to register it under; unique in the process.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.log: list[Entry] = []
        self._lock = threading.Lock()
        self._files: dict[str, int] = {}
        self._next = 0
        super().__init__(name, "")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unregister()

    def acknowledged(self, mark: object) -> None:
        """Record that the program has just promised ``mark`` to somebody; from any thread."""
        self.record(Acknowledged(mark))

    @property
    def marks(self) -> list[object]:
        """Every mark so far, in order."""
        return [entry.mark for entry in self.log if isinstance(entry, Acknowledged)]

    def states(self, into: Path, *, seed: int, per_cut: int = 4) -> Iterator[CrashState]:
        """Restore, one after another, what power cuts along the log may leave; see ``crash_states``."""
        with self._lock:
            log = tuple(self.log)
        return crash_states(log, into, seed=seed, per_cut=per_cut)

    def record(self, entry: Entry) -> None:
        """Append to the log; for this VFS's files."""
        with self._lock:
            self.log.append(entry)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        """Open a file and log what is done to it; temporary files are of no interest."""
        if name is None or not flags[0] & LOGGED:
            return super().xOpen(name, flags)
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        with self._lock:
            known = path in self._files
            before = None if known else _content(path)
        wanted = flags[0]
        file = _LoggedFile(self, name, flags, syncs_folder=bool(wanted & JOURNALS and wanted & apsw.SQLITE_OPEN_CREATE))
        with self._lock:
            if path not in self._files:
                self._next += 1
                self._files[path] = self._next
                self.log.append(Made(path, self._next) if before is None else Found(path, self._next, before))
            file.number = self._files[path]
        return file

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802 - SQLite's name
        """Delete a file and log it."""
        super().xDelete(filename, syncdir)
        with self._lock:
            self._files.pop(filename, None)
            self.log.append(Deleted(filename, syncdir))


class _LoggedFile(apsw.VFSFile):
    number = 0

    def __init__(self, vfs: PowerVFS, name: str | apsw.URIFilename, flags: list[int], *, syncs_folder: bool) -> None:
        self._vfs = vfs
        # As os_unix.c does: the first sync of a new journal or WAL syncs its folder too.
        self._syncs_folder = syncs_folder
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        super().xWrite(data, offset)
        self._vfs.record(Written(self.number, offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - SQLite's name
        super().xTruncate(newsize)
        self._vfs.record(Cut(self.number, newsize))

    def xSync(self, flags: int) -> None:  # noqa: ARG002, N802 - SQLite's name and signature
        # Not passed on: nothing here survives by it, and the test is faster without.
        self._vfs.record(Synced(self.number, self._syncs_folder))
        self._syncs_folder = False


def _content(path: str) -> bytes | None:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        return None
