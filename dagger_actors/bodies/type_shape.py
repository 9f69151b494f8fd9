"""Describes type hints: what is known of the values behind them, their members, items and names.

Built on ``msgspec.inspect``; what msgspec cannot describe is unknown, and unknown is ``ANY``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from msgspec import inspect

from dagger_actors.bodies.parameters import alternatives

__all__ = [
    "ANY",
    "BYTES",
    "FIELDS",
    "SEQUENCES",
    "Artifact",
    "bare",
    "hint_type",
    "is_open",
    "is_path",
    "items_of",
    "members_of",
    "name_of",
    "output_type",
]

ANY = inspect.AnyType()
MAX_DEPTH = 32
MAX_NAME = 120
OPEN = (inspect.AnyType, inspect.RawType, inspect.ExtType)
FIELDS = (inspect.StructType, inspect.DataclassType, inspect.TypedDictType)
BYTES = (inspect.BytesType, inspect.ByteArrayType, inspect.MemoryViewType)
SEQUENCES = (inspect.ListType, inspect.SetType, inspect.FrozenSetType, inspect.VarTupleType)
NAMES: Mapping[type, str] = {
    inspect.NoneType: "None",
    inspect.BoolType: "bool",
    inspect.IntType: "int",
    inspect.FloatType: "float",
    inspect.StrType: "str",
    inspect.BytesType: "bytes",
    inspect.ByteArrayType: "bytearray",
    inspect.MemoryViewType: "memoryview",
    inspect.DateTimeType: "datetime",
    inspect.TimeType: "time",
    inspect.DateType: "date",
    inspect.TimeDeltaType: "timedelta",
    inspect.UUIDType: "UUID",
    inspect.DecimalType: "Decimal",
    inspect.AnyType: "Any",
    inspect.RawType: "Raw",
    inspect.ListType: "list",
    inspect.SetType: "set",
    inspect.FrozenSetType: "frozenset",
    inspect.VarTupleType: "tuple",
    inspect.TupleType: "tuple",
    inspect.DictType: "dict",
}


class Artifact(inspect.Type):
    """Bytes that are given as they are, not as JSON: what an action returned as bytes or as a path."""


def hint_type(hint: Any) -> inspect.Type:
    """Describe a type hint; one that msgspec cannot describe is unknown, and unknown is ``ANY``."""
    described = [_described(one) for one in alternatives(hint)]
    return described[0] if len(described) == 1 else inspect.UnionType(tuple(described))


def output_type(hint: Any) -> inspect.Type:
    """Describe what is stored of a return hint: bytes and paths become artifacts."""
    described = hint_type(hint)
    members = [Artifact() if is_artifact(one) else one for one in members_of(described)]
    return members[0] if len(members) == 1 else inspect.UnionType(tuple(members))


def is_artifact(one: inspect.Type) -> bool:
    """Tell whether a returned value of this type is stored as bytes."""
    return isinstance(one, BYTES) or is_path(one)


def is_path(one: inspect.Type) -> bool:
    """Tell whether this is a file's path."""
    return isinstance(one, inspect.CustomType) and isinstance(one.cls, type) and issubclass(one.cls, PurePath)


def _described(hint: Any) -> inspect.Type:
    try:
        return bare(inspect.type_info(hint))
    except (TypeError, ValueError, NameError, RecursionError):
        return ANY


def bare(one: inspect.Type) -> inspect.Type:
    """Take away what only annotates."""
    while isinstance(one, inspect.Metadata):
        one = one.type
    return one


def members_of(one: inspect.Type) -> tuple[inspect.Type, ...]:
    """List the members of a union; anything else alone."""
    one = bare(one)
    return tuple(map(bare, one.types)) if isinstance(one, inspect.UnionType) else (one,)


def is_open(one: inspect.Type) -> bool:
    """Tell whether nothing is known of the values of this type."""
    return isinstance(one, OPEN) or (isinstance(one, inspect.CustomType) and not is_path(one))


def items_of(one: inspect.Type) -> inspect.Type | tuple[inspect.Type, ...] | None:
    """The type of every item, or of each; None when that is not known."""
    if isinstance(one, SEQUENCES):
        return one.item_type
    return one.item_types if isinstance(one, inspect.TupleType) else None


def name_of(one: inspect.Type) -> str:
    """Name a type as Python spells it."""
    name = _name_of(one, 0)
    return name if len(name) <= MAX_NAME else name[: MAX_NAME - 3] + "..."


def _name_of(one: inspect.Type, depth: int) -> str:
    one = bare(one)
    if depth > MAX_DEPTH:
        return "..."
    match one:
        case Artifact():
            return "bytes"
        case inspect.UnionType(types=types):
            return " | ".join(dict.fromkeys(_name_of(member, depth + 1) for member in types))
        case inspect.LiteralType(values=values):
            return f"Literal[{', '.join(map(repr, values))}]"
        case inspect.DictType(key_type=key, value_type=value):
            inner = [_name_of(key, depth + 1), _name_of(value, depth + 1)]
        case inspect.TupleType(item_types=types):
            inner = [_name_of(item, depth + 1) for item in types] or ["()"]
        case inspect.ListType() | inspect.SetType() | inspect.FrozenSetType() | inspect.VarTupleType():
            inner = [_name_of(one.item_type, depth + 1)]
            inner += ["..."] if isinstance(one, inspect.VarTupleType) else []
        case _:
            cls = getattr(one, "cls", None)
            return NAMES.get(type(one)) or getattr(cls, "__qualname__", repr(cls)).rpartition("<locals>.")[2]
    return NAMES[type(one)] + ("" if set(inner) <= {"Any", "..."} else f"[{', '.join(inner)}]")
