"""``system.tasks.shared``: the shared state for programs; each change is durable when it returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dagger_actors.bodies.asking import Asker, Asking
from dagger_actors.bodies.shared import SharedEntry, SharedReader, check_names, deletion, entry_of, increment, put
from dagger_actors.core.task_rows import SharedChange
from dagger_actors.core.tasks import ShareValues, TaskOperation

__all__ = ["Shared"]


class Shared:
    """Small values by scope and key, with a version and perhaps an end; tasks have the same as ``ctx.shared``.

    Args:
        reader: Reads the last commit.
        asker: Waits.
        committing: Has an operation done; gives its answer.
        now_us: Wall microseconds.
    """

    def __init__(
        self,
        reader: SharedReader,
        *,
        asker: Asker,
        committing: Callable[[TaskOperation], Asking[Any]],
        now_us: Callable[[], int],
    ) -> None:
        self._reader = reader
        self._asker = asker
        self._committing = committing
        self._now_us = now_us

    def get(self, scope: str, key: str, default: Any = None) -> Any:
        """Give a value, as of the last commit.

        Args:
            scope: 1 to 200 printable characters, as the key.
            key: Within the scope.
            default: What to give when there is none.

        Raises:
            SharedRefused: The scope or the key is none.
        """
        entry = self.read(scope, key)
        return entry.value if entry.version else default

    def read(self, scope: str, key: str) -> SharedEntry:
        """``get``, with the version that ``put`` and ``delete`` take; 0 when there is none."""
        check_names(scope, key)
        return entry_of(self._reader.read(scope, key))

    def put(self, scope: str, key: str, value: Any, *, ttl: float | None = None, version: int | None = None) -> int:
        """Set a value.

        Args:
            scope: 1 to 200 printable characters, as the key; a scope has at most 10,000 keys.
            key: Within the scope.
            value: What JSON can hold, at most 64 KiB of it.
            ttl: Seconds that it lives, up to a year; None = for ever.
            version: What its version must be, as ``read`` gave it; 0 = it must not be there; None = any.

        Returns:
            Its new version.

        Raises:
            SharedConflict: It is of another version.
            SharedRefused: One of the arguments cannot be.
            BlockingCall: On a running event loop; use ``await tasks.shared.aput(...)``.
        """
        change = put(scope, key, value, ttl=ttl, version=version)
        return self._run(change, "put").version

    async def aput(
        self, scope: str, key: str, value: Any, *, ttl: float | None = None, version: int | None = None
    ) -> int:
        """``put``, without blocking the loop."""
        change = put(scope, key, value, ttl=ttl, version=version)
        return (await self._asker.arun(self._changing(change))).version

    def delete(self, scope: str, key: str, *, version: int | None = None) -> None:
        """Delete a value; one that is not there is no mistake.

        Args:
            scope: As in ``put``.
            key: As in ``put``.
            version: As in ``put``.

        Raises:
            SharedConflict, SharedRefused: As ``put``.
            BlockingCall: On a running event loop; use ``await tasks.shared.adelete(...)``.
        """
        self._run(deletion(scope, key, version=version), "delete")

    async def adelete(self, scope: str, key: str, *, version: int | None = None) -> None:
        """``delete``, without blocking the loop."""
        await self._asker.arun(self._changing(deletion(scope, key, version=version)))

    def increment(self, scope: str, key: str, by: float = 1, *, ttl: float | None = None) -> int | float:
        """Add to a number; one that is not there counts as 0.

        Args:
            scope: As in ``put``.
            key: As in ``put``.
            by: What is added; finite.
            ttl: As in ``put``, from now on; None = it ends when it did.

        Returns:
            The sum.

        Raises:
            SharedRefused: The value is no number, or one of the arguments cannot be.
            BlockingCall: On a running event loop; use ``await tasks.shared.aincrement(...)``.
        """
        found: int | float = self._run(increment(scope, key, by, ttl=ttl), "increment").value
        return found

    async def aincrement(self, scope: str, key: str, by: float = 1, *, ttl: float | None = None) -> int | float:
        """``increment``, without blocking the loop."""
        found: int | float = (await self._asker.arun(self._changing(increment(scope, key, by, ttl=ttl)))).value
        return found

    def _run(self, change: SharedChange, verb: str) -> SharedEntry:
        asking = self._changing(change)
        return self._asker.run(asking, f"tasks.shared.{verb}()", f"await tasks.shared.a{verb}(...)")

    def _changing(self, change: SharedChange) -> Asking[SharedEntry]:
        (left,) = yield from self._committing(ShareValues((change,), self._now_us()))
        return entry_of((left.json, left.version))
