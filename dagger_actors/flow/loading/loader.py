"""Loads flows from YAML files or data, with every problem at once, each with its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec.inspect import Type

from dagger_actors.bodies.type_shape import ANY
from dagger_actors.core.wording import quoted
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.actions.run_actions import Places
from dagger_actors.flow.definition import FlowConfig, FlowDefinition, Hook, InputSpec, Reference
from dagger_actors.flow.loading.action_check import bind, load_actions
from dagger_actors.flow.loading.ancestry import Ancestry
from dagger_actors.flow.loading.awaits import AwaitableChannels
from dagger_actors.flow.loading.calls import HOOKS, read_failure, read_hooks
from dagger_actors.flow.loading.defaults import check_output_defaults
from dagger_actors.flow.loading.dependencies import check_cycles, resolve_pointers
from dagger_actors.flow.loading.flow_inputs import read_flow_inputs
from dagger_actors.flow.loading.flow_outputs import outputs_of
from dagger_actors.flow.loading.nodes import defined, read_nodes
from dagger_actors.flow.loading.references import Pointer, read_pointer, reference_of, resolve_anywhere
from dagger_actors.flow.loading.secret_inputs import refuse_secret
from dagger_actors.flow.loading.settings import CONFIG, read_config
from dagger_actors.flow.loading.sub_flows import HeldFlow, SubFlows
from dagger_actors.flow.loading.written import WrittenNode
from dagger_actors.reading.keys import Keys
from dagger_actors.reading.kind import FileKind
from dagger_actors.reading.reader import Reader
from dagger_actors.reading.source import Source, read_source
from dagger_actors.reading.tree import Fields, Table, Tree

__all__ = ["FLOW_FILE", "LoadedInside", "load_flow"]

FLOW_FILE = FileKind(noun="flow", least="A flow needs at least `name` and `nodes`.", split="Split it, or use `map`.")

TEXTS = ("description", "author", "version", "signature", "instructions")
FLOW = Keys(
    known=("name", *TEXTS, "tags", "inputs", "outputs", "actions", "hooks", "config", "nodes"),
    required=("name", "nodes"),
    inside={"config": CONFIG, "hooks": HOOKS},
)


def load_flow(
    source: str | Path | Mapping[str, object] | Source,
    *,
    registry: ActionRegistry | None = None,
    imports: Sequence[str] = (),
    channels: AwaitableChannels | None = None,
    held: Mapping[str, HeldFlow] = {},
) -> FlowDefinition:
    """Load one flow.

    Args:
        source: The path of a YAML file, the same structure as data, or either as ``read_source`` gave it.
        registry: Takes the actions that the flow names; every node is checked against its action. None: only the
            structure is checked and nothing is imported.
        imports: More modules and files with actions, as ``--import`` gives them; they need a registry.
        channels: Those that nodes may await messages of; they need a registry. None: nothing is known of channels here.
        held: Flows that nodes may run by their names; those of files are found by their paths.

    Raises:
        DefinitionError: The flow cannot run; carries every problem, in file order.
    """
    assert registry is not None or not imports, "imports need a registry"
    read = read_source(source, FLOW_FILE)
    chain = (Path(read.file).resolve(),) if read.file else ()
    inner = LoadedInside(registry, imports, channels)
    flows = SubFlows(inner, held=held, folder=read.folder, chain=chain)
    return _load(read, registry, imports, channels, flows)


class LoadedInside:
    """Loads the flows that nodes run; implements ``sub_flows.InnerFlows``, and the arguments are those of ``load_flow``."""

    def __init__(
        self,
        registry: ActionRegistry | None,
        imports: Sequence[str] = (),
        channels: AwaitableChannels | None = None,
    ) -> None:
        self._registry = registry
        self._imports = tuple(imports)
        self._channels = channels

    def load(self, path: Path, flows: SubFlows) -> FlowDefinition:
        """Load a file.

        Raises:
            DefinitionError: It cannot run.
        """
        # Its actions are its own: what the outer flow names is no business of the inner one.
        own = None if self._registry is None else self._registry.beside()
        return _load(read_source(path, FLOW_FILE), own, self._imports if own else (), self._channels, flows)

    def gives(self, definition: FlowDefinition, folder: Path) -> Type:
        """The type of a flow's outputs; without a registry nothing is known of it."""
        if self._registry is None:
            return ANY
        places = Places(
            folder=str(folder.absolute()),
            actions=definition.actions,
            imports=self._imports,
            started_in=str(Path.cwd()),
        )
        return outputs_of(definition, places, self._registry)


def _load(
    read: Source,
    registry: ActionRegistry | None,
    imports: Sequence[str],
    channels: AwaitableChannels | None,
    flows: SubFlows,
) -> FlowDefinition:
    reader = Reader(read.document, read.problems)
    return FlowLoader(reader, read, registry, imports, channels, flows).load()


class Graph(msgspec.Struct, frozen=True, kw_only=True):
    """The nodes as written, where each stands by its id, and what their dependencies make of them."""

    nodes: list[WrittenNode]
    index: dict[str, int]
    ancestry: Ancestry
    has_cycles: bool = False


