"""The rows of runs as the store's statements give them, in the order of their columns."""

from __future__ import annotations

from typing import Final

import msgspec

from dagger_actors.core.messages import Stored
from dagger_actors.flow.machine.events import Mode
from dagger_actors.flow.machine.standing import HELD

__all__ = ["MARKS", "RunRow", "StoredArtifact", "StoredRow"]


MARKS: Final[dict[Mode, int]] = {"resume": -1, "retry": -2}
"""``asks_until`` of the run of a flow inside another that somebody resumes or retries; who has the run above goes on with it."""


class RunRow(msgspec.Struct, frozen=True):
    """One row of ``flow_runs``, in the order of ``read.run``."""

    run_key: int
    run_id: str
    flow_name: str
    definition_id: str
    status: str
    config: str
    inputs: str
    imports: str
    error: str | None
    created_us: int
    started_us: int | None
    finished_us: int | None
    elapsed_us: int
    owner: int | None
    epoch: int
    ending: str | None
    pausing: int
    forked_from: str | None
    last_seq: int
    root_run: int
    parent_run: int | None
    asks_until: int | None

    @property
    def is_pausing(self) -> bool:
        """Whether it pauses, and not only because the run above it did when it was last seen."""
        return bool(self.pausing) and not self.is_held

    @property
    def is_held(self) -> bool:
        """Whether it pauses, or has paused, because the run above it did."""
        return self.pausing == HELD

    @property
    def revival(self) -> Mode:
        """What for the run of a flow inside another, which has paused, is opened."""
        return next((mode for mode, mark in MARKS.items() if mark == self.asks_until), "recover")

    @property
    def is_left_to_people(self) -> bool:
        """Whether it rests for nothing but answers of people."""
        return self.status == "paused" and self.asks_until is not None

    def is_due(self, now_us: int) -> bool:
        """Whether it rests and is to be looked at: of the people who are asked one has answered, or was asked for long enough."""
        return self.asks_until is not None and self.asks_until <= now_us


class StoredRow(msgspec.Struct, frozen=True):
    """One row of ``node_runs``, in the order of ``read.nodes``."""

    node: int
    item: int
    attempt: int
    node_id: str
    invocation_key: str
    state: str
    try_no: int
    crash_no: int
    output: str | None
    output_artifact_id: str | None
    kind: str | None
    size_bytes: int | None
    size: int | None
    reason: str | None
    error: str | None
    due_us: int | None
    started_us: int | None
    finished_us: int | None

    @property
    def stored(self) -> Stored | None:
        """Its output, when that is an artifact."""
        if self.output_artifact_id is None:
            return None
        return Stored(self.output_artifact_id, self.kind or "bytes", self.size_bytes or 0)


class StoredArtifact(msgspec.Struct, frozen=True):
    """One row of ``artifact_names``, in the order of ``read.artifact_names``."""

    node: int
    item: int
    attempt: int
    name: str
    artifact_id: str
    kind: str
    media_type: str
    size_bytes: int
