"""Where the fields are that keys and filters name: checked against the types of messages, found again in JSON text.

A path names fields as the class does, or as JSON does where a Struct renames them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import inspect

from dagger_actors.bodies.option_values import Misfit
from dagger_actors.bodies.type_fit import fields_of, written_as
from dagger_actors.bodies.type_shape import ANY, hint_type, is_open, members_of, name_of
from dagger_actors.core.channel_rows import NO_KEY
from dagger_actors.core.comparisons import ORDERS, kind_of, order_of
from dagger_actors.core.wording import indefinite, listed, nearest, quoted
from dagger_actors.errors import KeyRefused
from dagger_actors.pubsub.subscribers.filters import Compared, Filter, compared_in

__all__ = ["LONGEST_KEY", "field_in", "field_of", "filter_names", "key_function", "key_names"]

LONGEST_KEY: Final = 200
"""Characters of a key."""

KEYS = frozenset({"str", "int", "bool", "null"})
ORDERED: Mapping[str, frozenset[str]] = {"number": frozenset({"int", "float"}), "text": frozenset({"str"})}
WRITTEN: Mapping[type, frozenset[str]] = {
    bool: frozenset({"bool"}),
    int: frozenset({"int", "float"}),
    float: frozenset({"int", "float"}),
    str: frozenset({"str", "artifact"}),
    list: frozenset({"array"}),
    dict: frozenset({"object"}),
    type(None): frozenset({"null"}),
}


def key_names(path: str, takes: Mapping[str, Any]) -> tuple[str, ...]:
    """Find the field of a key in every type of message.

    Args:
        path: The path.
        takes: Types by the names of their classes.

    Returns:
        The names that it is of in JSON, from the outside in.

    Raises:
        Misfit: A type has no such field, or none that can be a key.
    """
    found = {}
    for name, hint in takes.items():
        names, shape = _walk(name, hint, path)
        kinds = written_as(shape)
        if kinds is not None and (kinds - KEYS or kinds == {"null"}):
            message = f"{path} of {name} is {name_of(shape)}, which is no key"
            raise Misfit(message, "name a field that holds text, a whole number or a truth value")
        found[name] = names
    return _agreed(path, found)


def field_in(path: str, takes: Mapping[str, Any]) -> tuple[dict[str, tuple[str, ...]], inspect.Type]:
    """Find a field in every type of message.

    Args:
        path: The path.
        takes: Types by the names of their classes.

    Returns:
        The names that it is of in JSON, from the outside in, by the names of the classes; and the type of what is there.

    Raises:
        Misfit: A type has no such field.
    """
    found = {name: _walk(name, hint, path) for name, hint in takes.items()}
    shapes = tuple(shape for _, shape in found.values())
    names = {name: steps for name, (steps, _) in found.items()}
    return names, shapes[0] if len(shapes) == 1 else inspect.UnionType(shapes)


def filter_names(found: Filter, takes: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Find the fields that a filter compares; each in some type of message.

    Returns:
        For each path the names that it is of in JSON.

    Raises:
        Misfit: No type has such a field, or a comparison with it never holds.
    """
    return {one.field: _compared(one, takes) for one in compared_in(found)}


def field_of(path: str, takes: Mapping[str, Any]) -> tuple[tuple[str, ...], frozenset[str] | None]:
    """Find a field that some type of message has.

    Returns:
        The names that it is of in JSON, and what JSON it may be; None = anything.

    Raises:
        Misfit: No type has such a field, or its names differ.
    """
    names = _compared(Compared(path, "exists", "true"), takes)
    kinds: set[str] = set()
    for name, hint in takes.items():
        try:
            written = written_as(_walk(name, hint, path)[1])
        except Misfit:
            continue
        if written is None:
            return names, None
        kinds |= written
    return names, frozenset(kinds)


def _compared(one: Compared, takes: Mapping[str, Any]) -> tuple[str, ...]:
    found, shapes, wrong = {}, [], None
    for name, hint in takes.items():
        try:
            found[name], shape = _walk(name, hint, one.field)
        except Misfit as error:
            wrong = wrong or error
        else:
            shapes.append(shape)
    if wrong is not None and not found:
        raise wrong
    _refuse_idle(one, shapes)
    return _agreed(one.field, found)


