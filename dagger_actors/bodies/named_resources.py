"""The mapping of resources that a command line names: what its program gives ``ActorSystem(resources=...)``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dagger_actors.bodies.resources import Factory
from dagger_actors.core.wording import quoted
from dagger_actors.errors import DefinitionError, Problem
from dagger_actors.reading.importing import Wanted, import_shared, split_reference

__all__ = ["factories_at"]

A_MAPPING = Wanted(noun="mapping of resources", outcome="nothing was run")


def factories_at(reference: str, folder: Path) -> Mapping[type, Factory]:
    """Import the mapping that ``module:NAME`` or ``file.py:NAME`` names.

    Args:
        reference: The reference.
        folder: Where to look first.

    Raises:
        DefinitionError: It cannot be imported, or is no mapping.
    """
    target, name = split_reference(reference, A_MAPPING)
    module = import_shared(target, folder, A_MAPPING)
    found = getattr(module, name, None) if name else None
    if isinstance(found, Mapping):
        return found
    what = f"is no mapping but {type(found).__name__}" if found is not None else "names no mapping of resources"
    advice = "Write file.py:NAME, where NAME is what your program gives ActorSystem(resources=NAME)."
    raise DefinitionError([Problem(f"{quoted(reference)} {what}", advice)])
