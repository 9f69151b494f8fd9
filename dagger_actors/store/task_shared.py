"""The shared state: small values by scope and key, that tasks put, delete and count with."""

from __future__ import annotations

import math
from typing import Final

import apsw
import msgspec

from dagger_actors.core.task_rows import SharedChange
from dagger_actors.core.tasks import SharedValue, ShareValues
from dagger_actors.errors import SharedConflict, SharedRefused
from dagger_actors.store.ownership import reserve
from dagger_actors.store.statements import sql
from dagger_actors.store.stepping import ask, do

__all__ = ["MOST_BYTES", "MOST_KEYS", "share"]

MOST_BYTES: Final = 64 * 1024
"""Of one value, as JSON."""

MOST_KEYS: Final = 10_000
"""Of one scope."""

EXPIRED_AT_ONCE: Final = 1_000

GONE = SharedValue(0, None)


def share(connection: apsw.Connection, operation: ShareValues) -> tuple[SharedValue, ...]:
    """Change values; answers what each change has left.

    Raises:
        SharedConflict: A version is another one.
        SharedRefused: A value is too large, no number, or one too many.
    """
    do(connection, "shared_state.expire", operation.now_us, EXPIRED_AT_ONCE)
    # Never one that was used before: who read a value that was deleted and put again since, must not overwrite it.
    version = reserve(connection, "shared", len(operation.changes))
    return tuple(
        _change(connection, change, version + at, operation.now_us) for at, change in enumerate(operation.changes)
    )


def _change(connection: apsw.Connection, change: SharedChange, version: int, now_us: int) -> SharedValue:
    scope, key = change.scope, change.key
    row = next(connection.execute(sql("read.shared_value"), (scope, key, now_us)), None)
    before, found, expires_at = row or (None, 0, None)
    if change.version is not None and change.version != found:
        raise SharedConflict(scope, key, change.version, found)
    if change.json is None and change.step is None:
        do(connection, "shared_state.delete", scope, key)
        return GONE
    value = change.json if change.json is not None else _sum(change, before)
    if len(value.encode()) > MOST_BYTES:
        raise SharedRefused(scope, key, f"it is larger than {MOST_BYTES // 1024} KiB; store an artifact instead")
    if row is None:
        do(connection, "shared_state.delete", scope, key)  # one that has expired
        if ask(connection, "read.shared_keys", scope) >= MOST_KEYS:
            raise SharedRefused(scope, key, f"its scope has {MOST_KEYS:,} keys; delete some, or take another scope")
    if change.ttl_us is not None:
        expires_at = now_us + change.ttl_us
    elif change.step is None:
        expires_at = None
    do(connection, "shared_state.put", scope, key, value, version, expires_at, now_us)
    return SharedValue(version, value)


def _sum(change: SharedChange, before: str | None) -> str:
    assert change.step is not None
    number = 0 if before is None else msgspec.json.decode(before)
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise SharedRefused(change.scope, change.key, "it is no number, so nothing can be added to it")
    total = number + change.step
    if not math.isfinite(total) or (isinstance(total, int) and not -(2**63) <= total < 2**63):
        raise SharedRefused(change.scope, change.key, "the sum is too large for a number")
    return msgspec.json.encode(total).decode()
