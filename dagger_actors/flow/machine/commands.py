"""The rules of what hooks, and people, tell a run to do; each speaks up before anything of it is done."""

from __future__ import annotations

from typing import assert_never

import msgspec

from dagger_actors.core.protocols import Now
from dagger_actors.core.states import FINAL_RUN
from dagger_actors.core.wording import quoted
from dagger_actors.flow.definition import Constant, Growth
from dagger_actors.flow.machine.book import Book
from dagger_actors.flow.machine.calls import call_name
from dagger_actors.flow.machine.decisions import AddedNode, Release, Revive, StopBody
from dagger_actors.flow.machine.ends import begin, end
from dagger_actors.flow.machine.events import Ordered
from dagger_actors.flow.machine.finishing import finish, is_resting_child, leave, stop
from dagger_actors.flow.machine.growth import grow, refusal
from dagger_actors.flow.machine.invocations import Live
from dagger_actors.flow.machine.orders import CancelVertex, Emit, Order, Pause, Resume, Rewire, Stop
from dagger_actors.flow.machine.revived import note_revived, note_void

__all__ = ["cancel_node", "needs_hold", "obey", "ordered", "why_not"]


def why_not(book: Book, node: int, order: Order) -> str | None:
    """Why the run cannot do that; None when it can."""
    too_late = None if book.run.ending is None else _too_late(book, order, book.run.ending)
    return too_late or _hindrance(book, node, order)


def _hindrance(book: Book, node: int, order: Order) -> str | None:
    work = book.work
    match order:
        case Growth():
            return refusal(book, node, order)
        case Rewire(node=position) if work.state(position) is not None or _has_begun(book, position):
            return f"the node {quoted(work.nodes[position].id)} has begun already: its inputs stay as they are"
        case CancelVertex(node=position) if work.nodes[position].call is not None:
            return f"{quoted(work.nodes[position].id)} is a hook, which is not to be cancelled"
        case Resume() if book.run.is_pausing and _resumptions(book, node) > book.work.definition.config.max_iterations:
            return "its hook has resumed this run max_iterations times, and it pauses again"
        case Resume() if book.run.is_pausing and _has_failed_items(book):
            return "items that have failed are tried again only when the run has paused: resume it then"
        case _:
            return None


def _too_late(book: Book, order: Order, ending: str) -> str | None:
    """Why the end of the run, which is decided, leaves that nothing to do; None when it does not."""
    told = f"the run has come to its end, {ending.replace('_', ' ')}: "
    match order:
        case CancelVertex(node=position) if book.work.state(position) is not None:
            return f"{told}the node {quoted(book.work.nodes[position].id)} is over too, and not to be cancelled"
        case Stop() if ending != "cancelled":
            return f"{told}it cannot be cancelled any more"
        case Pause():
            return f"{told}it cannot be paused any more; `on_failure: pause` of a node pauses it where that fails"
        case Resume():
            return f"{told}there is no pause to take back"
        case _:
            return None


def _resumptions(book: Book, node: int) -> int:
    """How often the same hook has been called for the same node."""
    call = book.work.nodes[node].call
    return 0 if call is None else book.call_counts[call_name(book, call)]


def _has_failed_items(book: Book) -> bool:
    """Tell whether a mapped node pauses the run: its items have ended, and only the file knows their attempts."""
    return any(live.state == "held" and live.node in book.work.sizes for live in book.past.values())


def needs_hold(order: Order) -> bool:
    """Tell whether nothing may pass the gate between what was seen and what is decided."""
    return isinstance(order, Pause | Resume | CancelVertex | Stop)


def _has_begun(book: Book, node: int) -> bool:
    return node in book.work.sizes or book.work.vertex(node) in book.live


