"""Checks the options of a system that are words and numbers; whatever is wrong with one is the caller's mistake."""

from __future__ import annotations

from typing import Literal

import msgspec

from dagger_actors.bodies.processes import guard
from dagger_actors.errors import RequestError

__all__ = ["ProcessOptions", "StoreOptions", "check_bounds"]


class StoreOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a system uses its file.

    Attributes:
        synchronous: ``full`` or ``normal``.
        artifact_threshold: Size in bytes from which an artifact is a file; 0 or more.
        readers: Connections that read at once; 1 or more.
        vfs: SQLite's way to the disk, by its name; None = the usual one.
    """

    synchronous: Literal["full", "normal"]
    artifact_threshold: int
    readers: int
    vfs: str | None

    def check(self) -> None:
        """Refuse what cannot be.

        Raises:
            RequestError: An option has a value that it cannot have.
        """
        if self.synchronous not in ("full", "normal"):
            raise RequestError(f"synchronous is 'full' or 'normal', not {self.synchronous!r}")
        if type(self.artifact_threshold) is not int or self.artifact_threshold < 0:
            raise RequestError(f"artifact_threshold is a size in bytes, 0 or more, not {self.artifact_threshold!r}")
        if type(self.readers) is not int or self.readers < 1:
            raise RequestError(f"readers is a whole number, 1 or more, not {self.readers!r}")


class ProcessOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How the worker processes of a system are.

    Attributes:
        count: Attempts in them at once; 1 or more.
        attempts: After so many one is replaced; 1 or more.
        memory_mib: Address space of one at most; 256 or more; None = no limit.
    """

    count: int
    attempts: int
    memory_mib: int | None

    def check(self) -> None:
        """Refuse what cannot be; in a worker process there is no system.

        Raises:
            RequestError: An option has a value that it cannot have, or this is a worker process.
        """
        if guard.is_worker:
            raise RequestError(
                "a system cannot be opened in a worker process; in a script, open it under `if __name__ == '__main__':`"
            )
        for name, value, least in (
            ("processes", self.count, 1),
            ("process_attempts", self.attempts, 1),
            ("process_memory_mib", self.memory_mib, 256),
        ):
            if value is not None and (type(value) is not int or value < least):
                raise RequestError(f"{name} is a whole number, {least} or more, not {value!r}")


def check_bounds(stuck_after_s: float | None, max_actors: int, task_concurrency: int) -> None:
    """Those that say how much, and how long."""
    if stuck_after_s is not None and not (
        isinstance(stuck_after_s, int | float) and 0.01 <= stuck_after_s < float("inf")
    ):
        raise RequestError(f"stuck_after_s is a number of seconds, 0.01 or more, or None, not {stuck_after_s!r}")
    for name, value in (("max_actors", max_actors), ("task_concurrency", task_concurrency)):
        if type(value) is not int or value < 1:
            raise RequestError(f"{name} is a whole number, 1 or more, not {value!r}")
