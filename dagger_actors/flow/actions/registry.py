"""The actions that a system or a run knows, and how the names in `actions:` and `--import` become them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from dagger_actors.bodies.actions import Action, marked_name, place_of
from dagger_actors.bodies.made_functions import does_the_same
from dagger_actors.core.wording import nearest, quoted
from dagger_actors.errors import DefinitionError, Problem
from dagger_actors.flow.actions.loaded import A_FUNCTION, LoadedCode
from dagger_actors.reading.importing import import_reference

__all__ = ["A_FUNCTION", "ActionRegistry"]


class ActionRegistry:
    """Actions by name; each name means one function.

    A system has one, of what it was given. Each flow and each run has one of its own ``beside`` that: a name means what
    the system was told to import (``--import``), else what the flow names under `actions:`, else what else the system was
    given. So flows of one system may have actions of one name.

    Args:
        given: What the system was given; None = this is that.

    Attributes:
        code: What the system has loaded.
        insisted: The actions that go before a flow's own.
        own: The others.
    """

    def __init__(self, given: ActionRegistry | None = None) -> None:
        self.code: LoadedCode = LoadedCode() if given is None else given.code
        self._given = given
        self.insisted: dict[str, Action] = {}
        self.own: dict[str, Action] = {}
        self._modules: list[ModuleType] = []

    def beside(self) -> ActionRegistry:
        """Make the registry of a flow or a run, with nothing of its own yet."""
        return ActionRegistry(self if self._given is None else self._given)

    def add(self, source: Callable[..., Any] | ModuleType, *, insists: bool = False) -> None:
        """Add a function, marked or not, or every marked function of a module.

        Args:
            source: The function or the module.
            insists: Whether it goes before what flows name under `actions:`.

        Raises:
            DefinitionError: A function cannot be an action, or its name is taken by another; the others were added.
            TypeError: It is neither a function nor a module.
        """
        if isinstance(source, ModuleType):
            self._add_module(source, insists=insists)
        elif inspect.isfunction(source):
            self._add_function(source, insists=insists)
        else:
            raise TypeError(f"an action is a function, not {type(source).__name__}; wrap it in a function")

    def load(self, reference: str, folder: Path, *, insists: bool = False) -> None:
        """Import and add what ``module``, ``module:name``, ``file.py`` or ``file.py:name`` names.

        Args:
            reference: As a flow file or ``--import`` gives it.
            folder: Where to look first; the current folder comes second.
            insists: As in ``add``.

        Raises:
            DefinitionError: It cannot be imported, or what it names cannot be an action; has no place.
        """
        module, _ = import_reference(reference, folder, A_FUNCTION)
        self.code.keep(module)
        self.take(module, reference, insists=insists)

    def take(self, module: ModuleType, reference: str, *, insists: bool = False) -> None:
        """Add what a reference names in its module, which is imported already.

        Args:
            module: The module.
            reference: The reference: a function in it is named behind the colon; without one, every marked one is added.
            insists: As in ``add``.

        Raises:
            DefinitionError: There is no such function, or it cannot be an action.
        """
        _, colon, name = reference.rpartition(":")
        if not colon:
            self.add(module, insists=insists)
            return
        found = getattr(module, name, None)
        if inspect.isfunction(found):
            self.add(found, insists=insists)
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
            stand_in: Given an action as it is written, gives it or another of the same name and parameters; holds for the
                registries of all flows and runs of the system.
        """
        self.code.let_stand_in(stand_in)

    def get(self, name: str) -> Action | None:
        """Give the action of that name; None when there is none."""
        written = self.written(name)
        return None if written is None else self.code.used(written)

    def written(self, name: str) -> Action | None:
        """Give the action of that name as it is written, whatever stands in for it; None when there is none."""
        given = self._given
        if given is None:
            return self.insisted.get(name) or self.own.get(name)
        return given.insisted.get(name) or self.insisted.get(name) or self.own.get(name) or given.own.get(name)

    def rank(self, name: str) -> int:
        """Tell where a name's action is from: 0 = the system's imports, 1 = imports of this run, 2 = its flow, 3 = else."""
        given = self._given
        if given is not None and name in given.insisted:
            return 0
        return 1 if name in self.insisted else 2 if name in self.own else 3

    def names(self) -> list[str]:
        """List the names, sorted."""
        of_given = () if self._given is None else self._given.names()
        return sorted({*of_given, *self.insisted, *self.own})

    def unmarked(self, name: str) -> tuple[str, int] | None:
        """Find a function of that name that lacks the mark, in the modules added; tells file and line."""
        for module in self._modules:
            found = vars(module).get(name)
            if inspect.isfunction(found) and marked_name(found) is None:
                return place_of(found)
        return None if self._given is None else self._given.unmarked(name)

    def _add_module(self, module: ModuleType, *, insists: bool) -> None:
        self.code.keep(module)
        if module not in self._modules:
            self._modules.append(module)
        problems: list[Problem] = []
        for value in list(vars(module).values()):
            if marked_name(value) is not None:
                try:
                    self._add_function(value, insists=insists)
                except DefinitionError as error:
                    problems += error.problems
        if problems:
            raise DefinitionError(problems)

    def _add_function(self, function: Callable[..., Any], *, insists: bool) -> None:
        name = marked_name(function) or function.__name__
        known = self.own.get(name) or (self.insisted.get(name) if insists else None)
        if known is None:
            (self.insisted if insists else self.own)[name] = self.code.read(function)
        elif not does_the_same(known.function, function):
            raise DefinitionError([_doubled(name, known.function, function)])


def _doubled(name: str, known: Callable[..., Any], function: Callable[..., Any]) -> Problem:
    places = [f"{file}:{line}" for file, line in (place_of(known), place_of(function))]
    message = f"two actions have the name {quoted(name)}: {' and '.join(places)}"
    if places[0] != places[1]:
        return Problem(message, 'Name one of them otherwise: @action(name="...").')
    advice = 'Give what differs between them as an input of the node, or a name to each: action(name="...")(function).'
    return Problem(message, advice)
