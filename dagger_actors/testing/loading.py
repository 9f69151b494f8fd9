"""``load``: the very module that system and flow files load for a Python file, for tests that name its classes."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from dagger_actors.reading.importing import Wanted, import_target

__all__ = ["load"]


def load(file: str | Path) -> ModuleType:
    """Load a Python file as ``class: "file.py:Class"`` and ``actions: [file.py]`` do.

    A file that was imported by a test itself is another module, whose classes are other classes: a stub for them stands in
    for nothing, and a probe does not know their messages. What a system file names as a module (``shop:Pricer``) can be
    imported as usual.

    Args:
        file: Its path, relative to the current folder.

    Returns:
        The module; the same one each time.

    Raises:
        DefinitionError: There is no such file, or it raised while it was imported.
    """
    return import_target(str(file), Path.cwd(), Wanted(noun="class", outcome="nothing of it can be tested"))
