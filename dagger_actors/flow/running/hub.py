"""The root of the flow paradigm in one system: opens runs, keeps those that are open, and gives them back.

Every run that is open here has a supervisor; the hub is the root above them. A run becomes ours by ``claims``, is put together
by ``assembler``, and set going from its rows by ``restorer``; when its supervisor crashes, ``restarts`` decides.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from dagger_actors.actors.gates import Gates
from dagger_actors.actors.root import Root
from dagger_actors.actors.runtime import Runtime
from dagger_actors.actors.telemetry import Telemetry
from dagger_actors.bodies.arrivals import Arrivals
from dagger_actors.bodies.artifacts import RunArtifacts
from dagger_actors.bodies.asking import wait_quietly
from dagger_actors.bodies.backends import Backends
from dagger_actors.bodies.processes.lazy import LazyPool
from dagger_actors.bodies.publications import Messages
from dagger_actors.bodies.resources import Resources
from dagger_actors.bodies.services import BodyServices
from dagger_actors.bodies.stored_tables import StoredTables
from dagger_actors.core.awaits import Outside
from dagger_actors.core.flow_messages import Detach
from dagger_actors.core.states import FINAL_NODE
from dagger_actors.errors import OwnershipLost, StoreError
from dagger_actors.flow.actions.context import Context
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.actions.run_actions import misfits, places_of, recall_actions
from dagger_actors.flow.definition import FlowDefinition
from dagger_actors.flow.loading.awaits import AwaitableChannels
from dagger_actors.flow.loading.loader import LoadedInside
from dagger_actors.flow.loading.sub_flows import HeldFlow, SubFlows
from dagger_actors.flow.machine.events import Cancelled, Event, Mode, Opened
from dagger_actors.flow.reports.archive import Archive
from dagger_actors.flow.running.active import ActiveRun
from dagger_actors.flow.running.adrift import Adrift
from dagger_actors.flow.running.assembler import Assembler
from dagger_actors.flow.running.children import Children
from dagger_actors.flow.running.claims import Claims
from dagger_actors.flow.running.growing import GrowthReader
from dagger_actors.flow.running.handover import Services
from dagger_actors.flow.running.inner_actions import InnerActions
from dagger_actors.flow.running.left_behind import LeftBehind, key_of
from dagger_actors.flow.running.openings import Openings
from dagger_actors.flow.running.people import People
from dagger_actors.flow.running.restarts import Restarts
from dagger_actors.flow.running.restorer import Restorer
from dagger_actors.flow.running.run_events import NodeChanged, Observer, RunEvent
from dagger_actors.flow.running.run_steps import RunSteps
from dagger_actors.flow.running.run_values import RunValues
from dagger_actors.flow.stored.cache import StoredOutputs
from dagger_actors.flow.stored.rows import RunRow
from dagger_actors.store.store import Store

__all__ = ["FlowHub"]

logger = logging.getLogger("dagger_actors.flow")


class FlowHub:
    """Opens and keeps runs.

    Args:
        runtime: The world.
        store: The open database.
        registry: The actions that the system was given.
        gates: Where attempts start.
        resources: What ``ctx.resource`` gives.
        messages: Knows the channels that actions publish to.
        outside: Brings the messages that nodes await.
        channels: Those that nodes may await messages of.
        observers: Told what changes, in every run.
        pool: The worker processes; None where there are none.
        telemetry: Told of runs and attempts; None = nobody traces or measures this system.
    """

    def __init__(
        self,
        *,
        runtime: Runtime,
        store: Store,
        registry: ActionRegistry,
        gates: Gates,
        resources: Resources,
        messages: Messages,
        outside: Outside,
        channels: AwaitableChannels,
        observers: tuple[Observer, ...] = (),
        pool: LazyPool | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._telemetry = telemetry
        self._channels = channels
        self.runtime = runtime
        self.store = store
        self.registry = registry
        self._inner = InnerActions(registry)
        self.archive = Archive(store, lambda: runtime.clock.now().wall_us)
        self.active: dict[str, ActiveRun] = {}
        self.adrift = Adrift()
        self._gates = gates
        self.happenings = Arrivals()
        """Wakes those who follow runs."""
        self._left_behind = LeftBehind(store)
        self.openings = Openings()
        self.claim = Claims(store, self.archive, self.openings, self.adrift).claim
        self.children = Children(self)
        self._former: dict[int, int | None] = {}
        self._lock = threading.Lock()
        self.people = People(runtime, store)
        self._services = Services(
            clock=runtime.clock,
            timers=runtime.timers,
            journal=store.journal,
            breathe=runtime.breathe,
            outside={"message": outside, "human": self.people},
            reserve_run_keys=store.reserve_run_keys,
            appended=messages.appended,
        )
        self._body_services = self._services_of_bodies(gates, resources, messages, pool)
        self._root = Root.spawn(dispatcher=runtime.control)
        self._restorer = Restorer(
            runtime,
            store,
            archive=self.archive,
            services=self._body_services,
            children=self.children,
            channels=channels,
            flows_of=self._flows_of,
            inner=self._inner,
        )
        self._restarts = Restarts(
            store,
            self.archive,
            clock=runtime.clock,
            restorer=self._restorer,
            errand=self.errand,
            lose=self._lose,
        )
        self._assembler = Assembler(
            runtime,
            store.worker_id,
            services=self._services,
            gates=gates,
            children=self.children,
            followers=self.happenings,
            observers=observers if telemetry is None else (*observers, partial(_tell_ends, telemetry)),
            at_rest=self._at_rest,
            crashed=self._restarts.crashed,
        )
        self.held: Callable[[], Mapping[str, HeldFlow]] = dict
        """Gives the flows that are known by name."""
        self.on_opened: Callable[[], None] = lambda: None
        """Told whenever a run has been opened here: from now on somebody may want to cancel it."""

    def _services_of_bodies(
        self, gates: Gates, resources: Resources, messages: Messages, pool: LazyPool | None
    ) -> BodyServices:
        """What all bodies of all runs share."""
        return BodyServices(
            actions=self.registry,
            context=Context,
            artifacts=RunArtifacts(self.store.artifacts, self.store.load_artifact),
            clock=self.runtime.clock,
            is_refusing=gates.is_refusing,
            cache=StoredOutputs(self.store, self.runtime.clock),
            backends=Backends(
                steps=RunSteps(self.store, clock=self.runtime.clock, wait=self.runtime.wait_in_body),
                resources=resources,
                tables=StoredTables(self.store),
                owner=RunValues(
                    self.store,
                    messages,
                    GrowthReader(self.active.get, self._channels, self._flows_of, self._inner),
                    clock=self.runtime.clock,
                ),
            ),
            home=self.store.home,
            pool=pool,
            telemetry=self._telemetry,
            with_maker=self.archive.with_maker,
        )

    def errand(self, errand: Callable[[], None]) -> None:
        """Have the root do something, behind what it does already."""
        self._root.tell(errand)

    # --- what is known of runs here

    def _flows_of(self, active: ActiveRun) -> SubFlows:
        """What finds the flows that nodes run which are added to a run: as its file would name them, as the files are now."""
        definition, above = active.definition, self.archive.above(active.identity.run_key)
        return SubFlows(
            LoadedInside(self.registry, channels=self._channels),
            held=self.held(),
            folder=Path(places_of(active.imports).folder),
            chain=(Path(definition.file).resolve(),) if definition.file else (),
            above=(*(row.flow_name for row in above), definition.name),
        )

    def code_of(self, row: RunRow) -> ActionRegistry | None:
        """A run's actions, if this system has loaded them all and they fit; None = it has not."""
        definition, found = self.archive.definition_of(row), recall_actions(self.registry, places_of(row.imports))
        return None if found.lacking(definition) or misfits(definition, found.registry) else found.registry

    @property
    def is_waiting(self) -> bool:
        """Whether no body runs here: what is active waits for its time, or for what comes from outside."""
        return self._gates.are_idle

    def is_anothers(self, row: RunRow) -> bool:
        """Tell whether another process that lives has a run; one that is ours may be open here, or could not be opened."""
        return row.owner != self.store.worker_id and self.archive.owner_pid(row) is not None

    def find_open(self, run_id: str) -> ActiveRun | None:
        """A run, if it is open here."""
        return self.active.get(run_id)

    def former_of(self, root_run: int) -> int | None:
        """The worker that a run, and with it those of the flows inside it, was taken from; None = it is ours from its start."""
        return self._former.get(root_run)

    def _is_alive(self, worker_id: int | None) -> bool:
        worker = self.store.workers().get(worker_id) if worker_id is not None else None
        return worker is not None and worker_id != self.store.worker_id and not self.store.membership.is_gone(worker)

    # --- opening

    def open(
        self,
        run_id: str,
        mode: Mode | None,
        *,
        former: int | None = None,
        definition: FlowDefinition | None = None,
        actions: ActionRegistry | None = None,
        redone: frozenset[int] = frozenset(),
        is_bare: bool = False,
        is_held: bool = False,
    ) -> ActiveRun:
        """Open a run that this worker owns.

        Args:
            run_id: The run; its row names this worker as owner.
            mode: What for; None = only to cancel it: without its actions, what its end calls is left to whoever has them.
            former: The worker it was taken from, whose slot file tells what had started.
            definition: What the archive would read, when the caller has it at hand.
            actions: Its actions; None only without a mode.
            redone: Nodes that are run again though they have succeeded.
            is_bare: Only to be told something; then no user code is needed, and nothing begins.
            is_held: It pauses from the beginning.

        Raises:
            StoreError: The file cannot be read; the run is adrift.
        """
        try:
            row = self.archive.find(run_id)
            assert row is not None
            assert row.owner == self.store.worker_id
            assert mode is None or is_bare or actions is not None
            active = self._assembler.assemble(
                row, definition or self.archive.definition_of(row), actions or self.registry
            )
            active.is_bare, active.is_held = is_bare or (mode is None and actions is None), is_held
            self._begin(active, row, mode, former, redone)
        except StoreError as error:
            self.adrift.add(run_id, error)
            raise
        finally:
            self.openings.opened(run_id)
        self.adrift.remove(run_id, active)
        return active

    def _begin(
        self, active: ActiveRun, row: RunRow, mode: Mode | None, former: int | None, redone: frozenset[int]
    ) -> None:
        crashed, unbegun, ends = self._left_behind.of(former, row.run_key)
        live = frozenset(key_of(payload) for payload in ends)
        opened = Opened(
            mode=mode or "recover",
            crashed=crashed - live,
            unbegun=unbegun - live,
            live=live,
            is_forced=self._is_alive(former),
            is_bare=active.is_bare,
            was_asking=row.asks_until is not None,
        )
        event: Event = opened if mode is not None else Cancelled(opened=opened, calls=not active.is_bare)
        if self._telemetry is not None:
            self._telemetry.run_opened(active.run_id, active.definition.name)
        if row.parent_run is None:
            self._former[row.run_key] = former
        with self._lock:
            self.active[active.run_id] = active
        self.on_opened()
        try:
            # Without its code what an end leads to is not known: it stays where it is, for the next who opens the run.
            self._restorer.set_going(active, row, mode or "recover", event, [] if active.is_bare else ends, redone)
        except StoreError as error:
            self._lose(active, error)
            raise

    def _at_rest(self, active: ActiveRun, state: str) -> None:
        active.gate.close()
        with self._lock:
            if self.active.get(active.run_id) is active:
                del self.active[active.run_id]
        self._former.pop(active.identity.run_key, None)
        active.supervisor.stop()
        if self._telemetry is not None:
            self._telemetry.run_rested(active.run_id, state)
        active.done.set(state)
        self.children.rested(active.run_id)

    def _lose(self, active: ActiveRun, error: Exception) -> None:
        """The run is no longer ours, or beyond us: stop its bodies and tell who waits."""
        for one in self._services.outside.values():
            one.forget(active.identity.run_key)
        self.children.forget(active.identity.run_key)
        self.children.cancelling.leaving.remove(active.run_id)
        active.stop_bodies()
        with self._lock:
            if self.active.get(active.run_id) is active:
                del self.active[active.run_id]
        active.supervisor.stop()
        if self._telemetry is not None:
            self._telemetry.run_rested(active.run_id, "lost")
        if isinstance(error, StoreError) and not isinstance(error, OwnershipLost):
            self.adrift.add(active.run_id, error, active)
            self.children.lost(active.run_id)
        if not active.emitter.opened.is_done():
            active.emitter.opened.set_exception((type(error), error, None))
        active.done.set_exception((type(error), error, None))

    # --- leaving

    def detach(self, grace_s: float) -> None:
        """Start nothing new, give what runs ``grace_s`` to end, then give every run back to the file.

        Runs inside others that were told to end do so before, within that time: nobody would look for them soon.
        """
        until = self.runtime.clock.now().mono_us + round(grace_s * 1e6)
        wait_quietly(self.runtime, self.children.cancelling.leaving.none(), grace_s, logger)
        self.children.cancelling.leaving.close()
        active = list(self.active.values())
        idle = [run.ask(Detach()) for run in active]
        for future in idle:
            remaining_s = (until - self.runtime.clock.now().mono_us) / 1e6
            wait_quietly(self.runtime, future, max(0.0, remaining_s), logger)
        self.children.close()
        active = list(self.active.values())  # flows inside of them may have begun meanwhile
        last = [run.ask(Detach(now=True)) for run in active]
        for future in last:
            wait_quietly(self.runtime, future, 10.0, logger)


def _tell_ends(telemetry: Telemetry, events: Sequence[RunEvent]) -> None:
    for event in events:
        if isinstance(event, NodeChanged) and event.attempt and event.state in FINAL_NODE:
            telemetry.attempt_ended(event.run_id, event.node_id, event.state)
