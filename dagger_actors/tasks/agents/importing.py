"""The task agents of modules and files that somebody names, as ``--import`` and ``imports=`` do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from dagger_actors.reading.importing import Wanted, import_reference
from dagger_actors.tasks.agents.kind import TaskKind, kind_of

__all__ = ["A_BODY", "kinds_at", "kinds_in", "names_task_agent"]

A_BODY = Wanted(noun="function or class", outcome="nothing was started")


def kinds_at(reference: str, folder: Path) -> tuple[TaskKind, ...]:
    """Import what ``module``, ``module:name``, ``file.py`` or ``file.py:name`` names, and give what does tasks there.

    Args:
        reference: The reference.
        folder: Where to look first; the current folder comes second.

    Returns:
        All task agents of a module, in its order; of a name, that one, or none if it is something else.

    Raises:
        DefinitionError: It cannot be imported.
    """
    module, name = import_reference(reference, folder, A_BODY)
    if not name:
        return tuple(kinds_in(module))
    kind = kind_of(getattr(module, name, None))
    return () if kind is None else (kind,)


def names_task_agent(reference: str, folder: Path) -> bool:
    """Tell whether a reference names one task agent, so that it names no action.

    Raises:
        DefinitionError: It cannot be imported.
    """
    return ":" in reference and bool(kinds_at(reference, folder))


def kinds_in(module: ModuleType) -> Iterator[TaskKind]:
    """Give what does tasks in a module: functions that are marked, and classes that have a body; each once."""
    seen: set[TaskKind] = set()
    for value in list(vars(module).values()):
        kind = kind_of(value)
        if kind is not None and kind.body is not None and kind not in seen:
            seen.add(kind)
            yield kind
