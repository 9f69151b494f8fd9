"""The runs of flows that attempts await: who awaits them, who has them, and what becomes of the node with their end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.actors.runtime import Runtime
from dagger_actors.bodies.artifacts import RunArtifacts
from dagger_actors.bodies.outputs import INLINE_BYTES, to_json
from dagger_actors.core.messages import ErrorDetail, Failed, Inline, Stored, Succeeded, Turn
from dagger_actors.errors import ArtifactError, OutputError
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.machine.events import BodyKey, Mode
from dagger_actors.flow.reports.archive import Archive
from dagger_actors.flow.running.openings import Openings
from dagger_actors.flow.stored.child_runs import FAILED
from dagger_actors.flow.stored.rows import RunRow
from dagger_actors.store.store import Store

__all__ = ["Awaited", "OpenRun", "Runs", "failed", "outcome_of"]


class Awaited(msgspec.Struct, eq=False):
    """A run that an attempt of another awaits; mutable, the root's own.

    Attributes:
        run_id: It.
        parent_run: Key of the run that awaits it.
        key: Which attempt of that.
        tell: Told ``Answered`` when it has ended, ``ChildRests`` when it has paused, ``ChildWakes`` when it is to go on.
        rests: Whether it was told that the run rests.
        is_woken: Whether it was told since then that the run is to go on.
        is_held: Whether the run is to begin nothing more, because the run that awaits it pauses.
    """

    run_id: str
    parent_run: int
    key: BodyKey
    tell: Callable[[bytes], None]
    rests: bool = False
    is_woken: bool = False
    is_held: bool = False


class OpenRun(Protocol):
    """A run that is open here."""

    def tell(self, message: msgspec.Struct) -> None:
        """Send its supervisor a message."""
        ...


class Runs(Protocol):
    """Opens and keeps runs; see ``FlowHub``."""

    runtime: Runtime
    store: Store
    registry: ActionRegistry
    archive: Archive
    openings: Openings

    def errand(self, errand: Callable[[], None]) -> None:
        """Have the root do something."""
        ...

    def code_of(self, row: RunRow) -> ActionRegistry | None:
        """A run's actions, if they are all here."""
        ...

    def find_open(self, run_id: str) -> OpenRun | None:
        """A run, if it is open here."""
        ...

    def former_of(self, root_run: int) -> int | None:
        """The worker that a run was taken from."""
        ...

    def claim(self, row: RunRow) -> ReplyFuture[None]:
        """Take a run from the owner its row names."""
        ...

    def open(
        self,
        run_id: str,
        mode: Mode | None,
        *,
        former: int | None = None,
        actions: ActionRegistry | None = None,
        is_bare: bool = False,
        is_held: bool = False,
    ) -> OpenRun:
        """Open a run that this worker owns; without a mode only to cancel it, bare only to be told something."""
        ...


def outcome_of(row: RunRow, archive: Archive, store: Store) -> Succeeded | Failed:
    """The end of a run as a node's: its outputs, or why there are none."""
    if row.status != "succeeded":
        how = row.status.replace("_", " ")
        return failed(f"run {row.run_id!r} {how}" + (f": {row.error}" if row.error else ""))
    try:
        text = to_json(archive.report(row.run_id).outputs)
    except (ArtifactError, OutputError) as error:
        return failed(f"the outputs of run {row.run_id!r} cannot be had: {error}")
    reason = f"run {row.run_id!r}"
    if len(text) <= INLINE_BYTES:
        return Succeeded(Inline(text), Turn(reason=reason))
    record = RunArtifacts(store.artifacts, store.load_artifact).prepare(
        text, kind="json", media_type="application/json"
    )
    return Succeeded(Stored(record.artifact_id, record.kind, record.size_bytes), Turn((record,), reason=reason))


def failed(message: str) -> Failed:
    """The failure of a node whose flow has no outputs."""
    return Failed(ErrorDetail(FAILED, message))
