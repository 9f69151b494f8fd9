"""The events of a run, one a line, for ``tail``."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from dagger_actors.bodies.stored_error import describe
from dagger_actors.cli.exits import INTERRUPTED, OK
from dagger_actors.cli.json_report import write_json_lines
from dagger_actors.cli.text import one_line, printable
from dagger_actors.cli.watch import Interrupts
from dagger_actors.core.states import FINAL_RUN
from dagger_actors.flow.stored.happened import Event
from dagger_actors.inspection import Inspection

__all__ = ["Tailing", "tail_run"]

PAGE: Final = 2_000
"""Events that are read at once."""

REST: Final = FINAL_RUN | {"paused"}

LOOK_S: Final = 0.1
"""How often it is looked for more."""


class Tailing(msgspec.Struct, frozen=True):
    """How somebody wants events.

    Attributes:
        interrupts: Tells of Ctrl-C.
        follow: Whether to go on until the run is at rest.
        limit: Behind a place at most so many; without one the last so many, and what comes. None = all.
        as_json: Whether as JSON.
    """

    interrupts: Interrupts
    follow: bool
    limit: int | None
    as_json: bool


def tail_run(here: Inspection, run_id: str, after: int | None, how: Tailing) -> int:
    """Print the events of a run behind a number, or the last ones; gives the exit status.

    Raises:
        RunNotFound: There is no such run.
        RequestError: ``after`` is no number of an event.
    """
    left = how.limit
    if after is None and left is not None:
        found = _last(here, run_id, left)
        _write(found, as_json=how.as_json)
        if not how.follow:
            return OK
        after, left = found[-1].seq if found else 0, None
    after = after or 0
    while how.interrupts.first is None:
        is_at_rest = here.flows.row(run_id).status in REST
        found = here.flows.events(run_id, after, limit=PAGE if left is None else min(PAGE, left))
        if found:
            after = found[-1].seq
            left = None if left is None else left - len(found)
            _write(found, as_json=how.as_json)
        if left == 0 or (not found and (is_at_rest or not how.follow)):
            return OK
        if not found:
            how.interrupts.pause(LOOK_S)
    return INTERRUPTED


def _last(here: Inspection, run_id: str, count: int) -> list[Event]:
    """The last events of a run. Some numbers are of none, so it is looked further back until there are enough."""
    last, span = here.flows.row(run_id).last_seq, count
    while True:
        after = max(0, last - span)
        found: deque[Event] = deque(maxlen=count)
        while page := here.flows.events(run_id, found[-1].seq if found else after, limit=PAGE):
            found += page
        if len(found) == count or not after:
            return list(found)
        span *= 4


def _write(events: Sequence[Event], *, as_json: bool) -> None:
    if as_json:
        write_json_lines(events)
    else:
        sys.stdout.write("".join(printable(one_line(_line(one))) + "\n" for one in events))
        sys.stdout.flush()


def _line(event: Event) -> str:
    at = "" if event.at_us is None else f"{datetime.fromtimestamp(event.at_us / 1e6, UTC):%Y-%m-%d %H:%M:%S.%f}"
    who = event.node_id + (f"[{event.invocation_key}]" if event.invocation_key else "")
    what = (
        [event.kind, event.name] if event.kind in ("run", "emitted") else [event.kind if not event.name else event.name]
    )
    if event.attempt > 1:
        what.append(f"attempt {event.attempt}")
    if event.duration_us is not None:
        what.append(f"{event.duration_us / 1e6:.3f} s")
    if event.reason:
        what.append(event.reason)
    if event.error is not None:
        what.append(describe(event.error))
    if event.data is not None:
        what.append(msgspec.json.encode(event.data).decode())
    return "  ".join([str(event.seq), at, who or "-", *what])
