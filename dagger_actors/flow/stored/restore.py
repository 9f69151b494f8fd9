"""Rebuild a run's machine from its rows: after a crash, for a resume, for a retry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import msgspec

from dagger_actors.bodies.stored_error import decode_error
from dagger_actors.core.awaits import KINDS
from dagger_actors.core.graph import FinalState
from dagger_actors.core.states import FINAL_NODE
from dagger_actors.flow.definition import NodeDefinition
from dagger_actors.flow.machine.calls import call_name
from dagger_actors.flow.machine.events import Mode
from dagger_actors.flow.machine.invocations import Live, StoredNode
from dagger_actors.flow.machine.machine import FlowMachine
from dagger_actors.flow.stored.rows import StoredRow

__all__ = ["from_row", "restore"]

FAILED = frozenset({"failed", "timed_out"})
UNSUCCESSFUL = FAILED | {"cancelled", "skipped"}


def restore(machine: FlowMachine, rows: Iterable[StoredNode], mode: Mode, redone: frozenset[int] = frozenset()) -> None:
    """Bring a new machine to where the rows say the run stands.

    Args:
        machine: Fresh, made with the run's stored status and times.
        rows: All rows of the run, ordered by node, item and attempt.
        mode: What the run is opened for; ``retry`` opens again whatever did not succeed, ``resume`` what paused the run.
        redone: Positions of nodes that are run again though they have succeeded; whatever depends on one is among them.
    """
    latest: dict[tuple[int, int], StoredNode] = {}
    for row in rows:
        latest[row.node, row.item] = row
    work, book = machine.work, machine.book
    for (node, item), row in latest.items():
        if item < 0 and row.size is not None and node not in redone:
            work.expand(node, row.size)
            work.map_attempts[node] = row.attempt
            book.open += row.size
    for node in work.sizes:
        work.let_stream(node)
    known = _Known(
        mode=mode,
        pausers=_pausers(machine, latest.values()),
        done=frozenset(node for (node, item), row in latest.items() if item < 0 and row.state == "succeeded"),
        again=frozenset(node for (node, item), row in latest.items() if item < 0 and row.state in UNSUCCESSFUL),
    )
    has_failed = False
    for (node, item), row in latest.items():
        if node in redone and row.state not in FINAL_NODE:
            book.voided.append(_live(-1, row))
        if item >= work.sizes.get(node, 0):
            # Its node is to fan out anew, or has done so over a shorter list.
            book.earlier.setdefault(node, {})[item] = _past(-1, row, is_fresh=True)
        elif node in redone:
            vertex = work.vertex(node, item)
            book.past[vertex] = _past(vertex, row, is_fresh=True)
        elif item >= 0 or row.size is None or row.state != "running":
            is_kept = _place(machine, work.vertex(node, item), row, known)
            has_failed = has_failed or (is_kept and item < 0 and row.state in FAILED)
    _restore_calls(machine)
    for node in work.sizes:
        work.link(node)
        work.hold_items(node)
        if work.state(node) == "succeeded":
            work.outputs[work.vertex(node)] = work.gather(node)
    if mode in ("resume", "retry") and not has_failed:
        book.run.error = None


class _Known(msgspec.Struct, frozen=True):
    """What the run is opened for; its nodes that pause it, that are done, and that a retry runs again."""

    mode: Mode
    pausers: frozenset[int]
    done: frozenset[int]
    again: frozenset[int]


def _place(machine: FlowMachine, vertex: int, row: StoredNode, known: _Known) -> bool:
    """Put what one row tells where the machine goes on from; tells whether it has ended, and stays so."""
    work, book = machine.work, machine.book
    if row.state not in FINAL_NODE:
        live = _live(vertex, row)
        is_released = known.mode == "retry" and live.state == "parked"
        if is_released and known.again.intersection(work.nodes[row.node].dependencies):
            # What it was given is void: it begins anew behind what is tried again.
            book.voided.append(live)
            book.past[vertex] = _past(vertex, row, is_fresh=True)
        else:
            book.live[vertex] = live
    elif known.mode == "retry" and row.state != "interrupted" and _is_call_of_end(work.nodes[row.node]):
        _keep(machine, vertex, row)  # of an earlier end: that which comes now is told anew, and may be another
    elif row.state == "interrupted" or (row.node not in known.done and _is_revived(row, known)):
        book.past[vertex] = _past(vertex, row, is_fresh=row.state != "interrupted")
    elif row.item < 0 and row.node in known.pausers and known.mode == "recover":
        book.past[vertex] = _past(vertex, row, is_fresh=True)
        book.past[vertex].state = "held"
        book.run.is_pausing = True
    else:
        _keep(machine, vertex, row)
        return True
    return False


def _keep(machine: FlowMachine, vertex: int, row: StoredNode) -> None:
    """What has ended stays as it is."""
    work, book = machine.work, machine.book
    if row.error is not None and row.node not in book.failed_items:  # they are in the order of the list
        book.note_failed_item(row.node, row.item, decode_error(row.error))
    work.keep(vertex, row)
    work.end(vertex, cast("FinalState", row.state))
    book.open -= 1


def _restore_calls(machine: FlowMachine) -> None:
    """What has been called, and what of it has not ended."""
    work, book = machine.work, machine.book
    for position, node in enumerate(work.nodes):
        call = node.call
        if call is None:
            continue
        name = call_name(book, call)
        book.call_counts[name] = book.call_counts.get(name, 0) + 1
        vertex = work.vertex(position)
        has_ended = work.graph.state(vertex) is not None
        if call.event == "node_start":
            assert call.node is not None
            book.entering[call.node] = book.entering.get(call.node, 0) + (not has_ended)
        if not has_ended:
            # The run ends with the last of its end: those that have ended heard of one before, of a run that was tried again.
            book.run.is_end_announced |= call.event == "run_end" and book.run.ending is not None
            book.calls[vertex] = call
            if vertex not in book.live:
                book.queue.called.append(vertex)


def _is_call_of_end(node: NodeDefinition) -> bool:
    """Tell whether a node is what the end of its run has called."""
    return node.call is not None and node.call.event == "run_end"


def from_row(row: StoredRow) -> StoredNode:
    """What recovery needs of a stored row."""
    return StoredNode(
        node=row.node,
        item=row.item,
        attempt=row.attempt,
        state=row.state,
        try_no=row.try_no,
        crash_no=row.crash_no,
        output=row.output,
        output_artifact=row.stored,
        size=row.size,
        due_at=row.due_us,
        started_at=row.started_us,
        reason=row.reason,
        error=row.error if row.item >= 0 and row.state in FAILED else None,
    )


def _pausers(machine: FlowMachine, rows: Iterable[StoredNode]) -> frozenset[int]:
    """Nodes whose failure pauses the run; the items of a mapped one follow it."""
    nodes = machine.work.nodes
    return frozenset(
        row.node for row in rows if row.item < 0 and row.state in FAILED and nodes[row.node].on_failure == "pause"
    )


def _is_revived(row: StoredNode, known: _Known) -> bool:
    if known.mode == "retry":
        return row.state in UNSUCCESSFUL
    return known.mode == "resume" and row.node in known.pausers and row.state in UNSUCCESSFUL


def _past(vertex: int, row: StoredNode, *, is_fresh: bool) -> Live:
    live = Live(vertex, row.node, row.item, row.attempt)
    if not is_fresh:
        live.try_no, live.crash_no = row.try_no, row.crash_no
    return live


def _live(vertex: int, row: StoredNode) -> Live:
    live = Live(vertex, row.node, row.item, row.attempt, try_no=row.try_no, crash_no=row.crash_no)
    live.due_at = row.due_at
    live.started_us = row.started_at
    if row.state == "waiting" and row.reason in KINDS:
        live.state = "asked" if row.reason == "human" else "awaiting"
    elif row.state == "waiting":
        live.state = "waiting" if row.due_at is not None else "parked"
    else:
        live.state = "running" if row.state == "running" else "ready"
    return live
