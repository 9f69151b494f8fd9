"""Values that are given with a task, by programs and by bodies: judged the same."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from dagger_actors.core.task_options import MAX_TASK_SECONDS
from dagger_actors.core.wording import quoted
from dagger_actors.errors import RequestError
from dagger_actors.reading.retry_keys import MAX_TRIES
from dagger_actors.tasks.handles.child import Child
from dagger_actors.tasks.handles.task import Task

__all__ = ["MAX_PRIORITY", "MAX_TRIES", "due_of", "expires_of", "ids_of", "one_try", "seconds", "whole"]

MAX_PRIORITY = 2**31 - 1
MAX_DEPENDENCIES = 100_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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


def due_of(delay: object, run_at: object, now_us: int) -> int | None:
    """When a task may begin, wall microseconds; None = at once.

    Raises:
        RequestError: Both are given, or one is none.
    """
    if delay is not None and run_at is not None:
        raise RequestError("delay and run_at both say when a task may begin; give one of them")
    if run_at is not None:
        if not isinstance(run_at, datetime):
            raise RequestError(f"run_at is a datetime, not {quoted(run_at)}; seconds from now are delay=")
        at_us = _moment(run_at)
        return at_us if at_us > now_us else None
    if delay is None:
        return None
    delay_us = seconds("delay", delay)
    return now_us + delay_us if delay_us else None


def expires_of(expires: object, now_us: int) -> int | None:
    """When a task is begun no more, wall microseconds; None = never. Raises RequestError when it is no time."""
    if expires is None:
        return None
    return _moment(expires) if isinstance(expires, datetime) else now_us + seconds("expires", expires)


def one_try(try_count: int, agent: str) -> str:
    """Why an agent that tries once does not take more tries, and what to do."""
    return (
        f"try_count={try_count}: the agent {agent!r} is at_most_once, so it has one try; leave try_count out, or list "
        "errors after which a repeat is safe in the retry_on of its retry"
    )


def _moment(moment: datetime) -> int:
    known = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    # In whole microseconds: a float of seconds has not the digits.
    return (known - EPOCH) // timedelta(microseconds=1)
