"""Whether a method of a user's class can be called as it will be, seen from its signature before that happens."""

from __future__ import annotations

import inspect
from typing import Any

__all__ = ["INIT_ADVICE", "takes"]

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
