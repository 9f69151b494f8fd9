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
    ChildWakes,
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
from dagger_actors.flow.machine.events import FOREVER, AtRest, BodyKey, Mode
from dagger_actors.flow.machine.invocations import RunIdentity
from dagger_actors.flow.registry import ActionRegistry
from dagger_actors.flow.rows import RunRow
from dagger_actors.flow.run_actions import places_of, recall_actions
from dagger_actors.store.store import Store

__all__ = ["Awaited", "Children"]

logger = logging.getLogger("dagger_actors.flow")

AGAIN_US = 1_000_000
"""How long to wait before the file, which could not be read, is asked again."""

LONGEST_US = 3_600_000_000
"""The wall clock may be set meanwhile, so nothing is waited for any longer at a stretch."""


class Awaited(msgspec.Struct, frozen=True, eq=False):
    """A run that an attempt of another awaits.

    Attributes:
        run_id: It.
        parent_run: Key of the run that awaits it.
        key: Which attempt of that.
        tell: Told ``Answered`` when it has ended, ``ChildRests`` when it has paused, ``ChildWakes`` when it is to go on.
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

    def begin(self, awaited: Awaited, *, mode: Mode) -> None:
        """Open a run that is in the file, unless it has ended.

        Args:
            awaited: It.
            mode: What for, if it has paused; for ``recover`` only if it is to be looked at because people are asked in it.
        """
        self._do(awaited.run_id, partial(self._begin, awaited, mode))

    def look(self) -> None:
        """Somebody may have answered in a run that rests: whoever awaits it is told."""
        if self._awaited:
            self._do("", self._look)

    def resting(self, identity: RunIdentity, tell: Callable[[bytes], None]) -> tuple[AtRest, ...]:
        """How the runs rest that a run awaits, as far as they do; from now on it is told when one is to go on.

        Raises:
            StoreError: The file cannot be read.
        """
        root, run_key = identity.root_run or identity.run_key, identity.run_key
        rows = self._hub.store.readers.query("read.children_at_rest", root, run_key)
        found = {str(run_id): AtRest(*rest) for run_id, *rest in rows}
        awaited = {run_id: Awaited(run_id, run_key, rest.key, tell) for run_id, rest in found.items()}
        self._do("", partial(self._keep, awaited))
        return tuple(found.values())

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

    def _keep(self, awaited: dict[str, Awaited]) -> None:
        self._awaited |= awaited
        self._look()

    def _begin(self, awaited: Awaited, mode: Mode) -> None:
        run_id = awaited.run_id
        row = self._hub.row_of(run_id)
        if row is None or row.parent_run != awaited.parent_run:
            self._answer(awaited, _failed(str(RunConflict(run_id, "parent"))))
            return
        self._awaited[run_id] = awaited
        if row.status in FINAL_RUN or (row.status == "paused" and mode == "recover" and not self._is_due(row)):
            self._tell(run_id)
        elif self._hub.find_open(run_id) is None:
            self._open(row, mode)

    def _is_due(self, row: RunRow) -> bool:
        return row.is_due(self._hub.runtime.clock.now().wall_us)

    def _open(self, row: RunRow, mode: Mode = "recover") -> None:
        """Open a run; what for, if it has paused."""
        hub = self._hub
        if self._is_closed:
            return
        if row.owner != hub.store.worker_id:
            hub.claim(row).add_done(partial(self._claimed, row, mode))
            return
        actions = recall_actions(hub.registry, places_of(row.imports)).registry
        if row.status == "pending":
            mode = "start" if row.started_us is None else "retry"
        elif row.status != "paused":
            mode = "recover"
        hub.open(row.run_id, mode, former=hub.former_of(row.root_run), actions=actions)

    def _claimed(self, row: RunRow, mode: Mode, future: ReplyFuture[None]) -> None:
        try:
            future.get(timeout=0)
        except (RunOwned, StoreError) as error:
            logger.warning("run %s is not taken: %s", row.run_id, error, extra=LogFields(run_id=row.run_id))
            return
        self._do(row.run_id, partial(self._open_claimed, row.run_id, mode))

    def _open_claimed(self, run_id: str, mode: Mode) -> None:
        row = self._hub.row_of(run_id)
        if row is not None and row.owner == self._hub.store.worker_id and self._hub.find_open(run_id) is None:
            self._open(row, mode)

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

    def _look(self) -> None:
        now_us = self._hub.runtime.clock.now().wall_us
        for (run_id,) in self._hub.store.readers.query("read.asking_due_inside", now_us):
            awaited = self._awaited.get(run_id)
            if awaited is not None and self._hub.find_open(run_id) is None:
                awaited.tell(encode(ChildWakes(*awaited.key)))
        self._look_again()

    def _look_again(self) -> None:
        """Look when the next of those that are asked has been for long enough."""
        now = self._hub.runtime.clock.now()
        next_us = self._hub.store.readers.query("read.next_asking_inside", now.wall_us)[0][0]
        if next_us is not None and next_us != FOREVER:
            due_us = now.mono_us + min(next_us - now.wall_us, LONGEST_US)
            self._hub.runtime.timers.set((id(self), "people"), due_us, self.look)

    def _tell(self, run_id: str) -> None:
        awaited = self._awaited.get(run_id)
        row = self._hub.row_of(run_id)
        if awaited is None or row is None:
            return
        if row.status == "paused" and self._is_due(row):
            self._open(row)  # somebody has answered just before it came to rest
        elif row.status == "paused":
            awaited.tell(encode(ChildRests(*awaited.key, row.asks_until)))
            self._look_again()
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
