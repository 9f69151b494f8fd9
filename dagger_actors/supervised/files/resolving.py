"""Finds the classes that a system's definition names and makes their configs; every mistake at once, at its place.

The modules that the definition names are imported, and nothing else of theirs runs.
"""

from __future__ import annotations

import inspect
import itertools
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from dagger_actors.core.wording import quoted
from dagger_actors.errors import DefinitionError, Problem
from dagger_actors.reading.data_tree import DataDocument
from dagger_actors.reading.importing import import_target
from dagger_actors.reading.reader import Reader
from dagger_actors.reading.source import Source
from dagger_actors.supervised.calling import INIT_ADVICE, takes
from dagger_actors.supervised.config_check import MAX_MESSAGE
from dagger_actors.supervised.files.channel_keys import subscriber_of
from dagger_actors.supervised.files.channel_resolving import (
    ResolvedChannel,
    ResolvedSubscriber,
    resolve_channels,
    resolve_subscribers,
)
from dagger_actors.supervised.files.complaints import Complaints, Placed
from dagger_actors.supervised.files.definition import SystemDefinition
from dagger_actors.supervised.files.loading import read_system
from dagger_actors.supervised.files.part_keys import A_CLASS, REFERENCE_FORMS, split_class
from dagger_actors.supervised.files.places import AgentPlace
from dagger_actors.supervised.files.task_keys import source_of
from dagger_actors.supervised.files.task_resolving import ResolvedTasks, resolve_tasks

__all__ = ["Check", "Resolved", "ResolvedAgent", "load_and_resolve", "resolve"]

T = TypeVar("T")


class ResolvedAgent(msgspec.Struct, Generic[T], frozen=True):
    """What an agent is made of.

    Attributes:
        agent_class: Its class.
        config: What its class's ``config`` is, for all instances; None when the class has none.
    """

    agent_class: type[T]
    config: msgspec.Struct | None = None


class Resolved(msgspec.Struct, Generic[T], frozen=True):
    """What the agents of a system are made of, by their ids: actors, those who do tasks, those who take messages.

    Attributes:
        actors: Actors.
        tasks: Those who do tasks.
        subscribers: Those who take messages.
        channels: The types of its channels, by their names and patterns.
    """

    actors: dict[str, ResolvedAgent[T]] = {}
    tasks: dict[str, ResolvedTasks] = {}
    subscribers: dict[str, ResolvedSubscriber] = {}
    channels: dict[str, ResolvedChannel] = {}


def resolve(definition: SystemDefinition, base: type[T]) -> Resolved[T]:
    """Import the classes of a system and make their configs.

    Args:
        definition: The system, as ``load_system`` gave it or made in Python.
        base: What every class must be a subclass of that does no tasks; what it says of ``config`` itself does not count.

    Returns:
        What every agent is made of.

    Raises:
        DefinitionError: A class cannot be had or takes no such config; carries every problem, in file order.
    """
    reader = Reader(definition.places.document or Unplaced(definition.file))
    resolved = Resolver(definition, base, reader).resolve()
    reader.refuse()
    return resolved


Check = Callable[[SystemDefinition, "Resolved[Any]", Reader], None]
"""Looks at the whole of what was resolved; the reader takes what is wrong."""


def load_and_resolve(
    source: str | Path | Mapping[str, object] | Source, base: type[T], check: Check | None = None
) -> tuple[SystemDefinition, Resolved[T]]:
    """Do ``load_system`` and ``resolve``, so that the mistakes of both are told at once.

    Args:
        source: As ``load_system`` takes it.
        base: As ``resolve`` takes it.
        check: Looks for more; its mistakes are told with the others. None = nobody does.

    Raises:
        DefinitionError: Every problem, in file order.
    """
    definition, reader = read_system(source)
    resolved = Resolver(definition, base, reader).resolve()
    if check is not None:
        check(definition, resolved, reader)
    reader.refuse()
    return definition, resolved


