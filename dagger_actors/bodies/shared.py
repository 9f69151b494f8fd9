"""The shared state as bodies and programs see it: small values by scope and key, with a version and perhaps an end.

What both have in common is here: names, changes that are judged before anybody writes them, and reading.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import msgspec

from dagger_actors.bodies.backends import OwnerSource
from dagger_actors.bodies.outputs import to_json
from dagger_actors.bodies.secret import NO_MASK, Mask
from dagger_actors.bodies.snooze import MAX_SECONDS
from dagger_actors.core.task_rows import SharedChange
from dagger_actors.errors import OutputError, SharedRefused

__all__ = [
    "SHARED",
    "AskedShared",
    "SharedEntry",
    "SharedReader",
    "StoredShared",
    "check_names",
    "deletion",
    "entry_of",
    "increment",
    "put",
]

SHARED: Final = "shared"
"""For ``AskedShared``: a scope and a key; the answer is the value's JSON text, None = there is none, and its version."""

LONGEST_NAME = 200
LARGEST_VALUE = 64 * 1024

_names = msgspec.msgpack.Decoder(tuple[str, str])
_found = msgspec.msgpack.Decoder(tuple[str | None, int])


class SharedEntry(msgspec.Struct, frozen=True):
    """A value as it was read.

    Attributes:
        value: It; None when there is none.
        version: What ``put(version=...)`` takes; 0 = there is none.
    """

    value: Any
    version: int


class SharedReader(Protocol):
    """Reads the last commit."""

    def read(self, scope: str, key: str) -> tuple[str | None, int]:
        """Give a value's JSON text and its version; None and 0 when there is none."""
        ...


class AskedShared:
    """Implements ``SharedReader`` for bodies, which may run in another process than the file is open in.

    Args:
        source: Has a ``StoredShared`` answer.
    """

    def __init__(self, source: OwnerSource) -> None:
        self._source = source

    def read(self, scope: str, key: str) -> tuple[str | None, int]:
        """Ask for the last commit."""
        return _found.decode(self._source.ask(SHARED, msgspec.msgpack.encode((scope, key))))


class StoredShared:
    """Implements ``SharedReader`` on the store.

    Args:
        query: Runs a statement of the store.
        now_us: Wall microseconds: what has expired is not there any more.
    """

    def __init__(self, query: Callable[..., Sequence[tuple[Any, ...]]], now_us: Callable[[], int]) -> None:
        self._query = query
        self._now_us = now_us

    def read(self, scope: str, key: str) -> tuple[str | None, int]:
        """Read the last commit."""
        rows = self._query("read.shared_value", scope, key, self._now_us())
        return (rows[0][0], rows[0][1]) if rows else (None, 0)

    def answer(self, arguments: bytes) -> bytes:
        """Answer an ``AskedShared``."""
        return msgspec.msgpack.encode(self.read(*_names.decode(arguments)))


def entry_of(stored: tuple[str | None, int]) -> SharedEntry:
    """Make an entry of what a reader gave."""
    text, version = stored
    return SharedEntry(None if text is None else msgspec.json.decode(text), version)


# --- changes


def put(
    scope: str, key: str, value: Any, *, ttl: float | None = None, version: int | None = None, mask: Mask = NO_MASK
) -> SharedChange:
    """Make the change that sets a value.

    Args:
        scope: 1 to 200 printable characters, as the key.
        key: Within the scope.
        value: What JSON can hold, at most 64 KiB of it.
        ttl: Seconds that it lives, up to a year; None = for ever.
        version: What its version must be, as it was read; 0 = it must not be there; None = any.
        mask: What it must not hold.

    Raises:
        SharedRefused: One of these cannot be.
    """
    check_names(scope, key)
    try:
        text = to_json(value)
    except OutputError as error:
        raise SharedRefused(scope, key, error.reason) from None
    mask.refuse(text)
    if len(text) > LARGEST_VALUE:
        raise SharedRefused(scope, key, f"it is larger than {LARGEST_VALUE // 1024} KiB; store an artifact instead")
    return SharedChange(
        scope, key, text.decode(), ttl_us=_ttl_us(scope, key, ttl), version=_version(scope, key, version)
    )


def deletion(scope: str, key: str, *, version: int | None = None) -> SharedChange:
    """Make the change that deletes a value; one that is not there is no mistake.

    Raises:
        SharedRefused: One of the arguments cannot be.
    """
    check_names(scope, key)
    return SharedChange(scope, key, version=_version(scope, key, version))


def increment(scope: str, key: str, by: float = 1, *, ttl: float | None = None) -> SharedChange:
    """Make the change that adds to a number; one that is not there counts as 0.

    Args:
        scope: As in ``put``.
        key: As in ``put``.
        by: What is added; finite.
        ttl: As in ``put``, from now on; None = it ends when it did.

    Raises:
        SharedRefused: One of these cannot be.
    """
    check_names(scope, key)
    if isinstance(by, bool) or not isinstance(by, int | float) or not math.isfinite(by) or abs(by) >= 2**63:
        raise SharedRefused(scope, key, f"what is added is a number, not {by!r:.100}")
    return SharedChange(scope, key, step=by, ttl_us=_ttl_us(scope, key, ttl))


def check_names(scope: object, key: object) -> None:
    """Refuse what is no scope or no key; raises SharedRefused."""
    for name in (scope, key):
        if not isinstance(name, str) or not name.isprintable() or not 1 <= len(name) <= LONGEST_NAME:
            reason = f"a scope and a key are text of 1 to {LONGEST_NAME} printable characters each"
            raise SharedRefused(str(scope)[:LONGEST_NAME], str(key)[:LONGEST_NAME], reason)


def _ttl_us(scope: str, key: str, ttl: object) -> int | None:
    if ttl is None:
        return None
    is_number = isinstance(ttl, int | float) and not isinstance(ttl, bool)
    if not is_number or not 0 < ttl <= MAX_SECONDS:  # type: ignore[operator]
        raise SharedRefused(scope, key, f"ttl is seconds from more than 0 to {MAX_SECONDS:,}, not {ttl!r:.100}")
    return max(1, round(ttl * 1e6))  # type: ignore[operator]


def _version(scope: str, key: str, version: object) -> int | None:
    if version is None or (isinstance(version, int) and not isinstance(version, bool) and version >= 0):
        return version
    raise SharedRefused(scope, key, f"a version is a whole number as it was read, not {version!r:.100}")
