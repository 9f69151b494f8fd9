"""What a task supervisor has decided in one turn: one unit of work, that can be taken apart when a part of it is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dagger_actors.bodies.artifacts import artifact_row
from dagger_actors.bodies.turn_shared import MARK_STEP
from dagger_actors.core.channel_rows import NewMessage
from dagger_actors.core.channels import ChannelOperation, PublishMessages
from dagger_actors.core.protocols import Cell, UserWork, Write
from dagger_actors.core.task_leases import Claim, ClaimTasks, ReleaseTasks
from dagger_actors.core.task_states import FINAL_TASK
from dagger_actors.core.tasks import TaskOperation
from dagger_actors.tasks.machine.events import Decision, Effect, End, Grant, RunRow, TaskRef

__all__ = ["Batch", "Part"]


class Part:
    """The end of one attempt.

    Attributes:
        end: What is written.
        log: What the attempt logged, and how many bytes of it were dropped; None = nothing.
    """

    __slots__ = ("end", "log")

    def __init__(self, end: End, log: tuple[str, int] | None) -> None:
        self.end = end
        self.log = log

    @property
    def ref(self) -> TaskRef:
        """The lease that ended."""
        return self.end.row.task_key, self.end.row.epoch

    @property
    def is_bare(self) -> bool:
        """Whether it is a failure that brings nothing besides: there is nothing left that could be left out."""
        return self.end.row.state == "failed" and self.end.turn is None


class Batch:
    """Collects decisions.

    Args:
        owner: This worker's id.

    Attributes:
        parts: Ends; each may be refused for itself.
        effects: To be let out after the commit, in order.
        claims: What is to be leased with the same commit.
        stops: Rows of ``task_stops`` that were obeyed.
        replies: Futures to resolve after the commit.
    """

    def __init__(self, owner: int) -> None:
        self._owner = owner
        self.parts: list[Part] = []
        self.effects: list[Effect] = []
        self.claims: tuple[Claim, ...] = ()
        self.stops: list[tuple[Cell, ...]] = []
        self.replies: list[Any] = []
        self._runs: list[RunRow] = []
        self._released: list[TaskRef] = []

    def add(self, decision: Decision) -> None:
        """Add what follows from one event, its ends apart."""
        self._runs += decision.runs
        self._released += decision.released
        self.effects += decision.effects

    @property
    def is_dirty(self) -> bool:
        """Whether there is anything to write or to answer."""
        return bool(self.parts or self.claims or self._runs or self._released or self.stops or self.replies)

    @property
    def is_single(self) -> bool:
        """Whether it is one end and nothing else: when it is refused, that end is to blame."""
        rest = self.claims or self._runs or self._released or self.stops or self.replies
        return len(self.parts) == 1 and not rest

    def writes(self, now_us: int) -> list[Write]:
        """The rows."""
        writes: list[Write] = []
        rows = [part.end.row for part in self.parts]
        if self._runs:
            writes.append(Write("tasks.run", self._runs, None))
        if rows:
            writes.append(Write("tasks.end", rows, len(rows)))
            ended = [(row.task_key, now_us) for row in rows if row.state in FINAL_TASK]
            if ended:
                writes.append(Write("task_dependencies.meet", ended, None))
                writes.append(Write("tasks.unblock", ended, None))
            writes += self._besides(now_us)
        if self.stops:
            writes.append(Write("task_stops.clear", self.stops, None))
        return writes

    def _besides(self, now_us: int) -> list[Write]:
        attempts: list[Any] = []
        artifacts: list[tuple[Cell, ...]] = []
        names: list[tuple[Cell, ...]] = []
        logs: list[tuple[Cell, ...]] = []
        marks: list[tuple[Cell, ...]] = []
        for part in self.parts:
            row, turn = part.end.row, part.end.turn
            if part.end.attempt is not None:
                attempts.append(part.end.attempt)
            if part.log is not None:
                logs.append((row.task_key, row.attempt, *part.log))
            if turn is not None and turn.mark:
                marks.append((row.task_key, MARK_STEP, turn.mark, now_us))
            for record in turn.artifacts if turn is not None else ():
                if record.name:
                    names.append((row.task_key, record.name, record.artifact_id))
                if record.location != "stored":
                    artifacts.append(artifact_row(record, now_us))
        found = (
            ("artifacts.put", artifacts),
            ("task_attempts.put", attempts),
            ("task_logs.put", logs),
            ("task_artifacts.put", names),
            ("task_steps.mark", marks),
        )
        return [Write(statement, rows, None) for statement, rows in found if rows]

    def work(self, now_us: int) -> list[UserWork | TaskOperation | ChannelOperation]:
        """What must read before it writes; the claim last, so that it finds what the others made ready."""
        work: list[UserWork | TaskOperation | ChannelOperation] = []
        published: list[NewMessage] = []
        for part in self.parts:
            turn, row = part.end.turn, part.end.row
            if turn is not None and turn.statements:
                work.append(UserWork((row.task_key, -1, row.epoch, row.attempt), turn.statements, (), now_us))
            work += part.end.work
            if turn is not None:
                published += turn.published
        if published:
            work.append(PublishMessages(tuple(published), now_us))
        if self._released:
            work.append(ReleaseTasks(self._owner, tuple(self._released), now_us))
        if self.claims:
            work.append(ClaimTasks(self._owner, self.claims, now_us))
        return work

    def split(self) -> Sequence[Batch]:
        """One batch for each end, and one for the rest: so that a part that is refused takes no other with it."""
        effects: dict[TaskRef, list[Effect]] = {}
        for effect in self.effects:
            effects.setdefault(_ref_of(effect), []).append(effect)
        singles: list[Batch] = []
        for part in self.parts:
            single = Batch(self._owner)
            single.parts.append(part)
            single.effects = effects.pop(part.ref, [])
            singles.append(single)
        self.parts = []
        self.effects = [effect for rest in effects.values() for effect in rest]
        return [*singles, self]


def _ref_of(effect: Effect) -> TaskRef:
    if isinstance(effect, Grant):
        return effect.task.task_key, effect.task.epoch
    return effect.task_key, effect.epoch
