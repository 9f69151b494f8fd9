"""How a run comes to rest: it settles, or is stopped, and its end is left to what that calls."""

from __future__ import annotations

from typing import Final

from dagger_actors.bodies.fields import UnresolvedReference
from dagger_actors.core.protocols import Now
from dagger_actors.core.states import FINAL_RUN
from dagger_actors.flow.definition import FromNode
from dagger_actors.flow.definition.values import Values
from dagger_actors.flow.machine.book import Book
from dagger_actors.flow.machine.calls import announce_run
from dagger_actors.flow.machine.decisions import Drain, Finish, Leave, StopBody
from dagger_actors.flow.machine.invocations import Live

__all__ = ["STOPPED", "finish", "has_calls", "is_resting_child", "leave", "leave_only_calls", "settle", "stop"]

STOPPED: Final = frozenset({"run stopped", "run cancelled", "run timed out", "cancelled by a hook"})
"""Reasons of ``stop``: what was skipped for one has not been decided about."""


def has_calls(book: Book) -> bool:
    """Tell whether the end of the run calls anything, or waits for what is called."""
    return book.run.ending is None and ("run_end" in book.hooks or bool(book.calls))


def stop(book: Book, status: str, reason: str, now: Now) -> None:
    """End the run now: what runs is cancelled, what has not begun is skipped.

    Calls go on, and the run ends when they have; one that is stopped while they do stops those too.
    """
    assert reason in STOPPED
    if book.run.status in FINAL_RUN:
        return
    is_calling = has_calls(book)
    lives = [live for live in book.live.values() if not is_calling or live.vertex not in book.calls]
    for live in lives:
        if live.state == "running":
            book.write(live, "cancelled", finished_at=now.wall_us, reason=reason)
            book.effects.append(StopBody(live.node, live.item, live.attempt))
        elif live.state in ("awaiting", "asked") or is_resting_child(book, live):
            book.write(live, "cancelled", finished_at=now.wall_us, reason=reason)
            leave(book, live)
        else:
            book.write(live, "skipped", reason=reason)
    work = book.work
    for vertex in work.unended():
        past = book.past.get(vertex)
        is_held = past is not None and past.state == "held"  # it has failed, and its row says so
        if vertex in book.live or is_held or (is_calling and vertex in book.calls):
            continue
        node, item = work.place(vertex)
        # A mapped node that has fanned out has a row of its own already: that one is ended.
        attempt, size = (work.map_attempts.get(node, 0), work.sizes.get(node)) if item < 0 else (0, None)
        if past is not None and past.attempt:
            attempt = past.attempt + 1  # it was to be run again
        book.rows.append(work.row(node, item, attempt, "skipped", reason=reason, size=size))
    book.effects.append(Drain())
    if is_calling:
        _leave_calls(book, status)
    else:
        book.live = {}
        finish(book, book.run.ending or status, now)


def is_resting_child(book: Book, live: Live) -> bool:
    """Tell whether an attempt awaits a run of a flow that rests."""
    return live.state in ("parked", "asked") and book.work.nodes[live.node].flow is not None


def leave(book: Book, live: Live) -> None:
    """What an attempt awaits, it awaits no more: the run of a flow is cancelled."""
    if book.work.nodes[live.node].flow is not None:
        book.child_ended(live)
        book.effects.append(Leave(live.node, live.item, live.attempt))


def _leave_calls(book: Book, status: str) -> None:
    """Nothing of the run is left but its calls."""
    book.run.ending = status
    leave_only_calls(book)
    book.granted = sum(live.state in ("ready", "running") for live in book.live.values())
    book.waiting = sum(live.state in ("waiting", "due") for live in book.live.values())
    for live in book.live.values():
        if live.state == "ready":
            book.grant(live)  # it was drained with the rest


def leave_only_calls(book: Book) -> None:
    """The end of the run is decided: whatever is no call is over."""
    work, calls = book.work, book.calls
    for vertex in [vertex for vertex in work.unended() if vertex not in calls]:
        work.graph.end(vertex, "cancelled")
    book.live = {vertex: live for vertex, live in book.live.items() if vertex in calls}
    book.past = {vertex: past for vertex, past in book.past.items() if vertex in calls}
    book.only_calls()
    book.open = len(calls)
    book.asking.clear()
    book.awaiting = 0
    book.run.is_pausing = book.run.is_held = False


def settle(book: Book, now: Now) -> None:
    """See whether the run has come to rest."""
    if not book.open:
        if not book.run.error and book.run.ending is None:
            _check_outputs(book)
        status = book.run.ending or ("failed" if book.run.error else "succeeded")
        if not book.run.is_end_announced:
            book.run.is_end_announced = True
            if announce_run(book, "run_end", status):
                book.run.ending = status
                return
        finish(book, status, now)
    elif book.run.is_pausing:
        if not book.calls and not book.children and not any(live.state == "running" for live in book.live.values()):
            finish(book, "paused", now)
    elif book.is_idle():
        finish(book, "paused", now, until=book.asks_until())


def _check_outputs(book: Book) -> None:
    """A run whose declared result is not there has not succeeded, though all its nodes have."""
    definition = book.work.definition
    values = Values(definition, {}, book.work.nodes, book.work.output)
    for name, reference in (definition.outputs or {}).items():
        if isinstance(reference, FromNode):
            try:
                values.resolve(reference)
            except UnresolvedReference as error:
                book.run.note_failure(f"output {name!r}: {error}")


def finish(book: Book, status: str, now: Now, *, until: int | None = None) -> None:
    """The run has come to rest; until when, where people are awaited."""
    if book.run.error and status == "succeeded":
        status = "failed"  # what its end called has failed, or was stopped
    book.become(status, now)
    book.run.ending = book.run.ends_since_us = None
    book.run.is_bare = False
    if status != "paused":
        book.run.finished_at = now.wall_us
    book.effects.append(Finish(status, until))
