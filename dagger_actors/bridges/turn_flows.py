"""Runs of flows that turns of subscribers start: written in the very transaction that acknowledges the messages of the turn.

So a turn that fails has started none, and one that is taken again after a crash starts each of them once. They are written
without an owner: this process takes them right behind the commit, and if it dies before that, whoever looks next does.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.run_rows import NewRun, StartRuns
from dagger_actors.errors import StoreError, SystemClosed
from dagger_actors.flow.definition import FORMAT
from dagger_actors.flow.running.hub import FlowHub
from dagger_actors.flow.running.recovery import Recovery
from dagger_actors.flow.verbs.catalog import Catalog
from dagger_actors.flow.verbs.preparing import PinnedFlow, RunSettings, check_run_id, pin, prepare
from dagger_actors.pubsub.turns.sources import StartOptions

__all__ = ["TurnFlows"]

logger = logging.getLogger("dagger_actors.flow")

MOST_KNOWN = 10_000
"""Definitions that are known to be in the database; others come with their runs."""

AGAIN_US = 1_000_000
"""How long to wait before the file, which could not be read, is asked again."""


class TurnFlows:
    """Implements ``pubsub.turns.sources.FlowBridge``; any thread.

    Args:
        hub: The flow paradigm's.
        catalog: Finds flows.
        recovery: Takes runs that nobody owns.
    """

    def __init__(self, hub: FlowHub, catalog: Catalog, recovery: Recovery) -> None:
        self._hub = hub
        self._catalog = catalog
        self._recovery = recovery
        self._lock = threading.Lock()
        self._known: set[str] = set()
        self._coming = 0

    @property
    def is_busy(self) -> bool:
        """Whether runs are in the file that are not yet open here, and may be in a moment."""
        return bool(self._coming or self._hub.openings)

    def make(self, flow: PinnedFlow | str | Path | Mapping[str, object], inputs: Any, options: StartOptions) -> NewRun:
        """Make one, not yet written.

        Raises:
            DefinitionError: The flow cannot run.
            InvalidInputs: It does not take these inputs.
            RunConflict: The run id is that of other work.
            RequestError: The run id, or a setting, cannot be.
        """
        hub = self._hub
        pinned = flow if isinstance(flow, PinnedFlow) else pin(self._catalog, flow)
        settings = RunSettings(parallel=options.parallel, sequential=options.sequential, use_cache=options.use_cache)
        run_id = hub.runtime.ids.run_id() if options.run_id is None else options.run_id
        if options.is_unique:
            check_run_id(run_id)  # that of a trigger is made here, and has a "/"
        run = prepare(self._catalog, pinned, inputs, run_id, settings).run
        if options.run_id is not None:
            run = msgspec.structs.replace(run, is_unique=options.is_unique)
            row = hub.archive.find(run_id)
            if row is not None:
                run.refuse_other(row.definition_id, row.inputs, is_inside=row.parent_run is not None)
        if pinned.definition_id in self._known:
            return run
        return msgspec.structs.replace(run, definition=(FORMAT, pinned.body))

    def started(self, operation: StartRuns, answers: Sequence[bool]) -> None:
        """Runs are in the file: those that are new begin; never blocks."""
        new = tuple(run.run_id for run, is_new in zip(operation.runs, answers, strict=True) if is_new)
        if not new:
            return
        with self._lock:
            self._coming += 1
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known |= {run.definition_id for run in operation.runs}
        self._hub.errand(partial(self._take, new))

    def _take(self, run_ids: Sequence[str]) -> None:
        try:
            self._recovery.take_new(run_ids)
        except StoreError as error:
            fields = LogFields(reason=str(error))
            logger.warning("runs that turns have started cannot be read yet: %s", error, extra=fields)
            runtime = self._hub.runtime
            again = partial(self._hub.errand, partial(self._take, run_ids))
            runtime.timers.set((id(self), run_ids), runtime.clock.now().mono_us + AGAIN_US, again)
            return
        except SystemClosed:
            pass  # they are in the file, for whoever comes
        with self._lock:
            self._coming -= 1
