"""The log of a disk: what was written, synced and promised, in order."""

from __future__ import annotations

import msgspec

__all__ = ["Acknowledged", "Cut", "Deleted", "Entry", "Found", "Made", "Synced", "Written"]


class Found(msgspec.Struct, frozen=True):
    """A file that was there before the log began; durable."""

    name: str
    file: int
    content: bytes


class Made(msgspec.Struct, frozen=True):
    """A file was made under this name; its folder is not synced yet."""

    name: str
    file: int


class Written(msgspec.Struct, frozen=True):
    """Bytes were written at this offset."""

    file: int
    offset: int
    data: bytes


class Cut(msgspec.Struct, frozen=True):
    """The file was truncated to this size."""

    file: int
    size: int


class Synced(msgspec.Struct, frozen=True):
    """The file was synced, and with ``folder`` its folder too."""

    file: int
    folder: bool


class Deleted(msgspec.Struct, frozen=True):
    """The name was deleted, and with ``folder`` its folder synced."""

    name: str
    folder: bool


class Acknowledged(msgspec.Struct, frozen=True):
    """The program told somebody that this is durable."""

    mark: object


Entry = Found | Made | Written | Cut | Synced | Deleted | Acknowledged
