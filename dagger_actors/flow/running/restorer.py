"""Sets a run going from where the file says it stands, whatever for: its start, a takeover, a retry, a rebuilding.

There is one way for all of these, so that a run which goes on after a crash does not differ from one that was never cut off:
a fresh machine takes over the rows, its gate is made to owe what those say, and the supervisor is handed both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import msgspec
from pykka._envelope import Envelope  # pykka exports no public name for what its mailboxes hold

from dagger_actors.actors.runtime import Runtime
from dagger_actors.bodies.services import BodyServices
from dagger_actors.flow.loading.awaits import AwaitableChannels
from dagger_actors.flow.loading.sub_flows import SubFlows
from dagger_actors.flow.machine.events import Event, Mode, Opened
from dagger_actors.flow.machine.machine import FlowMachine
from dagger_actors.flow.reports.archive import Archive
from dagger_actors.flow.running.active import ActiveRun
from dagger_actors.flow.running.children import Children
from dagger_actors.flow.running.handover import Opening
from dagger_actors.flow.running.inner_actions import InnerActions
from dagger_actors.flow.running.left_behind import is_success, key_of
from dagger_actors.flow.running.orders import OrderReader
from dagger_actors.flow.running.starter import Starter
from dagger_actors.flow.stored.given_answers import untaken
from dagger_actors.flow.stored.restore import from_row, restore
from dagger_actors.flow.stored.rows import RunRow, StoredRow
from dagger_actors.store.store import Store

__all__ = ["Restorer"]


class Restorer:
    """Makes what the supervisor of a run decides with, and hands it over.

    Args:
        runtime: The world.
        store: The open database.
        archive: Reads the runs of it.
        services: What all bodies are run with.
        children: Knows which runs inside others rest.
        channels: Those that nodes may await messages of.
        flows_of: Gives what finds the flows that the nodes of a run may run.
        inner: Knows what runs for nodes that run flows.
    """

    def __init__(
        self,
        runtime: Runtime,
        store: Store,
        *,
        archive: Archive,
        services: BodyServices,
        children: Children,
        channels: AwaitableChannels,
        flows_of: Callable[[ActiveRun], SubFlows],
        inner: InnerActions,
    ) -> None:
        self._inner = inner
        self._runtime = runtime
        self._store = store
        self._archive = archive
        self._services = services
        self._children = children
        self._channels = channels
        self._flows_of = flows_of

    def set_going(
        self,
        active: ActiveRun,
        row: RunRow,
        mode: Mode,
        event: Event,
        ends: Sequence[bytes],
        redone: frozenset[int] = frozenset(),
    ) -> None:
        """Hand the supervisor of a run a machine that is where the run stands.

        Args:
            active: The run, open here.
            row: Its row as it is now.
            mode: What it goes on for.
            event: What the machine is told first.
            ends: Ends of attempts that were told and may not have been committed.
            redone: Nodes that are run again though they have succeeded.

        Raises:
            StoreError: The file cannot be read; the supervisor was handed nothing.
        """
        machine = self._machine(active, row, mode, redone)
        active.emitter.begin(machine.work)
        # What the file has already is no news, and owes the gate nothing.
        ends = [payload for payload in dict.fromkeys(ends) if machine.is_running(*key_of(payload))]
        _owe(active, machine, ends)
        starter = self._starter(active, row, machine)
        opening = Opening(
            orders=self._orders(active, machine),
            machine=machine,
            starter=starter,
            opened=self._with_answers(active, machine, event),
            ends=ends,
            unskip=mode == "retry",
            redone=redone,
        )
        starter.restore_keys()
        active.supervisor.actor_inbox.put(Envelope(opening))

    def _machine(self, active: ActiveRun, row: RunRow, mode: Mode, redone: frozenset[int]) -> FlowMachine:
        # What was added since it was opened is in the file, and of what is not, nothing has come of it.
        definition = active.definition if mode == "start" else self._archive.definition_of(row)
        machine = FlowMachine(
            definition,
            active.identity,
            status=row.status,
            elapsed_us=row.elapsed_us,
            error=row.error,
            ending=row.ending,
            started_at=row.started_us,
            is_pausing=mode == "recover" and row.is_pausing,
            is_held=active.is_held,
            last_seq=row.last_seq,
            calls_s=None if row.parent_run is None else self._archive.time_above_s(row.run_key),
        )
        active.is_held = False  # from here on it is in the file
        rows = (StoredRow(*found) for found in self._store.readers.query("read.nodes", row.run_key))
        restore(machine, (from_row(found) for found in rows), mode, redone)
        return machine

    def _starter(self, active: ActiveRun, row: RunRow, machine: FlowMachine) -> Starter:
        return Starter(
            machine.work,
            inputs=active.inputs,
            services=self._services.of(active.actions),
            blocking=self._runtime.blocking,
            io=self._runtime.io,
            imports=row.imports,
            next_run_key=self._store.next_run_key,
            arm=active.emitter.arm_time_out,
        )

    def _orders(self, active: ActiveRun, machine: FlowMachine) -> OrderReader:
        return OrderReader(
            machine,
            inputs=active.inputs,
            actions=active.actions,
            artifacts=self._services.artifacts,
            channels=self._channels,
            flows=partial(self._flows_of, active),
            runs=self._inner.of(active, machine.work),
        )

    def _with_answers(self, active: ActiveRun, machine: FlowMachine, event: Event) -> Event:
        """Let the machine know whose answers are there, and which runs inside rest; else it would rest before it is told."""
        if not isinstance(event, Opened):
            return event
        identity = machine.work.identity
        if asked := machine.asked():
            answered = {one.key for one in untaken(self._store.readers, [identity.run_key])}
            event = msgspec.structs.replace(event, answered=frozenset(answered.intersection(asked)))
        if machine.has_children():
            event = msgspec.structs.replace(event, resting=self._children.resting(identity, active.emitter.tell))
        return event


def _owe(active: ActiveRun, machine: FlowMachine, ends: Sequence[bytes]) -> None:
    """Have the gate hold for the failures that the machine has yet to be told, and for no others."""
    actors = active.emitter.actors
    owed = [actor.ticket for key, actor in actors.items() if machine.is_running(*key)]
    dropped = [actor.ticket for key, actor in actors.items() if not machine.is_running(*key)]
    strangers = sum(1 for payload in ends if key_of(payload) not in actors and not is_success(payload))
    active.gate.reset_holds(owed, strangers, dropped)
