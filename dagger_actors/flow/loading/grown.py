"""The run that nodes are added to, as whoever reads them sees it; and who is an ancestor of whom in it, without a look at all.

Nearly all that new nodes refer to is what they wait for, or was referred to by that: such ancestors are found in a step or
two. Others are searched for, and if that leads far, all ancestors are swept once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from dagger_actors.bodies.actions import Action
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.definition import FlowConfig, FromNode, Growth, InputSpec, NodeDefinition, SubFlow
from dagger_actors.flow.loading.ancestry import Ancestry, ancestors_among, edges_of
from dagger_actors.flow.loading.awaits import AwaitableChannels
from dagger_actors.flow.loading.sub_flows import SubFlows
from dagger_actors.flow.loading.written import WrittenNode

__all__ = ["Added", "Grown", "GrownAncestry"]

MOST_STEPS = 2_000
"""Nodes that are looked at one by one in the search for ancestors; then all are swept."""


class Grown(msgspec.Struct, frozen=True, kw_only=True):
    """The run that nodes are added to.

    Attributes:
        nodes: Its nodes by position; may grow meanwhile, and only at its end.
        positions: Where each id stands; may grow meanwhile.
        count: So many nodes are looked at.
        inputs: The flow's inputs.
        config: Its settings.
        registry: Its actions.
        channels: Those that nodes may await messages of; None = nothing is known of them.
        flows: Finds the flows that nodes run; None = they run none here.
        runs: Gives what runs for a node that is there and runs a flow; knows besides these definitions of flows, as JSON
            text by their SHA-256. None = nothing is known of it.
    """

    nodes: Sequence[NodeDefinition]
    positions: Mapping[str, int]
    count: int
    inputs: Mapping[str, InputSpec]
    config: FlowConfig
    registry: ActionRegistry
    channels: AwaitableChannels | None = None
    flows: SubFlows | None = None
    runs: Callable[[SubFlow, Mapping[str, str]], Action] | None = None


class Added:
    """What one attempt adds, as far as it is read.

    Attributes:
        base: Nodes the run has; positions from there on are those of what is added.
        nodes: What is added.
        flows: The definitions of the flows that they run, as JSON text by their SHA-256.
    """

    def __init__(self, base: int, nodes: Sequence[NodeDefinition] = (), flows: Mapping[str, str] = {}) -> None:
        self.base = base
        self.nodes = list(nodes)
        self.flows = dict(flows)
        self._at = {node.id: at for at, node in enumerate(nodes)}

    @property
    def growth(self) -> Growth:
        """All of it."""
        return Growth(base=self.base, nodes=tuple(self.nodes), flows=self.flows)

    def move(self, base: int) -> None:
        """The run has been given more nodes since, or fewer."""
        if base != self.base:
            self.nodes = list(self.growth.at(base))
            self.base = base

    def extend(self, nodes: Iterable[NodeDefinition]) -> None:
        """Add more."""
        for node in nodes:
            self._at[node.id] = len(self.nodes)
            self.nodes.append(node)

    def find(self, run: Grown, name: str) -> int | None:
        """The position of a node, of the run's or of what is added; None when there is none of that id."""
        position = run.positions.get(name)
        if position is not None and position < self.base:
            return position
        at = self._at.get(name)
        return None if at is None else self.base + at

    def node(self, run: Grown, position: int) -> NodeDefinition:
        """The node at a position."""
        return run.nodes[position] if position < self.base else self.nodes[position - self.base]


class GrownAncestry(Ancestry):
    """Who is an ancestor of whom, among nodes that are there and new ones behind.

    Args:
        run: What nodes are added to.
        added: What has been added.
        seen: Positions of the nodes that are there, as far as they are named; in the order of the written ones.
    """

    def __init__(self, run: Grown, added: Added, seen: Sequence[int]) -> None:
        self._run = run
        self._added = added
        self._seen = seen
        self._steps = 0

    def is_plain(self, nodes: Sequence[WrittenNode]) -> bool:
        """Nobody knows: that would take a look at all nodes of the run."""
        del nodes
        return False

    def among(self, nodes: Sequence[WrittenNode], asked: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
        """Tell which of the asked pairs (node, other) have ``other`` as an ancestor; free of cycles."""
        return self._among(nodes, set(asked), is_sure=False)

    def sure_among(self, nodes: Sequence[WrittenNode], asked: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
        """Tell which have one that must have succeeded."""
        return self._among(nodes, set(asked), is_sure=True)

    def _among(
        self, nodes: Sequence[WrittenNode], asked: set[tuple[int, int]], *, is_sure: bool
    ) -> set[tuple[int, int]]:
        if not asked:
            return set()
        count = len(self._seen)
        edges = edges_of(nodes, is_sure=is_sure)
        # What is waited for itself needs no search, unless nothing is demanded of it: then there is nothing to be found.
        far = {
            other for node, other in asked if other < count and edges[node] and other not in nodes[node].dependencies
        }
        if far:
            above = {on for some in edges[count:] for on in some if on < count}
            self._steps = 0
            if not all(self._link(edges[one], one, far, is_sure=is_sure) for one in above):
                self._sweep(edges, above, is_sure=is_sure)
        return ancestors_among(edges, asked)

    def _link(self, edges: list[int], one: int, far: set[int], *, is_sure: bool) -> bool:
        """Search all ancestors of a node for some; gives up after too many steps."""
        self._steps += len(far)
        if self._steps > MOST_STEPS:
            return False
        wanted = {self._seen[other]: other for other in far if other != one}
        todo = deque([self._seen[one]])
        found = {self._seen[one]}
        while todo and wanted:
            for on in self._above(todo.popleft(), is_sure=is_sure):
                self._steps += 1
                if self._steps > MOST_STEPS:
                    return False
                if on not in found:
                    found.add(on)
                    todo.append(on)
                    if on in wanted:
                        edges.append(wanted.pop(on))
        return True

    def _above(self, position: int, *, is_sure: bool) -> Iterable[int]:
        """What a node waits for; and what it was found to be a descendant of, so that it need not be searched for again."""
        node = self._added.node(self._run, position)
        if is_sure and node.trigger != "all_succeeded":
            return ()
        if node.call is not None:
            return node.dependencies
        referred = [(name, one.node) for name, one in node.inputs if isinstance(one, FromNode) and one.default is None]
        if is_sure:
            # What a parameter of a node's own name has found was never asked to be a sure ancestor.
            referred = [(name, on) for name, on in referred if name != self._added.node(self._run, on).id]
        return (*node.dependencies, *(on for _, on in referred))

    def _sweep(self, edges: list[list[int]], above: Iterable[int], *, is_sure: bool) -> None:
        """Put all ancestors behind the written nodes."""
        at = {position: vertex for vertex, position in enumerate(self._seen)}
        todo = [self._seen[one] for one in above]
        done = set(todo)
        while todo:
            position = todo.pop()
            node = self._added.node(self._run, position)
            vertex = at[position]
            edges[vertex] = []
            if is_sure and node.trigger != "all_succeeded":
                continue
            for on in node.dependencies:
                if on not in at:
                    at[on] = len(edges)
                    edges.append([])
                edges[vertex].append(at[on])
                if on not in done:
                    done.add(on)
                    todo.append(on)
