"""The runs of flows that are nodes of other runs: opened and watched for the runs that await them.

Such a run is a run as any other, of the same worker as the run above it: whoever takes the one takes the others with it. That
it is awaited is a row of the file, and so is how it ended; so after a death both are looked up, and nothing here need survive.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Literal

import msgspec

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.core.flow_messages import Answered, ChildRests, ChildWakes, ControlRun, Overdue
from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.messages import Failed, Succeeded, encode
from dagger_actors.core.states import FINAL_RUN
from dagger_actors.errors import RunConflict, RunOwned, StoreError
from dagger_actors.flow.actions.run_actions import places_of, recall_actions
from dagger_actors.flow.machine.decisions import FOREVER
from dagger_actors.flow.machine.events import AtRest, Mode
from dagger_actors.flow.machine.invocations import RunIdentity
from dagger_actors.flow.running.awaited import Awaited, Runs, failed, outcome_of
from dagger_actors.flow.running.cancelling import Cancelling
from dagger_actors.flow.running.errands import Errands
from dagger_actors.flow.stored.rows import RunRow

__all__ = ["Children"]

logger = logging.getLogger("dagger_actors.flow")

LONGEST_US = 3_600_000_000
"""The wall clock may be set meanwhile, so nothing is waited for any longer at a stretch."""


class Children:
    """Keeps the runs that others await; ``begin``, ``leave`` and the like may be called by any thread.

    Args:
        hub: Opens and keeps runs.

    Attributes:
        cancelling: Cancels those that are awaited no more.
    """

    def __init__(self, hub: Runs) -> None:
        self._hub = hub
        self._errands = Errands(hub)
        self.cancelling = Cancelling(hub, self._errands, begins=self._forget_one)
        self._awaited: dict[str, Awaited] = {}
        self._is_closed = False

    # --- any thread

    def begin(self, awaited: Awaited, *, is_held: bool) -> None:
        """Open a run that is in the file, unless it has ended, or rests and is not to go on.

        Args:
            awaited: It.
            is_held: Whether it begins nothing more, because the run that awaits it pauses.
        """
        awaited.is_held = is_held
        self._errands.do(awaited.run_id, partial(self._begin, awaited))

    def pass_on(self, run_id: str, verb: Literal["pause", "resume"], above: RunIdentity) -> None:
        """Have a run pause, or not, as the run above it does that awaits it."""
        self._errands.do(run_id, partial(self._pass_on, run_id, verb, above.run_key))

    def look(self) -> None:
        """Somebody may have answered in a run that rests: whoever awaits it is told."""
        if self._awaited:
            self._errands.do("", self._look)

    def resting(self, identity: RunIdentity, tell: Callable[[bytes], None]) -> tuple[AtRest, ...]:
        """How the runs rest that a run awaits, as far as they do; from now on it is told when one is to go on.

        Raises:
            StoreError: The file cannot be read.
        """
        root, run_key = identity.root_run or identity.run_key, identity.run_key
        rows = self._hub.store.readers.query("read.children_at_rest", root, run_key)
        found = {str(run_id): AtRest(*rest) for run_id, *rest in rows}
        awaited = {run_id: Awaited(run_id, run_key, rest.key, tell, rests=True) for run_id, rest in found.items()}
        self._errands.do("", partial(self._keep, awaited))
        return tuple(found.values())

    def last_look(self, awaited: Awaited) -> None:
        """The time of a run is up: its end is told if it has ended, else ``Overdue``."""
        self._errands.do(awaited.run_id, partial(self._last_look, awaited))

    def leave(self, run_id: str, parent_run: int) -> None:
        """Cancel a run that is awaited no more."""
        self.cancelling.leave(run_id, parent_run)

    def rested(self, run_id: str) -> None:
        """A run has come to rest here: whoever awaits it is told."""
        self.cancelling.rested(run_id)
        if run_id in self._awaited:
            self._errands.do(run_id, partial(self._tell, run_id))

    def lost(self, run_id: str) -> None:
        """The disk made us let a run go, or not take it: it is tried again, for nobody but who awaits it would."""
        if run_id in self._awaited and not self._is_closed:
            self._errands.do_later(run_id, partial(self._reopen, run_id))

    def forget(self, parent_run: int) -> None:
        """A run has come to rest, or is no longer ours: nothing is told to it any more."""
        self._hub.errand(partial(self._forget, parent_run))

    def close(self) -> None:
        """Open no more."""
        self._is_closed = True
        self.cancelling.close()

    # --- on the root

    def _forget(self, parent_run: int) -> None:
        self._awaited = {name: one for name, one in self._awaited.items() if one.parent_run != parent_run}

    def _forget_one(self, run_id: str) -> None:
        self._awaited.pop(run_id, None)

    def _keep(self, awaited: dict[str, Awaited]) -> None:
        self._awaited |= awaited
        self._look()

    def _begin(self, awaited: Awaited) -> None:
        run_id = awaited.run_id
        row = self._hub.archive.find(run_id)
        if row is None or row.parent_run != awaited.parent_run:
            self._answer(awaited, failed(str(RunConflict(run_id, "parent"))))
            return
        self._awaited[run_id] = awaited
        if row.status in FINAL_RUN:
            self._tell(run_id)
        elif self._hub.find_open(run_id) is None:
            self._go_on(row)
        elif awaited.is_held:
            self._hold(run_id)

    def _go_on(self, row: RunRow) -> None:
        """Open a run that is not over, or tell that it rests."""
        awaited = self._awaited[row.run_id]
        is_to_go_on = row.is_held or row.is_due(self._hub.runtime.clock.now().wall_us)
        # While the run above pauses, what has not begun does not begin; what was going on is opened to come to rest.
        if row.status != "running" and (awaited.is_held or (row.status == "paused" and not is_to_go_on)):
            awaited.rests, awaited.is_woken = True, False
            awaited.tell(encode(ChildRests(*awaited.key, row.asks_until)))
            self._look_again()
        elif not self._is_closed:
            awaited.rests = False
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
            mode = row.revival
        is_held = self._awaited[row.run_id].is_held
        hub.open(row.run_id, mode, former=hub.former_of(row.root_run), actions=actions, is_held=is_held)

    def _claimed(self, row: RunRow, future: ReplyFuture[None]) -> None:
        try:
            future.get(timeout=0)
        except (RunOwned, StoreError) as error:
            logger.warning("run %s is not taken: %s", row.run_id, error, extra=LogFields(run_id=row.run_id))
            self.lost(row.run_id)
            return
        self._errands.do(row.run_id, partial(self._open_claimed, row.run_id))

    def _open_claimed(self, run_id: str) -> None:
        row = self._hub.archive.find(run_id) if run_id in self._awaited else None
        if row is not None and row.owner == self._hub.store.worker_id and self._hub.find_open(run_id) is None:
            self._go_on(row)
        if self._hub.find_open(run_id) is None:
            self._hub.openings.opened(run_id)  # nor will it be by this: who waits for that looks again

    def _pass_on(self, run_id: str, verb: Literal["pause", "resume"], parent_run: int) -> None:
        awaited = self._awaited.get(run_id)
        if awaited is not None:
            awaited.is_held = verb == "pause"
        row = self._hub.archive.find(run_id)
        if row is None or row.parent_run != parent_run or row.status in FINAL_RUN:
            return
        active = self._hub.find_open(run_id)
        if active is not None and verb == "pause":
            self._hold(run_id)
        elif active is not None:
            active.tell(ControlRun("resume"))
        elif awaited is not None and verb == "resume" and awaited.rests:
            awaited.tell(encode(ChildWakes(*awaited.key)))

    def _hold(self, run_id: str) -> None:
        active = self._hub.find_open(run_id)
        if active is not None:
            active.tell(ControlRun("hold"))

    def reopen(self, run_id: str) -> bool:
        """Open a run again that the disk made us let go, if it is awaited; tells whether it is one of these."""
        row = self._hub.archive.find(run_id) if run_id in self._awaited else None
        if row is None or row.status in FINAL_RUN or row.owner not in (None, self._hub.store.worker_id):
            return False
        if self._hub.find_open(run_id) is None:
            self._go_on(row)
        return True

    def _reopen(self, run_id: str) -> None:
        row = self._hub.archive.find(run_id) if run_id in self._awaited else None
        if row is not None and row.status in FINAL_RUN:
            self._tell(run_id)
        else:
            self.reopen(run_id)

    def _last_look(self, awaited: Awaited) -> None:
        row = self._hub.archive.find(awaited.run_id)
        if row is None or row.status not in FINAL_RUN:
            awaited.tell(encode(Overdue(*awaited.key)))

    # --- telling

    def _look(self) -> None:
        now_us = self._hub.runtime.clock.now().wall_us
        for (run_id,) in self._hub.store.readers.query("read.asking_due_inside", now_us):
            awaited = self._awaited.get(run_id)
            if awaited is not None and awaited.rests and not awaited.is_woken:
                awaited.is_woken = True  # its turn may take a while, and it is looked often
                awaited.tell(encode(ChildWakes(*awaited.key)))
        self._hear_cancelled()
        self._look_again()

    def _hear_cancelled(self) -> None:
        """Those that rest are nobody's, so whoever cancels one in another process can tell nobody."""
        above = {awaited.parent_run for awaited in self._awaited.values() if awaited.rests}
        if not above:
            return
        keys = msgspec.json.encode(sorted(above)).decode()
        for run_id, is_left in self._hub.store.readers.query("read.cancelled_inside", keys):
            awaited = self._awaited.get(run_id)
            if awaited is None or not awaited.rests:
                continue
            if not is_left:
                self._tell(run_id)
            elif not awaited.is_woken:
                awaited.is_woken = True
                awaited.tell(encode(ChildWakes(*awaited.key)))

    def _look_again(self) -> None:
        """Look when the next of those that are asked has been for long enough."""
        now = self._hub.runtime.clock.now()
        next_us = self._hub.store.readers.query("read.next_asking_inside", now.wall_us)[0][0]
        if next_us is not None and next_us != FOREVER:
            due_us = now.mono_us + min(next_us - now.wall_us, LONGEST_US)
            self._hub.runtime.timers.set((id(self), "people"), due_us, self.look)

    def _tell(self, run_id: str) -> None:
        awaited = self._awaited.get(run_id)
        row = self._hub.archive.find(run_id)
        if awaited is None or row is None or self._hub.find_open(run_id) is not None:
            return
        if row.status == "paused":
            self._go_on(row)  # if somebody has answered just before it came to rest, or the run above has been resumed
        elif row.status in FINAL_RUN:
            outcome = outcome_of(row, self._hub.archive, self._hub.store)
            del self._awaited[run_id]  # not earlier: what cannot be read now is told later
            self._answer(awaited, outcome)

    def _answer(self, awaited: Awaited, outcome: Succeeded | Failed) -> None:
        source = msgspec.json.encode({"run": awaited.run_id}).decode()
        awaited.tell(encode(Answered(*awaited.key, outcome, source)))
