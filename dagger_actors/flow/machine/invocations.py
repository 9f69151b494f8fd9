"""The invocations of one run: which vertex of the graph each is, how each stands, and what each gave.

A node of the file is the vertex of its position; the items of a mapped node are vertices appended behind, and the node's
own vertex then waits for them. So a dependent of a mapped node needs no special case. Nodes that are added while the run
goes on have the positions behind the file's, and vertices behind whatever there is by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from dagger_actors.core.graph import DependencyGraph, FinalState
from dagger_actors.core.messages import Gathered, Inline, Output, SecretName, Stored, Value
from dagger_actors.flow.definition import FlowDefinition, NodeDefinition
from dagger_actors.flow.definition.streams import is_streamed, source_of, sources_of
from dagger_actors.flow.machine.decisions import NodeRow

__all__ = ["HOLE", "Invocations", "Live", "RunIdentity", "StoredNode"]

HOLE = Inline(b"null")
"""What stands in a mapped node's list for an item that gave nothing."""


class RunIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Who a run is, and under whose epoch it is written; ``root_run`` is the key of the run above all, None = it is that."""

    run_key: int
    run_id: str
    owner: int
    epoch: int
    root_run: int | None = None


class StoredNode(msgspec.Struct, frozen=True, kw_only=True):
    """One row of ``node_runs`` as recovery reads it.

    Attributes:
        error: How an item has failed, as ``encode_error`` gives it; None for all else.
    """

    node: int
    item: int
    attempt: int
    state: str
    try_no: int
    crash_no: int
    output: str | None
    output_artifact: Stored | None
    size: int | None
    due_at: int | None
    started_at: int | None
    reason: str | None = None
    error: str | None = None


class Live:
    """One invocation that has begun and not ended; mutable, the machine's own."""

    __slots__ = ("attempt", "crash_no", "due_at", "item", "node", "started_us", "state", "try_no", "until", "vertex")

    def __init__(self, vertex: int, node: int, item: int, attempt: int, *, try_no: int = 1, crash_no: int = 0) -> None:
        self.vertex = vertex
        self.node = node
        self.item = item
        self.attempt = attempt
        self.try_no = try_no
        self.crash_no = crash_no
        self.state: Literal["ready", "running", "waiting", "due", "parked", "awaiting", "asked", "held"] = "ready"
        self.started_us: int | None = None
        self.due_at: int | None = None
        self.until: int | None = None
        """Of a run of a flow that rests because people are asked in it: when it is to be looked at."""