def _refuse_idle(one: Compared, shapes: Iterable[inspect.Type]) -> None:
    """Refuse a comparison that holds for no value."""
    kinds: set[str] = set()
    for shape in shapes:
        written = written_as(shape)
        if written is None:
            return
        kinds |= written
    value = msgspec.json.decode(one.json)
    if one.operator in ORDERS:
        if not kinds & ORDERED[order_of(value) or ""]:
            message = f"{one.field} is never compared with {kind_of(value)} ({one.operator}), as its type has it"
            raise Misfit(message, "ask otherwise: equals, not_equals, in, exists")
        return
    if one.operator in ("equals", "in"):
        values = value if one.operator == "in" else [value]
        idle = [single for single in values if not kinds & WRITTEN[type(single)]]
        if idle:
            raise Misfit(
                f"{one.field} is never {kind_of(idle[0])}, as its type has it", "compare it with what it may be"
            )


def _agreed(path: str, found: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    different = dict.fromkeys(found.values())
    if len(different) > 1:
        spelled = " and ".join(".".join(names) for names in different)
        raise Misfit(f"{path} has different names in JSON: {spelled}", "rename it alike in all types")
    return next(iter(different))


def _walk(owner: str, hint: Any, path: str) -> tuple[tuple[str, ...], inspect.Type]:
    """Follow a path into a type; gives its names in JSON, and the type of what is there."""
    shape, names, told = hint_type(hint), [], owner or "the message"
    for step in path.split("."):
        found: list[inspect.Type] = []
        spelled = {step}
        known: list[str] = []
        for member in members_of(shape):
            fields = fields_of(member)
            if is_open(member):
                found.append(ANY)
            elif isinstance(member, inspect.DictType):
                found.append(member.value_type)
            elif fields is not None:
                known += [field.name for field in fields.values()]
                field = next((one for one in fields.values() if step in (one.name, one.encode_name)), None)
                if field is not None:
                    found.append(field.type)
                    spelled = {field.encode_name}
        if not found:
            raise _missing(told, step, known, shape)
        names.append(spelled.pop())
        told = f"{told}.{step}"
        shape = found[0] if len(found) == 1 else inspect.UnionType(tuple(found))
    return tuple(names), shape


def _missing(told: str, step: str, known: list[str], shape: inspect.Type) -> Misfit:
    if not known:
        return Misfit(f"{told} is {indefinite(name_of(shape))}, which has no fields", "name a field of the message")
    near = nearest(step, known)
    return Misfit(
        f"{told} has no field {quoted(step)}", f"did you mean {near}?" if near else f"it has {listed(sorted(known))}"
    )


def key_function(path: str, names: tuple[str, ...]) -> Callable[[bytes | str], str]:
    """Make the function that gives the key of a message's JSON text; it decodes that field alone.

    Text is the key as it is, a number or truth value its JSON text. The function raises ``KeyRefused``: there is no such
    field, or it holds no key.

    Args:
        path: As it is written, for errors.
        names: The names that it is of in JSON.
    """
    shape: Any = str | int | bool
    for name in reversed(names):
        shape = msgspec.defstruct("Keyed", [("a", shape, msgspec.field(name=name))], gc=False)
    decode = msgspec.json.Decoder(shape).decode
    depth = len(names)

    def key_of(text: bytes | str) -> str:
        try:
            found = decode(text)
            for _ in range(depth):
                found = found.a
        except msgspec.DecodeError as error:
            raise KeyRefused(path, str(error)) from None
        if type(found) is not str:
            return str(found) if type(found) is int else "true" if found else "false"
        if not 0 < len(found) <= LONGEST_KEY:
            what = f"it has {len(found):,} characters" if found else "it is empty"
            raise KeyRefused(path, f"{what}; a key has 1 to {LONGEST_KEY}")
        if NO_KEY in found:
            raise KeyRefused(path, "it has a zero character")
        return found

    return key_of
