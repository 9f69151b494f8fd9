"""Reads the values of a subscription's options, each by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from dagger_actors.bodies.option_values import Misfit, read_retry, read_timeout, whole, word
from dagger_actors.core.channel_names import NAME_ADVICE, is_name, is_pattern
from dagger_actors.core.channel_options import (
    MAX_BATCH,
    MAX_IN_FLIGHT,
    MAX_PATTERNS,
    MAX_SUBSCRIPTION_CONCURRENCY,
    ORDERS,
)
from dagger_actors.core.task_options import MAX_PATH
from dagger_actors.core.wording import counted, nearest, quoted
from dagger_actors.pubsub.subscribers.filters import read_filter
from dagger_actors.reading.retry_keys import MAX_TRIES

__all__ = ["LONGEST_NAME", "OPTIONS", "check_name", "read_channels"]

LONGEST_NAME = 200
"""Characters of the name of an agent or a group."""

STARTS = ("earliest", "latest")
MAX_OFFSET = 2**63 - 1


def read_channels(value: object) -> tuple[str, ...]:
    """Read the channels that are read: names and patterns."""
    found = _names(value, "a channel")
    if not found:
        raise Misfit("it reads no channel", 'write @subscribe("orders"), or with a pattern, @subscribe("orders.*")')
    return found


def read_publishes(value: object) -> tuple[str, ...]:
    """Read the channels that are published to."""
    return _names(value, "a channel")


def _names(value: object, what: str) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, Sequence):
        raise Misfit(f"{what} is text, not {quoted(value)}", "write its name, or several as a tuple")
    if len(names) > MAX_PATTERNS:
        raise Misfit(f"it names {counted(len(names), 'channel')}, and {MAX_PATTERNS} may be", "use a pattern: orders.*")
    for name in names:
        if not is_name(name) and not is_pattern(name):
            raise Misfit(f"{quoted(name)} is no channel", NAME_ADVICE)
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise Misfit(f"it names {quoted(twice[0])} twice", "name it once")
    return tuple(names)


def read_path(value: object) -> str:
    """Read the path of a field."""
    if value is None:
        return ""
    if callable(value):
        raise Misfit("it is a function", 'write the path of a field as text: key="customer.id"')
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_PATH or "" in value.split("."):
        raise Misfit(f"{quoted(value)} is no path of fields", 'write a message\'s field: "customer", or "customer.id"')
    return value


def read_group(value: object) -> str | None:
    """Read the name of a group."""
    if value is None:
        return None
    wrong = check_name(value)
    if wrong:
        raise Misfit(*wrong)
    return str(value)


def check_name(name: object) -> tuple[str, str] | None:
    """Tell what is wrong with the name of an agent or a group, and what to do; None = nothing."""
    is_right = isinstance(name, str) and 0 < len(name) <= LONGEST_NAME and name.isprintable()
    if is_right and not set("/*,@") & set(str(name)):
        return None
    return f"{quoted(name)} is no name", f"write 1 to {LONGEST_NAME} printable characters, none of / * , @"


def read_start(value: object) -> str:
    """Read where to begin, as the text that is stored; a time without a zone is UTC, as all times shown are."""
    if value in STARTS:
        return str(value)
    if type(value) is int and 0 <= value <= MAX_OFFSET:
        return f"offset:{value}"
    moment = value if isinstance(value, datetime) else _moment(value)
    if moment is not None:
        zoned = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return f"time:{max(0, round(zoned.timestamp() * 1e6))}"
    near = nearest(value, STARTS) if isinstance(value, str) else None
    advice = f"did you mean {near}?" if near else "write one of them, such as 2026-11-20T08:30Z"
    raise Misfit(f"it is earliest, latest, an offset from 0 or a time, not {quoted(value)}", advice)


def _moment(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def read_echo(value: object) -> bool:
    """Read a truth value."""
    if not isinstance(value, bool):
        raise Misfit(f"it is True or False, not {quoted(value)}", "write one of them")
    return value


def _read_filter(value: object) -> object:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise Misfit(f"it is a mapping, not {quoted(value)}", 'write {"field": "price", "gt": 10}')
    return read_filter(value)


OPTIONS: dict[str, Callable[[object], object]] = {
    "channels": read_channels,
    "publishes": read_publishes,
    "key": read_path,
    "group": read_group,
    "start": read_start,
    "order": word(ORDERS),
    "concurrency": whole(MAX_SUBSCRIPTION_CONCURRENCY),
    "batch": whole(MAX_BATCH),
    "filter": _read_filter,
    "try_count": whole(MAX_TRIES),
    "retry": read_retry,
    "timeout_s": read_timeout,
    "max_in_flight": whole(MAX_IN_FLIGHT),
    "echo": read_echo,
}
