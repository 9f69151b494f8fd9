"""Cancels a run wherever it runs: here, in another process, or nowhere any more."""

from __future__ import annotations

from pykka import ActorDeadError

from dagger_actors.core.messages import CancelRun
from dagger_actors.core.protocols import Write
from dagger_actors.core.states import FINAL_RUN
from dagger_actors.errors import IllegalTransition, RunOwned, UnitRejected
from dagger_actors.flow.active import ActiveRun
from dagger_actors.flow.caller import Caller
from dagger_actors.flow.hub import FlowHub
from dagger_actors.flow.rows import RunRow

__all__ = ["Canceller"]


class Canceller:
    """Cancels runs.

    Args:
        hub: Keeps the runs that are open here.
        caller: Waits for the store.
    """

    def __init__(self, hub: FlowHub, caller: Caller) -> None:
        self._hub = hub
        self._caller = caller

    def cancel(self, run_id: str) -> None:
        """Cancel a run; recorded when this returns. Whose it is may change meanwhile, so it asks until it is over.

        Raises:
            RunNotFound: There is no such run.
            IllegalTransition: It has ended otherwise.
        """
        while (row := self._caller.row(run_id)).status not in FINAL_RUN:
            active = self._hub.active.get(run_id)
            if active is not None:
                self._here(active)
            elif self._hub.owner_pid(row) is None:
                self._unowned(row)
            else:
                self._elsewhere(row)
        if row.status != "cancelled":
            raise IllegalTransition(run_id, row.status, "cancelled")

    def _here(self, active: ActiveRun) -> None:
        active.gate.hold()
        try:
            self._hub.runtime.wait(active.ask(CancelRun()), None)
        except ActorDeadError:
            return  # it came to rest meanwhile; its row says how

    def _unowned(self, row: RunRow) -> None:
        try:
            self._caller.claim(row)
        except RunOwned:
            return  # somebody else goes on with it: ask them
        active = self._hub.open(row.run_id, None, former=row.owner)
        self._hub.runtime.wait(active.done, None)

    def _elsewhere(self, row: RunRow) -> None:
        now = self._hub.runtime.clock.now().wall_us
        try:
            self._caller.commit([Write("commands.insert", ((row.run_key, "cancel", now),), 1)])
        except UnitRejected:
            return  # nobody runs it any more
        while (current := self._caller.row(row.run_id)).status not in FINAL_RUN:
            if self._hub.owner_pid(current) is None:
                return
            self._caller.pause()
