"""The options of a command, wherever they are declared: among its parameters, or in a place that several commands share."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["flat", "names_of"]


def names_of(function: Callable[..., Any]) -> set[str]:
    """The names of all that a command takes."""
    found: set[str] = set()
    for name, one in inspect.signature(function).parameters.items():
        shared = dataclasses.is_dataclass(one.default)
        found |= {field.name for field in dataclasses.fields(one.default)} if shared else {name}
    return found


def flat(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What a command is given, each option by its name; of a shared place what is otherwise than its defaults."""
    found: dict[str, Any] = {}
    for name, value in arguments.items():
        if dataclasses.is_dataclass(value):
            given = {field.name: (getattr(value, field.name), field.default) for field in dataclasses.fields(value)}
            found |= {one: is_given for one, (is_given, default) in given.items() if is_given != default}
        else:
            found[name] = value
    return found
