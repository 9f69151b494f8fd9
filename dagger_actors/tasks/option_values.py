"""Reads the values of a task agent's options, each by itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeGuard

import msgspec

from dagger_actors.core.retry import Exponential, Immediate, Linear, RetryPolicy
from dagger_actors.core.task_options import (
    DURABILITIES,
    ISOLATIONS,
    MAX_BURST,
    MAX_PATH,
    MAX_PER_KEY,
    MAX_RATE,
    MAX_TASK_SECONDS,
    rate_of,
)
from dagger_actors.core.wording import as_written, nearest, quoted
from dagger_actors.reading.retry_keys import DOTTED, EXCEPTIONS, MAX_TRIES

__all__ = [
    "Misfit",
    "PerKey",
    "read_burst",
    "read_durability",
    "read_isolation",
    "read_per_key",
    "read_rate",
    "read_retry",
    "read_timeout",
    "whole",
    "word",
]


class Misfit(Exception):
    """What is wrong with a value, and what to do."""


class PerKey(msgspec.Struct, frozen=True):
    """How many tasks of one key may be leased at once.

    Attributes:
        path: Where the key is in a payload: the names of fields, from the outside in; 1 or more.
        limit: Tasks of one key at once; 1 or more.
    """

    path: tuple[str, ...]
    limit: int


def is_number(value: object) -> TypeGuard[int | float]:
    """Tell whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def whole(most: int) -> Callable[[object], int]:
    """Make the reader of a whole number from 1."""

    def read(value: object) -> int:
        if type(value) is not int or not 1 <= value <= most:
            raise Misfit(f"it is a whole number from 1 to {most:,}, not {quoted(value)}", "write one")
        return value

    return read


def word(words: tuple[str, ...]) -> Callable[[object], str]:
    """Make the reader of one of a few words."""

    def read(value: object) -> str:
        if value not in words:
            near = nearest(value, words) if isinstance(value, str) else None
            raise Misfit(
                f"it is {' or '.join(words)}, not {quoted(value)}",
                f"did you mean {near}?" if near else "write one of them",
            )
        return str(value)

    return read


def read_timeout(value: object) -> float | None:
    """Read a time-out."""
    if value is None:
        return None
    if not is_number(value) or not 0 < value <= MAX_TASK_SECONDS:
        raise Misfit(
            f"it is a number of seconds, more than 0 and at most {MAX_TASK_SECONDS:,}, not {quoted(value)}",
            "write seconds, or None for no limit",
        )
    return float(value)


def read_rate(value: object) -> float | None:
    """Read a rate as tasks a second."""
    if value is None:
        return None
    rate = rate_of(value.strip()) if isinstance(value, str) else None
    if rate is None:
        advice = f'write how many in what time, "10/s", "600/min" or "5/h", at most {MAX_RATE:,}/s'
        raise Misfit(f"{quoted(value)} is no rate", advice)
    return rate


def read_burst(value: object) -> int | None:
    """Read a burst."""
    return None if value is None else whole(MAX_BURST)(value)


def read_per_key(value: object) -> PerKey | None:
    """Read a limit for each key: the path of a field, and the limit."""
    if value is None:
        return None
    advice = 'write the field and the limit: ("customer", 1), or ("order.customer", 1)'
    if not isinstance(value, tuple) or len(value) != 2:
        raise Misfit(f"it is a pair, not {quoted(value)}", advice)
    path, limit = value
    if not isinstance(path, str) or not 1 <= len(path) <= MAX_PATH or "" in (parts := path.split(".")):
        raise Misfit(f"{quoted(path)} is no path of fields", advice)
    if type(limit) is not int or not 1 <= limit <= MAX_PER_KEY:
        raise Misfit(f"its limit is a whole number from 1 to {MAX_PER_KEY:,}, not {quoted(limit)}", advice)
    return PerKey(tuple(parts), limit)


def read_isolation(value: object) -> str | None:
    """Read where its code runs."""
    return None if value is None else word(ISOLATIONS)(value)


def read_durability(value: object) -> str:
    """Read what happens to an attempt whose end is unknown."""
    found = word(DURABILITIES)(value)
    return "at_least_once" if found == "best_effort" else found


def read_retry(value: object) -> RetryPolicy:
    """Read a retry policy, every field of it: the Struct itself checks none."""
    advice = "write RetryPolicy(tries=3, wait=Exponential(initial_delay_secs=1.0, max_delay_secs=60.0))"
    if not isinstance(value, RetryPolicy):
        raise Misfit(f"it is a RetryPolicy, not {quoted(value)}", advice)
    if type(value.tries) is not int or not 1 <= value.tries <= MAX_TRIES:
        raise Misfit(f"its tries are a whole number from 1 to {MAX_TRIES:,}, not {quoted(value.tries)}", advice)
    wait = value.wait
    if not isinstance(wait, Exponential | Linear | Immediate):
        raise Misfit(f"its wait is an Exponential, a Linear or Immediate(), not {quoted(wait)}", advice)
    for field in wait.__struct_fields__:
        least = 1 if field == "multiplier" else 0
        number = getattr(wait, field)
        if not is_number(number) or not least <= number <= MAX_TASK_SECONDS:
            raise Misfit(f"its {field} is a number from {least} to {MAX_TASK_SECONDS:,}, not {quoted(number)}", advice)
    for field in ("retry_on", "give_up_on"):
        check_names(field, getattr(value, field))
    return value


def check_names(field: str, names: object) -> None:
    """Check the exception names of a retry policy.

    Raises:
        Misfit: One could never be met.
    """
    if not isinstance(names, tuple | list):
        raise Misfit(f"its {field} is a tuple of exception names, not {quoted(names)}", 'write ("ValueError",)')
    for name in names:
        if isinstance(name, type) and issubclass(name, BaseException):
            dotted = (
                name.__name__ if name.__name__ in EXCEPTIONS else f"{as_written(name.__module__)}.{name.__qualname__}"
            )
            raise Misfit(f"its {field} lists names, not classes", f'write "{dotted}"')
        if not isinstance(name, str) or not is_exception(name):
            near = nearest(name, EXCEPTIONS) if isinstance(name, str) else None
            advice = f'did you mean "{near}"?' if near else 'write "ValueError", or "package.module.Error"'
            raise Misfit(f"its {field} lists {quoted(name)}, which is no builtin and no dotted exception name", advice)


def is_exception(name: str) -> bool:
    """Tell whether a name may be that of an exception: of a builtin one, or dotted."""
    return name in EXCEPTIONS or ("." in name and DOTTED.fullmatch(name) is not None)
