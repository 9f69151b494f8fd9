"""The events of a run: what has happened to it, each with a number that never changes.

The numbers are given by the run's machine and committed with what they are about, so they are in the order of the commits;
some numbers are used by none. What a ``retry`` forgets of a run (that a node was skipped) is forgotten here too.
"""

from __future__ import annotations

from typing import Any, Final, Literal, Protocol

import msgspec

from dagger_actors.bodies.stored_error import decode_error
from dagger_actors.core.messages import ErrorDetail
from dagger_actors.core.wording import quoted
from dagger_actors.errors import RequestError

__all__ = ["PAGE", "Event", "EventKind", "check_after", "check_limit", "read_events"]

PAGE: Final = 2_000
"""Events that are read at once."""

EventKind = Literal["run", "waiting", "started", "ended", "added", "emitted"]


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that has happened to a run; times are microseconds UTC.

    Attributes:
        run_id: The run.
        seq: Its number: those of what comes later are higher, and it never changes.
        kind: ``run``: the state of the run is ``name`` now. ``waiting``, ``started``, ``ended``: of an attempt, whose state is
            then ``name``; what awaits somebody outside waits and ends, and is never started. ``added``: ``node_id`` has
            added nodes, whose ids are ``data``. ``emitted``: the hook ``node_id`` has emitted the event ``name`` with
            ``data``.
        name: As ``kind`` says.
        node_id: Whose event it is; empty = the run's.
        invocation_key: The map item's key.
        attempt: Which attempt, from 1; 0 = none, as of a node that was skipped.
        at_us: When; None = it is told by nobody, as of what was skipped.
        duration_us: Of an attempt that has ended: how long it ran.
        reason: A word on why; of ``waiting`` only as long as it waits.
        error: Of an attempt that has failed.
        data: As ``kind`` says; of a run that has come to rest, its error.
    """

    run_id: str
    seq: int
    kind: EventKind
    name: str
    node_id: str = ""
    invocation_key: str = ""
    attempt: int = 0
    at_us: int | None = None
    duration_us: int | None = None
    reason: str | None = None
    error: ErrorDetail | None = None
    data: Any = None


class Readers(Protocol):
    """Read the file."""

    def query(self, name: str, *parameters: int | str) -> list[tuple[Any, ...]]:
        """Run a statement in one snapshot."""
        ...


def check_after(after: object) -> int:
    """Refuse what is no number of an event.

    Raises:
        RequestError: It is none.
    """
    if type(after) is not int or not 0 <= after < 2**63:
        raise RequestError(f"after is the seq of an event, 0 = from the beginning, not {quoted(after)}")
    return after


def check_limit(limit: object) -> int:
    """Refuse what is no number of events.

    Raises:
        RequestError: It is none.
    """
    if type(limit) is not int or not 1 <= limit < 2**63:
        raise RequestError(f"limit is how many events at most, 1 or more, not {quoted(limit)}")
    return limit


def read_events(readers: Readers, run_id: str, run_key: int, after: int, limit: int = PAGE) -> list[Event]:
    """Read events from the file, in order.

    Args:
        readers: The file.
        run_id: The run.
        run_key: Its key.
        after: Only behind this number.
        limit: At most so many.
    """
    return [_event(run_id, row) for row in readers.query("read.run_events", run_key, after, limit)]


def _event(run_id: str, row: tuple[Any, ...]) -> Event:
    seq, kind, node_id, invocation_key, attempt, name, reason, error, data, at_us, duration_us = row
    return Event(
        run_id=run_id,
        seq=seq,
        kind=kind,
        name=name,
        node_id=node_id,
        invocation_key=invocation_key,
        attempt=attempt,
        at_us=at_us,
        duration_us=duration_us,
        reason=reason,
        error=None if error is None else decode_error(error),
        data=None if data is None else msgspec.json.decode(data),
    )
