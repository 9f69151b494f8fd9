"""The types that a flow's inputs are declared with, as type hints are described."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import inspect

from dagger_actors.bodies.type_shape import ANY, hint_type
from dagger_actors.flow.definition import InputSpec

__all__ = ["input_type"]

INPUTS: Mapping[str, inspect.Type] = {
    kind: hint_type(hint)
    for kind, hint in {"int": int, "float": float, "str": str, "bool": bool, "list": list, "dict": dict}.items()
}


def input_type(spec: InputSpec | None) -> inspect.Type:
    """Describe one; what is not declared, or as anything, is ``ANY``."""
    return ANY if spec is None or spec.type == "any" else INPUTS[spec.type]
