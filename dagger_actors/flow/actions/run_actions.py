"""The actions of a stored run: those that its own flow names, found again where they were when it started.

What a name means is the order of ``ActionRegistry``, with what the run was started with (its ``--import``) behind what
this system imports, and before its flow's own. Where an action was once matters only as long as it is there: files move,
and then what the system was given stands for them. But as long as it is there, a function of that name from elsewhere may be
another flow's, and is not run in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from dagger_actors.bodies.actions import Action, place_of
from dagger_actors.bodies.isolation import misfit
from dagger_actors.core.wording import quoted
from dagger_actors.errors import DefinitionError, Problem
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.definition import FlowDefinition

__all__ = ["Places", "RunActions", "load_actions", "misfits", "places_of", "recall_actions"]


class Places(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a run's actions were found, so that a resume in another folder finds them again.

    Attributes:
        folder: That of the flow file, absolute.
        actions: What it names.
        imports: What it was started with besides.
        started_in: The folder that those are relative to; empty = ``folder``.
        definition_id: By what a system knows functions of its flow that cannot be imported; empty = there were none.
    """

    folder: str
    actions: tuple[str, ...]
    imports: tuple[str, ...]
    started_in: str = ""
    definition_id: str = ""


PLACES = msgspec.json.Decoder(Places)
"""Made here, in one thread, as ``stored_runs.DEFINITIONS`` is."""


def places_of(text: str) -> Places:
    """Decode what a run's row says."""
    return PLACES.decode(text)


class RunActions:
    """What was found of a run's actions.

    Attributes:
        registry: Them.
        problems: Why something that the run names was not loaded.
    """

    def __init__(self, given: ActionRegistry) -> None:
        self.registry = given.beside()
        self.problems: list[Problem] = []
        self._left_out: list[str] = []
        self._lacks_imports = False

    def leave_out(self, place: str, problems: list[Problem], *, insists: bool) -> None:
        """Note that something was not loaded; ``place`` is the file or module, empty when it is gone."""
        self.problems += problems
        if place:
            self._left_out.append(place)
            self._lacks_imports = self._lacks_imports or insists

    def lacking(self, definition: FlowDefinition) -> list[Problem]:
        """Say of each action that the run cannot have why; empty = it has all."""
        found: list[Problem] = []
        doubts: dict[str, Problem | None] = {}
        for caller, name in definition.actions_named():
            if name not in doubts:
                doubts[name] = self._doubt(name)
            doubt = doubts[name]
            if doubt is not None:
                found.append(Problem(f"{caller}: {doubt.message}", doubt.advice))
        return found

    def _doubt(self, name: str) -> Problem | None:
        action = self.registry.written(name)
        if action is None:
            advice = "Name where it is with --import; what cannot be imported, give it: ActorSystem(actions=[...])."
            return Problem(f"there is no action {name!r} any more", advice)
        rank = self.registry.rank(name)
        if not self._left_out or rank < 2 or (rank == 2 and not self._lacks_imports) or self._is_theirs(action):
            return None
        file, line = place_of(action.source)
        message = (
            f"its action {name!r} may be that of {self._left_out[0]}, which is not loaded, not that at {file}:{line}"
        )
        return Problem(message, "Name the one to run with --import.")

    def _is_theirs(self, action: Action) -> bool:
        """Tell whether a function that was given is of what was left out: then it is the very same."""
        file, _ = place_of(action.source)
        return action.source.__module__ in self._left_out or str(Path(file).resolve()) in self._left_out


def load_actions(given: ActionRegistry, places: Places) -> RunActions:
    """Import what a run's actions need: for whoever names the run, and so asks for its code."""

    def load(found: RunActions, reference: str, folder: Path, *, insists: bool) -> None:
        try:
            found.registry.load(reference, folder, insists=insists)
        except DefinitionError as error:
            _, place = given.code.recall(reference, folder)
            found.leave_out(place, list(error.problems), insists=insists)

    return _gathered(given, places, load)


def recall_actions(given: ActionRegistry, places: Places) -> RunActions:
    """Find a run's actions among what this system has loaded: a name that only the file knows imports nothing by itself."""

    def recall(found: RunActions, reference: str, folder: Path, *, insists: bool) -> None:
        module, place = given.code.recall(reference, folder)
        try:
            if module is not None:
                found.registry.take(module, reference, insists=insists)
                return
            problems = [Problem(f"{quoted(reference)} is not loaded here")]
        except DefinitionError as error:
            problems = list(error.problems)
        found.leave_out(place, problems, insists=insists)

    return _gathered(given, places, recall)


def _gathered(given: ActionRegistry, places: Places, find: Callable[..., None]) -> RunActions:
    found = RunActions(given)
    folder = Path(places.folder)
    for reference in places.imports:
        find(found, reference, Path(places.started_in or folder), insists=True)
    for reference in places.actions:
        find(found, reference, folder, insists=False)
    for function in given.code.built_with(places.definition_id):
        found.registry.add(function)
    return found


def misfits(definition: FlowDefinition, registry: ActionRegistry) -> list[Problem]:
    """Why actions that are loaded no longer fit the nodes of a run that has begun; empty = they do."""
    found: list[Problem] = []
    for node in definition.nodes:
        action = registry.get(node.action)
        if action is None:
            continue
        if (wrong := misfit(node.isolation, action)) is not None:
            found.append(Problem(f"node {node.id!r}: {wrong[0]}", wrong[1]))
        given = {name for name, _ in node.inputs} | ({node.map.item} if node.map is not None else set())
        missing = sorted(action.required - given)
        unknown = sorted(given - action.by_name.keys()) if not action.accepts_any else []
        if missing or unknown:
            what = f"needs {missing[0]!r} now" if missing else f"no longer takes {unknown[0]!r}"
            advice = "The run is pinned to its definition: let the action take what it took."
            found.append(Problem(f"node {node.id!r}: the action {node.action!r} {what}", advice))
    return found
