"""Makes an agent's config of what its file says, and finds everything in it that does not fit.

msgspec tells the first misfit only, and passes over keys that a Struct does not have: here every field is tried by
itself, and an unknown key is a fault at any depth.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec
from msgspec import inspect

from dagger_actors.core.wording import quoted
from dagger_actors.reading.custom_types import make_custom

__all__ = ["MAX_MESSAGE", "Fault", "Path", "check_config"]

MAX_MESSAGE = 500
"""Characters kept of what a user's type says."""
MISFIT = re.compile(r"(?P<reason>.*?)(?: - at (?:`key` in )?`\$(?P<path>.*)`)?", re.DOTALL)
STEP = re.compile(r"\.(?P<name>[^.\[\]]+)|\[(?P<index>\d+)\]|\[(?P<any>\.\.\.)\]")

Path = tuple[str | int, ...]


class Fault(msgspec.Struct, frozen=True):
    """Something that does not fit.

    Attributes:
        path: Where in the config; empty = the config itself.
        message: What is wrong with it.
        advice: What to do.
        known: For an unknown key, which ends the path: the keys there are.
    """

    path: Path
    message: str
    advice: str
    known: tuple[str, ...] = ()


def check_config(kind: type[msgspec.Struct], config: Mapping[str, Any]) -> tuple[msgspec.Struct | None, list[Fault]]:
    """Make a config.

    Args:
        kind: What the class is annotated with.
        config: Plain data.

    Returns:
        The config, None if anything is wrong; and what is wrong.
    """
    made, whole = converted(config, kind, (), kind)
    shape = shape_of(kind)
    if shape is None:
        assert whole is not None, "msgspec can make what it can describe"
        return None, [whole]
    faults = list(unknown_keys(shape, config, ()))
    if whole is not None:
        each = list(faults_of_fields(kind, config, ())) or [whole]
        is_told = bool(faults)
        faults += [fault for fault in each if not (is_told and fault.message.startswith("Object contains unknown"))]
    return (None if faults else made), faults


def converted(value: object, hint: Any, path: Path, kind: type) -> tuple[Any, Fault | None]:
    """Make a value of a type hint, or tell why not."""
    try:
        return msgspec.convert(value, hint, str_keys=True, dec_hook=make_custom), None
    except msgspec.ValidationError as error:
        text = str(error)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's types may raise anything
        text = f"{type(error).__name__}: {error}"
    found = MISFIT.fullmatch(text[:MAX_MESSAGE])
    assert found is not None, "it matches any text"
    advice = f"Give what {kind.__name__} takes, or change what it takes."
    return None, Fault((*path, *steps(found["path"] or "")), found["reason"], advice)


def steps(text: str) -> Iterator[str | int]:
    """Read a path as msgspec writes it, up to where it is no longer exact."""
    for step in STEP.finditer(text):
        if step["any"]:
            return
        yield step["name"] or int(step["index"])


def spelt(path: Path) -> str:
    """Write a path as msgspec writes it: ``$.items[2].name``."""
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)


def faults_of_fields(kind: type[msgspec.Struct], config: Mapping[str, Any], path: Path) -> Iterator[Fault]:
    """Try every field by itself."""
    for field in msgspec.structs.fields(kind):
        name = field.encode_name
        if name in config:
            yield from faults_of_field(kind, field.type, config[name], (*path, name))
        elif field.required:
            message = f"the key `{name}` is missing, which {kind.__name__} requires"
            yield Fault(path, message, f"Add it under `{'.'.join(('config', *map(str, path)))}`: {{{name}: ...}}.")


def faults_of_field(kind: type[msgspec.Struct], hint: Any, value: object, path: Path) -> Iterator[Fault]:
    """Try one field; of one that is a Struct too, every field of its own."""
    _, whole = converted(value, hint, path, kind)
    if whole is None:
        return
    structs = structs_of(hint) if isinstance(value, Mapping) else []
    within = list(faults_of_fields(structs[0], cast("Mapping[str, Any]", value), path)) if len(structs) == 1 else []
    yield from within or [whole]


def structs_of(hint: Any) -> list[type[msgspec.Struct]]:
    """The Structs that a type hint admits itself, not inside a collection."""
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        return structs_of(typing.get_args(hint)[0])
    if origin in (typing.Union, types.UnionType):
        return [struct for member in typing.get_args(hint) for struct in structs_of(member)]
    return [hint] if isinstance(hint, type) and issubclass(hint, msgspec.Struct) else []


def shape_of(kind: type) -> inspect.Type | None:
    """What msgspec knows of a type; None = it refuses the type itself, such as for a hint that cannot be evaluated."""
    try:
        return inspect.type_info(kind)
    except Exception:  # noqa: BLE001 - hints are expressions of the user's
        return None


def unknown_keys(shape: inspect.Type, value: object, path: Path) -> Iterator[Fault]:
    """Find the keys that no field takes, at any depth."""
    match shape:
        case inspect.Metadata(type=inner):
            yield from unknown_keys(inner, value, path)
        case inspect.UnionType(types=members):
            fitting = [one for one in members if may_take(one, value)]
            if len(fitting) == 1:
                yield from unknown_keys(fitting[0], value, path)
        case inspect.DictType(value_type=inner) if isinstance(value, Mapping):
            for key, item in value.items():
                yield from unknown_keys(inner, item, (*path, key))
        case inspect.TupleType(item_types=inners) if isinstance(value, list):
            for index, (one, item) in enumerate(zip(inners, value, strict=False)):
                yield from unknown_keys(one, item, (*path, index))
        case inspect.ListType() | inspect.SetType() | inspect.FrozenSetType() | inspect.VarTupleType():
            for index, item in enumerate(value if isinstance(value, list) else ()):
                yield from unknown_keys(shape.item_type, item, (*path, index))
        case inspect.StructType() | inspect.DataclassType() | inspect.TypedDictType() if isinstance(value, Mapping):
            yield from unknown_fields(shape.cls, shape.fields, tag_of(shape), value, path)


def unknown_fields(
    cls: type, fields: Sequence[inspect.Field], tag: str | None, value: Mapping[str, object], path: Path
) -> Iterator[Fault]:
    """Find the keys of one mapping that are no field's, then those further in."""
    by_name = {field.encode_name: field for field in fields}
    known = tuple(by_name)
    for key, item in value.items():
        if key in by_name:
            yield from unknown_keys(by_name[key].type, item, (*path, key))
        elif key != tag:
            advice = f"{cls.__name__} has {', '.join(known[:20]) or 'no fields'}."
            yield Fault((*path, key), f"unknown key {quoted(key)}", advice, known)


def may_take(shape: inspect.Type, value: object) -> bool:
    """Tell whether a member of a union is the one that takes a mapping or a list."""
    if isinstance(value, Mapping):
        if isinstance(shape, inspect.AnyType | inspect.DictType | inspect.DataclassType | inspect.TypedDictType):
            return True
        return isinstance(shape, inspect.StructType) and (
            shape.tag_field is None or value.get(shape.tag_field) == shape.tag
        )
    arrays = inspect.ListType | inspect.SetType | inspect.FrozenSetType | inspect.VarTupleType | inspect.TupleType
    return isinstance(value, list) and isinstance(shape, arrays)


def tag_of(shape: inspect.Type) -> str | None:
    """The key that names the class in a union, if any."""
    return shape.tag_field if isinstance(shape, inspect.StructType) else None
