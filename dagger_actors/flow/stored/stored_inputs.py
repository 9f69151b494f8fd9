"""The inputs that the attempts of a stored run were given: put together again, from its rows, as they were the first time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

from dagger_actors.core.messages import StartAttempt, Value
from dagger_actors.core.wording import nearest
from dagger_actors.errors import ReplayRefused, UnknownNode
from dagger_actors.errors.commands import command_line
from dagger_actors.flow.definition import FlowDefinition
from dagger_actors.flow.definition.inputs import decode_inputs
from dagger_actors.flow.machine.invocations import RunIdentity
from dagger_actors.flow.machine.machine import FlowMachine
from dagger_actors.flow.stored.child_runs import child_id
from dagger_actors.flow.stored.restore import from_row, restore
from dagger_actors.flow.stored.rows import RunRow, StoredRow
from dagger_actors.flow.stored.shared_rows import maker_of
from dagger_actors.flow.stored.starts import Starts

__all__ = ["StoredInputs"]


class StoredInputs:
    """Finds what a stored run's attempts were given.

    Args:
        run: Its row.
        definition: What it is pinned to.
        rows: Its node rows, ordered by node, item and attempt.
        load: Reads an artifact's content.
    """

    def __init__(
        self, run: RunRow, definition: FlowDefinition, rows: Sequence[StoredRow], load: Callable[[str], bytes]
    ) -> None:
        self._run = run
        self._definition = definition
        self._rows = rows
        self._load = load

    def start_of(self, node_id: str, key: str = "", attempt: int | None = None) -> StartAttempt:
        """The start of an attempt, with the outputs that there were when it began.

        Args:
            node_id: Its node.
            key: The map item's key; empty for the node itself.
            attempt: Which one; None = the last.

        Raises:
            UnknownNode: There is no such node or item; names the nearest.
            ReplayRefused: It has no such attempt, or the node runs no action.
        """
        position = self._position(node_id)
        own = [row for row in self._rows if row.node == position]
        item = self._item(node_id, own, key)
        made = [row for row in own if row.item == item and row.attempt and row.started_us is not None]
        if self._definition.nodes[position].flow is not None:
            maker = next((found for row in reversed(own) if row.item == item and (found := maker_of(row.reason))), None)
            inside = child_id(maker or self._run.run_id, node_id, key)
            is_map = item < 0 and self._definition.nodes[position].map is not None
            where, run_id = ("one of its runs", f"{inside}/KEY") if is_map else ("its run", inside)
            advice = f"replay a node of {where}: {command_line('replay', run_id, 'NODE')}"
            raise ReplayRefused(self._run.run_id, node_id, key, "it runs a flow, and no action", advice)
        if self._definition.nodes[position].awaits is not None:
            raise ReplayRefused(self._run.run_id, node_id, key, "it awaits something from outside, and runs no action")
        if item < 0 and self._definition.nodes[position].map is not None:
            advice = "name one of its items with --item KEY; `show` lists those that failed"
            raise ReplayRefused(self._run.run_id, node_id, key, "it is mapped: each of its items has attempts", advice)
        chosen = [row for row in made if attempt is None or row.attempt == attempt]
        if not chosen:
            makers = [maker_of(row.reason) for row in own if row.item == item and row.state == "succeeded"]
            if attempt is None and makers and makers[-1] is not None:
                advice = f"replay it in run {makers[-1]!r}"
                raise ReplayRefused(self._run.run_id, node_id, key, "it is shared with the run that made it", advice)
            told = f"it has no attempt {attempt}" if attempt is not None else "it has had no attempt"
            had = f"it has had {', '.join(str(row.attempt) for row in made[-20:])}" if made else "run it first"
            raise ReplayRefused(self._run.run_id, node_id, key, told, had)
        row = chosen[-1]
        return self._starts(self._before(row)).start(position, item, row.attempt)

    def fingerprints(self) -> Iterator[tuple[tuple[str, str], dict[str, str]]]:
        """For each invocation that has begun, its node and key: a hash of each of its inputs, as they are now."""
        starts = self._starts(self._rows)
        hashes: dict[int, tuple[Value, str]] = {}  # one list often feeds many; held, so that its id stays its own

        def hashed(value: Value) -> str:
            if id(value) not in hashes:
                hashes[id(value)] = (value, hashlib.sha256(repr(value).encode()).hexdigest())
            return hashes[id(value)][1]

        # What another run has done, and this one shares, has begun too.
        begun = {
            (row.node, row.item): row
            for row in self._rows
            if row.size is None and row.attempt and (row.started_us is not None or row.state == "succeeded")
        }
        for (position, item), row in begun.items():
            inputs = starts.start(position, item, row.attempt).inputs
            yield (row.node_id, row.invocation_key), {name: hashed(value) for name, value in inputs}

    def _starts(self, rows: Iterable[StoredRow]) -> Starts:
        run = self._run
        identity = RunIdentity(run_key=run.run_key, run_id=run.run_id, owner=run.owner or 0, epoch=run.epoch)
        machine = FlowMachine(self._definition, identity, status=run.status)
        restore(machine, (from_row(row) for row in rows), "recover")
        starts = Starts(machine.work, decode_inputs(run.inputs), self._load)
        starts.restore_keys()
        return starts

    def _before(self, chosen: StoredRow) -> list[StoredRow]:
        """The rows as they stood when an attempt began: what was made again since then counts as it was before."""
        begun_us = chosen.started_us or 0
        first: dict[tuple[int, int], int] = {}
        for row in self._rows:
            if row.state == "succeeded" and (row.finished_us or 0) <= begun_us:
                first[row.node, row.item] = row.attempt
        return [
            row
            for row in self._rows
            if row.node != chosen.node or row.item == -1
            if row.attempt <= first.get((row.node, row.item), row.attempt)
        ]

    def _position(self, node_id: str) -> int:
        ids = {node.id: at for at, node in enumerate(self._definition.nodes)}
        if node_id not in ids:
            raise UnknownNode(self._run.run_id, node_id, "", nearest(node_id, ids) or "")
        return ids[node_id]

    def _item(self, node_id: str, rows: Sequence[StoredRow], key: str) -> int:
        if not key:
            return -1
        items = {row.invocation_key: row.item for row in rows if row.item >= 0}
        if key not in items:
            raise UnknownNode(self._run.run_id, node_id, key, nearest(key, items) or "", len(items))
        return items[key]
