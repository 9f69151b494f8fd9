"""What a user's class says of itself: whether a method can be called as it will be, and which names stand around it."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["INIT_ADVICE", "scope_of", "takes"]

INIT_ADVICE = "it is called without parameters; annotate the class, `config: SomeStruct`, and read self.config there"
"""For a class whose ``__init__`` has parameters."""


def takes(function: Any, count: int) -> bool:
    """Tell whether a method may be called with so many arguments, itself included.

    Args:
        function: As the class gives it; what is no plain function is not known, and may.
        count: How many, by position.
    """
    if not inspect.isfunction(function):
        return True
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    return True


def scope_of(module: str) -> dict[str, Any]:
    """The names around the class statement or function of that module that is being made now.

    Annotations may name what is local to a function.
    """
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  there is no other way to know
    while frame is not None and frame.f_globals.get("__name__") != module:
        frame = frame.f_back  # the metaclass, written in Python, stands in between
    return {} if frame is None else frame.f_locals
