"""What a supervisor has decided and the journal has not taken yet: one unit in the making."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dagger_actors.actors.gate import Ticket
from dagger_actors.core.messages import ArtifactRecord
from dagger_actors.core.protocols import Cell, Write
from dagger_actors.flow.machine.events import Decision, Effect, NodeRow
from dagger_actors.flow.node import NodeActor

__all__ = ["Draft"]


class Draft:
    """Collects decisions; transitions of one row are coalesced, so a unit names each row once.

    Attributes:
        effects: To be let out after the commit, in order; a grant as the ticket it has become.
        ended: Attempts whose end this unit makes safe.
        messages: The encoded completions that led here; handled again if the unit is refused.
        replies: Futures to answer after the commit.
        is_dirty: Whether there is anything to write, let out or answer.
        is_last: Whether it ends the run, or gives it back.
        is_late: Whether it comes after that: it writes nothing, and only answers and cleans up in its turn.
        run_row: The run's own row; the fence of the unit.
    """

    __slots__ = (
        "_artifacts",
        "_commands",
        "_logs",
        "_names",
        "_rows",
        "_unskip",
        "effects",
        "ended",
        "is_dirty",
        "is_last",
        "is_late",
        "messages",
        "replies",
        "run_row",
    )

    def __init__(self) -> None:
        self._rows: dict[tuple[int, int, int], NodeRow] = {}
        self._artifacts: list[tuple[Cell, ...]] = []
        self._names: list[tuple[Cell, ...]] = []
        self._logs: dict[tuple[int, int, int, int], tuple[str, int]] = {}
        self._commands: list[tuple[Cell, ...]] = []
        self._unskip: int | None = None
        self.is_dirty = False
        self.is_last = False
        self.is_late = False
        self.run_row: tuple[Cell, ...] = ()
        self.effects: list[Effect | Ticket] = []
        self.ended: list[NodeActor] = []
        self.messages: list[bytes] = []
        self.replies: list[Any] = []

    @property
    def rows(self) -> Sequence[NodeRow]:
        """The node rows as they will be written."""
        return list(self._rows.values())

    def add(self, decision: Decision) -> None:
        """Add the rows of what one event led to; its effects are added one by one, with the tickets of its grants."""
        if not (decision.rows or decision.effects or decision.is_changed):
            return
        rows = self._rows
        for row in decision.rows:
            rows[row.node, row.item, row.attempt] = row
        self.is_dirty = True

    def merge(self, later: Draft) -> None:
        """Add what was decided after this and is to be written with it."""
        self._rows.update(later._rows)
        self._artifacts += later._artifacts
        self._names += later._names
        self._logs.update(later._logs)
        self._commands += later._commands
        self._unskip = self._unskip if self._unskip is not None else later._unskip
        self.effects += later.effects
        self.ended += later.ended
        self.messages += later.messages
        self.replies += later.replies
        self.is_last = self.is_last or later.is_last
        self.run_row = later.run_row

    def add_artifacts(
        self, place: tuple[int, int, int, int], records: Sequence[ArtifactRecord], created_us: int
    ) -> None:
        """Add what an attempt stored; ``place`` is (run_key, node, item, attempt)."""
        for record in records:
            is_inline = record.location == "inline"
            self._artifacts.append(
                (
                    record.artifact_id,
                    record.kind,
                    record.media_type,
                    record.size_bytes,
                    record.location,
                    record.data.hex() if is_inline else None,
                    None if is_inline else record.file_path,
                    created_us,
                )
            )
            if record.name:
                self._names.append((*place, record.name, record.artifact_id))

    def add_log(self, place: tuple[int, int, int, int], log: tuple[str, int] | None) -> None:
        """Add what an attempt logged by its end; ``place`` is (run_key, node, item, attempt)."""
        if log is not None:
            self._logs[place] = log

    def consume(self, command_id: int) -> None:
        """Consume a command with this unit."""
        self._commands.append((command_id,))
        self.is_dirty = True

    def unskip(self, run_key: int) -> None:
        """Forget what was skipped: the run is tried again."""
        self._unskip = run_key

    def writes(self) -> list[Write]:
        """The unit's rows; the run's own row goes with every unit, as its fence."""
        if self.is_late:
            return []
        writes = [Write("flow_runs.put", (self.run_row,), 1)]
        if self._unskip is not None:
            writes.append(Write("node_runs.unskip", ((self._unskip,),), None))
        if self._artifacts:
            writes.append(Write("artifacts.put", self._artifacts, None))
        if self._rows:
            writes.append(Write("node_runs.put", list(self._rows.values()), len(self._rows)))
        if self._names:
            writes.append(Write("artifact_names.put", self._names, len(self._names)))
        if self._logs:
            rows = [(*place, *log) for place, log in self._logs.items()]
            writes.append(Write("attempt_logs.put", rows, len(rows)))
        if self._commands:
            writes.append(Write("commands.consume", self._commands, len(self._commands)))
        if self.is_last:
            writes.append(Write("commands.clear", ((self.run_row[0],),), None))
        return writes
