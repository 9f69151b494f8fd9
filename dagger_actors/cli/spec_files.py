"""Flow files and system files, told apart by their keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from dagger_actors.core.wording import quoted
from dagger_actors.errors import DefinitionError, Problem
from dagger_actors.flow.definition import FlowDefinition
from dagger_actors.flow.loading.loader import load_flow
from dagger_actors.reading.kind import FileKind
from dagger_actors.reading.source import Source, read_source
from dagger_actors.reading.tree import Table, described
from dagger_actors.supervised.files.definition import SystemDefinition
from dagger_actors.supervised.files.loading import load_system

__all__ = ["kind_of", "list_specs", "read_spec"]

NEEDS = "A flow needs at least `name` and `nodes`, a system `system` and `agents`."
FLOW_OR_SYSTEM = FileKind(noun="flow or system", least=NEEDS)
FLOW_KEYS = frozenset(("name", "nodes"))
SYSTEM_KEYS = frozenset(("system", "agents"))
SHOWN_KEYS = 5


def read_spec(path: str | Path) -> Source:
    """Read a file of either kind.

    Raises:
        DefinitionError: It cannot be read at all.
    """
    return read_source(path, FLOW_OR_SYSTEM)


def kind_of(source: Source) -> Literal["flow", "system"]:
    """Tell what a file defines, by which keys it has more of; where it is half of each, it is a system.

    Raises:
        DefinitionError: It has none of either.
    """
    tree = source.tree
    keys = tree.entries.keys() if isinstance(tree, Table) else frozenset[str]()
    of_flow, of_system = len(FLOW_KEYS & keys), len(SYSTEM_KEYS & keys)
    if not of_flow and not of_system:
        found = ", ".join(map(quoted, list(keys)[:SHOWN_KEYS]))
        has = f"it has the keys {found}" if keys else f"it is {described(tree)}"
        problem = source.document.problem(tree.at, f"this is neither a flow nor a system: {has}", NEEDS)
        raise DefinitionError([*source.problems, problem])
    return "system" if of_system >= of_flow else "flow"


def list_specs(folder: str | Path) -> Iterator[tuple[Path, FlowDefinition | SystemDefinition | DefinitionError]]:
    """Load the structure of every ``*.yaml`` and ``*.yml`` of a folder, sorted by name; nothing is imported.

    Raises:
        DefinitionError: It is not a folder that can be read.
    """
    try:
        paths = sorted(path for path in Path(folder).iterdir() if path.suffix in (".yaml", ".yml"))
    except OSError as error:
        reason = error.strerror or str(error)
        problem = Problem(f"the folder cannot be read: {reason}", "Give a folder.", str(folder))
        raise DefinitionError([problem]) from None
    for path in paths:
        try:
            source = read_spec(path)
            yield path, load_flow(source) if kind_of(source) == "flow" else load_system(source)
        except DefinitionError as error:
            yield path, error