class FlowLoader:
    """Turns one tree into a definition."""

    def __init__(
        self,
        reader: Reader,
        read: Source,
        registry: ActionRegistry | None,
        imports: Sequence[str],
        channels: AwaitableChannels | None,
        flows: SubFlows,
    ) -> None:
        self._reader = reader
        self._read = read
        self._registry = registry
        self._imports = imports
        self._channels = channels
        self._flows = flows

    def load(self) -> FlowDefinition:
        """Read, check and resolve everything.

        Raises:
            DefinitionError: Every problem, in file order.
        """
        reader, registry = self._reader, self._registry
        fields = self._fields(self._read.tree)
        inputs = read_flow_inputs(reader, fields["inputs"].value) if "inputs" in fields else None
        config = read_config(reader, fields["config"].value) if "config" in fields else FlowConfig()
        graph = self._graph(fields, inputs)
        pointers = self._outputs(fields["outputs"].value, inputs, graph.index) if "outputs" in fields else None
        if pointers and not graph.has_cycles:
            check_output_defaults(reader, graph.nodes, pointers.items())
        actions = self._actions(fields["actions"].value) if "actions" in fields else {}
        is_complete = registry is None or self._bind(registry, graph, inputs, pointers, actions)
        hooks: tuple[Hook, ...] = ()
        if "hooks" in fields:
            hooks = read_hooks(reader, fields["hooks"].value, registry, is_complete=is_complete)
        failures = [read_failure(reader, node, registry, is_complete=is_complete) for node in graph.nodes]
        flow = FlowDefinition(
            name=self._name(fields),
            nodes=tuple(
                made
                for node, failure in zip(graph.nodes, failures, strict=True)
                if (made := defined(reader, node, config, failure)) is not None
            ),
            inputs=inputs,
            outputs=None if pointers is None else resolved(pointers),
            hooks=hooks,
            flows=self._flows.bodies,
            actions=tuple(actions),
            config=config,
            tags=reader.texts(fields["tags"].value, "tags") if "tags" in fields else (),
            file=self._read.file,
            description=self._text(fields, "description"),
            author=self._text(fields, "author"),
            version=self._text(fields, "version"),
            signature=self._text(fields, "signature"),
            instructions=self._text(fields, "instructions"),
        )
        reader.refuse()
        return flow

    def _fields(self, tree: Tree) -> Fields:
        reader = self._reader
        keys = tree.entries if isinstance(tree, Table) else {}
        if "system" in keys and "name" not in keys and "nodes" not in keys:
            reader.complain(keys["system"].at, "this is a system, not a flow", FLOW_FILE.least)
            reader.refuse()
        fields = reader.fields(tree, "the flow", FLOW)
        if fields is None:
            reader.refuse()
            raise AssertionError("a tree that is no table was complained of")
        return fields

    def _graph(self, fields: Fields, inputs: Mapping[str, InputSpec] | None) -> Graph:
        """Read the nodes, and what their references mean where they wait for each other in no circle."""
        reader = self._reader
        if "nodes" not in fields:
            return Graph(nodes=[], index={}, ancestry=Ancestry())
        self._flows.own_name = self._name(fields)
        nodes, index = read_nodes(reader, fields["nodes"].value, inputs, flows=self._flows)
        graph = Graph(nodes=nodes, index=index, ancestry=Ancestry(), has_cycles=not check_cycles(reader, nodes))
        if not graph.has_cycles:
            resolve_pointers(reader, nodes, index, graph.ancestry)
        return graph

    def _bind(
        self,
        registry: ActionRegistry,
        graph: Graph,
        inputs: Mapping[str, InputSpec] | None,
        pointers: Mapping[str, Pointer] | None,
        actions: Mapping[str, int],
    ) -> bool:
        """Check the nodes against their actions; tells whether all of these could be loaded."""
        reader = self._reader
        problems, is_complete = load_actions(reader, registry, actions, self._imports, self._read.folder)
        reader.add(problems)
        results = {name: (one.at, one.found) for name, one in (pointers or {}).items() if one.found is not None}
        bind(
            reader,
            registry,
            graph.nodes,
            graph.index,
            inputs,
            results,
            ancestry=graph.ancestry,
            channels=self._channels,
            has_cycles=graph.has_cycles,
            has_all_actions=is_complete,
        )
        return is_complete

    def _name(self, fields: Fields) -> str:
        return (self._reader.name(fields["name"].value, "name") or "") if "name" in fields else ""

    def _text(self, fields: Fields, key: str) -> str:
        return (self._reader.text(fields[key].value, key) or "") if key in fields else ""

    def _outputs(self, tree: Tree, inputs: Mapping[str, object] | None, index: Mapping[str, int]) -> dict[str, Pointer]:
        read: dict[str, Pointer] = {}
        for name, field in self._reader.entries(tree, "outputs").items():
            what = f"the output {quoted(name)}"
            pointer = read_pointer(self._reader, field.value, what, inputs)
            refuse_secret(self._reader, pointer, what, inputs)
            if pointer is not None and (pointer.found or resolve_anywhere(self._reader, pointer, index, what)):
                read[name] = pointer
        return read

    def _actions(self, tree: Tree) -> dict[str, int]:
        read: dict[str, int] = {}
        for item in self._reader.items(tree, "actions"):
            reference = self._reader.text(item, "an item of actions")
            if reference is not None:
                read.setdefault(reference, item.at)
        return read


def resolved(pointers: Mapping[str, Pointer]) -> dict[str, Reference]:
    """What pointers mean, by name; those without a meaning were complained of."""
    return {name: found for name, pointer in pointers.items() if (found := reference_of(pointer)) is not None}
