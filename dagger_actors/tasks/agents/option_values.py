"""Reads the values of a task agent's options, each by itself."""

from __future__ import annotations

import msgspec

from dagger_actors.bodies.option_values import Misfit, whole, word
from dagger_actors.core.task_options import (
    DURABILITIES,
    ISOLATIONS,
    MAX_BURST,
    MAX_PATH,
    MAX_PER_KEY,
    MAX_RATE,
    rate_of,
)
from dagger_actors.core.wording import quoted

__all__ = ["PerKey", "read_burst", "read_durability", "read_isolation", "read_per_key", "read_rate"]


class PerKey(msgspec.Struct, frozen=True):
    """How many tasks of one key may be leased at once.

    Attributes:
        path: Where the key is in a payload: the names of fields, from the outside in; 1 or more.
        limit: Tasks of one key at once; 1 or more.
    """

    path: tuple[str, ...]
    limit: int


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
