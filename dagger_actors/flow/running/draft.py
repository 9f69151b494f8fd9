"""What a supervisor has decided and the journal has not taken yet: one unit in the making."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from dagger_actors.actors.ticket import Ticket
from dagger_actors.bodies.artifacts import artifact_row
from dagger_actors.bodies.body import BodyActor
from dagger_actors.core.messages import ArtifactRecord, CacheUse, Inline, Output, Turn
from dagger_actors.core.protocols import Cell, UserWork, Write
from dagger_actors.core.run_rows import ChildRun
from dagger_actors.flow.definition import FORMAT
from dagger_actors.flow.machine.decisions import AddedNode, Await, Decision, Effect, NodeRow, Revive, RunEventRow
from dagger_actors.flow.machine.invocations import Invocations, RunIdentity
from dagger_actors.flow.stored.child_runs import child_id
from dagger_actors.flow.stored.rows import MARKS

__all__ = ["CacheOrigin", "Draft"]


class CacheOrigin(msgspec.Struct, frozen=True, kw_only=True):
    """Which attempt computed, or reused, an output; ``place`` is (run_key, node, item, attempt)."""

    place: tuple[int, int, int, int]
    flow_name: str
    run_id: str
    node_id: str
    invocation_key: str


class Draft:
    """Collects decisions; transitions of one row are coalesced, so a unit names each row once.

    Attributes:
        effects: To be let out after the commit, in order; a grant as the ticket it has become.
        ended: Attempts whose end this unit makes safe.
        messages: The encoded completions that led here; handled again if the unit is refused.
        orders: Of what led here what people, or the run above, have told, and nobody waits for; as ``messages``.
        replies: Futures to answer after the commit.
        is_dirty: Whether there is anything to write, let out or answer.
        is_last: Whether it ends the run, or gives it back.
        until: Of a run that rests: when it goes on by itself, as ``Finish`` says.
        is_late: Whether it comes after that: it writes nothing, and only answers and cleans up in its turn.
        answers: What the store has answered to ``work``.
        run_row: The run's own row; the fence of the unit.
    """

    __slots__ = (
        "_added",
        "_answers",
        "_artifacts",
        "_cached",
        "_children",
        "_commands",
        "_definitions",
        "_events",
        "_forgotten",
        "_hashes",
        "_lapsed",
        "_logs",
        "_names",
        "_revived",
        "_rows",
        "_unskip",
        "_waits",
        "_work",
        "answers",
        "effects",
        "ended",
        "is_dirty",
        "is_last",
        "is_late",
        "messages",
        "orders",
        "replies",
        "run_row",
        "until",
    )

    def __init__(self) -> None:
        self._rows: dict[tuple[int, int, int], NodeRow] = {}
        self._added: list[tuple[int, int, str]] = []
        self._artifacts: list[tuple[Cell, ...]] = []
        self._names: list[tuple[Cell, ...]] = []
        self._cached: list[tuple[Cell, ...]] = []
        self._hashes: list[tuple[Cell, ...]] = []
        self._logs: dict[tuple[int, int, int, int], tuple[str, int]] = {}
        self._commands: list[tuple[Cell, ...]] = []
        self._events: list[RunEventRow] = []
        self._waits: list[tuple[Cell, ...]] = []
        self._children: list[tuple[ChildRun, int, int]] = []
        self._answers: list[tuple[Cell, ...]] = []
        self._lapsed: list[tuple[Cell, ...]] = []
        self._forgotten: list[tuple[Cell, ...]] = []
        self._definitions: dict[str, tuple[Cell, ...]] = {}
        self._revived: list[tuple[Cell, ...]] = []
        self._unskip: tuple[int, str] | None = None
        self._work: list[UserWork] = []
        self.is_dirty = False
        self.is_last = False
        self.is_late = False
        self.until: int | None = None
        self.run_row: tuple[Cell, ...] = ()
        self.answers: list[Any] = []
        self.effects: list[Effect | Ticket] = []
        self.ended: list[BodyActor] = []
        self.messages: list[bytes] = []
        self.orders: list[bytes] = []
        self.replies: list[Any] = []

    @property
    def rows(self) -> Sequence[NodeRow]:
        """The node rows as they will be written."""
        return list(self._rows.values())

    @property
    def reach(self) -> int:
        """One more than the last position among the nodes that it adds; 0 = it adds none."""
        return max((position for _, position, _ in self._added), default=-1) + 1

    def add(self, decision: Decision) -> None:
        """Add the rows of what one event led to; its effects are added one by one, with the tickets of its grants."""
        if not (decision.rows or decision.effects or decision.is_changed):
            return
        rows = self._rows
        for row in decision.rows:
            rows[row.node, row.item, row.attempt] = row
        for added in decision.added:
            self._added.append((added.run_key, added.node, msgspec.json.encode(added.definition).decode()))
        self._events += decision.events
        self.is_dirty = True

    def merge(self, later: Draft) -> None:
        """Add what was decided after this and is to be written with it."""
        self._rows.update(later._rows)
        self._added += later._added
        self._events += later._events
        self._artifacts += later._artifacts
        self._names += later._names
        self._cached += later._cached
        self._waits += later._waits
        self._children += later._children
        self._answers += later._answers
        self._lapsed += later._lapsed
        self._forgotten += later._forgotten
        self._revived += later._revived
        self._definitions |= later._definitions
        self._hashes += later._hashes
        self._logs.update(later._logs)
        self._commands += later._commands
        self._work += later._work
        self._unskip = self._unskip if self._unskip is not None else later._unskip
        self.effects += later.effects
        self.ended += later.ended
        self.messages += later.messages
        self.orders += later.orders
        self.replies += later.replies
        self.is_last = self.is_last or later.is_last
        self.run_row = later.run_row
        self.until = later.until if later.until is not None else self.until

    def add_turn(self, place: tuple[int, int, int, int], turn: Turn, now_us: int) -> None:
        """Add what an attempt did besides returning."""
        if turn.artifacts:
            self.add_artifacts(place, turn.artifacts, now_us)
        if turn.statements or turn.values or turn.published or turn.shared:
            self._work.append(UserWork(place, turn.statements, turn.values, now_us, turn.published, turn.shared))

    @property
    def work(self) -> Sequence[UserWork]:
        """The part of the unit that is users' own."""
        return () if self.is_late else self._work

    def add_artifacts(
        self, place: tuple[int, int, int, int], records: Sequence[ArtifactRecord], created_us: int
    ) -> None:
        """Add what an attempt stored; ``place`` is (run_key, node, item, attempt)."""
        for record in records:
            if record.name:
                self._names.append((*place, record.name, record.artifact_id))
            if record.location != "stored":
                self._artifacts.append(artifact_row(record, created_us))

    def add_cache_use(self, use: CacheUse, origin: CacheOrigin, output: Output, created_us: int) -> None:
        """Add the key of an output, and the output itself unless it came from the cache."""
        self._hashes.append((*origin.place, use.input_hash))
        if not use.is_hit:
            text = output.json.decode() if isinstance(output, Inline) else None
            artifact_id = None if isinstance(output, Inline) else output.artifact_id
            names = (origin.flow_name, origin.run_id, origin.node_id, origin.invocation_key)
            self._cached.append((use.input_hash, use.parts, *names, *origin.place, text, artifact_id, created_us))

    def add_log(self, place: tuple[int, int, int, int], log: tuple[str, int] | None) -> None:
        """Add what an attempt logged by its end; ``place`` is (run_key, node, item, attempt)."""
        if log is not None:
            self._logs[place] = log

    def add_wait(self, identity: RunIdentity, effect: Await, now_us: int) -> None:
        """Add what an attempt awaits, unless it is written down already; a run of a flow is written with it."""
        wanted = effect.wanted
        if wanted is not None:
            place = (identity.run_key, effect.node, effect.item, effect.attempt)
            self._waits.append((*place, wanted.kind, wanted.json, wanted.channel, wanted.is_earliest))
            if wanted.child is not None:
                self._children.append((wanted.child, identity.owner, now_us))

    def add_flow(self, added: AddedNode, now_us: int) -> None:
        """Add the flow that an added node runs."""
        flow = added.definition.flow
        if flow is not None and added.flow:
            self._definitions[flow.definition_id] = (flow.definition_id, flow.name, FORMAT, added.flow, now_us)

    def add_revival(self, work: Invocations, effect: Revive) -> None:
        """Add that the run of a flow goes on, if it rests."""
        name = child_id(work.identity.run_id, work.nodes[effect.node].id, work.key_of(effect.node, effect.item))
        self._revived.append((name, work.identity.run_key, MARKS[effect.mode]))

    def add_answer(self, place: tuple[int, int, int, int], source: str, now_us: int) -> None:
        """Add where what an attempt awaited came from; ``place`` is (run_key, node, item, attempt)."""
        self._answers.append((*place, now_us, source))

    def add_lapse(self, place: tuple[int, int, int, int], now_us: int) -> None:
        """Add that the autopilot has answered for a person; refused if somebody has answered just before."""
        self._lapsed.append((*place, now_us))

    def consume(self, command_id: int) -> None:
        """Consume a command with this unit."""
        self._commands.append((command_id,))
        self.is_dirty = True

    def unskip(self, run_key: int, redone: Iterable[int]) -> None:
        """Forget what was skipped: the run is tried again, and of what has succeeded these nodes."""
        self._unskip = (run_key, msgspec.json.encode(sorted(redone)).decode())

    def forget_earlier(self, run_key: int, nodes: Iterable[int]) -> None:
        """Forget the steps of nodes that are run again though they had succeeded, and what they awaited."""
        self._forgotten += [(run_key, node) for node in nodes]

    def writes(self) -> list[Write]:
        """The unit's rows; the run's own row goes with every unit, as its fence."""
        if self.is_late:
            return []
        writes = [Write("flow_runs.put", (self.run_row,), 1)]
        if self._children or self._revived or self._definitions:
            writes += self._written_children()
        if self._unskip is not None:
            writes.append(Write("node_runs.unskip", (self._unskip,), None))
        if self._forgotten:
            writes.append(Write("steps.forget", self._forgotten, None))
            writes.append(Write("awaits.forget", self._forgotten, None))
        if self._added:
            writes.append(Write("added_nodes.put", self._added, len(self._added)))
        if self._events:
            writes.append(Write("run_events.put", self._events, len(self._events)))
        if self._artifacts:
            writes.append(Write("artifacts.put", self._artifacts, None))
        if self._rows:
            writes.append(Write("node_runs.put", list(self._rows.values()), len(self._rows)))
        writes += self._written_awaits()
        if self._hashes:
            writes.append(Write("node_runs.hash", self._hashes, len(self._hashes)))
        if self._cached:
            writes.append(Write("cache_entries.put", self._cached, None))
        if self._names:
            writes.append(Write("artifact_names.put", self._names, len(self._names)))
        if self._logs:
            rows = [(*place, *log) for place, log in self._logs.items()]
            writes.append(Write("attempt_logs.put", rows, len(rows)))
        if self._commands:
            writes.append(Write("commands.consume", self._commands, len(self._commands)))
        if self.is_last:
            writes.append(Write("commands.clear", ((self.run_row[0],),), None))
        return writes + self._written_rest()

    def _written_rest(self) -> list[Write]:
        if self.until is None:
            return []
        writes = [Write("flow_runs.rest", ((self.run_row[0], self.until),), 1)]
        if self.until == 0:
            # Something is to be done: whoever has the runs that it is inside of looks only at what those rest for.
            writes.append(Write("flow_runs.wake", ((self.run_row[0],),), None))
        return writes

    def _written_awaits(self) -> list[Write]:
        awaits = (("awaits.put", self._waits), ("awaits.answer", self._answers), ("awaits.lapse", self._lapsed))
        writes = [Write(name, rows, len(rows)) for name, rows in awaits if rows]
        if self._answers:
            writes.append(Write("answers.take", [answer[:4] for answer in self._answers], None))
        return writes

    def _written_children(self) -> list[Write]:
        definitions = self._definitions | {
            one.definition_id: (one.definition_id, one.flow_name, FORMAT, one.definition, now_us)
            for one, _, now_us in self._children
        }
        runs = [
            (
                *(one.run_key, one.run_id, one.root_run, one.parent_run, one.flow_name, one.definition_id),
                *(one.config, one.inputs, one.imports, now_us, owner),
            )
            for one, owner, now_us in self._children
        ]
        # An id that another run has is found out, and told, when the run is looked for.
        writes = (
            ("definitions.put", list(definitions.values())),
            ("flow_runs.nest", runs),
            ("flow_runs.revive", self._revived),
        )
        return [Write(name, rows, None) for name, rows in writes if rows]
