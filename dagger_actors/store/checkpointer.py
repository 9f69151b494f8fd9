"""Moves commits from the WAL into the database beside the journal, so that no commit has to.

It has a connection of its own and waits for nobody. Without it a commit would checkpoint whenever the WAL reaches its
bound, and that one commit would take a hundred times as long as the others.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import apsw

from dagger_actors.core.log_fields import LogFields
from dagger_actors.errors import StoreError
from dagger_actors.store.connection import checkpoint, close, open_writer

__all__ = ["CHECKPOINT_BYTES", "Checkpointer"]

logger = logging.getLogger("dagger_actors.store")

CHECKPOINT_BYTES = 4 * 1024 * 1024
"""Length of the WAL file from which a checkpoint is worth its syncs; SQLite's own default is the same 1,000 pages."""


class Checkpointer:
    """Runs one checkpoint a turn; implements ``core.protocols.Runnable``.

    Args:
        path: The database.
        vfs: As in ``open_writer``.
    """

    def __init__(self, path: Path, *, vfs: str | None = None) -> None:
        self._path = path
        self._wal = Path(f"{path}-wal")
        self._vfs = vfs
        self._lock = threading.Lock()
        self._connection: apsw.Connection | None = None
        self._is_closed = False
        self._is_scheduled = False
        self._copied_until = 0

    def claim_turn(self) -> bool:
        """Tell whether a turn is worth while now; True at most once until that turn has run."""
        try:
            size = self._wal.stat().st_size
        except FileNotFoundError:
            return False
        # The file keeps its length when the WAL starts anew, so what was copied last time is no reason to copy again.
        if self._is_scheduled or size < CHECKPOINT_BYTES or size == self._copied_until:
            return False
        self._is_scheduled = True
        return True

    def run_turn(self) -> bool:
        """Checkpoint once."""
        with self._lock:
            self._is_scheduled = False
            if self._is_closed:
                return False
            try:
                if self._connection is None:
                    self._connection = open_writer(self._path, vfs=self._vfs)
                state = checkpoint(self._connection, self._path)
                self._copied_until = self._wal.stat().st_size if state.copied == state.pages else 0
            except (StoreError, OSError) as error:
                fields = LogFields(path=str(self._path), reason=str(error))
                logger.warning("a checkpoint failed, the WAL keeps everything: %s", error, extra=fields)
        return False

    def close(self) -> None:
        """Close its connection; waits for a checkpoint that runs."""
        with self._lock:
            self._is_closed = True
            if self._connection is not None:
                close(self._connection)
                self._connection = None
