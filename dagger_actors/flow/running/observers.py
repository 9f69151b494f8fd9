"""Tells those who observe a run what has changed of it, each change once."""

from __future__ import annotations

import logging

from dagger_actors.bodies.stored_error import decode_error
from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.messages import Progressed
from dagger_actors.flow.machine.decisions import NodeRow
from dagger_actors.flow.machine.invocations import Invocations
from dagger_actors.flow.machine.orders import Emit
from dagger_actors.flow.running.draft import Draft
from dagger_actors.flow.running.run_events import (
    HookEmitted,
    NodeChanged,
    NodeCount,
    NodeProgress,
    Observer,
    RunChanged,
    RunEvent,
)

__all__ = ["Observers"]

logger = logging.getLogger("dagger_actors.flow")


class Observers:
    """Those of one run.

    Args:
        run_id: The run.
        observers: Told what changed.

    Attributes:
        are_any: Whether there are any.
    """

    def __init__(self, run_id: str, observers: tuple[Observer, ...]) -> None:
        self._run_id = run_id
        self._observers = observers
        self.are_any = bool(observers)
        self._told: tuple[str, str | None] = ("pending", None)
        self._count = -1

    def progress(self, message: Progressed, work: Invocations) -> None:
        """Tell how far an attempt is; nothing of it is stored."""
        told = NodeProgress(
            run_id=self._run_id,
            node_id=work.nodes[message.node].id,
            invocation_key=work.key_of(message.node, message.item),
            done=message.done,
            total=message.total,
        )
        self._tell([told])

    def changed(self, draft: Draft, work: Invocations | None) -> None:
        """Tell what a committed draft has changed; without ``work`` the run is being opened."""
        events: list[RunEvent] = []
        state, error = str(draft.run_row[3]), draft.run_row[4]
        count = len(work.graph) if work is not None else 0
        if count != self._count:
            self._count = count
            events.append(NodeCount(run_id=self._run_id, total=count))
        changes: list[RunEvent] = [self._change(row) for row in draft.rows]
        changes += [
            HookEmitted(run_id=self._run_id, node_id=one.node_id, name=one.name, data=one.json)
            for one in draft.effects
            if type(one) is Emit
        ]
        if self._told != (state, error):
            self._told = (state, str(error) if error is not None else None)
            change = RunChanged(run_id=self._run_id, state=state, error=self._told[1])
            changes.insert(0, change) if state == "running" else changes.append(change)
        self._tell(events + changes)

    def _change(self, row: NodeRow) -> NodeChanged:
        return NodeChanged(
            run_id=self._run_id,
            node_id=row.node_id,
            invocation_key=row.invocation_key,
            attempt=row.attempt,
            state=row.state,
            reason=row.reason,
            error=decode_error(row.error) if row.error else None,
            due_us=row.due_at,
        )

    def _tell(self, events: list[RunEvent]) -> None:
        for observer in self._observers:
            try:
                observer(events)
            except Exception:  # a watcher's mistake must not stop the journal
                logger.exception("an observer of run %s raised", self._run_id, extra=LogFields(run_id=self._run_id))
