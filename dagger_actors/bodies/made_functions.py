"""Functions that other functions make: what they take along, and whether two of them do the same.

Each call of the outer function makes another one of the same name at the same place. Their code is one; what they took along
(the variables of the outer function, and defaults that were evaluated there) is not. So it is with what wraps a function:
it has the name and the place of that.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, Final

__all__ = ["does_the_same", "is_made", "not_loaded", "source_hash", "unsaid"]

PLAIN: Final = (int, float, complex, str, bytes, bool, type(None))
"""Types whose values are what they are, whichever object holds them."""

LAMBDA: Final = "<lambda>"


def not_loaded(name: str) -> str:
    """What to say of a function that a body is to run and that this process does not have."""
    return (
        f"the action {name!r} is not loaded in this process, or it is one of two that one function made, both loaded with "
        "one flow, and nobody can tell which is meant; give the flow another name for each, hand in as an input what differs "
        "between them, or give the system the one it is to run: ActorSystem(actions=[...])"
    )


def is_made(function: Callable[..., Any]) -> bool:
    """Tell whether each run of some code makes another one of a function; not so of what stands at the top of a file.

    What wraps a function has the name of that, and stands at the top of a file where that name gives it.
    """
    if not hasattr(function, "__wrapped__"):
        return _is_inside(function)
    found: object = sys.modules.get(function.__module__)
    for name in function.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is not function


def unsaid(function: Callable[..., Any]) -> tuple[str, ...]:
    """Name what a function took along that is no plain value, so that nothing says what it is; of a lambda itself too.

    (The lines of a lambda may hold others.)
    """
    names = tuple(
        name
        for layer in _layers(function)
        for name, value in _taken(layer).items()
        if type(value) not in PLAIN and value is not getattr(layer, "__wrapped__", None)
    )
    return (LAMBDA, *names) if inspect.unwrap(function).__name__ == LAMBDA else names


def source_hash(function: Callable[..., Any]) -> str | None:
    """The hash of a function's source text, and of what it took along; None when one of them cannot be read."""
    if unsaid(function):
        return None
    parts: list[str] = []
    try:
        for layer in reversed(_layers(function)):
            wrapped = getattr(layer, "__wrapped__", None)
            taken = {name: value for name, value in _taken(layer).items() if value is not wrapped}
            source = inspect.getsource(layer if wrapped is None else layer.__code__)
            parts += [source, repr(taken)] if taken else [source]
    except (AttributeError, OSError, TypeError):
        return None
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def does_the_same(one: Callable[..., Any], other: Callable[..., Any]) -> bool:
    """Tell whether two functions are the same function, or as good as that.

    At one place at the top of a file they are one, which was imported under two names; at one place inside of a function,
    or around one function, they are what they took along.
    """
    return _does_the_same(one, other, set())


def _does_the_same(one: Callable[..., Any], other: Callable[..., Any], asked: set[tuple[int, int]]) -> bool:
    first, second = inspect.unwrap(one), inspect.unwrap(other)
    if one is other or (id(one), id(other)) in asked:
        return True  # (Those that are asked about already hold each other.)
    asked.add((id(one), id(other)))
    if _place(first) != _place(second):
        return False
    if not is_made(one) and not is_made(other):
        return True
    layers = _layers(one), _layers(other)
    return len(layers[0]) == len(layers[1]) and all(
        _is_one_layer(ours, theirs, asked) for ours, theirs in zip(*layers, strict=True)
    )


def _is_one_layer(one: Callable[..., Any], other: Callable[..., Any], asked: set[tuple[int, int]]) -> bool:
    ours, theirs = _taken(one), _taken(other)
    return one is other or (
        getattr(one, "__code__", None) == getattr(other, "__code__", None)
        and ours.keys() == theirs.keys()
        and all(_is_equal(value, theirs[name], asked) for name, value in ours.items())
    )


def _is_equal(left: object, right: object, asked: set[tuple[int, int]]) -> bool:
    if left is right:
        return True
    if isinstance(left, FunctionType) and isinstance(right, FunctionType):
        return _does_the_same(left, right, asked)
    return type(left) is type(right) and type(left) in PLAIN and left == right


def _is_inside(function: Callable[..., Any]) -> bool:
    code = getattr(function, "__code__", None)
    name = function.__qualname__ if code is None or not hasattr(function, "__wrapped__") else code.co_qualname
    return "<locals>" in name or function.__name__ == LAMBDA


def _layers(function: Callable[..., Any]) -> list[Callable[..., Any]]:
    """What wraps a function, the outermost first, and at last itself; itself alone where its own lines name those."""
    if not is_made(function):
        return [inspect.unwrap(function)]
    layers = [function]
    while (wrapped := getattr(layers[-1], "__wrapped__", None)) is not None:
        layers.append(wrapped)
    return layers


def _taken(function: Callable[..., Any]) -> Mapping[str, object]:
    """What a function has from where it was made, by the names of its variables and of its parameters with defaults."""
    if not isinstance(function, FunctionType) or not _is_inside(function):
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
