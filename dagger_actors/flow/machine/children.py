"""The rules of nodes that run another flow: its run is awaited like any thing outside, and left when it is awaited no more.

So a sub-flow holds no place of its run: its own nodes have those of theirs. But no more of them go on at once than the
``limit`` of the run says, and the ``limit`` of a map.
"""

from __future__ import annotations

from dagger_actors.bodies.stored_error import encode_error
from dagger_actors.core.messages import ErrorDetail
from dagger_actors.core.protocols import Now
from dagger_actors.flow.machine.book import Book
from dagger_actors.flow.machine.decisions import ArmTimer, Await, Revive
from dagger_actors.flow.machine.ends import give_up
from dagger_actors.flow.machine.events import AtRest, Mode, Prepared, Rested, Woken
from dagger_actors.flow.machine.finishing import is_resting_child
from dagger_actors.flow.machine.invocations import Live

__all__ = ["child_prepared", "leave_at_rest", "look_for_child", "rested", "woken"]


def child_prepared(book: Book, event: Prepared, now: Now) -> None:
    """It is known with what a flow is to be run: from this commit on it is."""
    vertex = book.work.vertex(event.node, event.item)
    if vertex not in book.preparing or book.run.status != "running":
        return
    book.preparing.discard(vertex)
    if book.run.is_pausing:
        book.child_ended(Live(vertex, event.node, event.item, 1))
        book.queue.push(vertex)  # it begins when the run goes on
        return
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


def look_for_child(book: Book, live: Live, now: Now) -> None:
    """The run is opened: see how the run of the flow stands, which does not rest as far as is known."""
    book.count_child(live)
    book.effects.append(Await(live.node, live.item, live.attempt, is_held=book.run.is_pausing))
    _arm(book, live, now)


def leave_at_rest(book: Book, live: Live, rest: AtRest, now: Now, mode: Mode) -> None:
    """The run is opened, and the run of the flow rests: it is woken when it is its turn, if there is a reason."""
    if live.due_at is not None and live.due_at <= now.wall_us:
        look_for_child(book, live, now)  # the run does not rest before it has been told that its time is up
        return
    _rests(live, rest.until)
    _arm(book, live, now)
    is_due = rest.until is not None and rest.until <= now.wall_us
    if mode == "retry" or (mode == "resume" and rest.is_stuck):
        book.effects.append(Revive(live.node, live.item, mode))
        book.queue.push(live.vertex)
    elif is_due or (rest.is_held and not book.run.is_pausing):
        book.queue.push(live.vertex)


def _arm(book: Book, live: Live, now: Now) -> None:
    if live.due_at is not None:
        delay_us = max(0, live.due_at - now.wall_us)
        book.effects.append(ArmTimer("await", delay_us, live.node, live.item, live.attempt))


def rested(book: Book, event: Rested, now: Now) -> None:
    """The run of the flow has paused: as parked work does, it lets the rest go on, and then the run pauses.

    Where people are asked in it, it goes on by itself, and so does the run.
    """
    live = book.find(event.node, event.item, event.attempt)
    if live is None or live.state != "awaiting":
        return
    if live.due_at is not None and live.due_at <= now.wall_us:
        return  # its time is up, which is about to be told
    _rests(live, event.until)
    book.child_ended(live)


def _rests(live: Live, until: int | None) -> None:
    live.state = "parked" if until is None else "asked"
    live.until = until


def woken(book: Book, event: Woken, _now: Now) -> None:
    """The run of the flow, which rests, goes on when it is its turn."""
    live = book.find(event.node, event.item, event.attempt)
    if live is not None and is_resting_child(book, live):
        book.queue.push(live.vertex)
