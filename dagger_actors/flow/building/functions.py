"""Actions that a builder is given as functions: their names, and the entries of `actions:` that find them again."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dagger_actors.bodies.actions import marked_name, place_of
from dagger_actors.core.wording import BESIDE
from dagger_actors.reading.importing import FILE_MODULE

__all__ = ["ActionLike", "name_of", "reference_to"]

ActionLike = Callable[..., Any] | str
"""A function, or the name of an action."""


def name_of(action: ActionLike) -> str:
    """The name that a flow file calls an action by.

    Raises:
        TypeError: It is neither a function nor a name.
    """
    if isinstance(action, str):
        return action
    if not inspect.isfunction(action):
        raise TypeError(f"an action is a function or its name, not {type(action).__name__}; wrap it in a function")
    return marked_name(action) or action.__name__


def reference_to(function: Callable[..., Any]) -> str | None:
    """The entry of `actions:` that finds a function again; None when no other process could import it.

    That is ``module:name``, or ``file.py:name`` for what has no module of its own: the script that is run, and what was
    itself imported by its file. A file below the current folder is named from there.
    """
    module, name = function.__module__, function.__name__
    if getattr(sys.modules.get(module), name, None) is not function:
        return None
    if module != "__main__" and not module.startswith((FILE_MODULE, BESIDE)):
        return f"{module}:{name}"
    file = Path(place_of(function)[0])
    if file.suffix != ".py" or not file.is_file():
        return None
    path, folder = file.resolve(), Path.cwd().resolve()
    return f"{path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path}:{name}"
