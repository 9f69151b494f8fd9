"""Reads the inputs that a flow declares."""

from __future__ import annotations

from typing import cast, get_args

from dagger_actors.core.wording import quoted
from dagger_actors.flow.definition import InputSpec, InputType
from dagger_actors.flow.loading.secret_inputs import read_secret
from dagger_actors.reading.keys import Keys
from dagger_actors.reading.reader import Reader
from dagger_actors.reading.tree import Scalar, Table, Tree

__all__ = ["INPUT", "INPUT_TYPES", "read_flow_inputs"]

INPUT = Keys(known=("type", "default", "description", "secret"))
INPUT_TYPES = cast("tuple[str, ...]", get_args(InputType))


def read_flow_inputs(reader: Reader, tree: Tree) -> dict[str, InputSpec]:
    """Read the inputs, by name."""
    read: dict[str, InputSpec] = {}
    for name, field in reader.entries(tree, "inputs").items():
        value = field.value
        if isinstance(value, Table):
            read[name] = _read_input(reader, name, value)
        elif isinstance(value, Scalar) and value.value is None:
            advice = f"For a required input write {name}: {{}}, for a default of null {name}: {{default: null}}."
            reader.complain(field.at, f"the input {quoted(name)} is empty", advice)
            read[name] = InputSpec()
        else:
            read[name] = InputSpec(default=reader.json(value, "a default"))
    return read


def _read_input(reader: Reader, name: str, tree: Table) -> InputSpec:
    what = f"the input {quoted(name)}"
    fields = reader.fields(tree, what, INPUT) or {}
    kind = reader.choice(fields["type"].value, "type", INPUT_TYPES) if "type" in fields else None
    default = None
    if "default" in fields:
        value = fields["default"].value
        default = reader.json(value, "default")
        if default is not None and kind is not None:
            reader.of_type(value, f"the default of {what}", kind)
    description = reader.text(fields["description"].value, "description") if "description" in fields else None
    secret = read_secret(reader, fields, what, kind)
    return InputSpec(
        type=cast("InputType", kind or "any"), default=default, description=description or "", secret=secret
    )
