"""The records of slot files as they lie on the disk, and as others read them: whose process is gone, and what it had begun.

A record is free, started or ended. Its state is one byte, written last, so a process killed between any two stores
leaves either the old record or the new one. The file is not synced: it survives the process, not a power cut. After
one, what cannot be trusted does not match its checksum and is passed over; what matches may be old, so whoever reads it
must ask the database whether that attempt is still open.
"""

from __future__ import annotations

import fcntl
import os
import re
import struct
from pathlib import Path
from zlib import crc32

import msgspec

from dagger_actors.errors import StoreBroken
from dagger_actors.store.refusals import translate_os

__all__ = ["CAPACITY", "PAYLOAD_ROOM_BYTES", "SlotRecord", "head_of", "is_gone", "read_slots", "slot_folder"]


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


def head_of(capacity: int) -> bytes:
    """What a slot file begins with."""
    return FILE_HEAD.pack(MAGIC, capacity, _head_check(capacity))


def _head_check(capacity: int) -> int:
    return crc32(MAGIC + capacity.to_bytes(4, "little"))


def _path_in(folder: Path, slot_file_name: str) -> Path:
    # The name comes from a row, which a stranger may have edited.
    if not NAME.fullmatch(slot_file_name):
        raise StoreBroken(str(folder), f"{slot_file_name!r} is no name of a slot file")
    return folder / slot_file_name
