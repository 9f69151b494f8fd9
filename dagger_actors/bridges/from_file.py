"""From a system file to triggers, wired with all that the file says; mistakes are told at their lines."""

from __future__ import annotations

from typing import Any

from dagger_actors.actors.runtime import THREADS
from dagger_actors.bridges.trigger import Trigger
from dagger_actors.bridges.trigger_wiring import Triggers
from dagger_actors.core.wording import quoted
from dagger_actors.errors import ActorClassError, DefinitionError, Problem
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.verbs.catalog import Catalog
from dagger_actors.pubsub.declared.from_file import Wired, wired_by_file
from dagger_actors.reading.reader import Reader
from dagger_actors.reading.tree import Document, Table, Tree
from dagger_actors.supervised.files.definition import SystemDefinition, TriggerSpec
from dagger_actors.supervised.files.resolving import Resolved
from dagger_actors.tasks.agents.registry import TaskAgents
from dagger_actors.tasks.agents.splitting import configured_by_file

__all__ = ["triggers_by_file", "wired_with_triggers"]

KEYS = {"channels": "channel", "retry": "try_count"}
"""Keys of a trigger by the options of a subscription that have other names."""


class OfTrigger:
    """A trigger of a file.

    Args:
        document: The file.
        channel: Its channel.
        tree: It as written.
    """

    def __init__(self, document: Document, channel: str, tree: Tree) -> None:
        self._document = document
        self._channel = channel
        self._tree = tree

    def problem(self, option: str, message: str, advice: str) -> Problem:
        """See ``Placed``."""
        told, at = KEYS.get(option, option), self._tree.at
        tree: Tree = self._tree
        for key in told.split(".", 1):
            if not isinstance(tree, Table) or key not in tree.entries:
                break
            tree = tree.entries[key].value
            at = tree.at
        text = f"{told}: {message}" if told else message
        return self._document.problem(at, f"trigger {quoted(self._channel)}: {text}", advice)


def triggers_by_file(definition: SystemDefinition) -> tuple[Trigger, ...]:
    """The triggers that a system file declares.

    Raises:
        DefinitionError: One cannot be.
    """
    made, problems = _made(definition)
    if problems:
        raise DefinitionError(problems)
    return made


def _made(definition: SystemDefinition) -> tuple[tuple[Trigger, ...], list[Problem]]:
    places = definition.places
    made: list[Trigger] = []
    problems: list[Problem] = []
    for number, spec in enumerate(definition.triggers):
        tree = places.triggers[number] if number < len(places.triggers) else None
        try:
            made.append(_trigger(spec, definition, places.document, tree))
        except DefinitionError as error:
            problems += error.problems
    return tuple(made), problems


def _trigger(spec: TriggerSpec, definition: SystemDefinition, document: Document | None, tree: Tree | None) -> Trigger:
    where, place = None, definition.file or "triggers"
    if document is not None and tree is not None:
        where = OfTrigger(document, spec.channel, tree)
        place = (
            f"{definition.file}:{document.line_and_column(tree.at)[0]}" if definition.file else document.where(tree.at)
        )
    return Trigger(
        spec.channel,
        task=spec.task or None,
        flow=definition.folder / spec.flow if spec.flow else None,
        group=spec.group or None,
        payload=spec.payload,
        inputs=spec.inputs,
        filter=spec.filter,
        key=spec.key,
        start="earliest" if spec.start is None else spec.start,
        try_count=5 if spec.try_count is None else spec.try_count,
        place=place,
        where=where,
    )


def wired_with_triggers(definition: SystemDefinition, resolved: Resolved[Any], reader: Reader) -> Wired | None:
    """``wired_by_file``, with the triggers of the file."""
    triggers: tuple[Trigger, ...] = ()
    problems: list[Problem] = []
    if definition.places.is_wiring_read:
        triggers, problems = _made(definition)
    agents = TaskAgents()
    try:
        for name, made in resolved.tasks.items():
            agents.add(configured_by_file(name, made))
    except (ActorClassError, DefinitionError):
        return wired_by_file(definition, resolved, reader)  # what is wrong with an agent was told
    reader.add(problems)
    if problems:
        return None
    catalog = Catalog(ActionRegistry(), imports=(), threads=THREADS)
    return wired_by_file(definition, resolved, reader, Triggers(triggers, agents, catalog).wire_all)
