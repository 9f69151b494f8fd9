"""The types of messages, by the names of their classes: what ``type`` says on the wire."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Any

import msgspec

from dagger_actors.bodies.parameters import alternatives, decode_custom
from dagger_actors.bodies.secret import Secret
from dagger_actors.bodies.type_shape import is_path
from dagger_actors.errors import ActorClassError

__all__ = ["UNTYPED", "hint_of", "type_name", "types_of"]

UNTYPED = ""
"""The name of messages that have no class."""


def type_name(hint: Any) -> str | None:
    """Name the type of a message as it stands on the wire; empty for any type, None = it cannot be one.

    A class has its own name, a container that of its class without what is in it, a literal that of its values.
    """
    hint = bare(hint)
    if hint is Any or hint is object:
        return UNTYPED
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        names = {type(value).__name__ for value in typing.get_args(hint)}
        return names.pop() if len(names) == 1 else None
    kind = hint if origin is None else origin
    return kind.__name__ if isinstance(kind, type) and kind is not type(None) else None


def bare(hint: Any) -> Any:
    """A hint without what only annotates or names it."""
    while True:
        if typing.get_origin(hint) is typing.Annotated:
            hint = typing.get_args(hint)[0]
        elif isinstance(hint, typing.NewType):
            hint = hint.__supertype__
        elif isinstance(value := getattr(hint, "__value__", None), object) and type(hint).__name__ == "TypeAliasType":
            hint = value
        else:
            return hint


def members(hint: Any) -> Iterator[Any]:
    """The members of a union, those of its members too; anything else alone."""
    plain = bare(hint)
    if typing.get_origin(plain) in (typing.Union, types.UnionType):
        for member in alternatives(plain):
            yield from members(member)
    else:
        yield hint


def types_of(where: str, hint: Any, what: str) -> dict[str, Any]:
    """Read the types that an annotation admits.

    Args:
        where: Whose it is, for errors.
        hint: A type, or a union of some.
        what: What is annotated so, for errors.

    Returns:
        The types by the names of their classes.

    Raises:
        ActorClassError: One can be no message, or two have one name.
    """
    found: dict[str, Any] = {}
    for member in members(hint):
        name = type_name(member)
        if name is None:
            raise ActorClassError(
                where, f"{what} has a class of its own, such as a msgspec Struct; {_spelled(member)} is none"
            )
        if name in found and found[name] != member:
            message = f"two classes of {what} are named {name}; on a channel they could not be told apart, rename one"
            raise ActorClassError(where, message)
        _check(where, member, what)
        found[name] = member
    if UNTYPED in found:
        return {UNTYPED: Any}
    return found


def hint_of(found: dict[str, Any], name: str) -> Any | None:
    """The type by which a message of a class is read; None = it is not taken. What has no class is read as the only one."""
    hint = found.get(name)
    if hint is not None:
        return hint
    if UNTYPED in found:
        return found[UNTYPED]
    return next(iter(found.values())) if not name and len(found) == 1 else None


def _check(where: str, hint: Any, what: str) -> None:
    if Secret in alternatives(hint):
        raise ActorClassError(
            where, f"{what} is a Secret, which is never sent; take it from a resource: ctx.resource(...)"
        )
    if _is_unknown(hint):
        advice = "make it a msgspec Struct, a dataclass or a model"
        raise ActorClassError(where, f"no {what.rsplit(maxsplit=1)[-1]} of type {_spelled(hint)} can be sent; {advice}")
    try:
        msgspec.json.Decoder(hint, dec_hook=decode_custom)
    except Exception as error:
        raise ActorClassError(
            where,
            f"{what} of type {_spelled(hint)} cannot be decoded: {error}; use a msgspec Struct, a dataclass or a model",
        ) from error


def _is_unknown(hint: Any) -> bool:
    """Whether values of a type can be made by nobody: it is no model and no path, and msgspec knows its name alone."""
    try:
        shape = msgspec.inspect.type_info(hint)
    except Exception:  # noqa: BLE001 - what msgspec refuses altogether it says itself
        return False
    if not isinstance(shape, msgspec.inspect.CustomType) or hint is object:
        return False
    return not hasattr(shape.cls, "model_validate") and not is_path(shape)


def _spelled(hint: Any) -> str:
    return hint.__qualname__ if isinstance(hint, type) else str(hint)
