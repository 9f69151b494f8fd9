"""The book of one run: all that its machine knows, and what the event in hand has led to so far.

Mutable, and the machine's own: the rules that change it are functions in ``opening``, ``attempts``, ``ends`` and others. It
knows how to write a row and keep its counters straight, and no policy at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from dagger_actors.bodies.stored_error import describe
from dagger_actors.core.messages import ErrorDetail, Inline, Output
from dagger_actors.core.protocols import Now
from dagger_actors.flow.definition import Call, FlowDefinition, Hook, NodeDefinition
from dagger_actors.flow.machine.decisions import (
    FOREVER,
    AddedNode,
    Await,
    Decision,
    Drain,
    Effect,
    Grant,
    NodeRow,
    PassOn,
    Prepare,
    RunEventRow,
)
from dagger_actors.flow.machine.invocations import Invocations, Live, RunIdentity
from dagger_actors.flow.machine.queue import Queue
from dagger_actors.flow.machine.standing import RunStanding

__all__ = ["WINDOW", "Book"]

WINDOW = 1024
"""Grants that may be committed ahead of what has ended; wide enough to cover two commits at full speed, for a grant may
have to wait for one that is under way."""


class Book:
    """State of one run.

    Args:
        definition: What to run; its actions are bound.
        identity: Under which keys its rows are written.
        run: How the run itself stands; changed by the rules, as all else here.
        last_seq: The highest number that an event of it has.
        calls_s: How long what its end calls may take where the flow has no ``timeout_seconds``; None = for ever.

    Attributes:
        earlier: Items of mapped nodes that are to fan out anew, by node and item: their last attempts.
        live: Invocations that have begun and not ended, by vertex.
        past: The last attempt of vertices that will be tried again, by vertex.
        lingering: Vertices whose abandoned body still runs, with the attempt it belongs to.
        failed_items: Of mapped nodes the first item, in the order of the list, that has failed for good, and how.
        voided: Attempts that were parked or waiting when their node was told to run again.
        queue: What is to begin next.
        unsaved: Attempts that have started since the last flush.
        open: Vertices that have not ended.
        granted: Attempts that are granted and not ended.
        waiting: Attempts in a retry wait, or due and not granted yet.
        asking: Nodes whose list, or whose ``when``, or what they await, is being read.
        awaiting: Attempts that await something outside, but for people who are asked: a run may rest meanwhile.
        preparing: Vertices whose flow is about to be run.
        children: Vertices whose flow runs, or is about to.
        rows: Rows the event in hand has led to.
        effects: Effects the event in hand has led to.
        added: Nodes the event in hand has added.
        events: What the event in hand has led to besides.
    """

    def __init__(
        self,
        definition: FlowDefinition,
        identity: RunIdentity,
        run: RunStanding,
        *,
        last_seq: int = 0,
        calls_s: float | None = None,
    ) -> None:
        self.calls_s = calls_s
        self.run = run
        self.work = Invocations(definition, identity, last_seq)
        self.live: dict[int, Live] = {}
        self.past: dict[int, Live] = {}
        self.lingering: dict[int, int] = {}
        self.failed_items: dict[int, tuple[int, str]] = {}
        self.voided: list[Live] = []
        self.earlier: dict[int, dict[int, Live]] = {}
        self.unsaved: list[Live] = []
        self.open = len(self.work.graph)
        self.granted = self.waiting = self.awaiting = 0
        self.asking: set[int] = set()
        self.preparing: set[int] = set()
        self.children: set[int] = set()
        self.queue = Queue(self.work, self.children)
        self._flows: set[int] = set()
        self.rows: list[NodeRow] = []
        self.effects: list[Effect] = []
        self.added: list[AddedNode] = []
        self.events: list[RunEventRow] = []
        self.hooks: dict[str, tuple[Hook, ...]] = {}
        for hook in definition.hooks:
            self.hooks[hook.event] = (*self.hooks.get(hook.event, ()), hook)
        self.calls: dict[int, Call] = {}
        """Calls that have not ended, by vertex."""
        self.call_counts: dict[str, int] = {}
        self.entering: dict[int, int] = {}
        """Nodes whose start has been announced, and to how many hooks that have not ended."""
        self.plain: set[int] = set()
        """Nodes that run as soon as everything they depend on has succeeded: nearly all."""
        for position, node in enumerate(definition.nodes):
            self._learn(position, node)

    def _learn(self, position: int, node: NodeDefinition) -> None:
        """Note what of a node is to be looked up at each of its attempts."""
        is_ordinary = (
            node.trigger == "all_succeeded" and node.when is None and node.map is None and not node.has_no_action
        )
        if is_ordinary and "node_start" not in self.hooks and node.call is None:
            self.plain.add(position)
        if node.flow is not None:
            self._flows.add(position)
        self.queue.learn(position, node)

    def add(self, nodes: Sequence[NodeDefinition]) -> range:
        """Add nodes to the run; their positions are returned."""
        positions = self.work.add(nodes)
        for position, node in zip(positions, nodes, strict=True):
            self._learn(position, node)
        self.open += len(nodes)
        return positions

    # --- the run itself

    def become(self, status: str, now: Now) -> None:
        """Change the run's state; its clock runs while it is ``running``."""
        was = self.run.status
        self.run.become(status, now)
        if status != was:
            self.note("run", now, name=status, data=None if status == "running" else self.run.error)

    def note(self, kind: str, now: Now, *, node_id: str = "", name: str = "", data: object = None) -> None:
        """Note an event of the run that is no change of an attempt."""
        identity, text = self.work.identity, None if data is None else msgspec.json.encode(data).decode()
        row = RunEventRow(identity.run_key, self.work.next_seq(), kind, node_id, name, text, now.wall_us)
        self.events.append(row)

    def note_failed_item(self, node: int, item: int, error: ErrorDetail) -> None:
        """An item of a mapped node has failed for good: of all that do, the first in the list is told of."""
        first = self.failed_items.get(node)
        if first is None or item < first[0]:
            self.failed_items[node] = (item, describe(error))

    # --- invocations

    def find(self, node: int, item: int, attempt: int) -> Live | None:
        """The invocation, if that very attempt of it has begun and not ended."""
        if item < 0:
            vertex = self.work.vertex(node)
        else:
            first = self.work.first_item.get(node)
            if first is None:
                return None
            vertex = first + item
        live = self.live.get(vertex)
        return live if live is not None and live.attempt == attempt else None

    def is_answered(self, node: int) -> bool:
        """Take down what is being read of a node as read; tells whether it still was to be, and the node goes on by it."""
        is_asked = node in self.asking
        self.asking.discard(node)
        return is_asked and self.run.status == "running" and self.work.state(node) is None

    def begin(self, vertex: int) -> Live:
        """Begin an invocation, or the next attempt of one that had ended."""
        node, item = self.work.place(vertex)
        live = Live(vertex, node, item, 1)
        past = self.past.pop(vertex, None)
        if past is not None:
            live.attempt, live.try_no, live.crash_no = past.attempt + 1, past.try_no, past.crash_no
        self.live[vertex] = live
        return live

    def push_call(self, vertex: int) -> None:
        """Queue a call to be granted, before all else."""
        call = self.work.nodes[self.work.place(vertex)[0]].call
        assert call is not None
        self.calls[vertex] = call
        self.queue.called.append(vertex)

    def only_calls(self) -> None:
        """Forget whatever else is to be granted."""
        self.queue.clear()
        self.preparing.clear()
        self.children.clear()

    def fill(self) -> None:
        """Grant what is ready, up to the window."""
        queue, limit = self.queue, self.work.definition.config.limit
        while queue.called:
            self._grant(queue.called.popleft(), "ready")
        queue.let_in(limit - len(self.children))
        while self.granted < WINDOW and not self.run.is_pausing:
            taken = queue.take(has_place=self.granted < limit)
            if taken is None:
                return
            vertex, state = taken
            if self._flows and self.work.place(vertex)[0] in self._flows:
                self._begin_child(vertex)
            else:
                self._grant(vertex, state)

    def _begin_child(self, vertex: int) -> None:
        """Let the flow of a vertex be run, or go on, unless as many run as may at once."""
        if len(self.children) >= self.work.definition.config.limit:
            self.queue.put_off(vertex)
            return
        node, item = self.work.place(vertex)
        self.queue.count(node)
        self.children.add(vertex)
        live = self.live.get(vertex)
        if live is not None and live.state in ("parked", "asked"):
            live.state = "awaiting"
            self.effects.append(Await(node, item, live.attempt))
            return
        self.preparing.add(vertex)
        self.effects.append(Prepare(node, item))

    def count_child(self, live: Live) -> None:
        """Count a flow as running."""
        self.queue.count(live.node)
        self.children.add(live.vertex)

    def child_ended(self, live: Live) -> None:
        """The flow of a vertex does not run any more."""
        if live.vertex not in self.children:
            return
        self.children.discard(live.vertex)
        self.preparing.discard(live.vertex)
        self.queue.uncount(live.node)

    def _grant(self, vertex: int, state: str) -> None:
        live = self.live.get(vertex)
        if live is None:
            live = self.begin(vertex)
        else:
            self.waiting -= 1
        live.state = "ready"
        self.granted += 1
        self.queue.count(live.node)
        self.rows.append(self.work.row(live.node, live.item, live.attempt, state, live.try_no, live.crash_no))
        self.effects.append(Grant(live.node, live.item, live.attempt))

    def is_careful(self, node: int) -> bool:
        """Tell whether an attempt of unknown outcome must not be repeated."""
        return node in self.queue.careful

    def count_granted(self, live: Live) -> None:
        """Count an attempt as granted."""
        self.granted += 1
        self.queue.count(live.node)

    def uncount_granted(self, live: Live) -> None:
        """A granted attempt is over."""
        self.granted -= 1
        self.queue.uncount(live.node)

    def grant(self, live: Live) -> None:
        """Let it through the gate; not while pausing, unless it is a call: then it stays ready, for the resume."""
        if self.run.is_bare or (self.run.is_pausing and live.vertex not in self.calls):
            return
        if self.is_careful(live.node):
            self.write(live, "running")  # its start is committed with the grant
        self.effects.append(Grant(live.node, live.item, live.attempt))

    def pause(self, *, is_held: bool = False) -> None:
        """Begin nothing more but what the run calls; the gate is held, and whatever has passed it is known to run."""
        run = self.run
        run.is_held = is_held and (run.is_held or not run.is_pausing)
        run.is_pausing = True
        ready = [live for live in self.live.values() if live.state == "ready"]
        for live in ready:
            if self.is_careful(live.node):
                self.write(live, "ready")  # its start was committed, and it is known not to have begun
        self.effects.append(Drain())
        for live in ready:
            if live.vertex in self.calls:
                self.grant(live)  # it was drained with the rest, and the pause waits for its end
        self.pass_on("pause")

    def pass_on(self, verb: Literal["pause", "resume"]) -> None:
        """Tell the runs of flows that go on to pause, or not to."""
        if self._flows:
            lives = [live for live in self.live.values() if live.state == "awaiting" and live.node in self._flows]
            self.effects += [PassOn(live.node, live.item, live.attempt, verb) for live in lives]

    def is_idle(self) -> bool:
        """Tell whether nothing runs, waits for time or for what is outside, or could be granted: the rest is parked."""
        return not (self.granted or self.waiting or self.asking or self.awaiting or self.children or self.queue)

    def asks_until(self) -> int | None:
        """When the first of the people who are asked, here or inside, has been waited for long enough; None = nobody is."""
        asked = [live for live in self.live.values() if live.state == "asked"]
        dues = [due for live in asked for due in (live.due_at, live.until) if due is not None]
        return min(dues, default=FOREVER) if asked else None

    # --- what goes out

    def write(
        self,
        live: Live,
        state: str,
        *,
        size: int | None = None,
        reason: str | None = None,
        error: str | None = None,
        due_at: int | None = None,
        finished_at: int | None = None,
    ) -> None:
        """Write the row of an attempt in any state but success."""
        row = self.work.row(
            live.node,
            live.item,
            live.attempt,
            state,
            live.try_no,
            live.crash_no,
            size=size,
            reason=reason,
            error=error,
            due_at=due_at,
            started_at=live.started_us,
            finished_at=finished_at,
        )
        self.rows.append(row)

    def write_success(self, live: Live, output: Output, finished_us: int, reason: str | None = None) -> None:
        """Write the row of an attempt that has succeeded, with what it gave."""
        text = output.json.decode() if isinstance(output, Inline) else None
        row = self.work.row(
            live.node,
            live.item,
            live.attempt,
            "succeeded",
            live.try_no,
            live.crash_no,
            output=text,
            output_artifact_id=None if isinstance(output, Inline) else output.artifact_id,
            reason=reason,
            started_at=live.started_us,
            finished_at=finished_us,
        )
        self.rows.append(row)

    def take_decision(self) -> Decision:
        """What the event in hand has led to; the next event starts afresh."""
        decision = Decision(
            tuple(self.rows), tuple(self.effects), self.run.is_changed, tuple(self.added), tuple(self.events)
        )
        self.rows, self.effects, self.added, self.events, self.run.is_changed = [], [], [], [], False
        return decision
