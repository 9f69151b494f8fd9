"""The slot file of this process: what it has started and how it ended, in a memory that outlives it.

One memory-mapped file a worker in the folder beside the database, and the worker's ``flock`` on it is its proof of
life: the system frees it when the process dies, however it dies.

A ``flock`` belongs to the open file, which a forked child shares: a child that outlived its parent would keep the proof
of its life. So the descriptors close on exec, and in a child that forks and does not exec at once.
"""

from __future__ import annotations

import fcntl
import functools
import mmap
import os
import weakref
from pathlib import Path
from typing import Self
from zlib import crc32

from dagger_actors.errors import StoreBroken
from dagger_actors.store.refusals import translate_os
from dagger_actors.store.slot_records import (
    BEGUN,
    CAPACITY,
    END,
    END_AT,
    ENDED,
    FIELDS,
    FREE,
    HEAD_BYTES,
    PAYLOAD_AT,
    PAYLOAD_ROOM_BYTES,
    RECORD_BYTES,
    START,
    START_AT,
    STARTED,
    head_of,
)

__all__ = ["SlotFile"]


class SlotFile:
    """The slots of this process; any thread may use them, each slot by one thread at a time.

    Make one with ``SlotFile.create``.

    Attributes:
        capacity: How many attempts it holds at once.
        path: Where the file lies.
    """

    def __init__(self, path: Path, descriptor: int, mapping: mmap.mmap, capacity: int) -> None:
        self.path = path
        self.capacity = capacity
        self._descriptor = descriptor
        self._map = mapping
        # Last freed, first taken: few pages stay hot. pop and append are atomic, so no lock is needed.
        self._free = list(range(capacity - 1, -1, -1))
        # The child's copies alone are closed: what the parent has open, and its lock, stay.
        os.register_at_fork(after_in_child=functools.partial(_let_go, weakref.ref(self)))

    @classmethod
    def create(cls, folder: Path, worker_id: int, *, capacity: int = CAPACITY) -> Self:
        """Make this worker's file and take its lock; a dead worker's file of that name is overwritten.

        Args:
            folder: ``slot_folder`` of the database; made when it is missing.
            worker_id: Unique in the database; 0 or more.
            capacity: Attempts it can hold at once; 1 or more.

        Raises:
            StoreBroken: A live process holds the file of that name, or an I/O error.
            StoreFull: No space.
            ReadOnlyDatabase: No permission.
        """
        path = folder / f"{worker_id}.slots"
        size = HEAD_BYTES + capacity * RECORD_BYTES
        try:
            folder.mkdir(exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.ftruncate(descriptor, 0)
                # Not left sparse: a store into a hole of a full disk is a SIGBUS, which kills the process.
                os.posix_fallocate(descriptor, 0, size)
                mapping = mmap.mmap(descriptor, size)
            except BaseException:
                os.close(descriptor)
                raise
        except BlockingIOError as error:
            raise StoreBroken(str(path), "a live process holds it; two databases cannot share this folder") from error
        except OSError as error:
            raise translate_os(error, path) from error
        head = head_of(capacity)
        mapping[: len(head)] = head
        return cls(path, descriptor, mapping, capacity)

    def start(self, run_key: int, node: int, item: int, attempt: int, started_us: int) -> int:
        """Record that this attempt is about to run.

        Args:
            run_key: The run.
            node: Position of the node in the definition.
            item: Position of the map item; -1 is the node itself.
            attempt: From 1, less than 2**31.
            started_us: Wall time, microseconds UTC.

        Returns:
            The slot's index, from 0; -1 when all are taken.
        """
        try:
            slot = self._free.pop()
        except IndexError:
            return -1
        at = HEAD_BYTES + slot * RECORD_BYTES
        check = crc32(FIELDS.pack(run_key, node, item, attempt, started_us))
        START.pack_into(self._map, at + START_AT, run_key, node, item, attempt, started_us, check)
        self._map[at] = STARTED
        return slot

    def begin(self, slot: int) -> None:
        """Record that the body begins now: from here on a death is one that this work met.

        Args:
            slot: What ``start`` returned.
        """
        self._map[HEAD_BYTES + slot * RECORD_BYTES] = BEGUN

    def mark(
        self, slot: int, run_key: int, item: int, attempt: int | None = None, started_us: int | None = None
    ) -> None:
        """Record that the body has begun another piece of its work: a death is one that this piece meets.

        A process killed in between leaves a record that is passed over: the piece before had ended, this one not begun.

        Args:
            slot: What ``start`` returned.
            run_key: Instead of the one before; the node stays.
            item: As ``run_key``.
            attempt: As ``run_key``; None = the one before.
            started_us: As ``attempt``.
        """
        at = HEAD_BYTES + slot * RECORD_BYTES
        _, node, _, old_attempt, old_us = FIELDS.unpack_from(self._map, at + START_AT)
        attempt = old_attempt if attempt is None else attempt
        started_us = old_us if started_us is None else started_us
        check = crc32(FIELDS.pack(run_key, node, item, attempt, started_us))
        START.pack_into(self._map, at + START_AT, run_key, node, item, attempt, started_us, check)
        self._map[at] = BEGUN

    def end(self, slot: int, payload: bytes) -> bool:
        """Record the end of an attempt.

        Args:
            slot: What ``start`` returned.
            payload: The encoded completion message.

        Returns:
            False when the payload is longer than ``PAYLOAD_ROOM_BYTES``; the slot goes on saying started.
        """
        size = len(payload)
        if size > PAYLOAD_ROOM_BYTES:
            return False
        at = HEAD_BYTES + slot * RECORD_BYTES
        self._map[at + PAYLOAD_AT : at + PAYLOAD_AT + size] = payload
        END.pack_into(self._map, at + END_AT, size, crc32(payload))
        self._map[at] = ENDED
        return True

    def free(self, slot: int) -> None:
        """Forget the slot: what it told is committed."""
        at = HEAD_BYTES + slot * RECORD_BYTES
        assert self._map[at] != FREE, f"slot {slot} is free already"
        self._map[at] = FREE
        self._free.append(slot)

    def close(self) -> None:
        """Give up the lock and leave the file, as a dead process would; may be called twice."""
        # The mapping holds a duplicate of the descriptor, and with it the lock.
        self._map.close()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def remove(self) -> None:
        """Delete the file, then close; for a worker that leaves nothing behind."""
        self.path.unlink(missing_ok=True)
        self.close()


def _let_go(file: weakref.ref[SlotFile]) -> None:
    slots = file()
    if slots is not None:
        slots.close()
