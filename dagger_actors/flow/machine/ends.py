"""What follows from an end: dependents become ready or are skipped, maps are gathered, policies decide about the run."""

from __future__ import annotations

from typing import Final, cast

from dagger_actors.bodies.fields import UnresolvedReference
from dagger_actors.bodies.stored_error import describe, encode_error
from dagger_actors.core.graph import FinalState
from dagger_actors.core.messages import ErrorDetail
from dagger_actors.core.protocols import Now
from dagger_actors.core.states import FINAL_RUN
from dagger_actors.core.trigger import holds, why_not
from dagger_actors.core.wording import counted, quoted
from dagger_actors.flow.definition import Call, FromNode
from dagger_actors.flow.definition.values import Values
from dagger_actors.flow.machine.book import Book
from dagger_actors.flow.machine.calls import announce, announce_run, call_failure
from dagger_actors.flow.machine.decisions import Drain, Expand, Finish, Judge, Leave, Prepare, StopBody
from dagger_actors.flow.machine.invocations import Live

__all__ = [
    "STOPPED",
    "admit",
    "became_ready",
    "begin",
    "end",
    "finish",
    "gathers_failures",
    "give_up",
    "has_calls",
    "hindrance",
    "is_resting_child",
    "leave",
    "leave_only_calls",
    "node_failed",
    "node_succeeded",
    "settle",
    "skip",
    "stop",
]

STOPPED: Final = frozenset({"run stopped", "run cancelled", "run timed out", "cancelled by a hook"})
"""Reasons of ``stop``: what was skipped for one has not been decided about."""


def end(book: Book, vertex: int, state: str, now: Now) -> None:
    """An invocation has ended for good."""
    book.open -= 1
    for dependent in book.work.end(vertex, cast("FinalState", state)):
        became_ready(book, dependent, now)
    if vertex in book.calls:
        _call_ended(book, book.calls.pop(vertex), now)


def _call_ended(book: Book, call: Call, now: Now) -> None:
    """What waits for a hook goes on, whatever became of it."""
    if book.run.ending is not None:
        return
    if call.event == "run_start":
        if not any(other.event == "run_start" for other in book.calls.values()):
            begin(book, now)
    elif call.event == "node_start":
        assert call.node is not None
        book.entering[call.node] -= 1
        if not book.entering[call.node] and book.work.state(call.node) is None:
            _proceed(book, call.node)


def begin(book: Book, now: Now) -> None:
    """Begin whatever waits for nothing and has not begun, nor is about to."""
    entering = [node for node, hooks in book.entering.items() if hooks]
    begun = {*book.live, *book.queue.all(), *book.calls, *map(book.work.vertex, (*book.asking, *entering))}
    if book.run.is_pausing:
        begun.update(book.past)
    is_waiting = book.work.graph.is_waiting
    # All of them before any: one that is skipped makes others ready, which must not be found ready here once more.
    for vertex in [one for one in book.work.unended() if one not in begun and not is_waiting(one)]:
        became_ready(book, vertex, now)


def became_ready(book: Book, vertex: int, now: Now) -> None:
    """Everything this vertex waited for has ended; skipping ends others in turn, so this is a loop and no recursion."""
    work = book.work
    stack = [vertex]
    while stack:
        one = stack.pop()
        if work.graph.state(one) is not None or one in book.live:
            continue  # it was cancelled while it waited; or it had begun, and what it needed was tried again
        node, item = work.place(one)
        if item >= 0:
            if work.graph.is_unhindered(one):
                book.queue.push(one)
            elif not work.is_undecided(one):
                stack.extend(reversed(skip(book, one, "its item has no value")))
        elif node in work.sizes:
            stack.extend(reversed(_gathered(book, node, now)))
        elif node in book.plain and work.graph.is_unhindered(one):
            book.queue.push(one)
        elif (reason := hindrance(book, node)) is not None:
            stack.extend(reversed(skip(book, one, reason)))
        elif work.nodes[node].when is not None:
            book.asking.add(node)
            book.effects.append(Judge(node))
        else:
            admit(book, node, now)


def admit(book: Book, node: int, now: Now) -> None:
    """Nothing hinders a node any more: its start is announced, and when that has been heard it goes on."""
    if "node_start" in book.hooks:
        if node not in book.entering:
            vertex = book.work.vertex(node)
            past = book.past.get(vertex)
            live = Live(vertex, node, -1, 1 if past is None else past.attempt + 1)
            book.entering[node] = announce(book, "node_start", live, "ready", now)
        if book.entering[node]:
            return
    _proceed(book, node)


def _proceed(book: Book, node: int) -> None:
    """A node fans out, awaits what it awaits, or may be granted."""
    definition = book.work.nodes[node]
    if definition.map is not None:
        book.asking.add(node)
        book.effects.append(Expand(node))
    elif definition.awaits is not None:
        book.asking.add(node)
        book.effects.append(Prepare(node))
    else:
        book.queue.push(book.work.vertex(node))


