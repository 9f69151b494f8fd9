"""The rules of nodes that run another flow: its run is awaited like any thing outside, and left when it is awaited no more.

So a sub-flow holds no place of its run: its own nodes have those of theirs. But no more of them go on at once than the
``limit`` of the run says, and the ``limit`` of a map.
"""

from __future__ import annotations

from dagger_actors.bodies.stored_error import encode_error
from dagger_actors.core.messages import ErrorDetail
from dagger_actors.core.protocols import Now
from dagger_actors.flow.machine.book import Book
from dagger_actors.flow.machine.ends import give_up
from dagger_actors.flow.machine.events import ArmTimer, Await, Prepared, Rested
from dagger_actors.flow.machine.invocations import Live

__all__ = ["child_prepared", "look_for_child", "rested"]


def child_prepared(book: Book, event: Prepared, now: Now) -> None:
    """It is known with what a flow is to be run: from this commit on it is."""
    vertex = book.work.vertex(event.node, event.item)
    if vertex not in book.preparing or book.status != "running":
        return
    book.preparing.discard(vertex)
    live = book.live.get(vertex)
    if live is None:
        live = book.begin(vertex)
    else:
        book.waiting -= 1
    live.started_us = now.wall_us
    if isinstance(event.found, ErrorDetail):
        book.child_ended(live)
        book.write(live, "failed", finished_at=now.wall_us, error=encode_error(event.found))
        give_up(book, live, "failed", event.found, now)
        return
    timeout_s = book.work.nodes[event.node].timeout_s
    live.due_at = None if timeout_s is None else now.wall_us + round(timeout_s * 1e6)
    live.state = "awaiting"
    book.write(live, "waiting", reason="flow", due_at=live.due_at)
    book.effects.append(Await(live.node, live.item, live.attempt, event.found))
    _arm(book, live, now)


def look_for_child(book: Book, live: Live, now: Now, *, is_woken: bool) -> None:
    """The run is opened: see how the run of the flow stands; one that has paused goes on if it is woken."""
    book.count_child(live)
    book.effects.append(Await(live.node, live.item, live.attempt, is_woken=is_woken))
    _arm(book, live, now)


def _arm(book: Book, live: Live, now: Now) -> None:
    if live.due_at is not None:
        delay_us = max(0, live.due_at - now.wall_us)
        book.effects.append(ArmTimer("await", delay_us, live.node, live.item, live.attempt))


def rested(book: Book, event: Rested, _now: Now) -> None:
    """The run of the flow has paused: as parked work does, it lets the rest go on, and then the run pauses."""
    live = book.find(event.node, event.item, event.attempt)
    if live is not None and live.state == "awaiting":
        live.state = "parked"
        book.child_ended(live)
