"""Tells a run what to do wherever it runs: here, in another process, or nowhere any more."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from pykka import ActorDeadError

from dagger_actors.actors.inside import is_inside_turn
from dagger_actors.core.flow_messages import Control, ControlRun, Detach
from dagger_actors.core.protocols import Write
from dagger_actors.core.states import FINAL_RUN
from dagger_actors.errors import RunOwned, UnitRejected
from dagger_actors.flow.running.active import ActiveRun
from dagger_actors.flow.running.hub import FlowHub
from dagger_actors.flow.stored.rows import RunRow
from dagger_actors.flow.verbs.caller import Caller

__all__ = ["Order", "Telling"]


class Order(msgspec.Struct, frozen=True):
    """What a run is told.

    Attributes:
        verb: As the table of commands has it.
        node: Position of the node that it is about; None = it is about the run.
    """

    verb: Control
    node: int | None = None

    @property
    def message(self) -> ControlRun:
        """As its supervisor is told it."""
        return ControlRun(self.verb, -1 if self.node is None else self.node)


class Telling:
    """Finds who has a run, and has that one do it.

    Args:
        hub: Keeps the runs that are open here.
        caller: Waits for the store.
    """

    def __init__(self, hub: FlowHub, caller: Caller) -> None:
        self._hub = hub
        self._caller = caller

    def tell(self, row: RunRow, order: Order, is_done: Callable[[RunRow], bool]) -> None:
        """Tell a run what to do, once, wherever it runs now; what became of it the caller looks up.

        Args:
            row: The run, as it stands.
            order: What it is told.
            is_done: Tells by the row that another process has done it.
        """
        active = self._hub.active.get(row.run_id)
        if active is not None:
            self.ask(active, order.message)
        elif self.is_nobodys(row):
            self._unowned(row, order)
        else:
            self.elsewhere(row, order.verb, order.node, is_done)

    def ask(self, active: ActiveRun, message: msgspec.Struct) -> None:
        """Tell a run that is open here something, and wait until that is committed, or moot."""
        try:
            self._caller.wait(active.ask(message))
        except (ActorDeadError, UnitRejected):
            return  # it came to rest meanwhile, or what an attempt wanted written was refused, and this with it: look again

    def cancel_unowned(self, row: RunRow) -> None:
        """Open a run that nobody has only to cancel it; without its code its end is only decided."""
        if not self._claim(row):
            return
        actions = self._hub.code_of(row)
        active = self._hub.open(row.run_id, None, former=row.owner, actions=actions)
        if actions is None:
            self.ask(active, Detach(now=True))
        else:
            self._caller.wait(active.emitter.opened)  # where that ends it, it is over by then
            if not is_inside_turn():
                self._caller.wait(active.done)

    def _unowned(self, row: RunRow, order: Order) -> None:
        """Open it without its code, tell it, and give it back."""
        if self._claim(row):
            active = self._hub.open(row.run_id, "recover", former=row.owner, is_bare=True)
            self.ask(active, order.message)
            self.ask(active, Detach(now=True))

    def _claim(self, row: RunRow) -> bool:
        try:
            self._caller.claim(row, is_alone=True)
        except RunOwned:
            return False  # somebody else goes on with it: ask them
        return True

    def elsewhere(self, row: RunRow, verb: str, node: int | None, is_done: Callable[[RunRow], bool]) -> None:
        """Have the process that has a run do it, and wait until it has, or has it no more."""
        now = self._hub.runtime.clock.now().wall_us
        try:
            self._caller.commit([Write("commands.insert", ((row.run_key, verb, node, now),), 1)])
        except UnitRejected:
            return  # nobody runs it any more
        while not is_done(current := self._caller.row(row.run_id)):
            if current.status in FINAL_RUN or self.is_nobodys(current):
                return
            self._caller.pause()

    def is_nobodys(self, row: RunRow) -> bool:
        """Tell whether nobody will hear what a run is told; one inside another that rests is opened with that alone."""
        archive = self._hub.archive
        if archive.owner_pid(row) is None:
            return True
        rests = row.parent_run is not None and row.status != "running"
        return rests and archive.owner_pid(archive.row(archive.id_of(row.root_run))) is None
