"""The machine's own limits: what the parts of an actor system cost by themselves here, in half a second in all."""

from __future__ import annotations

import os
import platform
import queue
import sys
import tempfile
import threading
import time
from collections import deque
from pathlib import Path

import msgspec

from dagger_actors.store.connection import open_writer

__all__ = ["Limits", "measure_limits"]

SPAN_S = 0.16
"""For each measure."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What this machine can do.

    Attributes:
        processors: Those that this process may use.
        python: Its implementation and version.
        switch_interval_s: How long a thread keeps Python's lock when others want it.
        hand_offs_per_s: From one thread to another, through a queue.
        messages_per_s: A small message encoded, queued and decoded, in one thread.
        commits_per_s: SQLite transactions of one row, each on the disk, in the database's folder; None = no agent is durable.
    """

    processors: int
    python: str
    switch_interval_s: float
    hand_offs_per_s: float
    messages_per_s: float
    commits_per_s: float | None


class Message(msgspec.Struct, frozen=True):
    """A small message."""

    customer: str
    item: str
    count: int


def measure_limits(folder: Path | None) -> Limits:
    """Measure them.

    Args:
        folder: Where commits are measured, in a file that is deleted again; None = they are not.

    Raises:
        OSError, StoreError: The folder cannot be written.
    """
    return Limits(
        processors=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        python=f"{platform.python_implementation()} {platform.python_version()}",
        switch_interval_s=sys.getswitchinterval(),
        hand_offs_per_s=_hand_offs(),
        messages_per_s=_messages(),
        commits_per_s=None if folder is None else _commits(folder),
    )


def _hand_offs() -> float:
    there: queue.SimpleQueue[str] = queue.SimpleQueue()
    back: queue.SimpleQueue[str] = queue.SimpleQueue()

    def answer() -> None:
        while there.get() != "stop":
            back.put("token")

    other = threading.Thread(target=answer, name="hand-offs", daemon=True)
    other.start()
    count, began = 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < SPAN_S:
        there.put("token")
        back.get()
        count += 2
    there.put("stop")
    other.join()
    return count / passed


def _messages() -> float:
    encode, decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(Message).decode
    lane: deque[bytes] = deque()
    count, began = 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < SPAN_S:
        for number in range(count, count + 100):
            lane.append(encode(Message("customer", "tea", number)))
            decode(lane.popleft())
        count += 100
    return count / passed


def _commits(folder: Path) -> float:
    with tempfile.TemporaryDirectory(prefix="dagger-actors-bench-", dir=folder) as name:
        connection = open_writer(Path(name) / "bench.db")
        try:
            connection.execute("CREATE TABLE bench (number INTEGER PRIMARY KEY)")
            count, began = 0, time.perf_counter()
            while (passed := time.perf_counter() - began) < SPAN_S:
                connection.execute("INSERT INTO bench VALUES (?)", (count,))
                count += 1
            return count / passed
        finally:
            connection.close()
