"""Reads ``flow``: a node that runs another flow instead of an action."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
from msgspec import inspect

from dagger_actors.bodies.actions import Action
from dagger_actors.bodies.parameters import Parameter
from dagger_actors.bodies.secret import Secret
from dagger_actors.core.wording import nearest, quoted
from dagger_actors.errors import DefinitionError
from dagger_actors.flow.definition import FlowDefinition, InputSpec, SubFlow
from dagger_actors.flow.definition.inputs import declared_inputs
from dagger_actors.flow.loading.written import WrittenFlow, WrittenNode
from dagger_actors.reading.near_files import near_file
from dagger_actors.reading.reader import Reader
from dagger_actors.reading.tree import Tree

__all__ = ["MAX_DEPTH", "OF_ACTIONS_ONLY", "FlowAction", "HeldFlow", "InnerFlows", "SubFlows", "refuse_keys_of_actions"]

MAX_DEPTH: Final = 8
"""Flows one inside the other, the outermost included."""

OF_ACTIONS_ONLY: Final[Mapping[str, str]] = {
    "action": "A node runs an action or a flow; write two nodes.",
    "await_message": "A node awaits a message or runs a flow; write two nodes.",
    "approval": "A node asks a person or runs a flow; write two nodes.",
    "outputs": "Its outputs are those of the flow, which says them itself.",
    "try_count": "The flow's own nodes are tried again; write it there.",
    "onfailure": "The flow's own nodes are tried again; write it there.",
    "retry_strategy": "The flow's own nodes are tried again; write it there.",
    "durability": "Write it at the nodes of the flow.",
    "cache": "Write it at the nodes of the flow.",
    "isolation": "Write it at the nodes of the flow.",
}
"""Keys that mean nothing where a flow is run, and what to do instead."""

HINTS: Final[Mapping[str, Any]] = {
    "int": int,
    "float": float,
    "str": str,
    "bool": bool,
    "list": list,
    "dict": dict,
    "any": Any,
}


class HeldFlow(msgspec.Struct, frozen=True):
    """A flow that is known by its name, or was read from a file.

    Attributes:
        definition: It.
        folder: What its files are relative to.
    """

    definition: FlowDefinition
    folder: Path


class InnerFlows(Protocol):
    """Knows the flows that nodes run."""

    def load(self, path: Path, flows: SubFlows, /) -> FlowDefinition:
        """Load a file, with what finds the flows inside it.

        Raises:
            DefinitionError: It cannot run.
        """
        ...

    def gives(self, definition: FlowDefinition, folder: Path, /) -> inspect.Type:
        """The type of a flow's outputs; ``folder`` is what its files are relative to."""
        ...


