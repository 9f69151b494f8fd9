"""Whether plain data may be what a JSON Schema describes: the names of fields, and the plain types.

For agents of other processes, whose types are not here. What the schema says besides (formats, bounds, patterns) and words that
are not known here are taken as met: the worker judges by the type itself, so that at worst a task fails there and not here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from dagger_actors.core.wording import nearest

__all__ = ["filled", "misfit"]

MAX_DEPTH: Final = 100
SHOWN: Final = 10

KINDS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: not isinstance(value, bool) and isinstance(value, int | float),
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


def misfit(schema: Mapping[str, Any], value: Any) -> str | None:
    """Tell why a value does not fit a schema, with the path to what does not; None = it may.

    Args:
        schema: As ``agent_schema`` makes them, its definitions in ``$defs``.
        value: As it comes out of JSON.
    """
    return next(_faults(schema, value, schema.get("$defs", {}), "$", 0), None)


def filled(schema: Mapping[str, Any], value: Any, path: Sequence[str]) -> Any:
    """Give a value with the default of the schema for the first field on a path that it does not have.

    Args:
        schema: As for ``misfit``.
        value: As it comes out of JSON; left as it is.
        path: Names of fields, from the outside in.
    """
    if not path or not isinstance(value, dict):
        return value
    defs, (name, *rest) = schema.get("$defs", {}), path
    here = defs.get(str(schema["$ref"]).rpartition("/")[2], {}) if "$ref" in schema else schema
    field = here.get("properties", {}).get(name, {})
    if name not in value:
        return {**value, name: field["default"]} if "default" in field else value
    return {**value, name: filled({**field, "$defs": defs}, value[name], rest)}


def _faults(schema: Any, value: Any, defs: Mapping[str, Any], path: str, depth: int) -> Iterator[str]:
    if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
        return
    kind, allowed = schema.get("type", ""), schema.get("enum")
    if "$ref" in schema:
        yield from _faults(defs.get(str(schema["$ref"]).rpartition("/")[2]), value, defs, path, depth + 1)
    elif "anyOf" in schema:
        faults = [next(_faults(one, value, defs, path, depth + 1), None) for one in schema["anyOf"]]
        if None not in faults:  # of several the deepest is the nearest to what was meant
            yield max((one for one in faults if one is not None), key=_depth)
    elif allowed is not None and value not in allowed:
        yield f"it is none of {', '.join(map(repr, allowed[:SHOWN]))} at {path}"
    elif kind in KINDS and not KINDS[kind](value):
        yield f"{kind} is wanted, not {_kind_of(value)} at {path}"
    elif isinstance(value, dict):
        yield from _wrong_fields(schema, value, defs, path, depth)
    elif isinstance(value, list) and "prefixItems" not in schema:
        for at, one in enumerate(value):
            yield from _faults(schema.get("items"), one, defs, f"{path}[{at}]", depth + 1)


def _wrong_fields(
    schema: Mapping[str, Any], value: Mapping[str, Any], defs: Mapping[str, Any], path: str, depth: int
) -> Iterator[str]:
    fields: Mapping[str, Any] = schema.get("properties", {})
    others = schema.get("additionalProperties")
    for name in schema.get("required", ()):
        if name not in value:
            yield f"it has no field {name!r} at {path}"
    for name, part in value.items():
        if name not in fields and fields and not others:
            near = nearest(name, fields)
            yield f"there is no field {name!r} at {path}" + (f", did you mean {near!r}?" if near else "")
        yield from _faults(fields.get(name, others), part, defs, f"{path}.{name}", depth + 1)


def _kind_of(value: Any) -> str:
    return next(kind for kind, fits in KINDS.items() if fits(value))


def _depth(fault: str) -> int:
    path = fault.rpartition("$")[2]
    return path.count(".") + path.count("[")
