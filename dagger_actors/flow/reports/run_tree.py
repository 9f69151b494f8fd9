"""The execution tree of a run: each node once, beneath the one that it waited for longest, or that added it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from dagger_actors.drawing.layers import layers_of
from dagger_actors.flow.definition import FlowDefinition
from dagger_actors.flow.reports.report import NodeReport, Report
from dagger_actors.flow.reports.run_picture import problem_of, summaries, unreported

__all__ = ["TROUBLED", "Branch", "Twig", "levels_of", "shown_branches", "tree_of"]

TROUBLED = ("failed", "timed_out", "interrupted", "cancelled", "running", "waiting")
ENDED_BADLY = ("failed", "timed_out", "interrupted", "cancelled")
ITEMS = 5
"""Items of a map that stand beneath their node: those that did not succeed, rather than those that have not yet."""
FAMILY = 12
"""Children of one node that are shown when there is not room for all."""


class Twig(msgspec.Struct, frozen=True, kw_only=True):
    """An item of a map that did not succeed (yet)."""

    invocation_key: str
    state: str
    attempts: int
    problem: str


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """A node of the tree.

    Attributes:
        parent: The node above it; None for a root.
        also_after: What else it depends on.
        added_by: Who added it while the run went on; None = it is the file's.
        called_for: Of a hook or a failure action, the event; empty for the flow's own nodes.
        level: How many nodes stand one behind the other before it.
        size: Of a mapped node that has fanned out, how many items.
        states: How many of its invocations are in which state.
        took_us: From the first start to the last end; None before it has ended.
        problem: Its error or reason; empty for none.
        runs: Of a node that runs a flow: the ids of those runs, as far as they have begun.
        items: Those of its items that did not succeed, the first few; the rest of them is ``items_left_out``.
    """

    node_id: str
    parent: str | None
    also_after: tuple[str, ...]
    added_by: str | None
    called_for: str
    level: int
    state: str
    size: int | None
    states: dict[str, int]
    attempts: int
    took_us: int | None
    problem: str
    runs: tuple[str, ...]
    items: tuple[Twig, ...]

    @property
    def items_left_out(self) -> Counter[str]:
        """How many more of its items did not succeed (yet), by state."""
        troubled = {state: count for state, count in self.states.items() if self.size is not None and state in TROUBLED}
        return Counter(troubled) - Counter(twig.state for twig in self.items)


def tree_of(definition: FlowDefinition, report: Report, *, calls: bool = False) -> tuple[Branch, ...]:
    """Make the tree of a run, each node behind its parent and in the order of the file.

    Args:
        definition: What the run is pinned to.
        report: What it has done.
        calls: Whether the hooks and failure actions that it has called are in it too.
    """
    shown = definition.drawn(calls=calls)
    edges = definition.picture(calls=calls).edges
    levels = layers_of(len(shown), edges)
    ends = _ends(report)
    ids = [definition.nodes[position].id for position in shown]
    before: list[list[int]] = [[] for _ in shown]
    for one, other in edges:
        before[other].append(one)
    parents = [max(above, key=lambda on: (ends.get(ids[on], -1), levels[on], on), default=None) for above in before]
    found, items = summaries(report), _items(report)

    def branch(place: int) -> Branch:
        node, parent = definition.nodes[shown[place]], parents[place]
        summary = found.get(node.id) or unreported(node.id)
        return Branch(
            node_id=node.id,
            parent=None if parent is None else ids[parent],
            also_after=tuple(ids[on] for on in before[place] if on != parent),
            added_by=None if node.added_by is None else definition.nodes[node.added_by].id,
            called_for="" if node.call is None else node.call.event,
            level=levels[place],
            state=summary.state,
            size=summary.size,
            states=summary.states,
            attempts=summary.attempts,
            took_us=summary.took_us,
            problem=summary.problem,
            runs=summary.runs,
            items=tuple(items.get(node.id, ())),
        )

    return tuple(branch(place) for place in _in_order(parents))


def levels_of(branches: Iterable[Branch]) -> list[list[Branch]]:
    """Those that could run at once: each level waits for the ones before it alone."""
    levels: dict[int, list[Branch]] = {}
    for one in branches:
        levels.setdefault(one.level, []).append(one)
    return [levels[level] for level in sorted(levels)]


def shown_branches(branches: tuple[Branch, ...], limit: int) -> tuple[list[Branch], dict[str | None, Counter[str]]]:
    """Choose what there is room for: of large families those that did not succeed, and the first ones.

    Args:
        branches: Of a tree, in order.
        limit: How many are shown at most.

    Returns:
        Those, in order, and how many beneath each parent are left out, by state; beneath None the roots, and what was cut off
        at the end.
    """
    left_out: dict[str | None, Counter[str]] = {}
    if len(branches) <= limit:
        return list(branches), left_out
    chosen: set[str] = set()
    families: dict[str | None, list[Branch]] = {}
    for one in branches:
        families.setdefault(one.parent, []).append(one)
    for family in families.values():
        order = sorted(family, key=lambda one: one.state not in TROUBLED)
        chosen.update(one.node_id for one in order[:FAMILY])
    shown: list[Branch] = []
    hidden: dict[str, str | None] = {}  # who is left out, and beneath whom that is told
    for one in branches:
        if one.parent is not None and one.parent in hidden:
            hidden[one.node_id] = hidden[one.parent]
        elif one.node_id not in chosen:
            hidden[one.node_id] = one.parent
        elif len(shown) >= limit:
            hidden[one.node_id] = None
        else:
            shown.append(one)
            continue
        left_out.setdefault(hidden[one.node_id], Counter())[one.state] += 1
    return shown, left_out


def _ends(report: Report) -> dict[str, int]:
    ends: dict[str, int] = {}
    for node in report.nodes:
        for each in node.attempts:
            if each.finished_us is not None:
                ends[node.node_id] = max(ends.get(node.node_id, 0), each.finished_us)
    return ends


def _items(report: Report) -> dict[str, list[Twig]]:
    found: dict[str, list[NodeReport]] = {}
    for are_bad in (True, False):
        for node in filter(_is_troubled, report.nodes):
            some = found.setdefault(node.node_id, [])
            if (node.state in ENDED_BADLY) is are_bad and len(some) < ITEMS:
                some.append(node)
    return {name: [_twig(node) for node in some] for name, some in found.items()}


def _twig(node: NodeReport) -> Twig:
    return Twig(
        invocation_key=node.invocation_key,
        state=node.state,
        attempts=len(node.attempts),
        problem=problem_of(node),
    )


def _is_troubled(node: NodeReport) -> bool:
    return node.invocation_key != "" and node.state in TROUBLED


def _in_order(parents: list[int | None]) -> Iterator[int]:
    """Each place behind its parent, without recursion: a run may be a chain of 10,000."""
    children: dict[int | None, list[int]] = {}
    for place, parent in enumerate(parents):
        children.setdefault(parent, []).append(place)
    stack = list(reversed(children.get(None, ())))
    while stack:
        place = stack.pop()
        yield place
        stack += reversed(children.get(place, ()))
