"""Which functions can run where: what ``isolation`` asks of an action."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from dagger_actors.bodies.actions import Action, place_of
from dagger_actors.core.wording import quoted

__all__ = ["Home", "home_of", "misfit"]


class Home(msgspec.Struct, frozen=True, array_like=True):
    """Where another process finds a function or a class.

    Attributes:
        module: The module's name; empty when only the file is to be used (a script).
        file: The module's file; empty when there is none.
        qualname: Its path within the module.
    """

    module: str
    file: str
    qualname: str


def home_of(source: Callable[..., Any]) -> Home | None:
    """Find out where another process can import a function or a class from; None when it cannot."""
    module = sys.modules.get(source.__module__)
    found: Any = module
    for part in source.__qualname__.split("."):
        found = getattr(found, part, None)  # a lambda and what stands in a function have parts that are no names
    if module is None or found is not source:
        return None
    file = getattr(module, "__file__", None) or ""
    if source.__module__ != "__main__":
        return Home(source.__module__, file, source.__qualname__)
    return Home("", str(Path(file).absolute()), source.__qualname__) if file and Path(file).is_file() else None


def misfit(isolation: str, action: Action) -> tuple[str, str] | None:
    """Tell why an action cannot run where a node wants it, and what to do; None when it can."""
    name = quoted(action.name)
    if isolation == "async" and not action.is_async:
        advice = "Write `async def`, or remove `isolation`."
        return f"`isolation: async` needs a coroutine function, and {name} is a plain one", advice
    if isolation == "thread" and action.is_async:
        advice = "Write `def`, or remove `isolation`."
        return f"`isolation: thread` needs a plain function, and {name} is a coroutine function", advice
    if isolation == "process" and home_of(action.source) is None:
        file, line = place_of(action.source)
        message = f"{name} ({file}:{line}) cannot be imported by another process, as `isolation: process` needs"
        return message, "Define it at the top of a module or a file, under its own name."
    return None
