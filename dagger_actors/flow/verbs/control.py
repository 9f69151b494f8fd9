"""Pauses and cancels runs, and nodes of them, until what was asked is recorded."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from dagger_actors.actors.inside import is_inside_turn
from dagger_actors.core.flow_messages import CancelRun
from dagger_actors.core.protocols import Write
from dagger_actors.core.states import FINAL_NODE, FINAL_RUN
from dagger_actors.core.wording import nearest
from dagger_actors.errors import (
    IllegalTransition,
    NodeTransition,
    OwnershipLost,
    RequestError,
    UnknownNode,
)
from dagger_actors.flow.running.hub import FlowHub
from dagger_actors.flow.stored.rows import MARKS, RunRow
from dagger_actors.flow.verbs.caller import TURN_US, Caller
from dagger_actors.flow.verbs.telling import Order, Telling

__all__ = ["Controller"]

ENDED = FINAL_NODE - {"interrupted"}
"""States of nodes that have ended; what was cut off is to be run again."""


class Controller:
    """Pauses and cancels runs, and nodes of them.

    Whose a run is may change meanwhile, so each verb asks until it is done. When it returns, what it says is recorded.

    Args:
        hub: Keeps the runs that are open here.
        caller: Waits for the store.
    """

    def __init__(self, hub: FlowHub, caller: Caller) -> None:
        self._hub = hub
        self._caller = caller
        self._telling = Telling(hub, caller)

    def cancel(self, run_id: str) -> None:
        """Cancel a run; a second cancel stops what the end of the run has called, too.

        Where nobody has its code, and in an action, of which that may need the thread, its end is only decided, and what that
        calls is for whoever has the code. A second cancel reaches the runs inside, too.

        A run whose end is decided otherwise keeps that end.

        Raises:
            RunNotFound: There is no such run.
            IllegalTransition: It has ended otherwise.
        """
        if (row := self._caller.row(run_id)).status == "cancelled":
            self._cancel_left(row)
        self._cancel(run_id)
        if any(above.is_left_to_people for above in self._hub.archive.above(row.run_key)):
            # By this one, perhaps: then nobody's answer would have it go on.
            self._caller.commit([Write("flow_runs.wake", ((row.parent_run,),), None)])

    def _cancel(self, run_id: str) -> None:
        is_asked = False
        stops_its_end = False
        while (row := self._caller.row(run_id)).status not in FINAL_RUN:
            active = self._hub.active.get(run_id)
            # What its end has called is stopped then: that is done, not refused.
            stops_its_end = stops_its_end or (not is_asked and row.ending is not None)
            if active is not None and is_asked and row.ending is not None:
                if is_inside_turn():
                    break
                with contextlib.suppress(OwnershipLost):
                    self._caller.wait(active.done)
            elif active is not None:
                is_asked = True
                self._telling.ask(active, CancelRun())
            elif self._telling.is_nobodys(row) and is_asked and row.ending is not None:
                break  # what its end calls is for whoever has its code
            elif self._telling.is_nobodys(row):
                is_asked = True
                self._telling.cancel_unowned(row)
            elif is_asked and row.ending is not None:
                self._caller.pause()  # others took it over since, and hear its end out: once more would be a second cancel
            else:
                # Its owner may die when it has done this: once more would be a second cancel.
                is_asked = is_asked or row.ending is None
                self._telling.elsewhere(row, "cancel", None, lambda current: current.status in FINAL_RUN)
        end = row.status if row.status in FINAL_RUN or row.ending is None else row.ending
        if end != "cancelled" and not stops_its_end:
            raise IllegalTransition(run_id, end, "cancelled")

    def _cancel_left(self, row: RunRow) -> None:
        """Cancel what a death has left inside a run that is over, or what ends of runs there call; the innermost first."""
        for (run_id,) in self._hub.store.readers.query("read.open_inside", row.run_key):
            one = self._caller.row(run_id)
            if one.status in FINAL_RUN:
                continue
            if self._hub.archive.owner_pid(one) is None:
                if one.ending is None or self._hub.code_of(one) is not None:
                    self._telling.cancel_unowned(one)
            elif one.ending is not None:  # else the first cancel is still on its way, and this would be it
                with contextlib.suppress(IllegalTransition):
                    self._cancel(run_id)

    def pause(self, run_id: str) -> None:
        """Let a run begin nothing more, nor the runs inside it; it is paused when what runs has ended.

        Raises:
            RunNotFound: There is no such run.
            IllegalTransition: It is over, or its end is decided.
        """
        while not self._does_pause(row := self._caller.row(run_id)):
            if row.status in FINAL_RUN or row.ending is not None:
                raise IllegalTransition(run_id, row.ending or row.status, "paused")
            if self._is_left(row):
                # Without its code it cannot bring them to rest. From within, for a run that has paused is looked at no more.
                self._pause_inside(run_id, self._is_left)
            self._telling.tell(row, Order("pause"), _is_pausing)
        if row.status == "paused":
            self._caller.commit([Write("flow_runs.hush", ((row.run_key,),), None)])
        self._pause_inside(run_id, _is_pausing)

    def _pause_inside(self, run_id: str, is_still: Callable[[RunRow], bool]) -> None:
        """Wait until none of the runs inside a run goes on, which its owner tells too, or until that stands otherwise itself."""
        while is_still(outer := self._caller.row(run_id)) and (row := self._first_inside(outer.run_key)):
            self._telling.tell(row, Order("hold"), _is_pausing)

    def _first_inside(self, run_key: int) -> RunRow | None:
        for run_id, pausing in self._hub.store.readers.query("read.running_inside", run_key):
            row = self._caller.row(run_id)
            if not pausing or self._is_left(row):
                return row
        return None

    def _does_pause(self, row: RunRow) -> bool:
        """Tell whether it has paused, or will by itself."""
        return row.status == "paused" or (bool(row.pausing) and not self._is_left(row))

    def _is_left(self, row: RunRow) -> bool:
        """Tell whether nobody has it, though it goes on."""
        is_here = row.run_id in self._hub.active or self._hub.openings.of(row.run_id) is not None
        return row.status == "running" and not is_here and self._hub.archive.owner_pid(row) is None

    def call_off(self, run_id: str) -> bool:
        """Call off a pause that what still runs holds up; tells whether the run goes on for that.

        Where a mapped node has failed the run pauses first: this waits until it has.

        Raises:
            RunNotFound: There is no such run.
            RequestError: An action would wait until it has paused.
        """
        is_asked = False
        while (row := self._caller.row(run_id)).status == "running" and row.pausing:
            if run_id not in self._hub.active and self._hub.archive.owner_pid(row) is None:
                return False
            is_asked = True
            self._telling.tell(row, Order("resume"), lambda current: not current.pausing or current.status != "running")
            active = self._hub.active.get(run_id)
            if active is not None and self._caller.row(run_id).pausing:
                if is_inside_turn():
                    # One of the run itself would wait for its own end.
                    raise RequestError(
                        f"items of run {run_id!r} have failed and are tried again only when it has paused, for which no action "
                        f"waits; resume it when it has, or `await flows.aresume(...)` in an async action of another run"
                    )
                with contextlib.suppress(OwnershipLost):
                    self._caller.wait(active.done)  # it pauses first, for items that have failed
        return is_asked and row.status == "running"

    def held_by(self, row: RunRow) -> str | None:
        """The outermost of the runs that a run is inside of that does not go on; None when all do."""
        for (run_id,) in self._hub.store.readers.query("read.runs_above", row.run_key):
            above = self._caller.row(run_id)
            if above.status != "running" or above.pausing or above.ending or self._hub.archive.owner_pid(above) is None:
                return str(run_id)
        return None

    def revive(self, row: RunRow) -> None:
        """Have the run of a flow that has paused go on, whoever has the runs that it is inside of, which go on.

        While others have the turn, of a map with a limit or for lack of a place, it is queued behind them when this returns.
        """
        self._caller.commit([Write("flow_runs.revive", ((row.run_id, row.parent_run, MARKS["resume"]),), None)])
        clock = self._hub.runtime.clock
        until_us = clock.now().mono_us + TURN_US
        while self._caller.row(row.run_id).revival != "recover" and self.held_by(row) is None:
            if clock.now().mono_us >= until_us:
                return
            self._hub.children.look()
            self._caller.pause()

    def cancel_node(self, run_id: str, node_id: str) -> None:
        """Cancel one node of a run with all its items.

        Raises:
            RunNotFound: There is no such run.
            UnknownNode: It has no such node; names the nearest.
            RequestError: That node is a hook.
            NodeTransition: The node has ended otherwise, or its run has.
        """
        position = self._position(run_id, node_id)
        while (state := self._node_state(row := self._caller.row(run_id), position)) not in ENDED:
            if row.status in FINAL_RUN or row.ending is not None:
                raise NodeTransition(run_id, node_id, "skipped" if state == "pending" else state, "cancelled")
            self._telling.tell(row, Order("cancel_node", position), lambda current: self._has_ended(current, position))
        if state != "cancelled":
            raise NodeTransition(run_id, node_id, state, "cancelled")

    def _position(self, run_id: str, node_id: str) -> int:
        nodes = self._hub.archive.definition_of(self._caller.row(run_id)).nodes
        for position, node in enumerate(nodes):
            if node.id == node_id and node.call is None:
                return position
            if node.id == node_id:
                raise RequestError(f"{node_id!r} is a hook of run {run_id!r}, which is not to be cancelled")
        raise UnknownNode(run_id, node_id, near=nearest(node_id, [node.id for node in nodes]) or "")

    def _node_state(self, row: RunRow, node: int) -> str:
        rows = self._hub.store.readers.query("read.node_state", row.run_key, node)
        return rows[0][0] if rows else "pending"

    def _has_ended(self, row: RunRow, node: int) -> bool:
        return row.status in FINAL_RUN or self._node_state(row, node) in ENDED


def _is_pausing(row: RunRow) -> bool:
    return row.status == "paused" or bool(row.pausing)
