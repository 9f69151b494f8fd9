"""Who holds the write lock of a database: for the alarm when nobody else can write.

Read from the kernel's table of locks. Asking with ``F_GETLK`` would mean to open the file once more, and the first close
of any descriptor of a file drops every lock this process has on it.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

__all__ = ["LockHolder", "write_lock_holder"]

WRITE_LOCK_BYTE = 120
"""``WAL_WRITE_LOCK`` in the -shm file. Source: https://sqlite.org/walformat.html, "WAL Locks"."""


class LockHolder(msgspec.Struct, frozen=True, kw_only=True):
    """A process that holds the write lock.

    Attributes:
        pid: Its process id, as seen from here.
        is_stopped: Whether it is stopped (SIGSTOP, a debugger), so that waiting alone will not help.
    """

    pid: int
    is_stopped: bool


def write_lock_holder(path: str | Path) -> LockHolder | None:
    """Find the process that may write a database in WAL mode.

    Args:
        path: The database.

    Returns:
        The holder; None when there is none, or the system does not tell.

    Source: proc_locks(5), proc_pid_stat(5).
    """
    try:
        inode = os.stat(f"{path}-shm").st_ino  # noqa: PTH116 - a path of another type would only be made to be taken apart
        table = Path("/proc/locks").read_text(encoding="ascii")
    except (OSError, ValueError):
        return None
    for line in table.splitlines():
        # 1: POSIX  ADVISORY  WRITE 4711 fe:00:1234567 120 120     (waiting ones have an arrow behind the number)
        words = line.split()
        if words[1:2] == ["->"] or len(words) < 8 or words[3] != "WRITE":
            continue
        first, last = int(words[6]), words[7]
        covers = first <= WRITE_LOCK_BYTE and (last == "EOF" or int(last) >= WRITE_LOCK_BYTE)
        if covers and words[5].endswith(f":{inode}"):
            pid = int(words[4])
            return LockHolder(pid=pid, is_stopped=_is_stopped(pid)) if pid > 0 else None
    return None


def _is_stopped(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[:1] in (["T"], ["t"])
