"""The actions that a system knows, and how the names in `actions:` and `--import` become them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from dagger_actors.core.wording import nearest, quoted
from dagger_actors.errors import DefinitionError, Problem
from dagger_actors.flow.actions import Action, marked_name, place_of, read_action
from dagger_actors.reading.importing import Wanted, import_reference

__all__ = ["A_FUNCTION", "ActionRegistry"]

A_FUNCTION = Wanted(noun="function", outcome="nothing of the flow was run")


class ActionRegistry:
    """Actions by name; each name means one function."""

    def __init__(self) -> None:
        self._actions: dict[str, Action] = {}
        self._written: dict[str, Action] = {}
        self._stand_in: Callable[[Action], Action] = _itself
        self._modules: list[ModuleType] = []

    def add(self, source: Callable[..., Any] | ModuleType) -> None:
        """Add a function, marked or not, or every marked function of a module.

        Raises:
            DefinitionError: A function cannot be an action, or its name is taken by another; the others were added.
            TypeError: It is neither a function nor a module.
        """
        if isinstance(source, ModuleType):
            self._add_module(source)
        elif inspect.isfunction(source):
            self._add_function(source)
        else:
            raise TypeError(f"an action is a function, not {type(source).__name__}; wrap it in a function")

    def load(self, reference: str, folder: Path) -> None:
        """Import and add what ``module``, ``module:name``, ``file.py`` or ``file.py:name`` names.

        Args:
            reference: As a flow file or ``--import`` gives it.
            folder: Where to look first; the current folder comes second.

        Raises:
            DefinitionError: It cannot be imported, or what it names cannot be an action; has no place.
        """
        module, name = import_reference(reference, folder, A_FUNCTION)
        if not name:
            self.add(module)
            return
        found = getattr(module, name, None)
        if inspect.isfunction(found):
            self.add(found)
            return
        if found is not None:
            message = f"{quoted(name)} in {quoted(reference)} is not a function but {type(found).__name__}"
            raise DefinitionError([Problem(message, "Name a function.")])
        functions = [name for name, value in vars(module).items() if inspect.isfunction(value)]
        other = nearest(name, functions)
        advice = f"Did you mean {quoted(other)}?" if other else ""
        raise DefinitionError([Problem(f"there is no function {quoted(name)} in {module.__file__}", advice)])

    def let_stand_in(self, stand_in: Callable[[Action], Action]) -> None:
        """Hold, from now on, what this gives for each action, those already added too; for the test kit.

        Args:
            stand_in: Given an action as it is written, gives it or another of the same name and parameters.
        """
        self._stand_in = stand_in
        self._actions = {name: stand_in(action) for name, action in self._written.items()}

    def get(self, name: str) -> Action | None:
        """Give the action of that name; None when there is none."""
        return self._actions.get(name)

    def names(self) -> list[str]:
        """List the names, sorted."""
        return sorted(self._actions)

    def unmarked(self, name: str) -> tuple[str, int] | None:
        """Find a function of that name that lacks the mark, in the modules added; tells file and line."""
        for module in self._modules:
            found = vars(module).get(name)
            if inspect.isfunction(found) and marked_name(found) is None:
                return place_of(found)
        return None

    def _add_module(self, module: ModuleType) -> None:
        if module not in self._modules:
            self._modules.append(module)
        problems: list[Problem] = []
        for value in list(vars(module).values()):
            if marked_name(value) is not None:
                try:
                    self._add_function(value)
                except DefinitionError as error:
                    problems += error.problems
        if problems:
            raise DefinitionError(problems)

    def _add_function(self, function: Callable[..., Any]) -> None:
        name = marked_name(function) or function.__name__
        known = self._written.get(name)
        if known is None:
            written = self._written[name] = read_action(function)
            self._actions[name] = self._stand_in(written)
        elif known.function is not function and place_of(known.function) != place_of(function):
            # (At one place it is one function, of a file that was imported under two names.)
            places = " and ".join(f"{file}:{line}" for file, line in (place_of(known.function), place_of(function)))
            message = f"two actions have the name {quoted(name)}: {places}"
            raise DefinitionError([Problem(message, 'Name one of them otherwise: @action(name="...").')])


def _itself(action: Action) -> Action:
    return action
