"""The task agents that ``--import`` names, for the commands that want nothing else of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dagger_actors.cli.exits import UsageError
from dagger_actors.core.wording import nearest
from dagger_actors.tasks.agents.importing import kinds_at
from dagger_actors.tasks.agents.kind import TaskKind

__all__ = ["imported_kinds"]


def imported_kinds(imports: Sequence[str]) -> list[TaskKind]:
    """Import what is named, and give what does tasks there.

    Raises:
        DefinitionError: It cannot be imported.
        UsageError: One name in a module or file is no task agent.
    """
    kinds: list[TaskKind] = []
    for reference in imports:
        found = kinds_at(reference, Path.cwd())
        module, colon, name = reference.rpartition(":")
        if colon and not found:
            near = nearest(name, [kind.source.__name__ for kind in kinds_at(module, Path.cwd())])
            advice = (
                f"did you mean {module}:{near}?" if near else "mark it with @task_agent, or derive it from TaskAgent"
            )
            raise UsageError(f"{reference} is no task agent", advice)
        kinds += found
    return kinds
