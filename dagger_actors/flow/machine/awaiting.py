"""The rules of nodes that await something outside: they begin to wait, are answered, or wait too long.

Such an attempt is a row in the state ``waiting``, and nothing else of it is alive. Its time-out is a moment of the wall
clock: a pause of the run, or a death, does not move it.
"""

from __future__ import annotations

from dagger_actors.bodies.stored_error import encode_error
from dagger_actors.core.awaits import Wanted
from dagger_actors.core.messages import ErrorDetail, Failed, Inline, Succeeded
from dagger_actors.core.protocols import Now
from dagger_actors.flow.definition import Approval
from dagger_actors.flow.machine.answers import outcome_of
from dagger_actors.flow.machine.attempts import failed_before
from dagger_actors.flow.machine.book import Book
from dagger_actors.flow.machine.calls import announce
from dagger_actors.flow.machine.children import child_prepared
from dagger_actors.flow.machine.decisions import ArmTimer, Await
from dagger_actors.flow.machine.ends import end, give_up
from dagger_actors.flow.machine.events import Answer, Prepared, WaitOver
from dagger_actors.flow.machine.finishing import is_resting_child, leave
from dagger_actors.flow.machine.invocations import Live

__all__ = ["answered", "awaits", "look", "prepared", "wait_over"]

AWAITING = frozenset({"awaiting", "asked"})


def awaits(book: Book, live: Live) -> bool:
    """Tell whether an attempt awaits something outside, be it at rest."""
    return live.state in AWAITING or is_resting_child(book, live)


def prepared(book: Book, event: Prepared, now: Now) -> None:
    """It is known what a node awaits: from this commit on it does."""
    node = event.node
    if book.work.nodes[node].flow is not None:
        child_prepared(book, event, now)
        return
    if not book.is_answered(node):
        return
    if isinstance(event.found, ErrorDetail):
        failed_before(book, node, event.found, now)
        return
    live = book.begin(book.work.vertex(node))
    live.state = "asked" if event.found.kind == "human" else "awaiting"
    live.started_us = now.wall_us
    awaited = book.work.nodes[node].awaits
    assert awaited is not None
    if awaited.timeout_s is not None:
        live.due_at = now.wall_us + round(awaited.timeout_s * 1e6)
    book.write(live, "waiting", reason=event.found.kind, due_at=live.due_at)
    look(book, live, now, event.found)


def look(book: Book, live: Live, now: Now, wanted: Wanted | None = None) -> None:
    """Look for what an attempt awaits, until its time is up; that is only when it has been looked for once more."""
    awaited = book.work.nodes[live.node].awaits
    assert awaited is not None
    book.awaiting += live.state == "awaiting"
    book.effects.append(Await(live.node, live.item, live.attempt, wanted, awaited.kind))
    if live.due_at is not None:
        delay_us = max(0, live.due_at - now.wall_us)
        book.effects.append(ArmTimer("await", delay_us, live.node, live.item, live.attempt))


def answered(book: Book, event: Answer, now: Now) -> None:
    """What an attempt awaits has come; the first answer is the answer."""
    live = book.find(event.node, event.item, event.attempt)
    if live is not None and awaits(book, live):
        _take(book, live, event.outcome, now)


def _take(book: Book, live: Live, outcome: Succeeded | Failed, now: Now) -> None:
    _awaits_no_more(book, live)
    match outcome:
        case Succeeded(output=output, turn=turn):
            del book.live[live.vertex]
            book.work.outputs[live.vertex] = output
            book.write_success(live, output, now.wall_us, turn.reason or None)
            if live.item < 0:
                announce(book, "node_success", live, "succeeded", now)
            end(book, live.vertex, "succeeded", now)
        case Failed(error=error):
            book.write(live, "failed", finished_at=now.wall_us, error=encode_error(error))
            give_up(book, live, "failed", error, now)


def wait_over(book: Book, event: WaitOver, now: Now) -> None:
    """What an attempt awaits has not come in time."""
    live = book.find(event.node, event.item, event.attempt)
    if live is None or not awaits(book, live):
        return
    node = book.work.nodes[live.node]
    if isinstance(node.awaits, Approval):
        _asked_in_vain(book, live, node.awaits, now)
        return
    if node.awaits is None:
        why = f"its flow did not end within its timeout of {node.timeout_s:g} s"
    else:
        why = f"no {node.awaits.kind} came within its timeout_s of {node.awaits.timeout_s:g} s"
    error = ErrorDetail("builtins.TimeoutError", why)
    _awaits_no_more(book, live)
    leave(book, live)
    book.write(live, "timed_out", finished_at=now.wall_us, error=encode_error(error))
    give_up(book, live, "timed_out", error, now)


def _asked_in_vain(book: Book, live: Live, asked: Approval, now: Now) -> None:
    """Nobody has answered in time: the autopilot does, or the node is parked, and whoever answers still is heard."""
    if asked.on_timeout == "autopilot" and asked.default is not None:
        answer = asked.default.encode()
        is_rejected = asked.type == "bool" and answer == b"false"
        _take(
            book, live, outcome_of(Inline(answer), "autopilot", "nobody answered in time", is_rejected=is_rejected), now
        )
        return
    book.awaiting -= live.state == "awaiting"
    live.state, live.due_at = "asked", None
    book.write(live, "waiting", reason="human")


def _awaits_no_more(book: Book, live: Live) -> None:
    if book.work.nodes[live.node].flow is not None:
        book.child_ended(live)
    else:
        book.awaiting -= live.state == "awaiting"