def obey(book: Book, node: int, orders: tuple[Order, ...], now: Now) -> None:
    """Do what is told; nothing speaks against it."""
    for order in orders:
        match order:
            case Growth():
                grow(book, node, order, now)
            case Rewire():
                _rewire(book, order)
            case Pause(is_held=is_held):
                book.pause(is_held=is_held)
            case Resume():
                _resume(book, now)
            case CancelVertex(node=position, reason=reason):
                cancel_node(book, position, reason, now)
            case Stop() if book.run.ending is not None:
                pass  # another hook has cancelled it: a second cancel would leave out what its end calls
            case Stop():
                stop(book, "cancelled", "cancelled by a hook", now)
            case Emit(name=name, json=json, node_id=node_id):
                book.effects.append(order)
                book.note("emitted", now, node_id=node_id, name=name, data=msgspec.Raw(json.encode()))
            case _:
                assert_never(order)


def ordered(book: Book, event: Ordered, now: Now) -> None:
    """Somebody outside tells the run what to do; what it cannot do any more changes nothing."""
    if book.run.status in FINAL_RUN:
        return
    is_ending = book.run.ending is not None
    if not is_ending and why_not(book, -1, event.order) is None:
        obey(book, -1, (event.order,), now)
    if book.run.is_bare and isinstance(event.order, Pause) and not is_ending:
        finish(book, "paused", now)
    if book.run.status == "running":
        book.effects.append(Release())


def _rewire(book: Book, order: Rewire) -> None:
    work = book.work
    node = work.nodes[order.node]
    inputs = {**dict(node.inputs), **{name: Constant(json) for name, json in order.inputs}}
    changed = msgspec.structs.replace(node, inputs=tuple(inputs.items()))
    work.nodes[order.node] = changed
    book.added.append(AddedNode(work.identity.run_key, order.node, changed))


def _resume(book: Book, now: Now) -> None:
    if not book.run.is_pausing:
        return
    book.run.is_pausing = book.run.is_held = False
    if not any(state in ("failed", "timed_out") for state in map(book.work.state, range(len(book.work.nodes)))):
        book.run.forget_failure()  # it was that of the node that paused the run, and is tried again
    # They were drained, and the gate is held: none of them has begun.
    for live in [live for live in book.live.values() if live.state == "ready" and live.vertex not in book.calls]:
        book.grant(live)
    held = [past for past in book.past.values() if past.state == "held"]
    for past in held:
        past.state = "ready"
    begin(book, now)
    note_revived(book, now)
    note_void(book, [past for past in held if book.past.get(past.vertex) is past])
    book.pass_on("resume")
    for live in [live for live in book.live.values() if is_resting_child(book, live)]:
        book.effects.append(Revive(live.node, live.item, "resume"))  # the file knows what is stuck, at any depth
        book.queue.push(live.vertex)


def cancel_node(book: Book, node: int, reason: str, now: Now) -> None:
    """Cancel one node with all its items; what has ended already stays as it is."""
    work = book.work
    items = [(node, item) for item in range(work.sizes.get(node, 0))]
    for place in ((node, -1), *items):  # itself first: it is not gathered from what is cancelled
        vertex = work.vertex(*place)
        if work.graph.state(vertex) is None:
            _cancel(book, vertex, reason, now)


def _cancel(book: Book, vertex: int, reason: str, now: Now) -> None:
    work = book.work
    node, item = work.place(vertex)
    live = book.live.pop(vertex, None)
    past = book.past.pop(vertex, None)
    if live is not None:
        _let_go(book, live)
        book.write(live, "cancelled", finished_at=now.wall_us, reason=reason)
    else:
        attempt = work.map_attempts.get(node, 0) if item < 0 else 0
        if past is not None and past.attempt:
            attempt = past.attempt + 1
        size = work.sizes.get(node) if item < 0 else None
        book.rows.append(work.row(node, item, attempt, "cancelled", reason=reason, size=size, finished_at=now.wall_us))
    if item < 0:
        book.asking.discard(node)
    book.child_ended(live or Live(vertex, node, item, 1))
    end(book, vertex, "cancelled", now)


def _let_go(book: Book, live: Live) -> None:
    match live.state:
        case "ready" | "running":
            book.uncount_granted(live)
            book.effects.append(StopBody(live.node, live.item, live.attempt))
        case "waiting" | "due":
            book.waiting -= 1
        case "awaiting" if book.work.nodes[live.node].flow is None:
            book.awaiting -= 1
        case "awaiting":
            leave(book, live)
        case "parked" | "asked":
            if is_resting_child(book, live):
                leave(book, live)
