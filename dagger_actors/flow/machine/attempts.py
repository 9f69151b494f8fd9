"""The rules of attempts: they start, end, time out, are tried again; and mapped nodes fan out."""

from __future__ import annotations

from typing import Final

from dagger_actors.bodies.stored_error import encode_error
from dagger_actors.core.messages import ErrorDetail, Failed, Succeeded
from dagger_actors.core.protocols import Now
from dagger_actors.flow.machine.book import Book
from dagger_actors.flow.machine.calls import announce
from dagger_actors.flow.machine.commands import needs_hold, obey
from dagger_actors.flow.machine.decisions import ArmTimer, Release, StopBody
from dagger_actors.flow.machine.ends import admit, became_ready, end, give_up, hindrance, node_failed, skip
from dagger_actors.flow.machine.events import (
    Ended,
    Expanded,
    ExpansionFailed,
    Flushed,
    Judged,
    RetryDue,
    Started,
    Stuck,
    TimedOut,
)
from dagger_actors.flow.machine.invocations import Live

__all__ = [
    "due",
    "ended",
    "expanded",
    "expansion_failed",
    "failed_before",
    "flushed",
    "judged",
    "park",
    "retry_due",
    "started",
    "stuck",
    "timed_out",
]


UNKNOWN_OUTCOMES: Final = frozenset({"dagger_actors.errors.WorkerDied"})
"""Names of errors that say nothing of what the body has done: its process died under it."""


def started(book: Book, event: Started, _now: Now) -> None:
    """Attempts have passed the gate."""
    for node, item, attempt, started_us in event.attempts:
        live = book.find(node, item, attempt)
        if live is not None and live.state == "ready":
            live.state = "running"
            live.started_us = started_us
            book.unsaved.append(live)


def flushed(book: Book, _event: Flushed, _now: Now) -> None:
    """Write down what still runs of what has started; most has ended by now and needs no such row."""
    for live in book.unsaved:
        if live.state == "running" and book.live.get(live.vertex) is live:
            book.write(live, "running")
    book.unsaved = []


def ended(book: Book, event: Ended, now: Now) -> None:
    """A body has ended; the first end of an attempt is its end, a later one only frees who waits for the body."""
    live = book.find(event.node, event.item, event.attempt)
    if live is None or live.state not in ("ready", "running"):
        _body_gone(book, event)
        if event.holds_gate:
            _release(book)
        return
    live.started_us = event.started_us
    match event.outcome:
        case Succeeded(output=output, turn=turn):
            del book.live[live.vertex]
            book.granted -= 1
            if book.queue.has_limits:
                book.queue.uncount(live.node)
            book.work.outputs[live.vertex] = output
            book.write_success(live, output, event.finished_us, turn.reason or None)
            if live.item < 0:
                announce(book, "node_success", live, "succeeded", now)
            if event.orders:
                obey(book, live.node, event.orders, now)
            end(book, live.vertex, "succeeded", now)
            if event.orders and any(needs_hold(order) for order in event.orders):
                _release(book)
        case Failed(error=error):
            book.uncount_granted(live)
            book.write(live, "failed", finished_at=event.finished_us, error=encode_error(error))
            if book.is_careful(live.node) and UNKNOWN_OUTCOMES.intersection(error.names):
                park(book, live, "interrupted")
            else:
                _try_again_or_give_up(book, live, "failed", error, event.retry_after_us, now)
            _release(book)


def timed_out(book: Book, event: TimedOut, now: Now) -> None:
    """An attempt has used up its time; it is over, though its body may run on."""
    live = book.find(event.node, event.item, event.attempt)
    if live is not None and live.state in ("ready", "running"):
        book.lingering[live.vertex] = live.attempt
        book.effects.append(StopBody(live.node, live.item, live.attempt))
        timeout_s = book.work.nodes[live.node].timeout_s
        error = ErrorDetail("builtins.TimeoutError", f"no end within its timeout of {timeout_s:g} s")
        book.uncount_granted(live)
        book.write(live, "timed_out", finished_at=now.wall_us, error=encode_error(error))
        if book.is_careful(live.node):
            park(book, live, "interrupted")
        else:
            _try_again_or_give_up(book, live, "timed_out", error, event.retry_after_us, now)
    _release(book)


def park(book: Book, live: Live, reason: str) -> None:
    """Nobody knows what an attempt has done, or it has met too many crashes: a person decides, by a retry."""
    live.attempt += 1
    live.started_us = None
    live.state = "parked"
    book.write(live, "waiting", reason=reason)


