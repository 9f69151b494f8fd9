"""Keeps the head and the tail of what an attempt logs and prints, and counts what falls between."""

from __future__ import annotations

import threading

__all__ = ["KEPT_BYTES", "Capture"]

KEPT_BYTES = 64 * 1024
"""Kept of an attempt; half of it from the beginning, half from the end."""


class Capture:
    """What one attempt wrote, in the order it came; any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0

    def add(self, data: bytes) -> None:
        """Add what was written."""
        half = KEPT_BYTES // 2
        with self._lock:
            room = half - len(self._head)
            if room > 0:
                self._head += data[:room]
                data = data[room:]
            self._tail += data
            # Cut only now and then: a flood would otherwise move the whole tail for each piece.
            if len(self._tail) > 2 * half:
                self._cut()

    def _cut(self) -> None:
        excess = len(self._tail) - KEPT_BYTES // 2
        if excess > 0:
            self._dropped += excess
            del self._tail[:excess]

    @property
    def is_empty(self) -> bool:
        """Whether nothing was written."""
        return not self._head

    def read(self) -> tuple[str, int]:
        """What is kept as text that SQLite can hold, and how many bytes were dropped in its middle."""
        with self._lock:
            self._cut()
            head, tail, dropped = bytes(self._head), bytes(self._tail), self._dropped
        gap = f"\n... {dropped:,} bytes left out ...\n".encode() if dropped else b""
        return (head + gap + tail).decode("utf-8", "replace").replace("\0", "\\x00"), dropped

    def last(self, size: int) -> str:
        """The last ``size`` bytes as text."""
        with self._lock:
            data = bytes((self._head + self._tail)[-size:])
        return data.decode("utf-8", "replace").replace("\0", "\\x00").strip()
