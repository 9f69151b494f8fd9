"""The process that opened a database; a forked child of it is refused.

The child has the connections of its parent and the parent's idea of which locks are held, but neither its threads nor its
locks. So it can neither use these connections nor make new ones to the same file: SQLite would take no lock where it
believes to hold one. (https://sqlite.org/howtocorrupt.html, "Carrying an open database connection across a fork")
"""

from __future__ import annotations

import os
import weakref
from pathlib import Path

from dagger_actors.errors import SystemForked

__all__ = ["Home"]

_open: dict[int, tuple[str, int]] = {}
"""What is open, with the process that opened it. No lock: a fork could come while somebody holds it."""


class Home:
    """The process that has a database open; asked before anything of it is used.

    Args:
        path: The database.

    Raises:
        SystemForked: A process of which this is a forked child has it open.
    """

    def __init__(self, path: Path) -> None:
        self._pid = os.getpid()
        self._path = os.path.realpath(path)
        for opened, pid in list(_open.values()):
            if opened == self._path and pid != self._pid:
                raise SystemForked(opened, pid)
        _open[id(self)] = (self._path, self._pid)
        self._forget = weakref.finalize(self, _open.pop, id(self), None)
        self._forget.atexit = False

    @property
    def is_here(self) -> bool:
        """Whether this is that process, and no child of it."""
        return os.getpid() == self._pid

    def check(self) -> None:
        """Do nothing in that process.

        Raises:
            SystemForked: This is a forked child of it.
        """
        if os.getpid() != self._pid:
            raise SystemForked(self._path, self._pid)

    def end_copy(self) -> None:
        """End this process at once if user code has made it by forking: a copy must not go on as the system."""
        if os.getpid() != self._pid:
            os._exit(0)

    def close(self) -> None:
        """The database is closed here: who is forked from now on may open it."""
        self._forget()
