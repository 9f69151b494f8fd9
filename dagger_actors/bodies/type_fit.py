"""Compares type hints: can any value of one type, written as JSON, be read strictly as another?

Sound, not complete: a clash is told only when no value fits, empty containers apart. What cannot be known (``Any``, no
hint, a type variable, a class of the user's) fits everything; a union fits when one of its members does. For Python a
``bool`` is an ``int`` and an ``int`` a ``float`` (PEP 484), so what is said to be an ``int`` may be read as a ``bool``, and
what is said to be a ``float`` as an ``int``.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import inspect

from dagger_actors.bodies.type_shape import (
    ANY,
    BYTES,
    FIELDS,
    MAX_DEPTH,
    SEQUENCES,
    Artifact,
    is_open,
    items_of,
    members_of,
    name_of,
)
from dagger_actors.core.wording import counted

__all__ = ["Clash", "clash", "field_of", "fields_of", "item_of", "written_as"]

KINDS: Mapping[type, str] = {type(None): "null", bool: "bool", int: "int", float: "float", str: "str"}
ARRAYS = (*SEQUENCES, inspect.TupleType, inspect.NamedTupleType)
WRITTEN: Mapping[type, frozenset[str]] = {
    inspect.NoneType: frozenset({"null"}),
    inspect.BoolType: frozenset({"bool"}),
    inspect.IntType: frozenset({"int", "bool"}),
    inspect.FloatType: frozenset({"float", "int"}),
    inspect.DictType: frozenset({"object"}),
}
READ: Mapping[type, frozenset[str]] = {
    **WRITTEN,
    inspect.IntType: frozenset({"int"}),
    inspect.DecimalType: frozenset({"float", "int", "str"}),
    **dict.fromkeys(BYTES, frozenset({"artifact", "str"})),
}


class Clash(msgspec.Struct, frozen=True):
    """Why no value fits.

    Attributes:
        path: Where, from the value's root: ``$``, ``$[...]``, ``$.name``.
        reason: What is wrong there.
    """

    path: str
    reason: str


def clash(source: inspect.Type, target: inspect.Type, path: str = "$", depth: int = 0) -> Clash | None:
    """Say why no value of one type can be read as the other; None when some may.

    Args:
        source: The type of what is given.
        target: The type that it is read as.
        path: Where both are, for the reason.
        depth: How deep that is; recursive types are taken to fit from ``MAX_DEPTH`` on.
    """
    sources, targets = members_of(source), members_of(target)
    if depth > MAX_DEPTH or any(map(is_open, sources)) or any(map(is_open, targets)):
        return None
    first: Clash | None = None
    for one in sources:
        for other in targets:
            found = _clash(one, other, path, depth)
            if found is None:
                return None
            first = first or found
    if len(sources) == len(targets) == 1:
        return first
    return Clash(path, f"{name_of(source)} is never {name_of(target)}")


def _clash(source: inspect.Type, target: inspect.Type, path: str, depth: int) -> Clash | None:
    common = _written(source) & _read(target)
    values, wanted = _values(source), _values(target)
    if not common or (values is not None and wanted is not None and not values & wanted):
        return Clash(path, f"{name_of(source)} is never {name_of(target)}")
    if "array" in common:
        return _array_clash(source, target, path, depth)
    return _object_clash(source, target, path, depth) if "object" in common else None


def _written(one: inspect.Type) -> frozenset[str]:
    """What a value looks like as JSON."""
    if isinstance(one, Artifact):
        return frozenset({"artifact"})
    return WRITTEN.get(type(one)) or _alike(one)


def written_as(source: inspect.Type) -> frozenset[str] | None:
    """List what values of a type may look like as JSON: ``int``, ``str``, ``array``, ...; None when that is not known."""
    members = members_of(source)
    return None if any(map(is_open, members)) else frozenset().union(*map(_written, members))


def _read(one: inspect.Type) -> frozenset[str]:
    """What JSON it can be read from."""
    return READ.get(type(one)) or _alike(one)


def _alike(one: inspect.Type) -> frozenset[str]:
    if isinstance(one, ARRAYS) or (isinstance(one, inspect.StructType) and one.array_like):
        return frozenset({"array"})
    if isinstance(one, FIELDS):
        return frozenset({"object"})
    values = _values(one)
    if values is None:
        return frozenset({"int", "str"} if isinstance(one, inspect.EnumType) else {"str"})
    return frozenset(KINDS[kind] for kind, _ in values)


def _values(one: inspect.Type) -> frozenset[tuple[type, Any]] | None:
    """List the only values there are, with their types, as 1 equals True; None when they are not listed."""
    if isinstance(one, inspect.LiteralType):
        return frozenset((type(value), value) for value in one.values)
    # Flags have values that none of their names has.
    if isinstance(one, inspect.EnumType) and "_missing_" not in vars(one.cls) and not issubclass(one.cls, enum.Flag):
        pairs = [(kind, kind(m.value)) for m in one.cls for kind in (int, str) if isinstance(m.value, kind)]
        return frozenset(pairs) if len(pairs) == len(one.cls) else None
    return None


def _array_clash(source: inspect.Type, target: inspect.Type, path: str, depth: int) -> Clash | None:
    given, wanted = items_of(source), items_of(target)
    if given is None or wanted is None:
        return None
    if isinstance(given, inspect.Type) and isinstance(wanted, inspect.Type):
        return clash(given, wanted, f"{path}[...]", depth + 1)
    if isinstance(given, tuple) and isinstance(wanted, tuple) and len(given) != len(wanted):
        return Clash(path, f"{name_of(source)} has {counted(len(given), 'item')}, {name_of(target)} {len(wanted)}")
    size = len(given) if isinstance(given, tuple) else len(wanted) if isinstance(wanted, tuple) else 0
    for position in range(size):
        one = given[position] if isinstance(given, tuple) else given
        other = wanted[position] if isinstance(wanted, tuple) else wanted
        if found := clash(one, other, f"{path}[{position}]", depth + 1):
            return found
    return None


def _object_clash(source: inspect.Type, target: inspect.Type, path: str, depth: int) -> Clash | None:
    if isinstance(source, inspect.StructType) and isinstance(target, inspect.StructType):
        tags = (source.tag, target.tag)
        if source.tag_field == target.tag_field and None not in tags and tags[0] != tags[1]:
            return Clash(path, f"{name_of(source)} has the tag {tags[0]!r}, {name_of(target)} has {tags[1]!r}")
    for name, one, other in _pairs(source, target):
        if other is None:
            return Clash(path, f"{name_of(target)} takes no field {name!r}")
        if one is None:
            return Clash(path, f"{name_of(source)} lacks the field {name!r}, which {name_of(target)} requires")
        if found := clash(one, other, f"{path}.{name}", depth + 1):
            return found
    return None


def _pairs(
    source: inspect.Type, target: inspect.Type
) -> Iterator[tuple[str, inspect.Type | None, inspect.Type | None]]:
    """List the fields that must fit, as (name, given, wanted)."""
    given, wanted = written_fields_of(source), fields_of(target)
    if given is None and wanted is None:
        yield "...", _value_type(source), _value_type(target)
        return
    for name, field in (wanted or {}).items():
        if given is None and field.required:
            yield name, _value_type(source), field.type
        elif given is not None and (field.required or (name in given and _is_always_written(source, given[name]))):
            yield name, given[name].type if name in given else None, field.type
    is_strict = isinstance(target, inspect.StructType) and target.forbid_unknown_fields
    for name, field in (given or {}).items():
        if wanted is None and _is_always_written(source, field):
            yield name, field.type, _value_type(target)
        elif wanted is not None and name not in wanted and is_strict and field.required:
            yield name, field.type, None


def _is_always_written(owner: inspect.Type, field: inspect.Field) -> bool:
    if field.required:
        return True
    if isinstance(owner, inspect.TypedDictType) or field.default is msgspec.UNSET:
        return False
    return not (isinstance(owner, inspect.StructType) and getattr(owner.cls, "__struct_config__").omit_defaults)  # noqa: B009


def _value_type(one: inspect.Type) -> inspect.Type:
    return one.value_type if isinstance(one, inspect.DictType) else ANY


def fields_of(one: inspect.Type) -> dict[str, inspect.Field] | None:
    """List the fields of a type by the name that they have as JSON; None when it has none of its own."""
    if isinstance(one, FIELDS) and _alike(one) == {"object"}:
        return {field.encode_name: field for field in one.fields}
    return None


def written_fields_of(one: inspect.Type) -> dict[str, inspect.Field] | None:
    """List the fields of a value as it is written: a Struct's tag is one of them."""
    fields = fields_of(one)
    if fields is not None and isinstance(one, inspect.StructType) and one.tag_field is not None and one.tag is not None:
        tag = inspect.LiteralType((one.tag,))
        fields[one.tag_field] = inspect.Field(name=one.tag_field, encode_name=one.tag_field, type=tag, required=False)
    return fields


def field_of(source: inspect.Type, key: str) -> inspect.Type | list[str] | None:
    """Find the type of a value's field.

    Returns:
        The type; the names of the fields there are, when it is none of them; None when the value has no fields at all.
    """
    found: list[inspect.Type] = []
    names: list[str] | None = None
    for one in members_of(source):
        fields = written_fields_of(one)
        if is_open(one) or isinstance(one, Artifact):
            return ANY
        if fields is not None and key in fields:
            found.append(fields[key].type)
        elif fields is not None:
            names = [*(names or ()), *fields]
        elif isinstance(one, inspect.DictType):
            found.append(one.value_type)
    return _union(found) if found else names


def item_of(source: inspect.Type) -> inspect.Type | None:
    """Find the type of a list's items; None when the value is never a list."""
    found: list[inspect.Type] = []
    for one in members_of(source):
        if is_open(one):
            return ANY
        if _written(one) == {"array"}:
            items = items_of(one)
            found += [ANY] if items is None else items if isinstance(items, tuple) else [items]
    return _union(found) if found else None


def _union(types: Iterable[inspect.Type]) -> inspect.Type:
    members = tuple(member for one in types for member in members_of(one))
    return members[0] if len(members) == 1 else inspect.UnionType(members)
