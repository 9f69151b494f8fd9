"""Functions that other functions make: what they take along, and whether two of them do the same.

Each call of the outer function makes another one of the same name at the same place. Their code is one; what they took along
(the variables of the outer function, and defaults that were evaluated there) is not.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, Final

__all__ = ["does_the_same", "is_made", "source_hash", "unsaid"]

PLAIN: Final = (int, float, complex, str, bytes, bool, type(None))
"""Types whose values are what they are, whichever object holds them."""

LAMBDA: Final = "<lambda>"


def is_made(function: Callable[..., Any]) -> bool:
    """Tell whether each run of some code makes another one of a function; not so of what stands at the top of a file."""
    return "<locals>" in function.__qualname__ or function.__name__ == LAMBDA


def unsaid(function: Callable[..., Any]) -> tuple[str, ...]:
    """Name what a function took along that is no plain value, so that nothing says what it is; of a lambda itself too.

    (The lines of a lambda may hold others.)
    """
    made = inspect.unwrap(function)
    names = tuple(name for name, value in _taken(made).items() if type(value) not in PLAIN)
    return (LAMBDA, *names) if made.__name__ == LAMBDA else names


def source_hash(function: Callable[..., Any]) -> str | None:
    """The hash of a function's source text, and of what it took along; None when one of them cannot be read."""
    if unsaid(function):
        return None
    try:
        source = inspect.getsource(inspect.unwrap(function))
    except (OSError, TypeError):
        return None
    taken = _taken(inspect.unwrap(function))
    return hashlib.sha256(f"{source}\0{taken!r}".encode() if taken else source.encode()).hexdigest()


def does_the_same(one: Callable[..., Any], other: Callable[..., Any]) -> bool:
    """Tell whether two functions are the same function, or as good as that.

    At one place at the top of a file they are one, which was imported under two names; at one place inside of a function
    they are what they took along.
    """
    return _does_the_same(one, other, set())


def _does_the_same(one: Callable[..., Any], other: Callable[..., Any], asked: set[tuple[int, int]]) -> bool:
    first, second = inspect.unwrap(one), inspect.unwrap(other)
    if first is second or (id(first), id(second)) in asked:
        return True  # (Those that are asked about already hold each other.)
    asked.add((id(first), id(second)))
    if _place(first) != _place(second):
        return False
    if not is_made(first) and not is_made(second):
        return True
    ours, theirs = _taken(first), _taken(second)
    return (
        first.__code__ == second.__code__
        and ours.keys() == theirs.keys()
        and all(_is_equal(value, theirs[name], asked) for name, value in ours.items())
    )


def _is_equal(left: object, right: object, asked: set[tuple[int, int]]) -> bool:
    if left is right:
        return True
    if isinstance(left, FunctionType) and isinstance(right, FunctionType):
        return _does_the_same(left, right, asked)
    return type(left) is type(right) and type(left) in PLAIN and left == right


def _taken(function: Callable[..., Any]) -> Mapping[str, object]:
    """What a function has from where it was made, by the names of its variables and of its parameters with defaults."""
    if not isinstance(function, FunctionType) or not is_made(function):
        return {}
    code, defaults = function.__code__, function.__defaults__ or ()
    taking = code.co_varnames[: code.co_argcount]
    positional = zip(taking[len(taking) - len(defaults) :], defaults, strict=True)
    cells = zip(code.co_freevars, map(_content, function.__closure__ or ()), strict=True)
    return dict([*cells, *positional, *(function.__kwdefaults__ or {}).items()])


def _content(cell: Any) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        return None  # the outer function has not come so far


def _place(function: Callable[..., Any]) -> tuple[object, int]:
    code = getattr(function, "__code__", None)
    return (code.co_filename, code.co_firstlineno) if code is not None else (function, 0)
