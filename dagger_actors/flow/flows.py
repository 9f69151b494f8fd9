"""``system.flows``: start, pause, resume, retry, cancel and look at runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Never

import msgspec

from dagger_actors.bodies.action_schemas import ActionSchema, action_schema
from dagger_actors.core.protocols import Write
from dagger_actors.core.run_rows import NewRun
from dagger_actors.core.states import FINAL_RUN
from dagger_actors.errors import (
    IllegalTransition,
    RequestError,
    RunConflict,
    RunOwned,
    StoreError,
    SystemClosed,
    UnitRejected,
)
from dagger_actors.errors.commands import command_line
from dagger_actors.flow.archive import LISTED
from dagger_actors.flow.building.flow import Flow
from dagger_actors.flow.caller import Caller
from dagger_actors.flow.catalog import Catalog, FlowSource
from dagger_actors.flow.control import Controller
from dagger_actors.flow.definition import FlowDefinition
from dagger_actors.flow.explanation import Explanation
from dagger_actors.flow.following import Following
from dagger_actors.flow.fork import Forker
from dagger_actors.flow.happened import Event
from dagger_actors.flow.hub import FlowHub
from dagger_actors.flow.logs import AttemptLog
from dagger_actors.flow.machine.events import Mode
from dagger_actors.flow.preparing import RunSettings, check_run_id, pin, prepare
from dagger_actors.flow.questions import Question
from dagger_actors.flow.redo import node_ids, redone_nodes
from dagger_actors.flow.registry import ActionRegistry
from dagger_actors.flow.report import Report, RunSummary
from dagger_actors.flow.rows import RunRow
from dagger_actors.flow.run import Run, refuse_on_loop
from dagger_actors.flow.signalling import Signaller

__all__ = ["Flows"]


class Flows:
    """The flow paradigm of one system.

    Args:
        hub: Keeps the runs that are open here.
        catalog: Finds their definitions and actions.
    """

    def __init__(self, hub: FlowHub, catalog: Catalog) -> None:
        self._hub = hub
        self._caller = Caller(hub)
        self._controller = Controller(hub, self._caller)
        self._catalog = catalog
        hub.held = catalog.held
        self._signaller = Signaller(hub, self._caller, self._take)
        self._following = Following(hub)
        self._is_closed = False

    # --- definitions

    def load(self, path: str | Path | Flow) -> FlowDefinition:
        """Load a flow file, or a flow built in Python, and hold it by its name, so that ``start`` takes the name.

        Raises:
            DefinitionError: It cannot run; names every problem.
        """
        return self._catalog.load(path)

    def schemas(self) -> list[ActionSchema]:
        """Describe the actions loaded so far, sorted by name: what each takes and gives, as JSON Schema."""
        return [action_schema(action) for action in self._hub.registry.code.actions()]

    # --- starting

    def start(
        self,
        flow: FlowSource,
        inputs: Mapping[str, Any] | None = None,
        *,
        run_id: str | None = None,
        parallel: int | None = None,
        sequential: bool = False,
        use_cache: bool = True,
    ) -> Run:
        """Start a run; it is durable when this returns.

        Args:
            flow: A file's path, the same structure as data, a flow built in Python, or the name of one that was loaded.
            inputs: Its inputs by name.
            run_id: An id of the caller's, so that starting twice is starting once; made when it is None.
            parallel: Instead of the flow's ``max_parallel_nodes``; 1 or more.
            sequential: One node at a time.
            use_cache: False = nodes with ``cache`` compute anew, and store what they computed.

        Returns:
            A handle, at once.

        Raises:
            DefinitionError: The flow cannot run.
            InvalidInputs: It does not take these inputs.
            RunConflict: The run id is that of other work.
            RunOwned: The run id is that of the same work, and another process runs it.
            BlockingCall: On a running event loop; use ``await flows.astart(...)``.
        """
        refuse_on_loop("flows.start()", "await flows.astart(...)")
        self._refuse_closed()
        chosen = run_id if run_id is not None else self._hub.runtime.ids.run_id()
        settings = RunSettings(parallel=parallel, sequential=sequential, use_cache=use_cache)
        made = prepare(self._catalog, pin(self._catalog, flow), {} if inputs is None else inputs, chosen, settings)
        now = self._hub.runtime.clock.now().wall_us
        run_key, run, actions = self._caller.next_run_key(), made.run, made.flow.loaded.actions
        row = (
            *(run_key, chosen, run_key, None, run.flow_name, run.definition_id, run.config, run.inputs, run.imports),
            *(now, self._hub.store.worker_id, None),
        )
        if not self._write_new(chosen, [made.flow.write(now), Write("flow_runs.insert", (row,), 1)]):
            return self._same_run(run, actions)
        pinned = msgspec.structs.replace(made.flow.definition, config=made.config)
        self._hub.open(chosen, "start", definition=pinned, actions=actions)
        return Run(chosen, self)

    def _write_new(self, run_id: str, writes: Sequence[Write]) -> bool:
        """Write a new run of ours; tells whether it is there by that, not by another that has its id."""
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

    def fork(
        self,
        source: str,
        *,
        start_from: Sequence[str],
        inputs: Mapping[str, Any] | None = None,
        run_id: str | None = None,
    ) -> Run:
        """Start a new run that shares what another has done, but for some nodes and all that is downstream of them.

        What has succeeded, or was skipped, upstream of them and beside them is there as it is; what has not runs in it
        too. The other run is only read: it may still be going on. The actions are those of today.

        Args:
            source: The run to fork.
            start_from: Ids of nodes that have run in it and run again in the fork; 1 or more.
            inputs: Inputs with other values than it had, by name; no node that is shared may have used one.
            run_id: As for ``start``.

        Raises:
            RunNotFound: There is no such run.
            UnknownNode: It has no such node; names the nearest.
            NeverRan: A node has not run in it.
            ForkRefused: A node cannot be forked from, or an output that would be shared was made with such an input.
            InvalidInputs: Its flow does not take these inputs.
            RunConflict: The run id is that of other work.
            DefinitionError: Its actions cannot be loaded, or no longer fit.
        """
        refuse_on_loop("flows.fork()", "await flows.afork(...)")
        self._refuse_closed()
        nodes = node_ids(start_from)
        if not nodes:
            raise RequestError("start_from names no node; give the ids of one or more")
        chosen = run_id if run_id is not None else self._hub.runtime.ids.run_id()
        check_run_id(chosen)
        made = Forker(self._hub.archive, self._hub.store).fork(source, nodes, {} if inputs is None else inputs, chosen)
        actions = self._catalog.actions_of(made.source, made.definition)
        now = self._hub.runtime.clock.now().wall_us
        if not self._write_new(chosen, made.writes(self._caller.next_run_key(), self._hub.store.worker_id, now)):
            return self._same_run(made.run, actions, made.origin)
        self._hub.open(chosen, "recover", actions=actions)
        return Run(chosen, self)

    def _same_run(self, run: NewRun, actions: ActionRegistry, origin: str | None = None) -> Run:
        """The id is taken: by the same work, or by other; it goes on with the actions of whoever starts it now."""
        run_id = run.run_id
        row = self._caller.row(run_id)
        if row.parent_run is not None:
            raise RunConflict(run_id, "parent")
        run.refuse_other(row.definition_id, row.inputs)
        if row.forked_from != origin:
            raise RunConflict(run_id, "origin")
        while row.status in ("pending", "running") and run_id not in self._hub.active:
            opening = self._hub.openings.of(run_id)
            try:
                if opening is None:
                    self._take(row, "recover", actions)
                    break
                self._hub.runtime.wait(opening, None)
            except RunOwned as owned:
                if owned.worker_id != self._hub.store.worker_id:
                    raise
            row = self._caller.row(run_id)  # somebody of this process is opening it, or has
        return Run(run_id, self)

    # --- taking up again

    def resume(self, run_id: str) -> Run:
        """Go on with a paused run, or with one whose process is gone; calls off a pause that what runs still holds up.

        A node that paused it gets a fresh set of tries; where that is a mapped one, this waits until the run has paused.
        What has ended is not done again.

        Raises:
            RunNotFound: There is no such run.
            RunOwned: A live process runs it.
            IllegalTransition: It has failed, timed out or been cancelled: that is for ``retry``.
            DefinitionError: Its actions cannot be loaded, or no longer fit.
        """
        refuse_on_loop("flows.resume()", "await flows.aresume(...)")
        self._refuse_closed()
        if (row := self._caller.row(run_id)).parent_run is not None:
            self._resume_inside(row)
            return Run(run_id, self)
        if self._controller.call_off(run_id):
            return Run(run_id, self)
        row = self._caller.row(run_id)
        if row.status == "succeeded":
            return Run(run_id, self)
        if row.status in FINAL_RUN:
            raise IllegalTransition(
                run_id, row.status, "resumed", f"try it again with: {command_line('retry', run_id)}"
            )
        return self._take(row, "resume" if row.status == "paused" or row.pausing else "recover")

    def retry(self, run_id: str, *, start_from: Sequence[str] = ()) -> Run:
        """Try again what failed or never ran, with fresh tries; what succeeded is kept. Releases parked work too.

        Args:
            run_id: The run.
            start_from: Ids of nodes to run again though they succeeded, each with everything downstream of it.

        Raises:
            RunNotFound: There is no such run.
            UnknownNode: It has no node of such an id; names the nearest.
            RequestError: Such a node has added nodes, or runs a flow.
            RunOwned: A live process runs it.
            IllegalTransition: It is not over: that is for ``resume``.
            DefinitionError: Its actions cannot be loaded, or no longer fit.
        """
        refuse_on_loop("flows.retry()", "await flows.aretry(...)")
        self._refuse_closed()
        nodes = node_ids(start_from)
        row = self._caller.row(run_id)
        if row.parent_run is not None:
            self._refuse_inside(row, "retried", "retry", self.root(run_id))
        redone = redone_nodes(run_id, self._hub.archive.definition_of(row), nodes) if nodes else frozenset[int]()
        if row.status == "succeeded" and not redone:
            return Run(run_id, self)
        if row.status in ("pending", "running"):
            self._refuse_owned(row)
            advice = f"go on with it: {command_line('resume', run_id)}"
            raise IllegalTransition(run_id, row.status, "retried", advice)
        return self._take(row, "retry", redone=redone)

    def _resume_inside(self, row: RunRow) -> None:
        """Go on with the run of a flow inside another, where nothing but itself holds it up; whoever has that goes on with it."""
        run_id = row.run_id
        if row.status == "succeeded":
            return
        if (held := self._controller.held_by(row)) is not None:
            self._refuse_inside(row, "resumed", "resume", held)
        if self._controller.call_off(run_id):
            return
        if self._caller.row(run_id).status in FINAL_RUN:
            self._refuse_inside(row, "resumed", "retry", self.root(run_id))
        self._controller.revive(row)

    def _refuse_inside(self, row: RunRow, done: str, verb: str, other: str) -> Never:
        """The run of a flow inside another goes on with that, which awaits it."""
        advice = f"it is a node of another run, which goes on with it: {command_line(verb, other)}"
        raise IllegalTransition(row.run_id, row.status, f"{done} by itself", advice)

    def resumable(self) -> list[str]:
        """Runs that nobody runs and that are not over: pending, running without a live owner, paused."""
        return [run_id for run_id in self._hub.archive.resumable() if run_id not in self._hub.active]

    def _take(
        self, row: RunRow, mode: Mode, actions: ActionRegistry | None = None, *, redone: frozenset[int] = frozenset()
    ) -> Run:
        self._refuse_owned(row)
        if actions is None:
            actions = self._catalog.actions_of(row, self._hub.archive.definition_of(row))
        try:
            self._caller.claim(row)
        except RunOwned as owned:
            if owned.worker_id or self._caller.row(row.run_id).status in ("pending", "running"):
                raise
            # Whoever was faster is done with it already: there is nobody to name, and nothing left to take.
            return Run(row.run_id, self)
        active = self._hub.open(row.run_id, mode, former=row.owner, actions=actions, redone=redone)
        if mode != "recover":
            # The claim alone says whose the run is, not that it is to go on: a crash here would leave it at rest.
            self._hub.runtime.wait(active.emitter.opened, None)
        return Run(row.run_id, self)

    def _refuse_owned(self, row: RunRow) -> None:
        owner = row.owner
        if owner is None:
            return
        pid = self._hub.archive.owner_pid(row)
        is_ours = owner == self._hub.store.worker_id
        # In this order: what ceases to be about to be opened is open by then.
        is_here = self._hub.openings.of(row.run_id) is not None or row.run_id in self._hub.active
        if pid is not None and (is_here or not is_ours):
            raise RunOwned(row.run_id, owner, pid)

    # --- people

    def signal(self, run_id: str, node_id: str, value: Any) -> Run:
        """Answer what an approval node asks; durable when this returns, with who gave it and when.

        The run goes on with it where it is open, here or elsewhere; one that nobody runs is opened here if its code is
        loaded here, else by whoever has it (``up``, ``resume``). The same answer twice is the same answer.

        Args:
            run_id: The run.
            node_id: The approval node; ``sub/ok`` is node ``ok`` of the flow at node ``sub``.
            value: The answer, of the node's ``type``; where that is ``bool``, True approves and False rejects.

        Raises:
            RunNotFound: There is no such run.
            UnknownNode: It has no such node; names the nearest.
            NotAsked: Nobody is asked there: it is no approval, or has not come so far, or has ended.
            AnswerMisfit: The answer is of another type.
            AlreadyAnswered: Somebody has answered otherwise before; says who.
        """
        refuse_on_loop("flows.signal()", "await flows.asignal(...)")
        self._refuse_closed()
        self._signaller.answer(run_id, node_id, value)
        return Run(run_id, self)

    def reject(self, run_id: str, node_id: str, reason: str = "") -> Run:
        """Reject what an approval node of any type asks: it fails with ``Rejected``; else as ``signal``.

        Args:
            run_id: The run.
            node_id: As for ``signal``.
            reason: Why; at most 2,000 characters.

        Raises:
            RunNotFound, UnknownNode, NotAsked, AlreadyAnswered: As for ``signal``.
        """
        refuse_on_loop("flows.reject()", "await flows.areject(...)")
        self._refuse_closed()
        self._signaller.reject(run_id, node_id, reason)
        return Run(run_id, self)

    def root(self, run_id: str) -> str:
        """The run that somebody has started, inside of which a run is; it is itself when it is no run of a flow inside another.

        Raises:
            RunNotFound: There is no such run.
        """
        return self._hub.archive.id_of(self._hub.archive.row(run_id).root_run)

    def locate(self, run_id: str, path: str) -> tuple[str, str]:
        """The run and the node that a path means: ``sub/ok`` is node ``ok`` in the run of the flow at node ``sub``.

        Args:
            run_id: The run.
            path: A node's id, or such a path; one that means nothing is given back as it is.

        Raises:
            RunNotFound: There is no such run.
        """
        return self._hub.archive.locate(run_id, path)

    def questions(self, run_id: str) -> tuple[Question, ...]:
        """What people are asked in a run now, in the order of its nodes, then in the runs of flows inside it.

        Raises:
            RunNotFound: There is no such run.
        """
        return self._hub.archive.questions(run_id)

    def has_news(self, run_id: str) -> bool:
        """Tell whether a run that rests because people are asked can go on: one has answered, or was asked for long enough.

        Raises:
            RunNotFound: There is no such run.
        """
        return self._signaller.has_news(run_id)

    def opened(self) -> list[str]:
        """Runs that are open in this system: they go on here."""
        return sorted(self._hub.active)

    # --- pausing and cancelling

    def pause(self, run_id: str) -> Report:
        """Let a run begin nothing more, wherever it runs; recorded when this returns, and twice is once.

        What runs goes on to its end; then the run is ``paused``, its clock stopped, until ``resume``. One that nobody
        runs is paused at once, without its code.

        Raises:
            RunNotFound: There is no such run.
            IllegalTransition: It is over, or its end is decided.
        """
        refuse_on_loop("flows.pause()", "await flows.apause(...)")
        self._controller.pause(run_id)
        return self.report(run_id)

    def cancel(self, run_id: str, *, node: str | None = None) -> Report:
        """Cancel a run, or one node of it, wherever it runs; recorded when this returns.

        The end of a run may call hooks: they are called before this returns, where somebody has the code of the run; else its
        end is only decided, the report says ``running``, and whoever has the code calls them. A second cancel leaves them out.

        Args:
            run_id: The run.
            node: Id of a node that is cancelled instead, with all its items; what needs its success is skipped, and the
                rest of the run goes on.

        Raises:
            RunNotFound: There is no such run.
            IllegalTransition: It has ended otherwise.
            UnknownNode: It has no such node; names the nearest.
            NodeTransition: The node has ended otherwise, or its run has.
        """
        refuse_on_loop("flows.cancel()", "await flows.acancel(...)")
        if node is None:
            self._controller.cancel(run_id)
        else:
            self._controller.cancel_node(run_id, node)
        return self.report(run_id)

    # --- looking

    def run(self, run_id: str) -> Run:
        """The handle of a run that exists.

        Raises:
            RunNotFound: There is no such run.
        """
        return Run(self._caller.row(run_id).run_id, self)

    def definition(self, run_id: str) -> FlowDefinition:
        """The definition that a run is pinned to, with the settings it was started with.

        Raises:
            RunNotFound: There is no such run.
        """
        return self._hub.archive.definition(run_id)

    def report(self, run_id: str, *, outputs: bool = True) -> Report:
        """What a run has done by now.

        Args:
            run_id: The run.
            outputs: False = leave its outputs out, for which nothing but rows has to be readable.

        Raises:
            RunNotFound: There is no such run.
            ArtifactCorrupt, ArtifactMissing: An output is no longer what it was.
        """
        return self._hub.archive.report(run_id, outputs=outputs)

    def events(self, run_id: str, *, after: int = 0, follow: bool = False) -> Iterator[Event]:
        """What happens to a run, as it is committed: what has happened already, then what comes, whoever runs it.

        Who stops may go on later, also in another process: ``after=event.seq``.

        Args:
            run_id: The run.
            after: Only behind the event of this number; 0 = from the beginning.
            follow: False = end when the run is at rest; True = only when the system is left.

        Raises:
            RunNotFound: There is no such run.
            RequestError: ``after`` is no number of an event.
            BlockingCall: On a running event loop; use ``flows.aevents(...)``.
        """
        refuse_on_loop("flows.events()", "async for event in flows.aevents(...)")
        return self._following.events(self._caller.row(run_id), after, follow=follow)

    def aevents(self, run_id: str, *, after: int = 0, follow: bool = False) -> AsyncIterator[Event]:
        """``events``, for ``async for``."""
        return self._following.aevents(self._caller.row(run_id), after, follow=follow)

    def logs(self, run_id: str) -> tuple[AttemptLog, ...]:
        """What the attempts of a run logged, and printed if they ran in processes; of those that have ended.

        Raises:
            RunNotFound: There is no such run.
        """
        return self._hub.archive.logs(run_id)

    def runs(
        self,
        *,
        state: str | Sequence[str] = (),
        flow: str | None = None,
        since: str | datetime | timedelta | None = None,
        limit: int = LISTED,
        inside: bool = False,
    ) -> list[RunSummary]:
        """The newest runs, newest first.

        Args:
            state: Only in this state, or in one of these; ``interrupted`` is a running one whose process is gone.
            flow: Only of the flow of this name.
            since: Only created after this moment: an age such as ``2h``, a date, a time, or the object of either.
            limit: At most so many; 1 or more.
            inside: Whether the runs of flows that are nodes of other runs count.

        Raises:
            RequestError: A filter has a value that it cannot have.
        """
        return self._hub.archive.runs(state=state, flow=flow, since=since, limit=limit, inside=inside)

    def explain(self, run_id: str, node_id: str, item: str = "") -> Explanation:
        """Why a node of a run is in its state: whom it waits for, when it is tried next, what skipped it.

        Args:
            run_id: The run.
            node_id: The node.
            item: The map item's key; empty for the node itself.

        Raises:
            RunNotFound: There is no such run.
            UnknownNode: It has no such node or item; names the nearest.
        """
        return self._hub.archive.explain(run_id, node_id, item)

    def wait_for(self, run_id: str, timeout: float | None) -> None:
        """Block until a run ends or pauses.

        Raises:
            TimeoutError: It still runs.
            StoreError: The disk refused, and it was let go; it goes on when the disk no longer does, or when it is resumed.
            SystemClosed: The system was left before; the run goes on when somebody resumes it.
        """
        self._hub.store.home.check()
        active = self._hub.active.get(run_id)
        if active is not None:
            _refuse_unfinished(self._hub.runtime.wait(active.done, timeout))
            return
        clock = self._hub.runtime.clock
        until = None if timeout is None else clock.now().mono_us + round(timeout * 1e6)
        while self._caller.row(run_id).status in ("pending", "running"):
            self._hub.adrift.refuse(run_id)
            if until is not None and clock.now().mono_us >= until:
                raise TimeoutError(f"run {run_id!r} still runs after {timeout:g} s")
            self._caller.pause()

    async def until_rest(self, run_id: str) -> None:
        """Wait until a run ends or pauses, without blocking the loop."""
        self._hub.store.home.check()
        active = self._hub.active.get(run_id)
        if active is not None:
            _refuse_unfinished(await active.done)
        else:
            await asyncio.to_thread(self.wait_for, run_id, None)

    # --- on an event loop

    async def astart(
        self,
        flow: FlowSource,
        inputs: Mapping[str, Any] | None = None,
        *,
        run_id: str | None = None,
        parallel: int | None = None,
        sequential: bool = False,
        use_cache: bool = True,
    ) -> Run:
        """``start``, without blocking the loop."""
        return await asyncio.to_thread(
            self.start, flow, inputs, run_id=run_id, parallel=parallel, sequential=sequential, use_cache=use_cache
        )

    async def afork(
        self,
        source: str,
        *,
        start_from: Sequence[str],
        inputs: Mapping[str, Any] | None = None,
        run_id: str | None = None,
    ) -> Run:
        """``fork``, without blocking the loop."""
        return await asyncio.to_thread(self.fork, source, start_from=start_from, inputs=inputs, run_id=run_id)

    async def aresume(self, run_id: str) -> Run:
        """``resume``, without blocking the loop."""
        return await asyncio.to_thread(self.resume, run_id)

    async def aretry(self, run_id: str, *, start_from: Sequence[str] = ()) -> Run:
        """``retry``, without blocking the loop."""
        return await asyncio.to_thread(self.retry, run_id, start_from=start_from)

    async def asignal(self, run_id: str, node_id: str, value: Any) -> Run:
        """``signal``, without blocking the loop."""
        return await asyncio.to_thread(self.signal, run_id, node_id, value)

    async def areject(self, run_id: str, node_id: str, reason: str = "") -> Run:
        """``reject``, without blocking the loop."""
        return await asyncio.to_thread(self.reject, run_id, node_id, reason)

    async def apause(self, run_id: str) -> Report:
        """``pause``, without blocking the loop."""
        return await asyncio.to_thread(self.pause, run_id)

    async def acancel(self, run_id: str, *, node: str | None = None) -> Report:
        """``cancel``, without blocking the loop."""
        return await asyncio.to_thread(self.cancel, run_id, node=node)

    def close(self) -> None:
        """Take nothing new; who follows a run hears of the end."""
        self._is_closed = True
        self._hub.happenings.close(SystemClosed())

    def _refuse_closed(self) -> None:
        self._hub.store.home.check()
        if self._is_closed:
            raise SystemClosed


def _refuse_unfinished(state: str) -> None:
    """A run that is given back has come to rest here, and nowhere else."""
    if state in ("pending", "running"):
        raise SystemClosed
