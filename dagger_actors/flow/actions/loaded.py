"""What the code of one system's flows is by now: each function's action, read once, and each module, by where it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

from dagger_actors.bodies.actions import Action, place_of, read_action
from dagger_actors.bodies.made_functions import does_the_same, is_made
from dagger_actors.flow.actions.context import Context
from dagger_actors.reading.importing import Wanted, find_target, split_reference

__all__ = ["A_FUNCTION", "LoadedCode"]

A_FUNCTION = Wanted(noun="function", outcome="nothing of the flow was run")

MOST_BUILT = 10_000
"""Flows whose functions are kept that cannot be imported: a service may build another one for each request."""


class LoadedCode:
    """Shared by all registries of a system, so that a run that is taken up finds what a flow has loaded before."""

    def __init__(self) -> None:
        self._actions: dict[Callable[..., Any], Action] = {}
        # What a function makes anew for each run is let go with whoever knows it by name: a service makes millions of them.
        self._made: WeakValueDictionary[Callable[..., Any], Action] = WeakValueDictionary()
        self._used: WeakKeyDictionary[Action, Action] = WeakKeyDictionary()
        self._modules: dict[str, ModuleType] = {}
        self._lock = threading.Lock()
        self._built_with: dict[str, dict[str, Callable[..., Any] | None]] = {}  # what was asked for last is the last
        self._stand_in: Callable[[Action], Action] = _itself

    def read(self, function: Callable[..., Any]) -> Action:
        """Give a function's action, as it is written.

        Raises:
            DefinitionError: It cannot be one.
        """
        known = self._made if is_made(function) else self._actions
        action = known.get(function)
        if action is None:
            action = read_action(function, context_type=Context)
            self._use(action)
            known[function] = action
        return action

    def used(self, action: Action) -> Action:
        """Give what runs for an action: itself, unless something stands in for it."""
        return self._used.get(action, action)

    def let_stand_in(self, stand_in: Callable[[Action], Action]) -> None:
        """See ``ActionRegistry.let_stand_in``."""
        self._stand_in = stand_in
        self._used.clear()
        for action in self._read():
            self._use(action)

    def actions(self) -> list[Action]:
        """What runs for each action, sorted by name and place; of functions that others made, while a flow or a run has them."""
        return sorted(map(self.used, self._read()), key=lambda action: (action.name, action.qualified_name))

    def keep(self, module: ModuleType) -> None:
        """Note a module that was imported for its actions."""
        self._modules[module.__name__] = module
        file = getattr(module, "__file__", None)
        if file:
            self._modules[str(Path(file).resolve())] = module

    def keep_built(
        self, definition_id: str, functions: Iterable[Callable[..., Any]], *, held: Collection[str] = ()
    ) -> None:
        """Note the functions of a flow built in Python that cannot be imported, for runs of it that are taken up later.

        Those of a flow that was built anew take the place of the earlier ones. But of two that one function made, each with
        other values, nobody knows which a run began with: then neither is kept. Of more than ``MOST_BUILT`` flows those are
        forgotten that were not asked for the longest.

        Args:
            definition_id: The flow.
            functions: Its functions.
            held: Flows that are not forgotten.
        """
        named = [(self.read(function).name, function) for function in functions]
        with self._lock:
            kept = self._built_with.pop(definition_id, {})
            for name, function in named:
                known = kept.get(name, function)
                is_either = known is None or (
                    place_of(known) == place_of(function) and not does_the_same(known, function)
                )
                kept[name] = None if is_either else function
            self._built_with[definition_id] = kept
            if len(self._built_with) > MOST_BUILT:
                oldest = next((one for one in self._built_with if one not in held), definition_id)
                if oldest != definition_id:
                    del self._built_with[oldest]

    def built_with(self, definition_id: str) -> list[Callable[..., Any]]:
        """Give what ``keep_built`` has kept for a flow."""
        with self._lock:
            kept = self._built_with.pop(definition_id, None)
            if kept is None:
                return []
            self._built_with[definition_id] = kept
            return [function for function in kept.values() if function is not None]

    def recall(self, reference: str, folder: Path) -> tuple[ModuleType | None, str]:
        """Find what a reference names without importing anything.

        Args:
            reference: ``module``, ``module:name``, ``file.py`` or ``file.py:name``.
            folder: Where to look first; the current folder comes second.

        Returns:
            The module, or None when this system has not loaded it; and the file or module that the reference means, empty
            when there is none (any more).
        """
        place = find_target(split_reference(reference, A_FUNCTION)[0], folder)
        return self._modules.get(place), place

    def _read(self) -> list[Action]:
        # By a list of references, which is made in one step: others may be reading functions meanwhile.
        made = [reference() for reference in self._made.valuerefs()]
        return [*self._actions.values(), *(action for action in made if action is not None)]

    def _use(self, action: Action) -> None:
        stand_in = self._stand_in(action)
        if stand_in is not action:
            self._used[action] = stand_in


def _itself(action: Action) -> Action:
    return action
