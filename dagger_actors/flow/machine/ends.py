"""What follows from the end of an invocation: dependents become ready or are skipped, maps are gathered, policies decide."""

from __future__ import annotations

from typing import cast

from dagger_actors.bodies.stored_error import describe, encode_error
from dagger_actors.core.graph import FinalState
from dagger_actors.core.messages import ErrorDetail
from dagger_actors.core.protocols import Now
from dagger_actors.core.trigger import holds, why_not
from dagger_actors.core.wording import counted, quoted
from dagger_actors.flow.definition import Call
from dagger_actors.flow.machine.book import Book
from dagger_actors.flow.machine.calls import announce, call_failure
from dagger_actors.flow.machine.decisions import Expand, Judge, Prepare
from dagger_actors.flow.machine.finishing import stop
from dagger_actors.flow.machine.invocations import Live

__all__ = [
    "admit",
    "became_ready",
    "begin",
    "end",
    "gathers_failures",
    "give_up",
    "hindrance",
    "node_failed",
    "node_succeeded",
    "skip",
]


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
    if book.run.is_stopping:
        return
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
    stops = node.on_failure == "stop"
    book.run.is_stopping = book.run.is_stopping or stops
    end(book, live.vertex, state, now)
    if stops:
        stop(book, "failed", "run stopped", now)
