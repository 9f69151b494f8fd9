"""What follows from an end: dependents become ready or are skipped, maps are gathered, policies decide about the run."""

from __future__ import annotations

from typing import cast

from dagger_actors.bodies.fields import UnresolvedReference
from dagger_actors.bodies.stored_error import describe, encode_error
from dagger_actors.core.graph import FinalState
from dagger_actors.core.messages import ErrorDetail
from dagger_actors.core.protocols import Now
from dagger_actors.core.states import FINAL_RUN
from dagger_actors.core.trigger import holds, why_not
from dagger_actors.core.wording import counted
from dagger_actors.flow.definition import FromNode
from dagger_actors.flow.machine.book import Book
from dagger_actors.flow.machine.events import Drain, Expand, Finish, Judge, Prepare, StopBody
from dagger_actors.flow.machine.invocations import Live
from dagger_actors.flow.values import Values

__all__ = [
    "admit",
    "became_ready",
    "end",
    "finish",
    "give_up",
    "hindrance",
    "node_failed",
    "node_succeeded",
    "settle",
    "skip",
    "stop",
]


def end(book: Book, vertex: int, state: str, now: Now) -> None:
    """An invocation has ended for good."""
    book.open -= 1
    for dependent in book.work.end(vertex, cast("FinalState", state)):
        became_ready(book, dependent, now)


def became_ready(book: Book, vertex: int, now: Now) -> None:
    """Everything this vertex waited for has ended; skipping ends others in turn, so this is a loop and no recursion."""
    work = book.work
    stack = [vertex]
    while stack:
        one = stack.pop()
        node, item = work.place(one)
        if item >= 0:
            if work.graph.is_unhindered(one):
                book.push(one)
            else:
                stack.extend(reversed(skip(book, one, "its item has no value")))
        elif node in work.sizes:
            stack.extend(reversed(_gathered(book, node, now)))
        elif node in book.plain and work.graph.is_unhindered(one):
            book.push(one)
        elif (reason := hindrance(book, node)) is not None:
            stack.extend(reversed(skip(book, one, reason)))
        elif work.nodes[node].when is not None:
            book.asking += 1
            book.effects.append(Judge(node))
        else:
            admit(book, node)


def admit(book: Book, node: int) -> None:
    """Nothing hinders a node any more: it fans out, awaits what it awaits, or may be granted."""
    definition = book.work.nodes[node]
    if definition.map is not None:
        book.asking += 1
        book.effects.append(Expand(node))
    elif definition.awaits is not None:
        book.asking += 1
        book.effects.append(Prepare(node))
    else:
        book.push(book.work.vertex(node))


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
    error = ErrorDetail("dagger_actors.MapFailed", f"{failures} of {counted(size, 'item')} failed{tolerated}")
    live = Live(work.vertex(node), node, -1, attempt)
    book.write(live, "failed", size=size, finished_at=now.wall_us, error=encode_error(error))
    node_failed(book, live, "failed", error, now)
    return []


def node_succeeded(book: Book, node: int, now: Now) -> list[int]:
    """A mapped node has all its items; the vertices this makes ready are returned."""
    work, vertex = book.work, book.work.vertex(node)
    work.outputs[vertex] = work.gather(node)
    attempt, size = work.map_attempts[node], work.sizes[node]
    book.rows.append(work.row(node, -1, attempt, "succeeded", size=size, finished_at=now.wall_us))
    book.open -= 1
    return work.end(vertex, "succeeded")


def give_up(book: Book, live: Live, state: str, error: ErrorDetail, now: Now) -> None:
    """An attempt was the last one."""
    del book.live[live.vertex]
    if live.item >= 0:
        # The mapped node fails as one, once its items have ended; its policy is asked then.
        end(book, live.vertex, state, now)
    else:
        node_failed(book, live, state, error, now)


def node_failed(book: Book, live: Live, state: str, error: ErrorDetail, now: Now) -> None:
    """A node has failed for good: its policy decides about the run."""
    node = book.work.nodes[live.node]
    book.note_failure(f"{node.id}: {describe(error)}")
    if node.on_failure == "pause":
        # It stays open: `resume` gives it a fresh set of tries.
        live.try_no, live.crash_no = 1, 0
        book.past[live.vertex] = live
        book.is_pausing = True
        book.effects.append(Drain())
        return
    end(book, live.vertex, state, now)
    if node.on_failure == "stop":
        stop(book, "failed", "run stopped", now)


def stop(book: Book, status: str, reason: str, now: Now) -> None:
    """End the run now: what runs is cancelled, what has not begun is skipped."""
    if book.status in FINAL_RUN:
        return
    for live in book.live.values():
        if live.state == "running":
            book.write(live, "cancelled", finished_at=now.wall_us, reason=reason)
            book.effects.append(StopBody(live.node, live.item, live.attempt))
        elif live.state == "awaiting":
            book.write(live, "cancelled", finished_at=now.wall_us, reason=reason)
        else:
            book.write(live, "skipped", reason=reason)
    work = book.work
    for vertex in work.unended():
        if vertex not in book.live and vertex not in book.past:
            node, item = work.place(vertex)
            # A mapped node that has fanned out has a row of its own already: that one is ended.
            attempt, size = (work.map_attempts.get(node, 0), work.sizes.get(node)) if item < 0 else (0, None)
            book.rows.append(work.row(node, item, attempt, "skipped", reason=reason, size=size))
    book.live = {}
    book.effects.append(Drain())
    finish(book, status, now)


def settle(book: Book, now: Now) -> None:
    """See whether the run has come to rest."""
    if not book.open:
        if not book.error:
            _check_outputs(book)
        finish(book, "failed" if book.error else "succeeded", now)
    elif book.is_pausing:
        if not any(live.state == "running" for live in book.live.values()):
            finish(book, "paused", now)
    elif book.is_idle():
        finish(book, "paused", now)


def _check_outputs(book: Book) -> None:
    """A run whose declared result is not there has not succeeded, though all its nodes have."""
    definition = book.work.definition
    values = Values(definition, {}, book.work.nodes, book.work.output)
    for name, reference in (definition.outputs or {}).items():
        if isinstance(reference, FromNode):
            try:
                values.resolve(reference)
            except UnresolvedReference as error:
                book.note_failure(f"output {name!r}: {error}")


def finish(book: Book, status: str, now: Now) -> None:
    """The run has come to rest."""
    book.become(status, now)
    if status != "paused":
        book.finished_at = now.wall_us
    book.effects.append(Finish(status))
