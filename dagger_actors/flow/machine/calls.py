"""The rules of calls: a hook, or a failure action, is one more node of the run, that nothing of the flow depends on.

They are granted before all else and also while the run is pausing, or ending: what they are called for has happened.
"""

from __future__ import annotations

from typing import cast

import msgspec

from dagger_actors.core.messages import ErrorDetail
from dagger_actors.core.protocols import Now
from dagger_actors.flow.definition import (
    Call,
    CallEvent,
    Constant,
    FromNode,
    Hook,
    HookedEvent,
    HookEvent,
    NodeDefinition,
    NodeError,
    Reference,
)
from dagger_actors.flow.machine.book import Book
from dagger_actors.flow.machine.decisions import AddedNode
from dagger_actors.flow.machine.invocations import Live

__all__ = ["announce", "announce_run", "call_failure", "call_name"]

_encode = msgspec.json.Encoder().encode


def announce(book: Book, event: HookedEvent, live: Live, state: str, now: Now, error: ErrorDetail | None = None) -> int:
    """Call the hooks of something that has happened to a node; tells how many there are."""
    hooks = book.hooks.get(event)
    if not hooks or book.work.nodes[live.node].call is not None:
        return 0
    work = book.work
    told = HookEvent(
        event=event,
        run_id=work.identity.run_id,
        flow_name=work.definition.name,
        state=state,
        node_id=work.nodes[live.node].id,
        invocation_key=work.key_of(live.node, live.item),
        attempt=live.attempt,
        error=None if error is None else _error(book, live, error),
        duration_s=None if live.started_us is None else max(0, now.wall_us - live.started_us) / 1e6,
    )
    return _call_all(book, hooks, told, live.node)


def announce_run(book: Book, event: HookedEvent, state: str) -> int:
    """Call the hooks of something that has happened to the run; tells how many there are."""
    hooks = book.hooks.get(event)
    if not hooks:
        return 0
    work = book.work
    error = None if book.run.error is None else NodeError(node_id="", type="", message=book.run.error, attempt=0)
    told = HookEvent(event=event, run_id=work.identity.run_id, flow_name=work.definition.name, state=state, error=error)
    return _call_all(book, hooks, told, None)


def call_failure(book: Book, live: Live, error: ErrorDetail) -> None:
    """Call the failure action of a node that has failed for good, if it has one."""
    action = book.work.nodes[live.node].failure
    if action is None:
        return
    inputs = action.inputs
    if action.takes_error:
        inputs = (*inputs, ("error", Constant(_encode(_error(book, live, error)).decode())))
    _add(book, action.action, inputs, Call(event="failure", node=live.node))


def _call_all(book: Book, hooks: tuple[Hook, ...], told: HookEvent, node: int | None) -> int:
    event = Constant(_encode(told).decode())
    for hook in hooks:
        inputs: tuple[tuple[str, Reference], ...] = (("event", event),)
        if hook.takes_output:
            assert node is not None, "only what happens to a node has an output"
            inputs = (*inputs, ("output", FromNode(node, default="null")))
        _add(book, hook.action, inputs, Call(event=cast("CallEvent", told.event), node=node))
    return len(hooks)


def _add(book: Book, action: str, inputs: tuple[tuple[str, Reference], ...], call: Call) -> None:
    work = book.work
    iteration = 0 if call.node is None else work.nodes[call.node].iteration
    added = NodeDefinition(
        id=_free_id(book, call), action=action, inputs=inputs, on_failure="continue", call=call, iteration=iteration
    )
    (position,) = book.add((added,))
    book.added.append(AddedNode(work.identity.run_key, position, added))
    book.push_call(work.vertex(position))


def call_name(book: Book, call: Call) -> str:
    """What calls for the same thing have in common."""
    return call.event if call.node is None else f"{call.event}:{book.work.nodes[call.node].id}"


def _free_id(book: Book, call: Call) -> str:
    """An id that no other node has: the event and the node, and a number where that is taken."""
    name = call_name(book, call)
    number = book.call_counts[name] = book.call_counts.get(name, 0) + 1
    while True:
        free = name if number == 1 else f"{name}:{number}"
        if free not in book.work.positions:
            return free
        number += 1


def _error(book: Book, live: Live, error: ErrorDetail) -> NodeError:
    return NodeError(
        node_id=book.work.nodes[live.node].id,
        type=error.type,
        message=error.message,
        attempt=live.attempt,
        traceback=error.traceback,
    )
