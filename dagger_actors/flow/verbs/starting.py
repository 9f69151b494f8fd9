"""How runs begin: a flow is loaded, and a run of it started, or forked from another."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from dagger_actors.bodies.action_schemas import ActionSchema, action_schema
from dagger_actors.bodies.loop_guard import refuse_on_loop
from dagger_actors.core.protocols import Write
from dagger_actors.errors import RequestError
from dagger_actors.flow.building.flow import Flow
from dagger_actors.flow.definition import FlowDefinition
from dagger_actors.flow.verbs.base import FlowsBase
from dagger_actors.flow.verbs.catalog import FlowSource
from dagger_actors.flow.verbs.fork import Forker
from dagger_actors.flow.verbs.preparing import RunSettings, check_run_id, pin, prepare
from dagger_actors.flow.verbs.redo import node_ids
from dagger_actors.flow.verbs.run import Run

__all__ = ["Starting"]


class Starting(FlowsBase):
    """The verbs that begin runs."""

    def load(self, path: str | Path | Flow) -> FlowDefinition:
        """Load a flow file, or a flow built in Python, and hold it by its name, so that ``start`` takes the name.

        Raises:
            DefinitionError: It cannot run; names every problem.
        """
        return self._catalog.load(path)

    def schemas(self) -> list[ActionSchema]:
        """Describe the actions loaded so far, sorted by name: what each takes and gives, as JSON Schema."""
        return [action_schema(action) for action in self._hub.registry.code.actions()]

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
            run_id: An id of the caller's, so that starting twice is starting once: 1 to 200 printable characters without ``/``,
                which joins the ids of runs inside others; made when it is None.
            parallel: Instead of the flow's ``max_parallel_nodes``; 1 or more.
            sequential: One node at a time.
            use_cache: False = nodes with ``cache`` compute anew, and store what they computed.

        Returns:
            A handle, at once.

        Raises:
            DefinitionError: The flow cannot run.
            InvalidInputs: It does not take these inputs.
            RequestError: The run id, or a setting, cannot be.
            RunConflict: The run id is that of other work.
            RunOwned: The run id is that of the same work, and another process runs it.
            BlockingCall: On a running event loop; use ``await flows.astart(...)``.
        """
        refuse_on_loop("flows.start()", "await flows.astart(...)")
        self._refuse_closed()
        chosen = run_id if run_id is not None else self._hub.runtime.ids.run_id()
        check_run_id(chosen)
        settings = RunSettings(parallel=parallel, sequential=sequential, use_cache=use_cache)
        made = prepare(self._catalog, pin(self._catalog, flow), {} if inputs is None else inputs, chosen, settings)
        now = self._hub.runtime.clock.now().wall_us
        run_key, run, actions = self._caller.next_run_key(), made.run, made.flow.loaded.actions
        row = (
            *(run_key, chosen, run_key, None, run.flow_name, run.definition_id, run.config, run.inputs, run.imports),
            *(now, self._hub.store.worker_id, None),
        )
        if not self._taker.write(chosen, [made.flow.write(now), Write("flow_runs.insert", (row,), 1)]):
            self._taker.join(run, actions)
            return self._run(chosen)
        pinned = msgspec.structs.replace(made.flow.definition, config=made.config)
        self._hub.open(chosen, "start", definition=pinned, actions=actions)
        return self._run(chosen)

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
            RequestError: The run id cannot be.
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
        if not self._taker.write(chosen, made.writes(self._caller.next_run_key(), self._hub.store.worker_id, now)):
            self._taker.join(made.run, actions, made.origin)
            return self._run(chosen)
        self._hub.open(chosen, "recover", actions=actions)
        return self._run(chosen)

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