class Resolver(Generic[T]):
    """Resolves one definition."""

    def __init__(self, definition: SystemDefinition, base: type[T], reader: Reader) -> None:
        self._definition = definition
        self._base = base
        self._reader = reader
        self._complaints = Complaints(reader)
        self._folder = Path(definition.file).parent if definition.file else Path.cwd()
        self._resolved: Resolved[T] = Resolved({}, {}, {}, resolve_channels(definition, self._folder, reader))

    def resolve(self) -> Resolved[T]:
        """Resolve every agent; the reader takes what is wrong."""
        schema = self._definition.schema_path
        if schema is not None and not schema.is_file():
            advice = "Write the path of an SQL script, relative to this file."
            self._reader.complain(self._definition.places.schema_at, f"there is no file {schema}", advice)
        places = self._definition.places.agents
        agents = zip(self._definition.all_agents(), places or itertools.repeat(NOWHERE), strict=False)
        # What a whole module or class lacks is one mistake, however many agents name it.
        by_target: dict[str, dict[str, list[Placed]]] = {}
        for spec, place in agents:
            reference = spec.class_reference
            if reference or not places:  # a reader has complained of one that is empty
                by_target.setdefault(reference.rpartition(":")[0], {}).setdefault(reference, []).append(
                    Placed(spec, place)
                )
        self._reader.noun = "agent"
        for target, by_reference in by_target.items():
            self._resolve_module(target, by_reference)
        self._reader.subject = ""
        return self._resolved

    def _resolve_module(self, target: str, by_reference: dict[str, list[Placed]]) -> None:
        names: dict[str, list[Placed]] = {}
        for reference, agents in by_reference.items():
            try:
                _, name = split_class(reference)
            except DefinitionError as error:
                self._complaints.of_class(agents, error.problems[0].message, REFERENCE_FORMS)
            else:
                names[name] = agents
        if not names:
            return
        try:
            module = import_target(target, self._folder, A_CLASS)
        except DefinitionError as error:
            everybody = [agent for agents in names.values() for agent in agents]
            for problem in error.problems:
                self._complaints.of_class(everybody, problem.message, problem.advice)
            return
        for name, agents in names.items():
            self._resolve_class(module, target, name, agents)

    def _resolve_class(self, module: types.ModuleType, target: str, name: str, agents: Sequence[Placed]) -> None:
        found = getattr(module, name, None)
        base = self._base.__name__
        if (source := source_of(found)) is not None:
            resolve_tasks(found, source, agents, self._complaints, self._resolved.tasks)
            self._refuse_subscriptions(found, agents)
        elif (subscriber := subscriber_of(found)) is not None:
            resolve_subscribers(found, subscriber, agents, self._complaints, self._resolved.subscribers)
        elif found is None:
            there = [other for other, value in vars(module).items() if isinstance(value, type)]
            fitting = [other for other in there if issubclass(vars(module)[other], self._base)]
            otherwise = f"Define it there: class {name}({base}): ..."
            advice = self._reader.suggest(name, fitting or there, otherwise)
            self._complaints.of_class(agents, f"there is no class {quoted(name)} in {quoted(target)}", advice)
        elif not isinstance(found, type):
            message = f"{quoted(name)} in {quoted(target)} is no class, but of type {type(found).__name__}"
            is_function = inspect.isfunction(found)
            advice = (
                "Name a class; or mark the function with @task_agent, if it does tasks."
                if is_function
                else "Name a class."
            )
            self._complaints.of_class(agents, message, advice)
        elif not issubclass(found, self._base):
            message = f"{quoted(name)} in {quoted(target)} is no {base}"
            self._complaints.of_class(agents, message, f"Let it inherit: class {name}({base}): ...")
        elif why := getattr(found, "not_an_actor", ""):
            self._complaints.of_class(
                agents, f"{quoted(name)} in {quoted(target)}: {why}", "Name a class that inherits from it."
            )
        elif not takes(found.__init__, 1):
            message = f"the `__init__` of {quoted(name)} in {quoted(target)} has parameters"
            self._complaints.of_class(agents, message, f"{INIT_ADVICE[0].upper()}{INIT_ADVICE[1:]}.")
        else:
            self._resolve_configs(found, agents)

    def _refuse_subscriptions(self, found: Any, agents: Sequence[Placed]) -> None:
        for agent in agents:
            for key, field in (("group", agent.place.group), ("subscriptions", agent.place.subscriptions)):
                if field is not None:
                    message = f"`{key}` is for subscribers, and {found.__name__} is none"
                    advice = f"Remove it; or let the class take messages: class {found.__name__}(Subscriber): ..."
                    self._complaints.of_agent(agent, field.at, message, advice)

    def _resolve_configs(self, found: type[T], agents: Sequence[Placed]) -> None:
        try:
            kind = config_type(found, self._base)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - an annotation is an expression of the user's
            message = f"the annotation of `config` in class {found.__name__} cannot be used: {str(error)[:MAX_MESSAGE]}"
            advice = "Annotate it with a msgspec Struct that can be imported at run time."
            self._complaints.of_class(agents, message, advice)
            return
        self._refuse_subscriptions(found, agents)
        for agent in agents:
            if agent.place.tasks is not None:
                message = f"`tasks` is for who does tasks, and class {found.__name__} is an actor"
                advice = f"Remove it; or let the class do tasks: class {found.__name__}(TaskAgent): ..."
                self._complaints.of_agent(agent, agent.place.tasks.at, message, advice)
            config = self._complaints.config_of(found, kind, agent)
            self._resolved.actors[agent.spec.id] = ResolvedAgent(found, config)


class Unplaced(DataDocument):
    """Stands for the document of a definition that was not read, or is not known to have been."""

    def __init__(self, file: str) -> None:
        super().__init__()
        self._file = file

    def problem(self, at: int, message: str, advice: str = "") -> Problem:
        """Word a problem."""
        del at
        return Problem(message, advice, self._file)


NOWHERE = AgentPlace(0, 0)


def config_type(found: type, base: type) -> type[msgspec.Struct] | None:
    """Find what a class, or what it inherits from below ``base``, annotates its ``config`` with; None = nothing.

    Raises:
        TypeError: It is no Struct.
        Exception: The annotation cannot be evaluated.
    """
    for owner in found.__mro__:
        if owner in base.__mro__:
            continue
        annotation = inspect.get_annotations(owner).get("config")
        if annotation is not None:
            only = types.SimpleNamespace(__annotations__={"config": annotation})
            scope = vars(sys.modules[owner.__module__])
            hint: Any = typing.get_type_hints(only, scope, dict(vars(owner)))["config"]
            if hint is type(None):
                return None
            if not (isinstance(hint, type) and issubclass(hint, msgspec.Struct)):
                raise TypeError(f"{getattr(hint, '__name__', hint)} is no msgspec Struct")
            return hint
    return None
