"""What had ended and is to be tried again is written down with the command that says so: who recovers the run knows it then."""

from __future__ import annotations

from collections.abc import Iterable

from dagger_actors.core.protocols import Now
from dagger_actors.core.states import TO_BE_RUN_AGAIN
from dagger_actors.flow.machine.book import Book
from dagger_actors.flow.machine.invocations import Live

__all__ = ["note_revived", "note_void"]


def note_revived(book: Book, now: Now) -> None:
    """Write down all that is queued to be tried again, not only what the window has room for."""
    for vertex in [vertex for vertex in book.queue.all() if vertex in book.past]:
        live = book.begin(vertex)
        live.state, live.due_at = "due", now.wall_us
        book.waiting += 1
        book.write(live, "waiting", due_at=live.due_at, reason="retry")


def note_void(book: Book, ended: Iterable[Live]) -> None:
    """What has ended and is to be run again, later, is void from now on: a recovery must not take it for done."""
    for past in ended:
        if past.attempt:
            past.attempt += 1
            book.write(past, "interrupted", reason=TO_BE_RUN_AGAIN)
    for live in book.voided:
        book.write(live, "cancelled", reason=TO_BE_RUN_AGAIN)
    book.voided = []
