"""How a run becomes this worker's while its caller waits: written anew, or taken from whoever had it, and opened here.

Others may be after the same run, in this process too. So between looking and taking nothing is believed: who was slower is
told whose the run is, and looks again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from dagger_actors.actors.inside import is_inside_turn
from dagger_actors.core.protocols import Write
from dagger_actors.core.run_rows import NewRun
from dagger_actors.core.states import FINAL_RUN
from dagger_actors.errors import OwnershipLost, RequestError, RunConflict, RunOwned, StoreError, UnitRejected
from dagger_actors.errors.commands import command_line
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.machine.events import Mode
from dagger_actors.flow.running.hub import FlowHub
from dagger_actors.flow.stored.rows import RunRow
from dagger_actors.flow.verbs.caller import Caller
from dagger_actors.flow.verbs.catalog import Catalog

__all__ = ["Taker"]


class Taker:
    """Takes runs; never called by a turn of an actor.

    Args:
        hub: Opens them.
        caller: Waits for the store.
        catalog: Finds the actions of a run that was started elsewhere.
    """

    def __init__(self, hub: FlowHub, caller: Caller, catalog: Catalog) -> None:
        self._hub = hub
        self._caller = caller
        self._catalog = catalog

    def write(self, run_id: str, writes: Sequence[Write]) -> bool:
        """Write a new run of ours.

        Args:
            run_id: Its id.
            writes: One unit, which is refused when there is a run of that id.

        Returns:
            Whether it is there by that, and is to be opened; else the id is taken.

        Raises:
            StoreError: It could not be written.
        """
        opening = self._hub.openings.begin(run_id)
        try:
            self._caller.commit(writes)
        except UnitRejected:
            self._hub.openings.lost(run_id, opening)
            return False
        except StoreError as error:
            self._hub.openings.lost(run_id, opening)
            self._hub.adrift.add(run_id, error)  # it may be in the file all the same
            raise
        except BaseException:
            self._hub.openings.lost(run_id, opening)
            raise
        opening.is_won = True
        return True

    def join(self, run: NewRun, actions: ActionRegistry, origin: str | None = None) -> None:
        """Go on with the run that has the id of a new one, if it is the same work; with the actions of whoever starts it now.

        Args:
            run: The new one, which was not written.
            actions: Its actions.
            origin: What it was to be a fork of; None = of nothing.

        Raises:
            RunConflict: It is other work.
            RunOwned: Another process runs it.
        """
        run_id = run.run_id
        row = self._caller.row(run_id)
        run.refuse_other(row.definition_id, row.inputs)
        if row.forked_from != origin:
            raise RunConflict(run_id, "origin")
        while row.status in ("pending", "running") and run_id not in self._hub.active:
            opening = self._hub.openings.of(run_id)
            try:
                if opening is None:
                    self.take(row, "recover", actions)
                    break
                self._caller.wait(opening)
            except RunOwned as owned:
                if owned.worker_id != self._hub.store.worker_id:
                    raise
            row = self._caller.row(run_id)  # somebody of this process is opening it, or has

    def take(
        self, row: RunRow, mode: Mode, actions: ActionRegistry | None = None, *, redone: frozenset[int] = frozenset()
    ) -> None:
        """Open a run here that nobody runs; it is open, or over, when this returns.

        Args:
            row: Its row.
            mode: What it goes on for.
            actions: Its actions; None = as the catalog finds them.
            redone: Nodes that are run again though they have succeeded.

        Raises:
            RunOwned: Somebody runs it, or was faster.
            DefinitionError: Its actions cannot be loaded, or no longer fit.
            RequestError: An action asks, and the end of what was cancelled inside would have to be waited for.
            StoreError: The disk refuses.
        """
        self.refuse_owned(row)
        if actions is None:
            actions = self._catalog.actions_of(row, self._hub.archive.definition_of(row))
        if mode != "recover":
            self._end_what_is_left(row)
        try:
            self._caller.claim(row)
        except RunOwned as owned:
            if owned.worker_id or self._caller.row(row.run_id).status in ("pending", "running"):
                raise
            # Whoever was faster is done with it already: there is nobody to name, and nothing left to take.
            return
        active = self._hub.open(row.run_id, mode, former=row.owner, actions=actions, redone=redone)
        if mode != "recover":
            # The claim alone says whose the run is, not that it is to go on: a crash here would leave it at rest.
            self._caller.wait(active.emitter.opened)

    def _end_what_is_left(self, row: RunRow) -> None:
        """Wait for the ends of what was cancelled inside a run at rest: who is run again would take them for its own."""
        hub, asked = self._hub, set[tuple[str, int]]()
        while left := self._left_inside(row):
            if is_inside_turn():
                raise RequestError(
                    f"run {left[0].run_id!r} inside is still being cancelled: an action or a hook, whose thread that may "
                    f"need, does not wait for it; try again when it has ended, or cut it short: "
                    f"{command_line('cancel', left[0].run_id)}"
                )
            going = [active for one in left if (active := hub.active.get(one.run_id)) is not None]
            for one in left:
                place = (one.run_id, one.epoch)
                if one.run_id in hub.active or hub.is_anothers(one) or hub.openings.of(one.run_id):
                    continue
                if place not in asked:
                    asked.add(place)
                    hub.children.cancelling.cancel_left(one)  # a death has left it
                hub.adrift.refuse(one.run_id)
            for active in going:
                with contextlib.suppress(OwnershipLost):
                    self._caller.wait(active.done)
            if not going:
                self._caller.pause()

    def _left_inside(self, row: RunRow) -> list[RunRow]:
        """Runs inside it that nobody awaits, but those of which only calls are left, by whoever has their code."""
        found = self._hub.store.readers.query("read.runs_left_inside", row.run_key)
        rows = [self._caller.row(run_id) for (run_id,) in found]
        return [one for one in rows if one.ending is None or self._hub.code_of(one) is not None]

    def take_or_join(self, row: RunRow, mode: Mode) -> None:
        """``take``; who finds that others of this process were faster goes on with what they took.

        Raises:
            RunOwned, DefinitionError, StoreError: As ``take``; of those that run it only another process.
        """
        run_id = row.run_id
        while True:
            try:
                return self.take(row, mode)
            except RunOwned as owned:
                if owned.worker_id != self._hub.store.worker_id:
                    raise
            opening = self._hub.openings.of(run_id)
            if opening is not None:
                self._caller.wait(opening)
            active = self._hub.active.get(run_id)
            if active is not None:
                return self._caller.wait(active.emitter.opened)
            row = self._caller.row(run_id)
            if row.status in FINAL_RUN:
                return None  # it went on, and is over

    def is_at_rest(self, row: RunRow) -> bool:
        """Whether a run does not go on, is about to pause, or is just being taken up again here."""
        if row.status not in ("pending", "running") or (row.pausing and row.ending is None):
            return True
        return self._hub.openings.of(row.run_id) is not None or self._hub.archive.owner_pid(row) is None

    def refuse_owned(self, row: RunRow) -> None:
        """Refuse a run that somebody runs, here or elsewhere.

        Raises:
            RunOwned: Somebody does.
        """
        owner = row.owner
        if owner is None:
            return
        pid = self._hub.archive.owner_pid(row)
        is_ours = owner == self._hub.store.worker_id
        # In this order: what ceases to be about to be opened is open by then.
        is_here = self._hub.openings.of(row.run_id) is not None or row.run_id in self._hub.active
        if pid is not None and (is_here or not is_ours):
            raise RunOwned(row.run_id, owner, pid)
