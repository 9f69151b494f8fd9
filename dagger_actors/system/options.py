"""Checks the options of a system that are words and numbers; whatever is wrong with one is the caller's mistake."""

from __future__ import annotations

from dagger_actors.bodies.processes import guard
from dagger_actors.errors import RequestError

__all__ = ["check_bounds", "check_processes", "check_store"]


def check_store(synchronous: str, artifact_threshold: int, readers: int) -> None:
    """Those of the file."""
    if synchronous not in ("full", "normal"):
        raise RequestError(f"synchronous is 'full' or 'normal', not {synchronous!r}")
    if type(artifact_threshold) is not int or artifact_threshold < 0:
        raise RequestError(f"artifact_threshold is a size in bytes, 0 or more, not {artifact_threshold!r}")
    if type(readers) is not int or readers < 1:
        raise RequestError(f"readers is a whole number, 1 or more, not {readers!r}")


def check_bounds(stuck_after_s: float | None, max_actors: int, task_concurrency: int) -> None:
    """Those that say how much, and how long."""
    if stuck_after_s is not None and not (
        isinstance(stuck_after_s, int | float) and 0.01 <= stuck_after_s < float("inf")
    ):
        raise RequestError(f"stuck_after_s is a number of seconds, 0.01 or more, or None, not {stuck_after_s!r}")
    for name, value in (("max_actors", max_actors), ("task_concurrency", task_concurrency)):
        if type(value) is not int or value < 1:
            raise RequestError(f"{name} is a whole number, 1 or more, not {value!r}")


def check_processes(processes: int, attempts: int, memory_mib: int | None) -> None:
    """Those of the worker processes; in one of these there is no system."""
    if guard.is_worker:
        raise RequestError(
            "a system cannot be opened in a worker process; in a script, open it under `if __name__ == '__main__':`"
        )
    for name, value, least in (
        ("processes", processes, 1),
        ("process_attempts", attempts, 1),
        ("process_memory_mib", memory_mib, 256),
    ):
        if value is not None and (type(value) is not int or value < least):
            raise RequestError(f"{name} is a whole number, {least} or more, not {value!r}")