class SubFlows:
    """Finds the flows that the nodes of one flow run.

    Args:
        inner: Knows the flows of files.
        held: Those that are known by name.
        folder: What paths are relative to.
        chain: The files that this flow is inside of, outermost first, its own last.
        above: The names of the flows that a run is inside of to which nodes are added, outermost first, its own last.
    """

    def __init__(
        self,
        inner: InnerFlows,
        *,
        held: Mapping[str, HeldFlow],
        folder: Path,
        chain: tuple[Path, ...] = (),
        above: tuple[str, ...] = (),
    ) -> None:
        self._above = above
        self.own_name = ""
        """The name of this flow."""
        self._inner = inner
        self._held = held
        self._folder = folder
        self._chain = chain
        self._found: dict[str, WrittenFlow | None] = {}
        self.bodies: dict[str, msgspec.Raw] = {}
        """The definitions of those that were found, by their SHA-256."""

    def inside(self, path: Path) -> SubFlows:
        """What finds the flows inside the flow of a file."""
        return SubFlows(self._inner, held=self._held, folder=path.parent, chain=(*self._chain, path.resolve()))

    def complain_again(self) -> None:
        """What was complained of is looked for anew when it is named once more: another reader has to hear of it."""
        self._found = {text: found for text, found in self._found.items() if found is not None}

    def read(self, reader: Reader, tree: Tree) -> WrittenFlow | None:
        """Read the name or the path of a flow, and load it; None when it was complained of."""
        text = reader.text(tree, "flow")
        if text is None:
            return None
        if text not in self._found:
            self._found[text] = self._find(reader, tree.at, text)
        return self._found[text]

    def _find(self, reader: Reader, at: int, text: str) -> WrittenFlow | None:
        if text in self._held:
            held = self._held[text]
            own = self.own_name
            if own in names_within(held.definition):
                self._refuse_circle(reader, at, [own, text] if text != own else [own], own)
                return None
            return self._written(reader, at, held)
        path = self._folder / text
        return self._read(reader, at, text, path) if self._may_be(reader, at, text, path) else None

    def _may_be(self, reader: Reader, at: int, text: str, path: Path) -> bool:
        resolved = path.resolve()
        if resolved in self._chain:
            circle = [one.name for one in self._chain[self._chain.index(resolved) :]]
            self._refuse_circle(reader, at, circle, resolved.name)
            return False
        if len(self._chain) >= MAX_DEPTH:
            self._refuse_depth(reader, at, text)
            return False
        if not path.is_file():
            near = nearest(text, self._held) or near_file(text, [self._folder])
            advice = f"Did you mean {quoted(near)}?" if near else "Give a path relative to this file."
            reader.complain(
                at, f"there is no flow {quoted(text)}: no file, and none that was loaded has its name", advice
            )
            return False
        return True

    def _read(self, reader: Reader, at: int, text: str, path: Path) -> WrittenFlow | None:
        try:
            definition = self._inner.load(path, self.inside(path))
        except DefinitionError as error:
            reader.complain(at, f"the flow {quoted(text)} cannot run", "Its problems are listed too.")
            reader.add(error.problems)
            return None
        return self._written(reader, at, HeldFlow(definition, path.parent))

    def _written(self, reader: Reader, at: int, found: HeldFlow) -> WrittenFlow | None:
        definition = msgspec.structs.replace(found.definition, file="")
        within = names_within(definition) if self._above else frozenset[str]()
        if again := [name for name in self._above if name in within]:
            self._refuse_circle(reader, at, self._above[self._above.index(again[0]) :], again[0])
            return None
        depth = 1 + max((node.flow.depth for node in definition.nodes if node.flow is not None), default=0)
        if depth + max(1, len(self._above)) > MAX_DEPTH:
            self._refuse_depth(reader, at, definition.name)
            return None
        body = msgspec.json.encode(definition)
        definition_id = hashlib.sha256(body).hexdigest()
        self.bodies[definition_id] = msgspec.Raw(body)
        folder = Path(os.path.relpath(found.folder.resolve(), self._folder.resolve())).as_posix()
        action = FlowAction(definition, self._inner.gives(definition, found.folder))
        spec = SubFlow(name=definition.name, definition_id=definition_id, folder=folder, depth=depth)
        return WrittenFlow(at=at, spec=spec, action=action)

    def _refuse_circle(self, reader: Reader, at: int, names: Collection[str], again: str) -> None:
        chain = " -> ".join(quoted(name) for name in (*names, again))
        reader.complain(
            at, f"the flow contains itself: {chain}", "A flow that goes round has no end; add nodes while it runs."
        )

    def _refuse_depth(self, reader: Reader, at: int, name: str) -> None:
        message = f"the flow {quoted(name)} makes more than {MAX_DEPTH} flows one inside the other"
        reader.complain(at, message, "Let flows stand beside each other.")


def names_within(definition: FlowDefinition) -> set[str]:
    """The names of a flow and of all inside it."""
    names = {definition.name}
    for body in definition.flows.values():
        names |= names_within(msgspec.json.decode(body, type=FlowDefinition))
    return names


def refuse_keys_of_actions(reader: Reader, node: WrittenNode) -> None:
    """Complain of keys that say how an action is run, on a node that runs a flow."""
    for key, advice in OF_ACTIONS_ONLY.items():
        if key in node.fields:
            reader.complain(node.fields[key].at, f"{key} is not for nodes that run a flow", advice)


class FlowAction(Action):
    """A flow as what is checked against the nodes that run it: its inputs are its parameters.

    Args:
        definition: It.
        gives: The type of its outputs.
    """

    __slots__ = ("_gives",)
    noun = "flow"

    def __init__(self, definition: FlowDefinition, gives: inspect.Type) -> None:
        self._gives = gives
        parameters = tuple(
            _parameter(definition.name, name, spec) for name, spec in declared_inputs(definition).items()
        )
        super().__init__(definition.name, _run_it, parameters)

    @property
    def gives(self) -> inspect.Type:
        """Its outputs by name."""
        return self._gives

    @property
    def place_of_hint(self) -> str:
        """Where to look for what says the types of those, in messages."""
        return f"in the flow {quoted(self.name)}"


class FlowInput(Parameter):
    """An input of a flow as a parameter."""

    __slots__ = ()
    noun = "flow"
    declaration = "that of the flow's input"


def _parameter(flow: str, name: str, spec: InputSpec) -> Parameter:
    hint = Secret if spec.secret else HINTS[spec.type]
    return FlowInput(flow, name, hint, required=spec.default is None)


def _run_it() -> None:
    """Stands for the function that a flow does not have."""
    raise AssertionError("a flow is no function")