def skip(book: Book, vertex: int, reason: str) -> list[int]:
    """Skip an invocation; the vertices this makes ready are returned."""
    node, item = book.work.place(vertex)
    # What has run before, and was told to run again, needs a number of its own: the last one counts.
    past = book.past.pop(vertex, None)
    attempt = past.attempt + 1 if past is not None and past.attempt else 0
    book.rows.append(book.work.row(node, item, attempt, "skipped", reason=reason))
    book.open -= 1
    return book.work.end(vertex, "skipped")


def hindrance(book: Book, node: int) -> str | None:
    """Why a node does not run though all it waited for has ended; None when it does."""
    work, trigger, vertex = book.work, book.work.nodes[node].trigger, book.work.vertex(node)
    if trigger == "all_succeeded":
        source = work.sources.get(node)
        has_source = source is None or work.state(source) in (None, "succeeded")
        return None if has_source and work.graph.is_unhindered(vertex) else work.culprit(node)
    return None if holds(trigger, work.graph.tally(vertex)) else why_not(trigger)


def _gathered(book: Book, node: int, now: Now) -> list[int]:
    """All items of a mapped node have ended; the vertices this makes ready are returned."""
    work = book.work
    size, attempt = work.sizes[node], work.map_attempts[node]
    source = work.sources.get(node)
    definition = work.nodes[node]
    assert definition.map is not None
    if source is not None and definition.trigger == "all_succeeded" and work.state(source) != "succeeded":
        book.rows.append(work.row(node, -1, attempt, "skipped", reason=work.culprit(node), size=size))
        book.open -= 1
        return work.end(work.vertex(node), "skipped")
    failures = sum(state in ("failed", "timed_out") for state in work.item_states(node))
    if failures <= definition.map.tolerate:
        return node_succeeded(book, node, now)
    tolerated = f", more than the {definition.map.tolerate} tolerated" if definition.map.tolerate else ""
    first, how = book.failed_items[node]
    key = quoted(work.key_of(node, first))
    message = f"{failures} of {counted(size, 'item')} failed{tolerated}; the first is item {key}: {how}"
    error = ErrorDetail("dagger_actors.MapFailed", message)
    live = _mapped(book, node)
    book.write(live, "failed", size=size, finished_at=now.wall_us, error=encode_error(error))
    node_failed(book, live, "failed", error, now)
    return []


def gathers_failures(book: Book, node: int) -> bool:
    """Tell whether a mapped node waits for one item alone, and others of it, or of a map over it that it ends too, have failed."""
    work, nodes = book.work, [node]
    for one in nodes:
        vertex = work.vertex(one)
        if one not in work.sizes or not work.graph.is_waiting_for_one(vertex):
            continue
        if not work.graph.is_unhindered(vertex):
            return True
        nodes += work.streams.get(one, ())
    return False


def node_succeeded(book: Book, node: int, now: Now) -> list[int]:
    """A mapped node has all its items; the vertices this makes ready are returned."""
    work, vertex = book.work, book.work.vertex(node)
    work.outputs[vertex] = work.gather(node)
    attempt, size = work.map_attempts[node], work.sizes[node]
    book.rows.append(work.row(node, -1, attempt, "succeeded", size=size, finished_at=now.wall_us))
    announce(book, "node_success", _mapped(book, node), "succeeded", now)
    book.open -= 1
    return work.end(vertex, "succeeded")


def _mapped(book: Book, node: int) -> Live:
    """A mapped node's own row, in the form of an attempt."""
    return Live(book.work.vertex(node), node, -1, book.work.map_attempts[node])


def give_up(book: Book, live: Live, state: str, error: ErrorDetail, now: Now) -> None:
    """An attempt was the last one."""
    del book.live[live.vertex]
    if live.item >= 0:
        # The mapped node fails as one, once its items have ended; its policy is asked then.
        book.note_failed_item(live.node, live.item, error)
        end(book, live.vertex, state, now)
    else:
        node_failed(book, live, state, error, now)


def node_failed(book: Book, live: Live, state: str, error: ErrorDetail, now: Now) -> None:
    """A node has failed for good: its policy decides about the run."""
    node = book.work.nodes[live.node]
    book.run.note_failure(f"{node.id}: {describe(error)}")
    call_failure(book, live, error)
    announce(book, "node_failure", live, state, now, error)
    if node.on_failure == "pause":
        # It stays open: `resume` gives it a fresh set of tries.
        live.try_no, live.crash_no, live.state = 1, 0, "held"
        book.past[live.vertex] = live
        book.pause()
        return
    end(book, live.vertex, state, now)
    if node.on_failure == "stop":
        stop(book, "failed", "run stopped", now)


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