def _try_again_or_give_up(
    book: Book, live: Live, state: str, error: ErrorDetail, retry_after_us: int | None, now: Now
) -> None:
    if retry_after_us is None:
        give_up(book, live, state, error, now)
        return
    announce(book, "node_retry", live, state, now, error)
    live.attempt += 1
    live.try_no += 1
    live.started_us = None
    live.state = "waiting"
    live.due_at = now.wall_us + retry_after_us
    book.waiting += 1
    book.write(live, "waiting", due_at=live.due_at, reason="retry")
    book.effects.append(ArmTimer("retry", retry_after_us, live.node, live.item, live.attempt))


def _release(book: Book) -> None:
    """Last of its effects, and only while the run goes on: what is drained must be out before the gate opens."""
    if book.run.status == "running":
        book.effects.append(Release())


def retry_due(book: Book, event: RetryDue, _now: Now) -> None:
    """A retry wait is over; the old body may still run, and is waited for up to the time-out again."""
    live = book.find(event.node, event.item, event.attempt)
    if live is None or live.state != "waiting":
        return
    if live.vertex not in book.lingering:
        due(book, live)
        return
    live.state = "due"
    timeout_s = book.work.nodes[live.node].timeout_s or 0.0
    book.effects.append(ArmTimer("stuck", round(timeout_s * 1e6), live.node, live.item, live.attempt))


def due(book: Book, live: Live) -> None:
    """The next attempt may be granted."""
    live.state = "due"
    book.queue.push(live.vertex)


def _body_gone(book: Book, event: Ended) -> None:
    vertex = book.work.vertex(event.node, event.item)
    if book.lingering.get(vertex) != event.attempt:
        return
    del book.lingering[vertex]
    live = book.live.get(vertex)
    if live is not None and live.state == "due":
        due(book, live)


def stuck(book: Book, event: Stuck, now: Now) -> None:
    """The body of the attempt before did not end in its second time-out either."""
    live = book.find(event.node, event.item, event.attempt)
    if live is None or live.state != "due" or live.vertex not in book.lingering:
        return
    error = ErrorDetail("dagger_actors.Stuck", "stuck: the body of the attempt before still runs")
    book.waiting -= 1
    book.write(live, "failed", finished_at=now.wall_us, error=encode_error(error))
    give_up(book, live, "failed", error, now)


def expanded(book: Book, event: Expanded, now: Now) -> None:
    """A mapped node fans out; an empty list is a success at once."""
    node, work = event.node, book.work
    own = work.vertex(node)
    if not book.is_answered(node):
        return
    if _lost_its_source(book, node, now):
        return
    past = book.past.pop(own, None)
    attempt = work.map_attempts[node] = past.attempt + 1 if past is not None else 1
    vertices = work.expand(node, event.size, event.keys)
    work.link(node)
    book.open += event.size
    book.rows.append(work.row(node, -1, attempt, "running", size=event.size, started_at=now.wall_us))
    earlier = book.earlier.pop(node, {})
    for item, vertex in enumerate(vertices):
        if item in earlier:
            earlier[item].vertex = vertex
            book.past[vertex] = earlier[item]
        if not work.graph.is_waiting(vertex):
            became_ready(book, vertex, now)
    for dependent in work.let_stream(node):
        became_ready(book, dependent, now)
    if not event.size and not work.graph.is_waiting(own):
        became_ready(book, own, now)


def expansion_failed(book: Book, event: ExpansionFailed, now: Now) -> None:
    """There is no list to fan out over."""
    if not book.is_answered(event.node):
        return
    if not _lost_its_source(book, event.node, now):
        failed_before(book, event.node, event.error, now)


def _lost_its_source(book: Book, node: int, now: Now) -> bool:
    """The mapped node it goes over may have failed while its list was being read: then it is skipped."""
    reason = hindrance(book, node)
    if reason is None:
        return False
    for dependent in skip(book, book.work.vertex(node), reason):
        became_ready(book, dependent, now)
    return True


def judged(book: Book, event: Judged, now: Now) -> None:
    """It is known whether the ``when`` of a node holds."""
    if not book.is_answered(event.node):
        return
    if isinstance(event.verdict, ErrorDetail):
        failed_before(book, event.node, event.verdict, now)
    elif event.verdict:
        admit(book, event.node, now)
    else:
        for dependent in skip(book, book.work.vertex(event.node), "its `when` does not hold"):
            became_ready(book, dependent, now)


def failed_before(book: Book, node: int, error: ErrorDetail, now: Now) -> None:
    """A node has failed before its action could be called."""
    live = book.begin(book.work.vertex(node))
    del book.live[live.vertex]
    live.started_us = now.wall_us
    book.write(live, "failed", finished_at=now.wall_us, error=encode_error(error))
    node_failed(book, live, "failed", error, now)
