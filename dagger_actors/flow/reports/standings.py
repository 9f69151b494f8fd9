"""Where the nodes of a run stand: a report laid over its definition's graph."""

from __future__ import annotations

from collections.abc import Sequence

from dagger_actors.core.states import FINAL_RUN
from dagger_actors.core.wording import indefinite, nearest, quoted
from dagger_actors.errors import UnknownNode
from dagger_actors.flow.definition import FlowDefinition, NodeDefinition
from dagger_actors.flow.reports.report import NodeReport, Report

__all__ = ["Standings", "names"]

NAMED = 10
"""Nodes a sentence names; the rest is counted."""


class Standings:
    """Finds nodes, and what they hang on.

    Args:
        report: The run.
        definition: What it is pinned to.
    """

    def __init__(self, report: Report, definition: FlowDefinition) -> None:
        self._report = report
        self.nodes = definition.nodes
        self.position = {node.id: at for at, node in enumerate(definition.nodes)}
        self._own: dict[str, NodeReport] = {}
        self._items: dict[str, list[NodeReport]] = {}
        for one in report.nodes:
            if one.invocation_key:
                self._items.setdefault(one.node_id, []).append(one)
            else:
                self._own[one.node_id] = one

    def position_of(self, node_id: str) -> int:
        """The position of a node.

        Raises:
            UnknownNode: There is none of that id; names the nearest.
        """
        at = self.position.get(node_id) if isinstance(node_id, str) else None
        if at is None:
            raise UnknownNode(self._report.run_id, node_id, "", nearest(node_id, self.position) or "")
        return at

    def items(self, node_id: str) -> Sequence[NodeReport]:
        """The items of a mapped node that have begun."""
        return self._items.get(node_id, ())

    def find(self, node_id: str, key: str = "") -> NodeReport:
        """One invocation; pending when nothing is recorded of it.

        Raises:
            UnknownNode: There is no such item; names the nearest.
        """
        if not key:
            if (own := self._own.get(node_id)) is not None:
                return own
            return NodeReport(
                node_id=node_id, invocation_key="", state="pending", reason=None, output=None, attempts=()
            )
        items = {one.invocation_key: one for one in self._items.get(node_id, [])}
        if key not in items:
            raise UnknownNode(self._report.run_id, node_id, key, nearest(key, items) or "", len(items))
        return items[key]

    def place(self, at: int) -> str:
        """Say where a node stands in the graph."""
        node = self.nodes[at]
        before = [self.nodes[on].id for on in node.dependencies]
        after = [other.id for other in self.nodes if at in other.dependencies]
        text = f"node {at + 1} of {len(self.nodes)}, {_purpose(node)}"
        text += f"; after {names(before)}" if before else "; it depends on nothing"
        return text + (f"; before {names(after)}" if after else "; nothing depends on it")

    def culprit(self, at: int, reason: str | None) -> int | None:
        """The dependency that the reason of a skipped node names."""
        for on in self.nodes[at].dependencies:
            if reason is not None and f"dependency {self.nodes[on].id!r} " in f"{reason} ":
                return on
        return None

    def roots(self, open_ones: Sequence[int]) -> list[int]:
        """The unended ancestors that wait for no other: what really holds it up, in file order."""
        roots: set[int] = set()
        seen = set(open_ones)
        stack = list(open_ones)
        while stack:
            at = stack.pop()
            above = [on for on in self.nodes[at].dependencies if not self.has_ended(on)]
            if not above:
                roots.add(at)
            for on in above:
                if on not in seen:
                    seen.add(on)
                    stack.append(on)
        return sorted(roots)

    def state(self, at: int) -> str:
        """The state of a node."""
        return self.find(self.nodes[at].id, "").state

    def has_ended(self, at: int) -> bool:
        """Tell whether a node has ended for good, so that what depends on it no longer waits for it."""
        # A node that paused its run has failed, and is tried again: what depends on it waits for that.
        state = self.state(at)
        is_pausing = self._report.state not in FINAL_RUN and self.nodes[at].on_failure == "pause"
        return state in ("succeeded", "skipped") or (
            state in ("failed", "timed_out", "cancelled", "interrupted") and not is_pausing
        )


def _purpose(node: NodeDefinition) -> str:
    if node.flow is not None:
        return f"which runs the flow {quoted(node.flow.name)}"
    return f"action {quoted(node.action)}" if node.awaits is None else f"which awaits {indefinite(node.purpose)}"


def names(ids: Sequence[str]) -> str:
    """Name some of many nodes, and count the rest."""
    more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
    return ", ".join(quoted(one) for one in ids[:NAMED]) + more
