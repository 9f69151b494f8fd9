"""Values that are given with a task, by programs and by bodies: judged the same."""

from __future__ import annotations

import math
from collections.abc import Mapping

from dagger_actors.core.task_options import MAX_TASK_SECONDS
from dagger_actors.core.wording import quoted
from dagger_actors.errors import RequestError
from dagger_actors.reading.retry_keys import MAX_TRIES
from dagger_actors.tasks.child import Child
from dagger_actors.tasks.task import Task

__all__ = ["MAX_PRIORITY", "MAX_TRIES", "ids_of", "seconds", "whole"]

MAX_PRIORITY = 2**31 - 1
MAX_DEPENDENCIES = 100_000


def ids_of(name: str, tasks: object) -> tuple[int, ...]:
    """The ids of tasks that were given as they are, or by their ids.

    Raises:
        RequestError: Something else was given.
    """
    if isinstance(tasks, Task | Child) or type(tasks) is int or isinstance(tasks, str | bytes | Mapping):
        raise RequestError(f"{name} is a list of tasks or of their ids, not {quoted(tasks)}; write [task]")
    try:
        found = tuple(one.id if isinstance(one, Task | Child) else one for one in tasks)  # type: ignore[attr-defined]
    except TypeError:
        raise RequestError(f"{name} is a list of tasks or of their ids, not {quoted(tasks)}") from None
    for one in found:
        if type(one) is not int or not 0 < one < 2**63:
            raise RequestError(f"{name} holds tasks or their ids, which are whole numbers, not {quoted(one)}")
    if len(found) > MAX_DEPENDENCIES:
        raise RequestError(f"{name} has {len(found):,} tasks, and {MAX_DEPENDENCIES:,} are allowed")
    return found


def whole(name: str, value: object, least: int, most: int) -> int:
    """A whole number between the two, both included; raises RequestError for anything else."""
    if type(value) is not int or not least <= value <= most:
        raise RequestError(f"{name} is a whole number from {least:,} to {most:,}, not {quoted(value)}")
    return value


def seconds(name: str, value: object) -> int:
    """Seconds from 0 to a year, as microseconds; raises RequestError for anything else."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or not 0 <= value <= MAX_TASK_SECONDS:  # type: ignore[operator]
        raise RequestError(f"{name} is seconds, from 0 to {MAX_TASK_SECONDS:,}, not {quoted(value)}")
    return round(value * 1e6)  # type: ignore[operator]
