"""``ctx.shared``: what a body changes of the shared state is committed with the end of its turn.

A body that has waited runs again from its beginning. Its changes up to there are committed already, so it does not make them
twice: it is known how many there were, and of what.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any

import msgspec

from dagger_actors.bodies.attempt_end import AttemptEnd
from dagger_actors.bodies.loop_guard import refuse_on_loop
from dagger_actors.bodies.secret import Mask
from dagger_actors.bodies.shared import SharedEntry, SharedReader, check_names, deletion, entry_of, increment, put
from dagger_actors.core.task_rows import SharedChange
from dagger_actors.errors import SharedRefused

__all__ = ["LARGEST_TURN", "MARK_STEP", "MOST_CHANGES", "TurnShared"]

MARK_STEP = "\x1fshared"
"""Under which name the mark of a task is kept among its steps; no step of a user's can have it."""

MOST_CHANGES = 10_000
"""Changes of one attempt."""

CHANGE = "a change of ctx.shared"

LARGEST_TURN = 16 * 1024 * 1024
"""Bytes of the values that one attempt puts."""


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """What earlier turns of a task have changed: how many changes, and of what."""

    count: int
    digest: str


class TurnShared:
    """``ctx.shared``: what a body changes is committed with the end of its turn, and seen by itself at once.

    Args:
        reader: Reads the last commit.
        mark: Gives the mark of the task's earlier turns; None = there is none.
        mask: What no value may hold.
        end: Whether the turn is over.

    Attributes:
        changes: Those of this turn, for the body actor.
    """

    def __init__(self, reader: SharedReader, mark: Callable[[], str | None], mask: Mask, end: AttemptEnd) -> None:
        self._end = end
        self._reader = reader
        self._read_mark = mark
        self._mask = mask
        self._own: dict[tuple[str, str], list[SharedChange]] = {}
        self._size = 0
        self._count = 0
        self._hash = hashlib.blake2b(digest_size=16)
        self._before: Mark | None = None
        self.changes: list[SharedChange] = []

    def get(self, scope: str, key: str, default: Any = None) -> Any:
        """Give a value, as of the last commit and with what this turn has changed.

        Args:
            scope: 1 to 200 printable characters, as the key.
            key: Within the scope.
            default: What to give when there is none.

        Raises:
            BlockingCall: On a running event loop; use ``await ctx.shared.aget(...)``.
            SharedRefused: The scope or the key is none.
            AttemptOver: The attempt is over.
        """
        refuse_on_loop("ctx.shared.get()", "await ctx.shared.aget(...)")
        return self._valued(self._entry(scope, key), default)

    async def aget(self, scope: str, key: str, default: Any = None) -> Any:
        """``get``, without blocking the loop."""
        return self._valued(await asyncio.to_thread(self._entry, scope, key), default)

    def read(self, scope: str, key: str) -> SharedEntry:
        """``get``, with the version that ``put`` and ``delete`` take; that of the last commit.

        Raises:
            BlockingCall: On a running event loop; use ``await ctx.shared.aread(...)``.
            SharedRefused: The scope or the key is none.
            AttemptOver: The attempt is over.
        """
        refuse_on_loop("ctx.shared.read()", "await ctx.shared.aread(...)")
        return self._entry(scope, key)[0]

    async def aread(self, scope: str, key: str) -> SharedEntry:
        """``read``, without blocking the loop."""
        return (await asyncio.to_thread(self._entry, scope, key))[0]

    def put(self, scope: str, key: str, value: Any, *, ttl: float | None = None, version: int | None = None) -> None:
        """Set a value.

        Args:
            scope: 1 to 200 printable characters, as the key; a scope has at most 10,000 keys.
            key: Within the scope.
            value: What JSON can hold, at most 64 KiB of it.
            ttl: Seconds that it lives, up to a year; None = for ever.
            version: What its version must be when the turn is committed, as ``read`` gave it; 0 = it must not be there. If
                somebody was faster, the attempt fails with ``SharedConflict``, and its retry policy applies.

        Raises:
            SharedRefused: One of these cannot be, or these are more than 10,000 changes or 16 MiB.
            AttemptOver: The attempt is over.
        """
        self._change(put(scope, key, value, ttl=ttl, version=version, mask=self._mask))

    def delete(self, scope: str, key: str, *, version: int | None = None) -> None:
        """Delete a value; one that is not there is no mistake.

        Args:
            scope: As in ``put``.
            key: As in ``put``.
            version: As in ``put``.

        Raises:
            SharedRefused, AttemptOver: As in ``put``.
        """
        self._change(deletion(scope, key, version=version))

    def increment(self, scope: str, key: str, by: float = 1, *, ttl: float | None = None) -> None:
        """Add to a number, whoever else does; one that is not there counts as 0.

        Args:
            scope: As in ``put``.
            key: As in ``put``.
            by: What is added.
            ttl: As in ``put``, from now on; None = it ends when it did.

        Raises:
            SharedRefused: As in ``put``. When what is stored is no number, the attempt fails with it at its end.
            AttemptOver: As in ``put``.
        """
        self._change(increment(scope, key, by, ttl=ttl))

    def mark(self) -> str:
        """What the next turn must know of this one and those before; empty = nothing new."""
        if not self.changes:
            return ""
        return msgspec.json.encode(Mark(self._count, self._hash.hexdigest())).decode()

    def _change(self, change: SharedChange) -> None:
        self._end.refuse(CHANGE)
        scope, key = change.scope, change.key
        own = self._own.get((scope, key), [])
        if own and change.version is not None:
            raise SharedRefused(scope, key, "this turn has changed it already; give the version with the first change")
        self._size += len(change.json or "")
        if len(self.changes) >= MOST_CHANGES or self._size > LARGEST_TURN:
            reason = f"an attempt makes at most {MOST_CHANGES:,} changes of {LARGEST_TURN:,} bytes"
            raise SharedRefused(scope, key, f"{reason}; let several do it")
        if not self._is_repeated(change):
            self._end.keep(CHANGE, self._add, change)

    def _add(self, change: SharedChange) -> None:
        place = change.scope, change.key
        self._own[place] = [*self._own.get(place, ()), change] if change.step is not None else [change]
        self.changes.append(change)

    def _is_repeated(self, change: SharedChange) -> bool:
        """Whether an earlier turn has committed it."""
        if self._before is None:
            text = self._read_mark()
            self._before = Mark(0, "") if text is None else msgspec.json.decode(text, type=Mark)
        self._count += 1
        kind = "put" if change.json is not None else "delete" if change.step is None else "increment"
        self._hash.update(f"{kind}\0{change.scope}\0{change.key}\0".encode())
        if self._count == self._before.count and self._hash.hexdigest() != self._before.digest:
            reason = (
                "the body changes other values than before it waited; one that waits runs again from its top, so make the "
                "same changes in the same order"
            )
            raise SharedRefused(change.scope, change.key, reason)
        return self._count <= self._before.count

    def _entry(self, scope: str, key: str) -> tuple[SharedEntry, bool]:
        # What it has changed is not committed by that alone, or is others' by now: there is nothing true to say.
        self._end.refuse("a value of ctx.shared", "read")
        check_names(scope, key)
        entry = entry_of(self._reader.read(scope, key))
        value, has_value = entry.value, entry.version > 0
        for change in self._own.get((scope, key), ()):
            if change.json is not None:
                value, has_value = msgspec.json.decode(change.json), True
            elif change.step is None:
                value, has_value = None, False
            else:
                value, has_value = _added(change, value if has_value else 0), True
        return SharedEntry(value, entry.version), has_value

    def _valued(self, found: tuple[SharedEntry, bool], default: Any) -> Any:
        entry, has_value = found
        return entry.value if has_value else default


def _added(change: SharedChange, number: Any) -> Any:
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise SharedRefused(change.scope, change.key, "it is no number, so nothing can be added to it")
    assert change.step is not None
    return number + change.step
