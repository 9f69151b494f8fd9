"""The slot file: what a worker has started and how it ended, in a memory that outlives the process.

One memory-mapped file a worker in the folder beside the database, and the worker's ``flock`` on it is its proof of
life: the system frees it when the process dies, however it dies.

A record is free, started or ended. Its state is one byte, written last, so a process killed between any two stores
leaves either the old record or the new one. The file is not synced: it survives the process, not a power cut. After
one, what cannot be trusted does not match its checksum and is passed over; what matches may be old, so whoever reads it
must ask the database whether that attempt is still open.

A ``flock`` belongs to the open file, which a forked child shares: a child that outlived its parent would keep the proof
of its life. So the descriptors close on exec, and in a child that forks and does not exec at once.
"""

from __future__ import annotations

import fcntl
import functools
import mmap
import os
import re
import struct
import weakref
from pathlib import Path
from typing import Self
from zlib import crc32

import msgspec

from dagger_actors.errors import StoreBroken
from dagger_actors.store.refusals import translate_os

__all__ = ["CAPACITY", "PAYLOAD_ROOM_BYTES", "SlotFile", "SlotRecord", "is_gone", "read_slots", "slot_folder"]

CAPACITY = 2048
"""Attempts of one worker between their start and the commit of their end; 4.3 MB."""

PAYLOAD_ROOM_BYTES = 2048
"""The longest completion message a slot keeps; it holds an output of 1 KiB, the most that a row takes."""

FREE, STARTED, ENDED, BEGUN = 0, 1, 2, 3

# The file: magic, capacity, checksum of both. A record: state, 7 bytes unused, FIELDS, their checksum, the payload's
# length and checksum, the payload.
FILE_HEAD = struct.Struct("<8sII")
MAGIC = b"dagslot1"
HEAD_BYTES = 64
FIELDS = struct.Struct("<qqqqq")
START = struct.Struct("<qqqqqI")
START_AT = 8
END = struct.Struct("<II")
END_AT = START_AT + START.size
PAYLOAD_AT = 64
RECORD_BYTES = PAYLOAD_AT + PAYLOAD_ROOM_BYTES

NAME = re.compile(r"[0-9]+\.slots")


class SlotRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt that a worker had begun and whose end it had not seen committed.

    Attributes:
        run_key: The run.
        node: Position of the node in the definition.
        item: Position of the map item; -1 is the node itself.
        attempt: From 1.
        started_us: Wall time of the start, microseconds UTC.
        payload: The encoded completion message; None when the attempt had not ended, or its end did not fit.
        has_begun: Whether its body had begun; until then it only had a place.
    """

    run_key: int
    node: int
    item: int
    attempt: int
    started_us: int
    payload: bytes | None
    has_begun: bool = False


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
        head = FILE_HEAD.pack(MAGIC, capacity, _head_check(capacity))
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


def slot_folder(database: Path) -> Path:
    """Name the folder that holds the slot files of a database's workers."""
    return database.with_name(database.name + "-workers")


def is_gone(folder: Path, slot_file_name: str) -> bool:
    """Tell whether the process that held this slot file has died; harmless to those that live.

    Args:
        folder: ``slot_folder`` of the database.
        slot_file_name: As the worker's row names it.

    Returns:
        True when nobody holds its lock, or the file is missing.

    Raises:
        StoreBroken: The name is none of a slot file, or the file cannot be opened.
    """
    path = _path_in(folder, slot_file_name)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return True
    except OSError as error:
        raise translate_os(error, path) from error
    try:
        # Shared, so that two who ask at once do not take each other for the owner; the owner's lock is exclusive.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def read_slots(path: Path) -> list[SlotRecord]:
    """Read what a worker, dead or alive, has begun and not forgotten.

    Args:
        path: Its slot file.

    Returns:
        Its records in slot order; empty when the file is missing, or its worker died while making it.

    Raises:
        StoreError: The file cannot be read.
    """
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW), "rb") as file:
            content = file.read()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise translate_os(error, path) from error
    if len(content) < HEAD_BYTES:
        return []
    magic, capacity, check = FILE_HEAD.unpack_from(content)
    if magic != MAGIC or check != _head_check(capacity) or len(content) != HEAD_BYTES + capacity * RECORD_BYTES:
        return []
    records = (_record(content, HEAD_BYTES + slot * RECORD_BYTES) for slot in range(capacity))
    return [record for record in records if record is not None]


def _record(content: bytes, at: int) -> SlotRecord | None:
    state = content[at]
    if state not in {STARTED, BEGUN, ENDED}:
        return None
    run_key, node, item, attempt, started_us, check = START.unpack_from(content, at + START_AT)
    if check != crc32(content[at + START_AT : at + START_AT + FIELDS.size]):
        return None
    payload = None
    if state == ENDED:
        size, check = END.unpack_from(content, at + END_AT)
        payload = content[at + PAYLOAD_AT : at + PAYLOAD_AT + size]
        if size > PAYLOAD_ROOM_BYTES or check != crc32(payload):
            payload = None
    return SlotRecord(
        run_key=run_key,
        node=node,
        item=item,
        attempt=attempt,
        started_us=started_us,
        payload=payload,
        has_begun=state != STARTED,
    )


def _head_check(capacity: int) -> int:
    return crc32(MAGIC + capacity.to_bytes(4, "little"))


def _path_in(folder: Path, slot_file_name: str) -> Path:
    # The name comes from a row, which a stranger may have edited.
    if not NAME.fullmatch(slot_file_name):
        raise StoreBroken(str(folder), f"{slot_file_name!r} is no name of a slot file")
    return folder / slot_file_name
