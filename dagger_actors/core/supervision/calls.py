"""The manual's calls to a supervisor that is running: ``start_child``, ``terminate_child``, ``restart_child``, ``delete_child``."""

from __future__ import annotations

from typing import assert_never

from dagger_actors.core.supervision.book import MAX_CHILDREN, Book, Entry
from dagger_actors.core.supervision.commands import CallError
from dagger_actors.core.supervision.events import AddChild, Call, DeleteChild, RestartChild, TerminateChild
from dagger_actors.core.supervision.rounds import Round
from dagger_actors.core.supervision.specs import Supervision, problems_of

__all__ = ["take_call"]


def take_call(book: Book, current: Round | None, supervision: Supervision, call: Call, now_us: int) -> None:
    """Do what a call asks, or refuse it; it is answered now or when its child has started or ended.

    Args:
        book: The children.
        current: The restart of several children that is under way; None = there is none.
        supervision: For what a new child must fit.
        call: One that the book has accepted.
        now_us: The event's time.
    """
    match call:
        case AddChild():
            _add(book, current, supervision, call)
        case TerminateChild():
            _terminate(book, current, call, now_us)
        case RestartChild():
            _restart(book, current, call)
        case DeleteChild():
            _delete(book, call)
        case _:
            assert_never(call)


def _add(book: Book, current: Round | None, supervision: Supervision, call: AddChild) -> None:
    problems = problems_of(supervision, call.child)
    found = book.entries.get(call.child.id)
    if problems:
        book.answer(call.call, "invalid", "\n".join(str(problem) for problem in problems))
        return
    if found is not None:
        book.answer(call.call, "already_started" if found.is_alive else "already_present")
        return
    if len(book.entries) >= MAX_CHILDREN:
        book.answer(call.call, "invalid", f"it has {MAX_CHILDREN:,} children; delete those that do not run")
        return
    entry = book.entries[call.child.id] = Entry(call.child, start_call=call.call)
    if current is None:
        book.start(entry)
    else:
        entry.is_due = True
        current.join(entry)


def _terminate(book: Book, current: Round | None, call: TerminateChild, now_us: int) -> None:
    entry = book.entries.get(call.id)
    if entry is None:
        book.answer(call.call, "not_found")
        return
    entry.is_due = False
    entry.stop_calls += (call.call,)
    if not entry.is_alive:
        book.cancel_timer(entry)
        book.settle(entry, "terminated", "it was terminated before its turn to start")
    elif entry.status != "stopping" and not (current is not None and current.is_stopping(entry)):
        book.stop(entry, now_us)


def _restart(book: Book, current: Round | None, call: RestartChild) -> None:
    entry = book.entries.get(call.id)
    error = _why_not_down(entry)
    if entry is None or error is not None:
        book.answer(call.call, error)
        return
    entry.start_call = call.call
    entry.nth = 0
    if current is not None and current.covers(entry):
        entry.is_due = True
    else:
        book.start(entry)


def _delete(book: Book, call: DeleteChild) -> None:
    entry = book.entries.get(call.id)
    error = _why_not_down(entry)
    if entry is not None and error is None:
        book.forget(entry)
    book.answer(call.call, error)


def _why_not_down(entry: Entry | None) -> CallError | None:
    """Say why a child is not down for good; None = it is."""
    if entry is None:
        return "not_found"
    if entry.is_alive:
        return "running"
    return "restarting" if entry.is_due else None
