"""What whoever publishes may say with a message, and what is wrong with what was said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

import msgspec

from dagger_actors.bodies.option_values import is_number
from dagger_actors.core.wording import counted, nearest, quoted
from dagger_actors.errors import RequestError

__all__ = ["GivenWith", "With", "judge", "listed_messages"]

LONGEST_KEY = 200
"""Characters of a key, and of an id."""
MAX_SECONDS = 366 * 86_400
MAX_HEADERS = 64
MAX_HEADERS_BYTES = 16 * 1024
CORRELATION = "correlation_id"
PATIENCE_S = 30.0


class GivenWith(TypedDict, total=False):
    """Options of ``publish``, all of them optional.

    Attributes:
        key: The key of its turns, 1 to 200 printable characters; without it its fields say it, as each subscription wants.
        id: Unique on its channel while it is kept there, 1 to 200 printable characters: a second message of it is the first.
        delay: Seconds until it is appended, from 0 to a year; it is kept in the file until then.
        headers: Texts by name that go with it, at most 64 and 16 KiB; ``correlation_id``, ``traceparent`` and ``tracestate``
            go on to what its turns publish.
        correlation_id: One of them.
        type: The name of the class that plain data is meant for, where it fits several, or the classes are not known here.
        timeout: Seconds to wait for room in a full channel, or in the outbox of this process; 30 when nothing is said.
    """

    key: str | None
    id: str | None
    delay: float | None
    headers: Mapping[str, str] | None
    correlation_id: str | None
    type: str | None
    timeout: float


OPTIONS = tuple(GivenWith.__annotations__)


class With(msgspec.Struct, frozen=True, kw_only=True):
    """The same, judged.

    Attributes:
        ids: One for each message; None = they have none.
        headers: A JSON object of texts; None = none.
    """

    key: str | None = None
    ids: tuple[str, ...] | None = None
    delay_us: int = 0
    headers: str | None = None
    type: str | None = None
    timeout_us: int = round(PATIENCE_S * 1e6)


NOTHING = With()


def judge(given: Mapping[str, Any], count: int = 1, ids: Iterable[str] | None = None) -> With:
    """Judge what was said.

    Args:
        given: Of ``GivenWith``; anything else is refused.
        count: Of how many messages.
        ids: One for each of them.

    Raises:
        RequestError: Something cannot be; says what to write.
    """
    if not given and ids is None:
        return NOTHING
    for name in given:
        if name not in OPTIONS:
            near = nearest(name, OPTIONS)
            hint = f"did you mean {near}?" if near else f"there are {', '.join(OPTIONS)}"
            raise RequestError(f"a message is not published with {quoted(name)}; {hint}")
    key, delay, kind = given.get("key"), given.get("delay"), given.get("type")
    return With(
        key=None if key is None else _text("key", key),
        ids=_ids(given.get("id"), ids, count),
        delay_us=0 if delay is None else _seconds_us("delay", delay),
        headers=_headers(given.get("headers"), given.get(CORRELATION)),
        type=None if kind is None else _text("type", kind),
        timeout_us=_seconds_us("timeout", given.get("timeout", PATIENCE_S)),
    )


def listed_messages(messages: Iterable[Any]) -> list[Any]:
    """The messages of a list; raises RequestError for what is probably one message."""
    if isinstance(messages, str | bytes | Mapping | msgspec.Struct) or not isinstance(messages, Iterable):
        raise RequestError(f"messages are a list of messages, not {quoted(messages)}; publish(...) takes one")
    return list(messages)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_KEY or not value.isprintable():
        raise RequestError(f"{name} is 1 to {LONGEST_KEY} printable characters, not {quoted(value)}")
    return value


def _seconds_us(name: str, value: object) -> int:
    if not is_number(value) or not 0 <= value <= MAX_SECONDS:
        raise RequestError(f"{name} is seconds, from 0 to {MAX_SECONDS:,}, not {quoted(value)}")
    return round(value * 1e6)


def _ids(one: object, many: object, count: int) -> tuple[str, ...] | None:
    if one is not None:
        if many is not None or count != 1:
            raise RequestError("id names one message; of many, give ids=, with one for each")
        return (_text("id", one),)
    if many is None:
        return None
    if isinstance(many, str | bytes | Mapping) or not isinstance(many, Iterable):
        raise RequestError(f"ids are a list with an id for each message, not {quoted(many)}")
    found = tuple(_text("id", id_) for id_ in many)
    if len(found) != count:
        told = f"{counted(len(found), 'id')} for {counted(count, 'message')}"
        raise RequestError(f"ids are one for each message, and these are {told}")
    return found


def _headers(headers: object, correlation_id: object) -> str | None:
    if headers is not None and not isinstance(headers, Mapping):
        raise RequestError(f"headers are texts by name, not {quoted(headers)}; for example {{'origin': 'shop'}}")
    found = dict(headers or {})
    if correlation_id is not None:
        if found.get(CORRELATION, correlation_id) != correlation_id:
            told = f"{quoted(correlation_id)} and {quoted(found[CORRELATION])}"
            raise RequestError(f"{CORRELATION} is given twice, as {told}; give one of them")
        found[CORRELATION] = _text(CORRELATION, correlation_id)
    if not found:
        return None
    for name, value in found.items():
        if not isinstance(name, str) or not name or not isinstance(value, str):
            raise RequestError(f"headers are texts by name, not {quoted(name)}: {quoted(value)}")
    try:
        text = msgspec.json.encode(found)
    except UnicodeEncodeError:
        raise RequestError("headers hold half a surrogate pair, which is no text; leave it out") from None
    if len(found) > MAX_HEADERS or len(text) > MAX_HEADERS_BYTES:
        told = f"{counted(len(found), 'header')} with {len(text):,} bytes"
        allowed = f"{MAX_HEADERS} with {MAX_HEADERS_BYTES:,} are allowed"
        raise RequestError(f"there are {told}, and {allowed}; put them into the message")
    return text.decode()