class Invocations:
    """Vertices, outputs and rows of one run; knows nothing of policies."""

    def __init__(self, definition: FlowDefinition, identity: RunIdentity, last_seq: int = 0) -> None:
        self.last_seq = last_seq
        """The highest number that an event of the run has; see ``next_seq``."""
        self.definition = definition
        self.identity = identity
        self.nodes = list(definition.nodes)
        """By position; those that were added come behind those of the file."""
        self._positions: dict[str, int] | None = None
        self.sources = sources_of(definition)
        streamed = {node: on for node, on in self.sources.items() if is_streamed(definition.nodes[node], on)}
        self.streams: dict[int, list[int]] = {}
        for node, on in streamed.items():
            self.streams.setdefault(on, []).append(node)
        self.graph = DependencyGraph.of(
            [
                [on for on in node.dependencies if on != streamed.get(position)] if streamed else node.dependencies
                for position, node in enumerate(definition.nodes)
            ]
        )
        for node in streamed:
            self.graph.hold(node)
        self.outputs: dict[int, Value] = {}
        self.first_item: dict[int, int] = {}
        self.sizes: dict[int, int] = {}
        self.keys: dict[int, tuple[str, ...]] = {}
        self.map_attempts: dict[int, int] = {}
        self._items: list[tuple[int, int]] = []
        self._added: dict[int, int] = {}
        self._undecided: dict[int, dict[int, None]] = {}
        """By the vertex of a mapped node: what becomes ready with its end, for what hinders it may be tried again till then."""
        self._held: dict[int, list[int]] = {}
        """By the vertex of a node that is run again: items of mapped nodes that need its end."""
        self._run_key = identity.run_key
        self._run_id = identity.run_id
        self._count = len(definition.nodes)

    def vertex(self, node: int, item: int = -1) -> int:
        """The vertex of an invocation; item -1 is the node itself."""
        if item >= 0:
            return self.first_item[node] + item
        return node if node < self._count else self._added[node]

    def place(self, vertex: int) -> tuple[int, int]:
        """The node and item of a vertex."""
        return (vertex, -1) if vertex < self._count else self._items[vertex - self._count]

    def key_of(self, node: int, item: int) -> str:
        """The invocation key of an item; empty for the node itself."""
        if item < 0:
            return ""
        keys = self.keys.get(node)
        return keys[item] if keys else str(item)

    def expand(self, node: int, size: int, keys: tuple[str, ...] = ()) -> range:
        """Append the items of a mapped node; its own vertex then waits for them.

        Returns:
            Their vertices, in order.
        """
        if keys:
            self.keys[node] = keys
        first = len(self.graph)
        self.first_item[node] = first
        self.sizes[node] = size
        for item in range(size):
            self.graph.append()
            self._items.append((node, item))
        own = self.vertex(node)
        for vertex in range(first, first + size):
            self.graph.depend(own, vertex)
        return range(first, first + size)

    def add(self, nodes: Sequence[NodeDefinition]) -> range:
        """Add nodes; each may depend on those before, ended or not, and on each other, free of cycles.

        Over a mapped node that was added an added one fans out element by element too, but only once it has ended.

        Returns:
            Their positions.
        """
        first = len(self.nodes)
        positions = range(first, first + len(nodes))
        for node, position in zip(nodes, positions, strict=True):
            self._added[position] = self.graph.append()
            self._items.append((position, -1))
            self.nodes.append(node)
            source = source_of(node, self.nodes)
            if source is not None:
                self.sources[position] = source
        for node, position in zip(nodes, positions, strict=True):
            for on in node.dependencies:
                self.graph.depend(self._added[position], self.vertex(on))
        return positions

    @property
    def positions(self) -> Mapping[str, int]:
        """The nodes' positions by id; made when it is first asked for, for most runs do not grow."""
        if self._positions is None:
            self._positions = {}
        for position in range(len(self._positions), len(self.nodes)):
            self._positions[self.nodes[position].id] = position
        return self._positions

    def link(self, node: int) -> None:
        """Let each item of a fan-out over a mapped node wait for the item it is made from."""
        on = self.sources.get(node)
        if on is None or self.state(on) not in (None, "succeeded") or self.sizes.get(on) != self.sizes[node]:
            return
        # (When a run is restored, what has ended waits for nothing.)
        graph, first, above = self.graph, self.first_item[node], self.first_item[on]
        if node in self.streams.get(on, ()) and graph.state(node) is None:
            graph.depend(node, on)
        for item in range(self.sizes[node]):
            if graph.state(first + item) is None:
                graph.depend(first + item, above + item)

    def hold_items(self, node: int) -> None:
        """Let the items of a mapped node wait for whatever else it needs and has not ended, for that is run again too."""
        if self.state(node) is not None:
            return
        first, source = self.first_item[node], self.sources.get(node)
        items = [vertex for vertex in range(first, first + self.sizes[node]) if self.graph.state(vertex) is None]
        for on in self.nodes[node].dependencies:
            if on != source and self.state(on) is None:
                self._held.setdefault(self.vertex(on), []).extend(items)
                for vertex in items:
                    self.graph.hold(vertex)

    def state(self, node: int) -> FinalState | None:
        """How a node has ended; None while it has not."""
        return self.graph.state(self.vertex(node))

    def output(self, node: int) -> Value | None:
        """What a node gave, if it has."""
        return self.outputs.get(self.vertex(node))

    def let_stream(self, node: int) -> list[int]:
        """A mapped node has fanned out: who goes over it element by element need not wait for its end.

        Returns:
            Those that wait for nothing else.
        """
        return [dependent for dependent in self.streams.get(node, ()) if self.graph.release(dependent)]

    def end(self, vertex: int, state: FinalState) -> list[int]:
        """Record how a vertex ended; the dependents for which it was the last are returned."""
        if vertex in self.streams and vertex not in self.sizes:
            for dependent in self.streams[vertex]:
                self.graph.depend(dependent, vertex)
                self.graph.release(dependent)
        ready = [*self.graph.end(vertex, state), *self._undecided.pop(vertex, ())]
        if vertex in self._held:
            ready += [one for one in self._held.pop(vertex) if self.graph.release(one)]
        return ready

    def is_undecided(self, vertex: int) -> bool:
        """Tell whether what hinders an item may be tried again, for its node pauses the run; then it waits until that ends."""
        source = self.sources.get(self.place(vertex)[0])
        if source is None or self.nodes[source].on_failure != "pause" or self.state(source) is not None:
            return False
        self._undecided.setdefault(self.vertex(source), {})[vertex] = None
        return True

    def item_states(self, node: int) -> list[FinalState | None]:
        """How the items of a mapped node have ended, in order."""
        first = self.first_item.get(node, 0)
        return [self.graph.state(vertex) for vertex in range(first, first + self.sizes.get(node, 0))]

    def gather(self, node: int) -> Gathered:
        """The outputs of a mapped node's items, in order; null for one that gave none."""
        first = self.first_item.get(node, 0)
        get = self.outputs.get
        return Gathered(
            tuple(self._single(get(vertex, HOLE)) for vertex in range(first, first + self.sizes.get(node, 0)))
        )

    @staticmethod
    def _single(value: Value) -> Output:
        assert not isinstance(value, Gathered | SecretName)
        return value

    def keep(self, vertex: int, row: StoredNode) -> None:
        """Remember a stored output."""
        if row.output is not None:
            self.outputs[vertex] = Inline(row.output.encode())
        elif row.output_artifact is not None:
            self.outputs[vertex] = row.output_artifact

    def culprit(self, node: int) -> str:
        """Name the first dependency of a node that did not succeed, with its state."""
        for on in self.nodes[node].dependencies:
            state = self.state(on)
            if state not in (None, "succeeded"):
                how = {"failed": "failed", "timed_out": "timed out"}.get(str(state), f"was {state}")
                return f"dependency {self.nodes[on].id!r} {how}"
        return "a dependency did not succeed"

    def row(
        self,
        node: int,
        item: int,
        attempt: int,
        state: str,
        try_no: int = 1,
        crash_no: int = 0,
        *,
        output: str | None = None,
        output_artifact_id: str | None = None,
        size: int | None = None,
        reason: str | None = None,
        error: str | None = None,
        due_at: int | None = None,
        started_at: int | None = None,
        finished_at: int | None = None,
    ) -> NodeRow:
        """Make a row; every attempt has two at least, so its fields go by position."""
        return NodeRow(
            self._run_key,
            node,
            item,
            attempt,
            self._run_id,
            self.nodes[node].id,
            ("" if item < 0 else str(item)) if not self.keys else self.key_of(node, item),
            state,
            try_no,
            crash_no,
            output,
            output_artifact_id,
            size,
            reason,
            error,
            due_at,
            started_at,
            finished_at,
            self.next_seq(),
        )

    def next_seq(self) -> int:
        """A number for what happens now, and the one behind it, for the end of what begins and ends at once."""
        seq = self.last_seq + 1
        self.last_seq = seq + 1
        return seq

    def unended(self) -> Iterable[int]:
        """Every vertex that has not ended, in order."""
        state = self.graph.state
        return (vertex for vertex in range(len(self.graph)) if state(vertex) is None)
