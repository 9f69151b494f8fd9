"""What actions take and give, as JSON Schema (draft 2020-12), made from their type hints and docstrings.

A type that has no JSON Schema (a class of the user's, a union that msgspec cannot tell apart) is shown by its name under
``x-python-type``, and accepts anything.
"""

from __future__ import annotations

import inspect
from typing import Any

import msgspec

from dagger_actors.bodies.actions import Action, place_of
from dagger_actors.core.wording import as_written

__all__ = ["ActionSchema", "action_schema", "schema_of_type"]


class ActionSchema(msgspec.Struct, frozen=True, kw_only=True):
    """One action.

    Attributes:
        name: Its name in flow files.
        place: File and line of its function.
        description: Its docstring; empty without one.
        inputs: JSON Schema of the mapping of its inputs.
        output: JSON Schema of its result.
    """

    name: str
    place: str
    description: str
    inputs: dict[str, Any]
    output: dict[str, Any]


def action_schema(action: Action) -> ActionSchema:
    """Describe one action."""
    taken, defs = _schemas([parameter.annotation for parameter in action.parameters])
    properties = {parameter.name: made for parameter, made in zip(action.parameters, taken, strict=True)}
    for name, default in _defaults(action).items():
        properties[name] = {**properties[name], "default": default}
    inputs: dict[str, Any] = {
        "type": "object",
        "properties": properties,
        "required": [parameter.name for parameter in action.parameters if parameter.required],
        "additionalProperties": action.accepts_any,
    }
    return ActionSchema(
        name=action.name,
        place="{}:{}".format(*place_of(action.source)),
        description=inspect.getdoc(action.source) or "",
        inputs=inputs | ({"$defs": defs} if defs else {}),
        output=schema_of_type(action.returns),
    )


def schema_of_type(hint: Any) -> dict[str, Any]:
    """Describe one type, with its own definitions."""
    (made,), defs = _schemas([hint])
    return made | ({"$defs": defs} if defs else {})


def _schemas(hints: list[Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Describe several types at once, so that two classes of one name get different definitions."""
    known = [hint for hint in hints if _has_schema(hint)]
    made, components = msgspec.json.schema_components(known, schema_hook=_custom, ref_template="#/$defs/{name}")
    found = iter(made)
    return [dict(next(found)) if _has_schema(hint) else {"x-python-type": _spelt(hint)} for hint in hints], components


def _has_schema(hint: Any) -> bool:
    try:
        msgspec.json.schema_components((hint,), schema_hook=_custom)
    except (TypeError, ValueError, NameError, RecursionError, NotImplementedError):
        return False
    return True


def _custom(kind: Any) -> dict[str, Any]:
    """Describe what msgspec cannot: pydantic models by their own schema, everything else by its name."""
    if kind is object:
        return {}
    make = getattr(kind, "model_json_schema", None)
    made = make() if callable(make) else None
    # Definitions of its own would be looked for in the wrong place.
    if isinstance(made, dict) and "$defs" not in made:
        return made
    return {"x-python-type": _spelt(kind)}


def _spelt(hint: Any) -> str:
    if type(hint) is type:
        return (
            hint.__qualname__ if hint.__module__ == "builtins" else f"{as_written(hint.__module__)}.{hint.__qualname__}"
        )
    return str(hint).replace("typing.", "")


def _defaults(action: Action) -> dict[str, Any]:
    """The defaults that JSON can hold; of others only `required` tells."""
    found: dict[str, Any] = {}
    for parameter in inspect.signature(action.source).parameters.values():
        if parameter.name in action.by_name and parameter.default is not parameter.empty:
            try:
                found[parameter.name] = msgspec.json.decode(msgspec.json.encode(parameter.default))
            except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
                continue
    return found
