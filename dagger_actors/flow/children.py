"""The runs of flows that are nodes of other runs: opened, watched and cancelled for the runs that await them.

Such a run is a run as any other, of the same worker as the run above it: whoever takes the one takes the others with it. That
it is awaited is a row of the file, and so is how it ended; so after a death both are looked up, and nothing here need survive.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Protocol

import msgspec

from dagger_actors.actors.gate import Gate
from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.actors.runtime import Runtime
from dagger_actors.bodies.artifacts import RunArtifacts
from dagger_actors.bodies.outputs import INLINE_BYTES, to_json
from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.messages import (
    Answered,
    CancelRun,
    ChildRests,
    ErrorDetail,
    Failed,
    Inline,
    Overdue,
    Stored,
    Succeeded,
    Turn,
    encode,
)
from dagger_actors.core.states import FINAL_RUN
from dagger_actors.errors import ArtifactError, OutputError, RunConflict, RunOwned, StoreError, SystemClosed
from dagger_actors.flow.archive import Archive
from dagger_actors.flow.child_runs import FAILED
from dagger_actors.flow.machine.events import BodyKey, Mode
from dagger_actors.flow.registry import ActionRegistry
from dagger_actors.flow.rows import RunRow
from dagger_actors.flow.run_actions import places_of, recall_actions
from dagger_actors.store.store import Store

__all__ = ["Awaited", "Children"]

logger = logging.getLogger("dagger_actors.flow")

AGAIN_US = 1_000_000
"""How long to wait before the file, which could not be read, is asked again."""


class Awaited(msgspec.Struct, frozen=True, eq=False):
    """A run that an attempt of another awaits.

    Attributes:
        run_id: It.
        parent_run: Key of the run that awaits it.
        key: Which attempt of that.
        tell: Told ``Answered`` when it has ended, ``ChildRests`` when it has paused.
    """

    run_id: str
    parent_run: int
    key: BodyKey
    tell: Callable[[bytes], None]


class OpenRun(Protocol):
    """A run that is open here."""

    gate: Gate

    def tell(self, message: msgspec.Struct) -> None:
        """Send its supervisor a message."""
        ...


class Runs(Protocol):
    """Opens and keeps runs; see ``FlowHub``."""

    runtime: Runtime
    store: Store
    registry: ActionRegistry
    archive: Archive

    def errand(self, errand: Callable[[], None]) -> None:
        """Have the root do something."""
        ...

    def row_of(self, run_id: str) -> RunRow | None:
        """The row of a run; None when there is none."""
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
        self, run_id: str, mode: Mode | None, *, former: int | None = None, actions: ActionRegistry | None = None
    ) -> object:
        """Open a run that this worker owns; without a mode only to cancel it."""
        ...


class Children:
    """Keeps the runs that others await; ``begin``, ``leave`` and the like may be called by any thread.

    Args:
        hub: Opens and keeps runs.
    """

    def __init__(self, hub: Runs) -> None:
        self._hub = hub
        self._awaited: dict[str, Awaited] = {}
        self._is_closed = False

    # --- any thread

    def begin(self, awaited: Awaited, *, is_woken: bool) -> None:
        """Open a run that is in the file, unless it has ended; one that has paused only if it is woken."""
        self._do(awaited.run_id, partial(self._begin, awaited, is_woken=is_woken))

    def last_look(self, awaited: Awaited) -> None:
        """The time of a run is up: its end is told if it has ended, else ``Overdue``."""
        self._do(awaited.run_id, partial(self._last_look, awaited))

    def leave(self, run_id: str, parent_run: int) -> None:
        """Cancel a run that is awaited no more."""
        self._do(run_id, partial(self._leave, run_id, parent_run))

    def rested(self, run_id: str) -> None:
        """A run has come to rest here: whoever awaits it is told."""
        if run_id in self._awaited:
            self._do(run_id, partial(self._tell, run_id))

    def forget(self, parent_run: int) -> None:
        """A run has come to rest, or is no longer ours: nothing is told to it any more."""
        self._hub.errand(partial(self._forget, parent_run))

    def close(self) -> None:
        """Open no more."""
        self._is_closed = True

    def _do(self, run_id: str, errand: Callable[[], None]) -> None:
        self._hub.errand(partial(self._try, run_id, errand))

    # --- on the root

    def _try(self, run_id: str, errand: Callable[[], None]) -> None:
        try:
            errand()
        except StoreError as error:
            fields = LogFields(run_id=run_id, reason=str(error))
            logger.warning("run %s cannot be looked at yet: %s", run_id, error, extra=fields)
            runtime = self._hub.runtime
            due_us = runtime.clock.now().mono_us + AGAIN_US
            runtime.timers.set((id(self), run_id), due_us, partial(self._do, run_id, errand))
        except SystemClosed:
            pass  # it is in the file, for whoever comes

    def _forget(self, parent_run: int) -> None:
        self._awaited = {name: one for name, one in self._awaited.items() if one.parent_run != parent_run}

    def _begin(self, awaited: Awaited, *, is_woken: bool) -> None:
        run_id = awaited.run_id
        row = self._hub.row_of(run_id)
        if row is None or row.parent_run != awaited.parent_run:
            self._answer(awaited, _failed(str(RunConflict(run_id, "parent"))))
            return
        self._awaited[run_id] = awaited
        if row.status in FINAL_RUN or (row.status == "paused" and not is_woken):
            self._tell(run_id)
        elif self._hub.find_open(run_id) is None and not self._is_closed:
            self._open(row)

    def _open(self, row: RunRow) -> None:
        hub = self._hub
        if row.owner != hub.store.worker_id:
            hub.claim(row).add_done(partial(self._claimed, row))
            return
        actions = recall_actions(hub.registry, places_of(row.imports)).registry
        mode: Mode = "recover"
        if row.status == "pending":
            mode = "start" if row.started_us is None else "retry"
        elif row.status == "paused":
            mode = "resume"
        hub.open(row.run_id, mode, former=hub.former_of(row.root_run), actions=actions)

    def _claimed(self, row: RunRow, future: ReplyFuture[None]) -> None:
        try:
            future.get(timeout=0)
        except (RunOwned, StoreError) as error:
            logger.warning("run %s is not taken: %s", row.run_id, error, extra=LogFields(run_id=row.run_id))
            return
        self._do(row.run_id, partial(self._open_claimed, row.run_id))

    def _open_claimed(self, run_id: str) -> None:
        row = self._hub.row_of(run_id)
        if row is not None and row.owner == self._hub.store.worker_id and self._hub.find_open(run_id) is None:
            self._open(row)

    def reopen(self, run_id: str) -> bool:
        """Open a run again that the disk made us let go, if it is awaited; tells whether it is one of these."""
        row = self._hub.row_of(run_id) if run_id in self._awaited else None
        if row is None or row.status not in ("pending", "running") or row.owner != self._hub.store.worker_id:
            return False
        self._open(row)
        return True

    def _last_look(self, awaited: Awaited) -> None:
        row = self._hub.row_of(awaited.run_id)
        if row is None or row.status not in FINAL_RUN:
            awaited.tell(encode(Overdue(*awaited.key)))

    def _leave(self, run_id: str, parent_run: int) -> None:
        self._awaited.pop(run_id, None)
        row = self._hub.row_of(run_id)
        if row is None or row.parent_run != parent_run or row.status in FINAL_RUN:
            return
        active = self._hub.find_open(run_id)
        if active is not None:
            active.gate.hold()
            active.tell(CancelRun())
        elif not self._is_closed:
            self._hub.claim(row).add_done(partial(self._cancel, row))

    def _cancel(self, row: RunRow, future: ReplyFuture[None]) -> None:
        try:
            future.get(timeout=0)
        except (RunOwned, StoreError):
            return  # somebody looks after it, or will: nobody awaits it

        def open_to_cancel() -> None:
            self._hub.open(row.run_id, None, former=row.owner)

        self._do(row.run_id, open_to_cancel)

    def cancel_left(self, row: RunRow) -> None:
        """Cancel a run that nobody awaits and nobody has."""
        self._hub.claim(row).add_done(partial(self._cancel, row))

    # --- telling

    def _tell(self, run_id: str) -> None:
        awaited = self._awaited.get(run_id)
        row = self._hub.row_of(run_id)
        if awaited is None or row is None:
            return
        if row.status == "paused":
            awaited.tell(encode(ChildRests(*awaited.key)))
        elif row.status in FINAL_RUN:
            del self._awaited[run_id]
            self._answer(awaited, self._outcome(row))

    def _answer(self, awaited: Awaited, outcome: Succeeded | Failed) -> None:
        source = msgspec.json.encode({"run": awaited.run_id}).decode()
        awaited.tell(encode(Answered(*awaited.key, outcome, source)))

    def _outcome(self, row: RunRow) -> Succeeded | Failed:
        """The end of a run as a node's: its outputs, or why there are none."""
        if row.status != "succeeded":
            how = row.status.replace("_", " ")
            return _failed(f"run {row.run_id!r} {how}" + (f": {row.error}" if row.error else ""))
        try:
            text = to_json(self._hub.archive.report(row.run_id).outputs)
        except (ArtifactError, OutputError) as error:
            return _failed(f"the outputs of run {row.run_id!r} cannot be had: {error}")
        reason = f"run {row.run_id!r}"
        if len(text) <= INLINE_BYTES:
            return Succeeded(Inline(text), Turn(reason=reason))
        store = self._hub.store
        record = RunArtifacts(store.artifacts, store.load_artifact).prepare(
            text, kind="json", media_type="application/json"
        )
        return Succeeded(Stored(record.artifact_id, record.kind, record.size_bytes), Turn((record,), reason=reason))


def _failed(message: str) -> Failed:
    return Failed(ErrorDetail(FAILED, message))
