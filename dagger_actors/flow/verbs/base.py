"""What the verbs of ``system.flows`` share."""

from __future__ import annotations

from typing import cast

from dagger_actors.errors import SystemClosed
from dagger_actors.flow.reports.looking import Looking
from dagger_actors.flow.running.hub import FlowHub
from dagger_actors.flow.verbs.caller import Caller
from dagger_actors.flow.verbs.catalog import Catalog
from dagger_actors.flow.verbs.run import Run, RunSource
from dagger_actors.flow.verbs.taker import Taker

__all__ = ["FlowsBase"]


class FlowsBase(Looking):
    """One system's hub, and how to ask it.

    Args:
        hub: Keeps the runs that are open here.
        catalog: Finds their definitions and actions.
    """

    def __init__(self, hub: FlowHub, catalog: Catalog) -> None:
        super().__init__(hub.archive, lambda: hub.runtime.clock.now().wall_us)
        self._hub = hub
        self._catalog = catalog
        self._caller = Caller(hub)
        self._taker = Taker(hub, self._caller, catalog)
        self._is_closed = False
        hub.held = catalog.held

    def close(self) -> None:
        """Take nothing new; who follows a run hears of the end."""
        self._is_closed = True
        self._hub.happenings.close(SystemClosed())

    def _refuse_closed(self) -> None:
        self._hub.store.home.check()
        if self._is_closed:
            raise SystemClosed

    def _run(self, run_id: str) -> Run:
        # What this is a part of has all that a handle asks.
        return Run(run_id, cast("RunSource", self))
