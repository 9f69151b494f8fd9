"""Answers of people, from wherever they come: checked at the door, written, and taken by whoever can go on with the run."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from typing import Any, Final

from dagger_actors.bodies.outputs import to_json
from dagger_actors.core.awaits import Place
from dagger_actors.core.protocols import Write
from dagger_actors.core.wording import indefinite, is_text, nearest, quoted
from dagger_actors.errors import (
    AlreadyAnswered,
    AnswerMisfit,
    NotAsked,
    OutputError,
    RequestError,
    RunOwned,
    UnitRejected,
    UnknownNode,
)
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.definition import Approval, FlowDefinition
from dagger_actors.flow.definition.inputs import is_of_type
from dagger_actors.flow.machine.events import Mode
from dagger_actors.flow.reports.attempt_wording import moment
from dagger_actors.flow.reports.questions import questions_inside
from dagger_actors.flow.running.hub import FlowHub
from dagger_actors.flow.running.recovery import Recovery
from dagger_actors.flow.stored.child_runs import child_id
from dagger_actors.flow.stored.given_answers import Answer, answered_among
from dagger_actors.flow.stored.rows import RunRow
from dagger_actors.flow.verbs.caller import TURN_US, Caller
from dagger_actors.reading.filters import LISTED

__all__ = ["Signaller"]

LONGEST: Final = 1_000_000
"""Bytes of an answer, as JSON."""

LONGEST_REASON: Final = 2_000
"""Characters of why something is rejected."""

REJECTION: Final = "null"

Take = Callable[[RunRow, Mode, ActionRegistry], object]


class Signaller:
    """Takes answers.

    Args:
        hub: Keeps the runs that are open here.
        caller: Waits for the store.
        take: Opens a run here; raises ``RunOwned``.
    """

    def __init__(self, hub: FlowHub, caller: Caller, take: Take) -> None:
        self._hub = hub
        self._caller = caller
        self._take = take
        self._recovery = Recovery(hub)

    def answer(self, run_id: str, node_id: str, value: Any) -> None:
        """Answer what a node asks; durable when this returns, and the run goes on with it if it can here.

        Raises:
            RunNotFound, UnknownNode: There is no such run, or node.
            NotAsked: Nobody is asked there.
            AnswerMisfit: It is not of the type that is asked for.
            AlreadyAnswered: Somebody has answered otherwise before.
        """
        run_id, node_id = self._hub.archive.locate(run_id, node_id)
        row, node, asks = self._asked(run_id, node_id)
        text = _json(run_id, node_id, asks, value)
        is_rejected = asks.type == "bool" and value is False
        self._give(row, node_id, node, (REJECTION if is_rejected else text, is_rejected, ""))

    def reject(self, run_id: str, node_id: str, reason: str) -> None:
        """Reject what a node asks; else as ``answer``.

        Raises:
            RequestError: The reason is too long, or no text.
        """
        run_id, node_id = self._hub.archive.locate(run_id, node_id)
        row, node, _ = self._asked(run_id, node_id)
        if not is_text(reason) or len(reason) > LONGEST_REASON:
            raise RequestError(f"a reason is text of at most {LONGEST_REASON:,} characters, not {quoted(reason)}")
        self._give(row, node_id, node, (REJECTION, True, reason))

    def _asked(self, run_id: str, node_id: str) -> tuple[RunRow, int, Approval]:
        row = self._caller.row(run_id)
        definition = self._hub.archive.definition_of(row)
        node = self._position_of(definition, run_id, node_id)
        asks = definition.nodes[node].awaits
        if definition.nodes[node].flow is not None:
            raise NotAsked(run_id, node_id, self._asked_inside(run_id, node_id, len(definition.nodes) + LISTED))
        if not isinstance(asks, Approval):
            raise NotAsked(run_id, node_id, "it is no approval")
        return row, node, asks

    def _position_of(self, definition: FlowDefinition, run_id: str, node_id: str) -> int:
        ids = [node.id for node in definition.nodes]
        if node_id in ids:
            return ids.index(node_id)
        inside = (one for one in self._hub.archive.questions(run_id) if one.run_id != run_id and one.node_id == node_id)
        near = next((f"{one.run_id[len(run_id) + 1 :]}/{node_id}" for one in inside), None)
        raise UnknownNode(run_id, node_id, near=near or nearest(node_id, ids) or "")

    def _asked_inside(self, run_id: str, node_id: str, limit: int) -> str:
        asked = questions_inside(self._hub.archive.questions(run_id, limit=limit), child_id(run_id, node_id, ""))
        if not asked:
            return "it runs a flow, in which nobody is asked now"
        first = asked[0]
        return f"it runs a flow, in which it is node {quoted(first.node_id)} of run {quoted(first.run_id)} that asks"

    def _give(self, row: RunRow, node_id: str, node: int, answer: tuple[str, bool, str]) -> None:
        self._go_on(row, self._write(row, node_id, node, answer))

    def _write(self, row: RunRow, node_id: str, node: int, answer: tuple[str, bool, str]) -> Place:
        """Write it, unless the same one is there; gives the attempt."""
        readers = self._hub.store.readers
        while True:
            rows = readers.query("read.question", row.run_key, node)
            if not rows:
                run_state = self._caller.row(row.run_id).status
                raise NotAsked(row.run_id, node_id, f"it has not come so far; the run is {run_state}")
            attempt, state, reason = rows[0]
            place = (row.run_key, node, -1, attempt)
            if given := answered_among(readers, [place]):
                if not _is_same(given[0], answer):
                    raise self._answered_before(row, node_id, given[0])
                return place
            if state != "waiting":
                raise NotAsked(row.run_id, node_id, f"it is {state}" + (f" ({reason})" if reason else ""))
            now_us = self._hub.runtime.clock.now().wall_us
            cells = (*place, *answer, _user_name(), os.getpid(), now_us)
            writes = [Write("answers.put", (cells,), 1), Write("flow_runs.wake", ((row.run_key,),), None)]
            try:
                self._caller.commit(writes)
            except UnitRejected:
                continue  # somebody was faster, or nobody is asked any more: the next look tells
            return place

    def _answered_before(self, row: RunRow, node_id: str, first: Answer) -> AlreadyAnswered:
        archive = self._hub.archive
        outermost = None
        if row.parent_run is not None:
            root, below, *_ = *archive.above(row.run_key), row
            flows = [node.id for node in archive.definition_of(root).nodes if node.flow is not None]
            places = {one: child_id(root.run_id, one, "") for one in flows}
            outermost = next(
                ((root.run_id, one) for one, at in places.items() if f"{below.run_id}/".startswith(f"{at}/")), None
            )
        return AlreadyAnswered(row.run_id, node_id, first.in_short, first.user, first.pid, moment(first.at), outermost)

    def _go_on(self, row: RunRow, place: Place) -> None:
        """Have the run take the answer, if it is here or can be; else whoever can does."""
        hub = self._hub
        root_id = row.run_id if row.parent_run is None else hub.archive.id_of(row.root_run)
        inside = [one.run_id for one in (row, *hub.archive.above(row.run_key)) if one.run_id != root_id]
        until_us = hub.runtime.clock.now().mono_us + TURN_US
        while hub.store.readers.query("read.is_untaken", *place)[0][0] and self.may_go_on(row.run_key):
            if any(one in hub.adrift for one in inside):
                return  # the disk refuses: it is taken when that no longer does
            opening = hub.openings.of(root_id)
            if root_id in hub.active:
                if row.run_id not in hub.active and hub.runtime.clock.now().mono_us >= until_us:
                    return  # others of the flows inside have the turn: it is taken after those
                hub.people.look()
                hub.children.look()
                self._caller.pause()
            elif opening is not None:
                self._caller.wait(opening)
            elif not self.take_up(root_id):
                return

    def may_go_on(self, run_key: int) -> bool:
        """Tell whether neither a run nor one that it is inside of is paused for something else: then it goes on after that."""
        return not self._hub.store.readers.query("read.is_held_up", run_key)[0][0]

    def take_up(self, run_id: str) -> bool:
        """Open a run that nobody runs, if its code is here, and tell whether it may be open here by now."""
        hub = self._hub
        row = self._caller.row(run_id)
        if row.status not in ("pending", "running", "paused") or hub.is_anothers(row):
            return False
        actions = self._recovery.fitting_actions(row)
        if actions is None:
            return False
        try:
            self._take(row, "recover", actions)
        except RunOwned as owned:
            return owned.worker_id == hub.store.worker_id
        return True


def _json(run_id: str, node_id: str, asks: Approval, value: Any) -> str:
    """An answer as JSON text.

    Raises:
        AnswerMisfit: It is of another type, too long, or nothing that JSON can hold.
    """
    if not is_of_type(value, asks.type):
        raise AnswerMisfit(run_id, node_id, asks.type, type(value).__name__)
    try:
        text = to_json(float(value) if asks.type == "float" else value).decode()
    except (OutputError, OverflowError) as error:
        why = f"{indefinite(type(value).__name__)} that cannot be stored ({getattr(error, 'reason', error)})"
        raise AnswerMisfit(run_id, node_id, asks.type, why) from error
    if len(text) > LONGEST:
        raise AnswerMisfit(run_id, node_id, asks.type, f"one of {len(text):,} characters (at most {LONGEST:,})")
    return text


def _is_same(first: Answer, answer: tuple[str, bool, str]) -> bool:
    """Tell whether an answer is the one that is there; for another reason a rejection is no other one."""
    value, is_rejected, _ = answer
    return bool(first.is_rejected) == is_rejected and first.value == value


def _user_name() -> str:
    """The name of this process's user; the number where there is no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
