"""What runs for the nodes of open runs that run flows, as far as whoever adds nodes wants to know: its inputs and outputs."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Mapping
from functools import partial

from dagger_actors.bodies.actions import Action
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.actions.run_actions import places_of
from dagger_actors.flow.definition import SubFlow
from dagger_actors.flow.loading.flow_outputs import action_of
from dagger_actors.flow.machine.invocations import Invocations
from dagger_actors.flow.running.active import ActiveRun

__all__ = ["InnerActions"]


class InnerActions:
    """Finds them, each once for a run; any thread.

    Args:
        registry: What the system has loaded.
    """

    def __init__(self, registry: ActionRegistry) -> None:
        self._registry = registry
        self._lock = threading.Lock()
        self._known: weakref.WeakKeyDictionary[Invocations, dict[SubFlow, Action]] = weakref.WeakKeyDictionary()

    def of(self, active: ActiveRun, work: Invocations) -> Callable[[SubFlow, Mapping[str, str]], Action]:
        """Those of a run, see ``Grown.runs``."""
        return partial(self._find, active, work)

    def _find(self, active: ActiveRun, work: Invocations, spec: SubFlow, added: Mapping[str, str]) -> Action:
        with self._lock:
            known = self._known.setdefault(work, {})
            found = known.get(spec)
        if found is None:
            body = added.get(spec.definition_id) or work.definition.flows[spec.definition_id]
            found = action_of(spec, body, places_of(active.imports), self._registry)
            with self._lock:
                known[spec] = found
        return found
