"""What a fork shares with the run it is made from: whatever has succeeded, or was skipped, and does not run again.

Rules:

* The nodes that are named run again, and so does everything downstream of them, and of what has not succeeded.
* Nodes that were added while the run went on are the fork's too where who added them is shared; where it runs again, it
  adds its own. The hooks of the run's own events are called anew, so what those added is left out.
* A hook of a node that is shared is not called again. What any hook made of a node's inputs stays until one sets them anew,
  for nobody knows who set which.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

import msgspec

from dagger_actors.core.wording import nearest, quoted
from dagger_actors.errors import ForkRefused, NeverRan, UnknownNode
from dagger_actors.errors.commands import command_line
from dagger_actors.flow.definition import FlowDefinition, FromInput, NodeDefinition, moved
from dagger_actors.flow.definition.predicates import references_of
from dagger_actors.flow.machine.finishing import STOPPED
from dagger_actors.flow.stored.rows import StoredRow

__all__ = ["Forked", "Forking"]

GRANTED_ONLY: Final = frozenset({"ready", "skipped"})


class Forked(msgspec.Struct, frozen=True, kw_only=True):
    """What a fork begins with.

    Attributes:
        positions: Of the nodes it has: the new positions by those in the run it is made from.
        bodies: Nodes whose definitions are not the file's, by their new positions.
        rows: The last rows of what is shared, as the run has them.
    """

    positions: Mapping[int, int]
    bodies: Mapping[int, NodeDefinition]
    rows: Sequence[StoredRow]


class Forking:
    """Finds what a fork of one run would share.

    Args:
        run_id: The run.
        definition: Its definition, added nodes included.
        changed: Positions of nodes whose definitions are not the file's.
        rows: Its rows, ordered by node, item and attempt.
    """

    def __init__(
        self, run_id: str, definition: FlowDefinition, changed: AbstractSet[int], rows: Iterable[StoredRow]
    ) -> None:
        self._run_id = run_id
        self._nodes = definition.nodes
        self._changed = changed
        self._latest: dict[int, dict[int, StoredRow]] = {}
        self._begun: set[int] = set()
        for row in rows:
            self._latest.setdefault(row.node, {})[row.item] = row
            if row.attempt and row.state not in GRANTED_ONLY:
                self._begun.add(row.node)

    def of(self, ids: Sequence[str], inputs: AbstractSet[str]) -> Forked:
        """What a fork from these nodes shares.

        Args:
            ids: The nodes.
            inputs: Names of the run's inputs that have other values in the fork.

        Raises:
            UnknownNode: There is no node of such an id; names the nearest.
            NeverRan: One has not run, so there is nothing to fork from.
            ForkRefused: One is a hook, or would not be there; or an output to be shared was made with such an input.
        """
        named = [self._position(name) for name in ids]
        again = self._downstream([*named, *(at for at in range(len(self._nodes)) if not self._has_result(at))])
        left_out = self._left_out(again)
        for position in named:
            if position in left_out:
                raise ForkRefused(self._run_id, self._why_left_out(position))
        kept = [at for at in range(len(self._nodes)) if at not in left_out]
        self._refuse_orphans(kept, left_out)
        shared = [at for at in kept if at not in again]
        self._refuse_used(shared, inputs, ids)
        positions = {old: new for new, old in enumerate(kept)}
        return Forked(
            positions=positions,
            bodies={
                new: self._body(old, positions) for old, new in positions.items() if old in self._changed or old != new
            },
            rows=[row for at in shared for row in self._rows(at)],
        )

    def _position(self, name: str) -> int:
        index = {node.id: position for position, node in enumerate(self._nodes)}
        if name not in index:
            own = [node.id for node in self._nodes if node.call is None]
            raise UnknownNode(self._run_id, name, near=nearest(name, own) or "")
        position = index[name]
        if self._nodes[position].call is not None:
            raise ForkRefused(self._run_id, f"{quoted(name)} is a hook, which runs when it is called")
        if position not in self._begun:
            ran = next((self._nodes[at].id for at in self._ancestors(position) if at in self._begun), "")
            raise NeverRan(self._run_id, name, ran)
        return position

    def _ancestors(self, position: int) -> list[int]:
        """The nearest first."""
        found = list(self._nodes[position].dependencies)
        for one in found:
            found += [on for on in self._nodes[one].dependencies if on not in found]
        return found

    def _has_result(self, position: int) -> bool:
        """Tell whether a node came to an end that a fork can begin with; the end of its run is none."""
        row = self._latest.get(position, {}).get(-1)
        if row is None:
            return self._nodes[position].call is not None
        if self._nodes[position].call is not None:
            return True  # nothing is downstream of a call; whether it is shared is asked for what it has added
        return row.state == "succeeded" or (row.state == "skipped" and row.reason not in STOPPED)

    def _downstream(self, positions: Iterable[int]) -> set[int]:
        dependents: list[list[int]] = [[] for _ in self._nodes]
        for position, node in enumerate(self._nodes):
            for on in node.dependencies:
                dependents[on].append(position)
        found = set(positions)
        todo = list(found)
        while todo:
            fresh = [one for one in dependents[todo.pop()] if one not in found]
            found.update(fresh)
            todo += fresh
        return found

    def _left_out(self, again: AbstractSet[int]) -> set[int]:
        """Nodes that the fork has not got: calls, and what is added anew. Who adds a node comes before it."""
        adders = {node.added_by for node in self._nodes}
        found: set[int] = set()
        for position, node in enumerate(self._nodes):
            if node.call is not None:
                target, row = node.call.node, self._latest.get(position, {}).get(-1)
                has_ended = row is not None and row.state == "succeeded" and position in adders
                if not has_ended or target is None or target in again or target in found:
                    found.add(position)
            elif node.added_by is not None and (node.added_by in again or node.added_by in found):
                found.add(position)
        return found

    def _why_left_out(self, position: int) -> str:
        adder = self._nodes[position].added_by
        assert adder is not None, "only what was added is left out"
        name = quoted(self._nodes[adder].id)
        what = f"{quoted(self._nodes[position].id)} was added by {name}"
        if self._nodes[adder].call is not None:
            return f"{what}, a hook that is called anew in it; fork from a node of the flow file"
        return f"{what}, which runs again in it and adds its own; fork from {name} instead"

    def _refuse_orphans(self, kept: Iterable[int], left_out: AbstractSet[int]) -> None:
        for position in kept:
            node = self._nodes[position]
            for on in node.dependencies:
                needed = self._nodes[on]
                if on in left_out and needed.added_by is None:
                    raise ForkRefused(
                        self._run_id, f"{quoted(node.id)} needs the hook {quoted(needed.id)}, which is called anew"
                    )
                if on in left_out:
                    adders = [self._nodes[at].id for at in (needed.added_by, node.added_by) if at is not None]
                    reason = (
                        f"{quoted(node.id)}, added by {quoted(adders[-1])}, needs {quoted(needed.id)}, which "
                        f"{quoted(adders[0])} adds anew; fork from {quoted(adders[-1])} too"
                    )
                    raise ForkRefused(self._run_id, reason)

    def _refuse_used(self, shared: Iterable[int], inputs: AbstractSet[str], ids: Sequence[str]) -> None:
        if not inputs:
            return
        uses = {self._nodes[at].id: sorted(_inputs_of(self._nodes[at]) & inputs) for at in shared}
        users = [name for name, used in uses.items() if used]
        if users:
            named = dict.fromkeys([*ids, *users])
            reason = (
                f"the input {quoted(uses[users[0]][0])} was used by {quoted(users[0])}, whose output it would share; "
                f"fork from there too: {command_line('fork', self._run_id, options=[('--from', name) for name in named])}"
            )
            raise ForkRefused(self._run_id, reason)

    def _body(self, position: int, positions: Mapping[int, int]) -> NodeDefinition:
        node = self._nodes[position]
        call = node.call
        if call is not None and call.node is not None:
            call = msgspec.structs.replace(call, node=positions[call.node])
        added_by = None if node.added_by is None else positions[node.added_by]
        return msgspec.structs.replace(moved(node, positions.__getitem__), added_by=added_by, call=call)

    def _rows(self, position: int) -> list[StoredRow]:
        rows = self._latest[position]
        size = rows[-1].size or 0
        return [row for item, row in sorted(rows.items()) if item < size]


def _inputs_of(node: NodeDefinition) -> set[str]:
    references = [reference for _, reference in node.inputs]
    references += [reference for reference, _ in references_of(node.when)]
    references += [node.map.over] if node.map is not None else []
    references += [reference for _, reference in node.awaits.match] if node.awaits is not None else []
    return {reference.key for reference in references if isinstance(reference, FromInput)}
