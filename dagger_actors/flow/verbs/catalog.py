"""The definitions of one system: flows by name and by file, the settings of a run, the code a stored run needs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from dagger_actors.actors.settings import collector_paused
from dagger_actors.core.wording import nearest, quoted
from dagger_actors.errors import DefinitionError, Problem, RequestError
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.actions.run_actions import Places, load_actions, misfits, places_of
from dagger_actors.flow.building.flow import Flow
from dagger_actors.flow.building.functions import reference_to
from dagger_actors.flow.definition import FlowConfig, FlowDefinition
from dagger_actors.flow.loading.awaits import AwaitableChannels
from dagger_actors.flow.loading.loader import load_flow
from dagger_actors.flow.loading.sub_flows import HeldFlow
from dagger_actors.flow.stored.child_runs import flows_within
from dagger_actors.flow.stored.rows import RunRow

__all__ = ["Catalog", "FlowSource", "LoadedFlow", "check_width", "pinned", "settings_of"]

FlowSource = str | Path | Mapping[str, object] | Flow
"""A file's path, the same structure as data, the name of a flow that is held, or a flow built in Python."""


class LoadedFlow(msgspec.Struct, frozen=True):
    """A definition, and what belongs to it.

    Attributes:
        definition: The definition.
        folder: What its files are relative to.
        actions: Its actions.
        definition_id: That of a flow with functions that cannot be imported, by which they are found; else empty.
    """

    definition: FlowDefinition
    folder: Path
    actions: ActionRegistry
    definition_id: str = ""


def pinned(definition: FlowDefinition) -> tuple[str, bytes]:
    """The id of a definition, the SHA-256 of its text wherever it was loaded from; and that text, as JSON."""
    body = msgspec.json.encode(msgspec.structs.replace(definition, file=""))
    return hashlib.sha256(body).hexdigest(), body


class Catalog:
    """Finds definitions and actions.

    Args:
        registry: The actions.
        imports: Where more actions are, as ``--import`` gives it.
        threads: Plain functions that can run at once.

    Attributes:
        registry: As given.
        channels: Those that nodes may await messages of; None = they are not known yet, and not looked at.
    """

    channels: AwaitableChannels | None = None

    def __init__(self, registry: ActionRegistry, *, imports: Sequence[str], threads: int) -> None:
        self.registry = registry
        self._imports = tuple(imports)
        self._threads = threads
        self._folder = str(Path.cwd())
        self._loaded: dict[str, LoadedFlow] = {}

    def load(self, path: str | Path | Flow) -> FlowDefinition:
        """Load a flow file, or a flow built in Python, and hold it by its name.

        Raises:
            DefinitionError: It cannot run; names every problem.
        """
        loaded = self._load(path)
        self._loaded[loaded.definition.name] = loaded
        return loaded.definition

    def _load(self, source: FlowSource) -> LoadedFlow:
        if not isinstance(source, str | Path | Mapping | Flow):
            raise RequestError(f"a flow is a path, a name, data, or one built in Python, not {quoted(source)}")
        actions = self.registry.beside()
        if isinstance(source, Flow):
            for function in source.functions:
                actions.add(function)
        with collector_paused():
            read = source.source() if isinstance(source, Flow) else source
            definition = load_flow(read, registry=actions, channels=self.channels, held=self.held())
        folder = Path.cwd() if isinstance(source, Mapping | Flow) else Path(source).parent
        local = [one for one in source.functions if reference_to(one) is None] if isinstance(source, Flow) else []
        if not local:
            return LoadedFlow(definition, folder, actions)
        definition_id = pinned(definition)[0]
        held = {one.definition_id for one in list(self._loaded.values())}
        self.registry.code.keep_built(definition_id, local, held=held)
        return LoadedFlow(definition, folder, actions, definition_id)

    def held(self) -> dict[str, HeldFlow]:
        """The flows that are known by name."""
        return {name: HeldFlow(one.definition, one.folder) for name, one in list(self._loaded.items())}

    def find(self, source: FlowSource) -> LoadedFlow:
        """The definition of a file, of data, of a flow built in Python, or of a flow held by name, with its actions.

        Raises:
            DefinitionError: It cannot run; names every problem.
        """
        if isinstance(source, str) and source in self._loaded:
            return self._loaded[source]
        if isinstance(source, str) and not Path(source).suffix and not Path(source).exists():
            message = f"there is no flow {quoted(source)}: no file, and none that was loaded has its name"
            other = nearest(source, self._loaded)
            advice = (
                f"Did you mean {quoted(other)}?" if other else "Load it with flows.load, or give the path of its file."
            )
            raise DefinitionError([Problem(message, advice)])
        return self._load(source)

    def config(self, flow: LoadedFlow, parallel: int | None, *, sequential: bool, use_cache: bool = True) -> FlowConfig:
        """The settings of one run, see ``settings_of``."""
        config = settings_of(flow.definition, parallel, sequential=sequential)
        if not use_cache:
            config = msgspec.structs.replace(config, reuses_cache=False)
        check_width(flow.definition, config, flow.actions, self._threads)
        return config

    def places(self, flow: LoadedFlow) -> str:
        """Where the actions were found, so that a resume in another folder finds them again."""
        places = Places(
            folder=str(flow.folder.absolute()),
            actions=flow.definition.actions,
            imports=self._imports,
            started_in=self._folder,
            definition_id=flow.definition_id,
        )
        return msgspec.json.encode(places).decode()

    def actions_of(self, row: RunRow, definition: FlowDefinition) -> ActionRegistry:
        """Import the actions of a run: whoever names it asks for its code.

        Raises:
            DefinitionError: It cannot have all, or some no longer fit.
        """
        places = places_of(row.imports)
        own = load_actions(self.registry, places)
        problems: list[Problem] = []
        for one, there in ((definition, places), *flows_within(definition, places)):
            found = own if one is definition else load_actions(self.registry, there)
            lacking = found.lacking(one)
            problems += [*(found.problems if lacking else ()), *lacking, *misfits(one, found.registry)]
        if problems:
            raise DefinitionError(problems)
        return own.registry


def settings_of(definition: FlowDefinition, parallel: int | None, *, sequential: bool) -> FlowConfig:
    """The settings of one run: the flow's, with what its starter asked for.

    Raises:
        RequestError: The wishes contradict each other.
    """
    config = definition.config
    if parallel is not None:
        if type(parallel) is not int or parallel < 1 or sequential:
            raise RequestError("parallel is a whole number, 1 or more, and not together with sequential")
        return msgspec.structs.replace(config, max_parallel_nodes=parallel, enable_parallel_execution=True)
    return msgspec.structs.replace(config, enable_parallel_execution=False) if sequential else config


def check_width(definition: FlowDefinition, config: FlowConfig, registry: ActionRegistry, threads: int) -> None:
    """Refuse a run that would want more threads than there are.

    Raises:
        DefinitionError: It does; says what to set.
    """
    if config.limit <= threads:
        return
    for node in definition.nodes:
        action = registry.get(node.action)
        if action is not None and not action.is_async and node.isolation != "process":
            message = (
                f"max_parallel_nodes is {config.limit}, but a system runs {threads} plain functions at once, "
                f"and {node.action!r} is one"
            )
            advice = f"Set it to {threads} or less, or make the actions `async def`."
            raise DefinitionError([Problem(message, advice, definition.file)])
