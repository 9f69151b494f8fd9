"""The states of durable actors: one row each, owned by one process at a time, written with the journal's groups."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import apsw

from dagger_actors.core.durable import FORMAT, Found
from dagger_actors.core.protocols import Clock, Unit, Write
from dagger_actors.errors import OwnershipLost, StateOwned, UnitRejected
from dagger_actors.store.journal import Journal
from dagger_actors.store.ownership import Membership, WorkerRow
from dagger_actors.store.statements import sql
from dagger_actors.store.writer import Call

__all__ = ["AgentStates"]


class AgentStates:
    """Implements ``core.protocols.AgentStates`` on one file.

    Args:
        path: The database, for messages.
        journal: The writer.
        membership: Who this process is, and who lives.
        clock: For times in rows.
    """

    def __init__(self, path: Path, *, journal: Journal, membership: Membership, clock: Clock) -> None:
        self._path = path
        self._journal = journal
        self._membership = membership
        self._clock = clock

    def claim(self, name: str, class_name: str, initial: bytes, told: Callable[[Found | Exception], None]) -> None:
        """Become the owner of a state, which is ``initial`` if there is none; behind what was written before."""
        run = partial(self._claim, name, class_name, initial)
        self._journal.transact(Call(run, told, told))

    def _claim(self, name: str, class_name: str, initial: bytes, connection: apsw.Connection) -> Found:
        me = self._membership.worker_id
        row = next(connection.execute(sql("read.agent_state"), (name,)), None)
        if row is None:
            now_us = self._clock.now().wall_us
            connection.execute(sql("agent_states.insert"), (name, class_name, FORMAT, initial, now_us, me))
            return Found(state=initial, format=FORMAT, epoch=1)
        state, form, epoch, owner, *process = row
        if owner == me:
            return Found(state=state, format=form, epoch=epoch)
        self._refuse_if_owned(name, owner, process)
        connection.execute(sql("agent_states.claim"), (me, name, epoch))
        return Found(state=state, format=form, epoch=epoch + 1)

    def forget(self, name: str, told: Callable[[bool | Exception], None]) -> None:
        """Delete a state that no live owner has; behind what was written before."""
        self._journal.transact(Call(partial(self._forget, name), told, told))

    def _forget(self, name: str, connection: apsw.Connection) -> bool:
        row = next(connection.execute(sql("read.agent_state"), (name,)), None)
        if row is None:
            return False
        _state, _form, _epoch, owner, *process = row
        self._refuse_if_owned(name, owner, process)
        connection.execute(sql("agent_states.delete"), (name,))
        return True

    def _refuse_if_owned(self, name: str, owner: int | None, process: list[Any]) -> None:
        if owner is None or process[0] is None:
            return
        pid, beat, slot_file = process
        if not self._membership.is_gone(WorkerRow(owner, pid, beat, slot_file)):
            raise StateOwned(str(self._path), name, owner, pid)

    def put(
        self, name: str, class_name: str, epoch: int, state: bytes, told: Callable[[Exception | None], None]
    ) -> None:
        """Write a state with the next group."""

        def rejected(error: Exception) -> None:
            if isinstance(error, UnitRejected):
                error = OwnershipLost(str(self._path), f"the durable actor {name!r}")
            told(error)

        row = (name, self._membership.worker_id, epoch, class_name, FORMAT, state.hex(), self._clock.now().wall_us)
        self._journal.submit(Unit([Write("agent_states.put", (row,), 1)], lambda: told(None), rejected))

    def release(self, name: str, epoch: int) -> None:
        """Own a state no longer; if another process does already, that stays so."""
        row = (name, self._membership.worker_id, epoch)
        write = Write("agent_states.release", (row,), None)
        self._journal.submit(Unit([write], lambda: None, lambda _error: None))
