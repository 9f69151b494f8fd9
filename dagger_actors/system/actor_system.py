"""A system on one database: what people open, use and leave."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Literal, Self

from dagger_actors.actors.holders import ThreadHolders
from dagger_actors.actors.lookout import Lookout
from dagger_actors.actors.runtime import THREADS, Runtime
from dagger_actors.actors.telemetry import Telemetry, TelemetrySource
from dagger_actors.actors.timers import MonotonicClock
from dagger_actors.bodies.resources import Factory
from dagger_actors.bridges.trigger import Trigger
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.running.run_events import Observer
from dagger_actors.flow.stored.happened import Event
from dagger_actors.inspection import Inspection
from dagger_actors.pubsub.declared.channel import Channel
from dagger_actors.pubsub.reports.run_report import RunReport
from dagger_actors.pubsub.subscribers.kind import Configured as ConfiguredSubscriber
from dagger_actors.store.journal import Journal
from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.actors import Actors
from dagger_actors.supervised.headcount import MAX_ACTORS
from dagger_actors.supervised.house import House
from dagger_actors.supervised.spec import ChildSpec, Supervisor
from dagger_actors.supervised.undelivered import Undelivered
from dagger_actors.system.declaration import read_declaration
from dagger_actors.system.foundation import Foundation
from dagger_actors.system.options import ProcessOptions, StoreOptions, check_bounds
from dagger_actors.system.paradigms import Paradigms
from dagger_actors.tasks.agents.kind import Configured

__all__ = ["ActorSystem"]

LOOKS = 12
"""How often a handler is looked at until it counts as stuck."""


class ActorSystem:
    """Everything that runs on one database in this process; several systems in one process are independent.

    Leaving ``with`` takes nothing new, gives what runs ``grace_s`` to end, and gives every unfinished run back to the
    file, resumable. It never cancels.

    Args:
        db: The database; None = a temporary file that is deleted on leaving.
        spec: A system file, whose agents start with the system, under the supervision that it says.
        agents: Actors and supervisors to start with the system, in order, and to stop with it, in reverse: the children
            of its root supervisor (``one_for_one``, 3 restarts within 5 s). When that gives up, the system stops, and
            leaving ``with`` raises ``SystemFailed`` with the reason. A class alone stands for ``ChildSpec(cls)``. With a
            ``spec`` they come behind its agents. Task agents too: ``TaskAgent`` classes, as they are or ``configured``, and
            functions marked ``@task_agent``; these are nobody's children. And ``Subscriber`` classes, likewise.
        loops: ``acknowledged``: loops of messages without an exit are meant, and not warned of; the ``spec`` may say so too.
        triggers: Channels whose messages make tasks or start flows, besides those of the ``spec``.
        channels: Channels that somebody outside publishes to or reads, or that want other settings than the defaults.
        actions: Functions, or modules with marked functions, for names that a flow's own ``actions`` do not give.
        imports: Modules and files with actions and task agents: ``module``, ``module:name``, ``file.py``, ``file.py:name``.
            Actions go before a flow's own of the same name; task agents are added that are not among the ``agents``.
        resources: How to make what actions get by ``ctx.resource(Type)``: functions without parameters, by the type. Each
            is called once, in this order, while the system opens; what it gives is entered if it is a context manager,
            sync or async, and closed when the system has been left, the last one first.
        recover: Whether to take over unfinished runs whose process is gone, now and while this system is open; only those
            whose actions are loaded here.
        synchronous: ``full``: what was accepted survives a power cut; ``normal``: the last moments may be lost.
        artifact_threshold: Size in bytes from which an artifact is a file.
        readers: Connections that read at once; 1 or more.
        schema: A file with ``CREATE TABLE IF NOT EXISTS`` and the like for tables of your own, which ``ctx.execute`` and
            ``ctx.query`` use; run whenever a system is opened with it, all of it or nothing. Instead of the one
            that the ``spec`` names.
        processes: Attempts of ``isolation: process`` at once, 1 or more; None = as many as there are cores. Their worker
            processes are spawned when they are first wanted, and kept.
        process_attempts: After so many attempts a worker process is replaced, 1 or more: what user code leaks is given
            back, and a new one costs a third of a second or less.
        process_memory_mib: Address space of a worker process at most, in MiB, 256 or more; None = no limit.
        task_concurrency: Tasks that this process does at once, of all its agents, 1 or more.
        observer: Told what changes, after each commit, on an internal thread; must not block.
        on_undelivered: Told of each message to an actor that was never handled; must not block.
        stuck_after_s: An actor's handler that has not come back for so many seconds, 0.01 or more, is warned of in the
            log, and is ``stuck`` in ``actors.tree()`` until it does; so is a pool of threads that are all held for a third
            of that while work waits. None = never.
        max_actors: Actors and supervisors at once, 1 or more, spawned ones included; one more is refused with
            ``TooManyActors``.
        telemetry: Told what happens, for traces and figures: ``dagger_actors.telemetry.OpenTelemetry()``, which is in the
            extra ``otel``; None costs nothing.
        runtime: The world; for simulation.
        vfs: SQLite's way to the disk, by its name; for simulated power cuts.
        house: Makes what the actors share; for simulation.

    Attributes:
        flows: The flow paradigm.
        tasks: The task paradigm.
        channels: The channels, which subscribers read.
        actors: The actors of users' own classes.
        artifacts: What is stored, by its content.
        path: The database, absolute.

    Raises:
        ActorClassError: Something among the ``agents`` is neither anything that can be a child nor a task agent.
        RequestError: An option has a value that it cannot have, the schema or a resource cannot be made.
        StoreError: The database cannot be used; says why and what to do.
        DefinitionError: An import cannot be loaded.
    """

    def __init__(
        self,
        db: str | Path | None = None,
        *,
        spec: str | Path | Mapping[str, object] | None = None,
        agents: Sequence[
            ChildSpec | Supervisor | type[Actor] | Configured | ConfiguredSubscriber | Callable[..., Any]
        ] = (),
        channels: Sequence[Channel] = (),
        triggers: Sequence[Trigger] = (),
        loops: Literal["", "acknowledged"] = "",
        actions: Sequence[Callable[..., Any] | ModuleType] = (),
        imports: Sequence[str] = (),
        resources: Mapping[type, Factory] | None = None,
        recover: bool = True,
        synchronous: Literal["full", "normal"] = "full",
        artifact_threshold: int = 32 * 1024,
        readers: int = 5,
        schema: str | Path | None = None,
        processes: int | None = None,
        process_attempts: int = 100,
        process_memory_mib: int | None = None,
        task_concurrency: int = THREADS,
        observer: Observer | None = None,
        on_undelivered: Callable[[Undelivered], None] | None = None,
        stuck_after_s: float | None = 30.0,
        max_actors: int = MAX_ACTORS,
        telemetry: TelemetrySource | None = None,
        runtime: Runtime | None = None,
        vfs: str | None = None,
        house: Callable[[Runtime, Callable[[Undelivered], None] | None, Telemetry | None], House] = House,
    ) -> None:
        store = StoreOptions(synchronous=synchronous, artifact_threshold=artifact_threshold, readers=readers, vfs=vfs)
        store.check()
        check_bounds(stuck_after_s, max_actors, task_concurrency)
        spawning = ProcessOptions(
            count=(os.cpu_count() or 1) if processes is None else processes,
            attempts=process_attempts,
            memory_mib=process_memory_mib,
        )
        spawning.check()
        declared = read_declaration(
            spec,
            agents=agents,
            channels=channels,
            triggers=triggers,
            loops=loops,
            actions=actions,
            imports=imports,
        )
        base = self._base = Foundation(
            db,
            runtime=runtime,
            resources=resources,
            schema=declared.schema if schema is None else schema,
            store=store,
            processes=spawning,
            telemetry=telemetry,
        )
        self.path = base.path
        self._runtime, self._store, self._gates = base.runtime, base.store, base.gates
        home = house(self._runtime, on_undelivered, base.telemetry)
        home.states = self._store.agent_states
        home.headcount.limit = max_actors
        self._holders = ThreadHolders(self._gates, lambda: self._runtime.clock.now().mono_us)
        if stuck_after_s is not None:
            self._look_out(stuck_after_s, home)
        self.actors = Actors(home, declared.root, failed=lambda _failure: home.run_aside(self.stop))
        paradigms = self._paradigms = Paradigms(
            base, declared, observer=observer, task_concurrency=task_concurrency, recover=recover
        )
        self._hub = paradigms.flow_hub
        self.flows, self.tasks, self.channels = paradigms.flows, paradigms.tasks, paradigms.channels
        self.artifacts = paradigms.artifacts
        self._is_closed = False
        self._enter_resources()
        self._or_stop(self._paradigms.begin)
        self._or_stop(self.actors.begin)

    @classmethod
    def from_spec(cls, spec: str | Path | Mapping[str, object], db: str | Path | None = None, **options: Any) -> Self:
        """Open a system with the agents of a system file; ``ActorSystem(db, spec=spec)``.

        Args:
            spec: The file.
            db: The database; None = a temporary file that is deleted on leaving.
            options: As the class takes them.

        Raises:
            DefinitionError: The file says what cannot be; carries every problem.
        """
        return cls(db, spec=spec, **options)

    @staticmethod
    def look(db: str | Path) -> Inspection:
        """Look at a database without joining it: for read-only folders, other people's files, reports.

        Args:
            db: The database; it must exist.

        Returns:
            Its ``flows`` (``runs``, ``report``, ``explain``), ``tasks`` (``tasks``, ``report``, ``jobs``, ``job_report``,
            ``agents``), ``channels`` (``read``, ``channels``, ``subscriptions``, ``dead_letters``, ``dead_letter``, ``state``)
            and ``artifacts`` (``get``, ``list``, ``export``); a context manager.

        Raises:
            StoreError: It cannot be read; says why and what to do.
        """
        clock = MonotonicClock()
        return Inspection(db, now_us=lambda: clock.now().wall_us)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        self._raise_failure(error)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.astop()
        self._raise_failure(error)

    def _raise_failure(self, error: BaseException | None) -> None:
        if self.actors.failure is not None and error is None:
            raise self.actors.failure

    @property
    def journal(self) -> Journal:
        """The writer; for the test kit."""
        return self._store.journal

    @property
    def registry(self) -> ActionRegistry:
        """The actions; for the test kit."""
        return self._hub.registry

    def bodies(self) -> list[str]:
        """Name what runs on threads now, also of ended runs: code that has not heard of its time-out or its cancel."""
        return self._gates.bodies()

    def abandon(self) -> None:
        """Let go of the file as a dying process would, without a word; for the test kit."""
        self._is_closed = True
        self._paradigms.watch.stop()
        self._base.abandon()

    def events(self, run_id: str, *, after: int = 0, follow: bool = False) -> Iterator[Event]:
        """What happens to a run, as it is committed; see ``flows.events``."""
        return self.flows.events(run_id, after=after, follow=follow)

    def aevents(self, run_id: str, *, after: int = 0, follow: bool = False) -> AsyncIterator[Event]:
        """``events``, for ``async for``."""
        return self.flows.aevents(run_id, after=after, follow=follow)

    def run_until(self, *, quiescent: bool = True, count: int | None = None, timeout: float | None = None) -> RunReport:
        """Wait, while subscribers do their work, for whichever of these comes first, or for ``stop``.

        Args:
            quiescent: Whether it ends when nothing is left to do: no message of this process's subscriptions is unread or in
                hand, whoever would do it, no timer, delayed message or retry waits, and no flow or task runs here. What a
                paused subscription has not done is not waited for.
            count: When so many messages were handled since the report before, or since the system was opened; 1 or more.
            timeout: After so many seconds, 0 or more; the report says so, and the work goes on.

        Returns:
            Why it ended, and what was done since the report before.

        Raises:
            RequestError: An option has a value that it cannot have.
            SupervisorGaveUp: A member takes no turns any more.
            SystemClosed: The system was stopped before.
            BlockingCall: On a running event loop; use ``await system.arun_until(...)``.
        """
        return self._paradigms.running.run_until(quiescent=quiescent, count=count, timeout=timeout)

    async def arun_until(
        self,
        *,
        quiescent: bool = True,
        count: int | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - what takes longer is reported, not cancelled
    ) -> RunReport:
        """``run_until``, without blocking the loop."""
        return await self._paradigms.running.arun_until(quiescent=quiescent, count=count, timeout=timeout)

    def stop(self, grace_s: float = 10.0) -> None:
        """Leave: nothing new starts, what runs gets the grace, unfinished runs are given back to the file, resumable.

        Args:
            grace_s: Seconds for what runs; 0 or more.
        """
        if self._is_closed or not self._store.home.is_here:
            return  # left already; or a forked child is leaving the block, and the system is its parent's
        self._is_closed = True
        self._paradigms.close()
        try:
            self.actors.close(grace_s)
            self._paradigms.detach(grace_s)
        finally:
            self._base.close()

    def _look_out(self, stuck_after_s: float, house: House) -> None:
        after_us = house.alarm.after_us = round(stuck_after_s * 1e6)
        house.crowding.after_us = self._holders.after_us = after_us // 3
        looks = (house.alarm.look, house.crowding.look, self._holders.look)
        Lookout(self._runtime.timers, self._runtime.clock, every_us=after_us // LOOKS, looks=looks).start()

    def _or_stop(self, begin: Callable[[], None]) -> None:
        try:
            begin()
        except BaseException:
            self.stop()
            raise

    def _enter_resources(self) -> None:
        try:
            self._base.resources.enter()
        except BaseException:
            self._is_closed = True
            self._base.close()
            raise

    async def astop(self, grace_s: float = 10.0) -> None:
        """``stop``, without blocking the loop."""
        await asyncio.to_thread(self.stop, grace_s)
