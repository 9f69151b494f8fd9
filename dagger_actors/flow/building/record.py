"""What the calls of a builder have said so far, and the flow file that it comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dagger_actors.errors import DefinitionError
from dagger_actors.flow.building.functions import ActionLike, name_of, reference_to
from dagger_actors.flow.building.places import BuiltDocument, Place
from dagger_actors.flow.building.sources import Given
from dagger_actors.flow.building.written import present, written_condition, written_map, written_source
from dagger_actors.flow.building.yaml_text import yaml_text
from dagger_actors.flow.loading.loader import FLOW_FILE
from dagger_actors.reading.data_tree import read_data
from dagger_actors.reading.source import Source

__all__ = ["Record"]


class Record:
    """Keeps what was said of one flow.

    Args:
        head: Its name, and what else it says of itself.
        actions: Modules and files with actions that are given by name.
        place: The call that made it.

    Attributes:
        functions: The functions among its actions.
        inputs: By name, as a file has them.
        config: As a file has it.
        hooks: Names of actions by event.
        nodes: In order, their keys as a file's, with sources as values.
        outputs: The run's result.
        node_places: The calls that made the nodes.
        part_places: Those that said inputs, outputs, hooks and settings, by section and key.
    """

    def __init__(self, head: Mapping[str, Any], actions: Sequence[str], place: Place) -> None:
        self._head = dict(head)
        self._actions = list(actions)
        self._place = place
        self.functions: list[Callable[..., Any]] = []
        self.inputs: dict[str, dict[str, Any]] = {}
        self.config: dict[str, Any] = {}
        self.hooks: dict[str, list[str]] = {}
        self.nodes: list[dict[str, Any]] = []
        self.outputs: dict[str, Given] = {}
        self.node_places: list[Place] = []
        self.part_places: dict[tuple[str, str], Place] = {}

    def say(self, section: str, keys: Iterable[str], place: Place) -> None:
        """Keep the call that said something of the flow itself; of several the last one."""
        self.part_places |= {(section, key): place for key in keys}

    def action(self, action: ActionLike) -> str:
        """Keep an action; gives the name that the file calls it by.

        Raises:
            TypeError: It is neither a function nor a name.
        """
        name = name_of(action)
        if not isinstance(action, str) and action not in self.functions:
            self.functions.append(action)
        return name

    def data(self) -> dict[str, Any]:
        """What a flow file would hold, as plain data."""
        ids = {node["id"] for node in self.nodes}
        references = [found for function in self.functions if (found := reference_to(function)) is not None]
        hooks = {event: names[0] if len(names) == 1 else names for event, names in self.hooks.items() if names}
        parts: dict[str, Any] = {
            "actions": list(dict.fromkeys([*self._actions, *references])),
            "inputs": {name: dict(written) for name, written in self.inputs.items()},
            "config": dict(self.config),
            "hooks": hooks,
            "nodes": [_written_node(node, ids) for node in self.nodes],
            "outputs": {name: written_source(given, ids) for name, given in self.outputs.items()},
        }
        return self._head | {key: value for key, value in parts.items() if value or key == "nodes"}

    def source(self) -> Source:
        """What the reader of flow files reads instead of a file."""
        document = BuiltDocument(self._place, self.node_places, self.part_places)
        tree, _, problems = read_data(self.data(), FLOW_FILE, document)
        return Source(tree=tree, document=document, problems=problems, file="", folder=Path.cwd())

    def to_yaml(self) -> str:
        """The flow file.

        Raises:
            DefinitionError: It holds what no file can.
        """
        problems = self.source().problems
        if problems:
            raise DefinitionError(problems)
        return yaml_text(self.data())


def _written_node(node: Mapping[str, Any], ids: set[str]) -> dict[str, Any]:
    written = dict(node)
    if "dependencies" in node:
        written["dependencies"] = [on.id for on in node["dependencies"]]
    if "inputs" in node:
        written["inputs"] = {name: written_source(given, ids) for name, given in node["inputs"].items()}
    if "map" in node:
        written["map"] = written_map(node["map"], ids)
    if "when" in node:
        written["when"] = written_condition(node["when"], ids)
    if "await_message" in node:
        wait = present(node["await_message"])
        if "match" in wait:
            wait["match"] = {path: written_source(given, ids) for path, given in wait["match"].items()}
        written["await_message"] = wait
    return written
