"""The definitions of one system: flows by name and by file, the settings of a run, the code a stored run needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from dagger_actors.actors.settings import collector_paused
from dagger_actors.errors import DefinitionError, Problem, RequestError
from dagger_actors.flow.definition import FlowConfig, FlowDefinition
from dagger_actors.flow.isolation import misfit
from dagger_actors.flow.loading.loader import load_flow
from dagger_actors.flow.registry import ActionRegistry
from dagger_actors.flow.rows import RunRow

__all__ = ["Catalog", "check_width", "misfits", "settings_of"]


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run's actions were found."""

    folder: str
    actions: tuple[str, ...]
    imports: tuple[str, ...]


PLACES = msgspec.json.Decoder(Places)
"""Made here, in one thread, as ``archive.DEFINITIONS`` is."""


class Catalog:
    """Finds definitions and actions.

    Args:
        registry: The actions.
        imports: Where more actions are, as ``--import`` gives it.
        threads: Plain functions that can run at once.
    """

    def __init__(self, registry: ActionRegistry, *, imports: Sequence[str], threads: int) -> None:
        self._registry = registry
        self._imports = tuple(imports)
        self._threads = threads
        self._loaded: dict[str, tuple[FlowDefinition, Path]] = {}

    def load(self, path: str | Path) -> FlowDefinition:
        """Load a flow file and hold it by its name.

        Raises:
            DefinitionError: It cannot run; names every problem.
        """
        definition = self._load(path)
        self._loaded[definition.name] = (definition, Path(path).parent)
        return definition

    def _load(self, source: str | Path | Mapping[str, object]) -> FlowDefinition:
        with collector_paused():
            return load_flow(source, registry=self._registry, imports=self._imports)

    def find(self, source: str | Path | Mapping[str, object]) -> tuple[FlowDefinition, Path]:
        """The definition of a file, of data, or of a flow held by name; and the folder its files are relative to.

        Raises:
            DefinitionError: It cannot run; names every problem.
        """
        if isinstance(source, str) and source in self._loaded:
            return self._loaded[source]
        folder = Path.cwd() if isinstance(source, Mapping) else Path(source).parent
        return self._load(source), folder

    def config(
        self, definition: FlowDefinition, parallel: int | None, *, sequential: bool, use_cache: bool = True
    ) -> FlowConfig:
        """The settings of one run, see ``settings_of``."""
        config = settings_of(definition, parallel, sequential=sequential)
        if not use_cache:
            config = msgspec.structs.replace(config, reuses_cache=False)
        check_width(definition, config, self._registry, self._threads)
        return config

    def places(self, definition: FlowDefinition, folder: Path) -> str:
        """Where the actions were found, so that a resume in another folder finds them again."""
        places = {"folder": str(folder.absolute()), "actions": definition.actions, "imports": self._imports}
        return msgspec.json.encode(places).decode()

    def load_actions(self, row: RunRow, definition: FlowDefinition, *, imports: bool) -> None:
        """Whoever names the run asks for its code; a name that only the file knows imports nothing by itself."""
        registry = self._registry
        places = PLACES.decode(row.imports)
        problems: list[Problem] = []
        references = (*places.actions, *places.imports, *self._imports) if imports else self._imports
        is_complete = True
        for reference in dict.fromkeys(references):
            try:
                registry.load(reference, Path(places.folder))
            except DefinitionError as error:
                problems += error.problems
        for node in definition.nodes:
            if registry.get(node.action) is None:
                is_complete = False
                advice = "Name where it is with --import."
                problems.append(Problem(f"node {node.id!r}: there is no action {node.action!r} any more", advice))
        unfit = misfits(definition, registry)
        # Where an action was once matters only as long as nobody else gives it: files move.
        if unfit or not is_complete:
            raise DefinitionError([*([] if is_complete else problems), *unfit])


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
