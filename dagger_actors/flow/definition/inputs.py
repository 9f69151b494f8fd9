"""Checks what a caller gives a flow against what the flow takes."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from dagger_actors.bodies.outputs import to_json
from dagger_actors.bodies.secret import ENV, Secret
from dagger_actors.core.wording import indefinite
from dagger_actors.errors import InvalidInputs, OutputError
from dagger_actors.flow.definition import FlowDefinition, FromInput, InputSpec, InputType
from dagger_actors.flow.definition.predicates import references_of

__all__ = ["check_inputs", "declared_inputs", "is_of_type"]

KINDS: Final[dict[str, tuple[type, ...]]] = {
    "int": (int,),
    "float": (float, int),
    "str": (str,),
    "bool": (bool,),
    "list": (list, tuple),
    "dict": (dict,),
    "any": (object,),
}


def declared_inputs(definition: FlowDefinition) -> dict[str, InputSpec]:
    """The flow's parameters; without an ``inputs`` key each reference declares one, required."""
    if definition.inputs is not None:
        return definition.inputs
    references = [reference for node in definition.nodes for _, reference in node.inputs]
    references += [node.map.over for node in definition.nodes if node.map is not None]
    references += [reference for node in definition.nodes for reference, _ in references_of(node.when)]
    references += [one for node in definition.nodes if node.awaits is not None for _, one in node.awaits.match]
    references += list((definition.outputs or {}).values())
    return {reference.key: InputSpec() for reference in references if isinstance(reference, FromInput)}


def check_inputs(definition: FlowDefinition, given: Mapping[str, Any]) -> dict[str, bytes]:
    """Check the inputs and fill in defaults.

    Returns:
        JSON text by name, in the order declared.

    Raises:
        InvalidInputs: Some are missing, unknown, or of the wrong type; names them all.
    """
    if not isinstance(given, Mapping):
        raise InvalidInputs(definition.name, [f"inputs are a mapping of names, not {indefinite(type(given).__name__)}"])
    declared = declared_inputs(definition)
    complaints = [_unknown(name, declared) for name in given if name not in declared]
    encoded: dict[str, bytes] = {}
    for name, spec in declared.items():
        if name in given:
            complaint = _encode(name, spec, given[name], encoded)
            if complaint:
                complaints.append(complaint)
        elif spec.default is not None:
            encoded[name] = spec.default.encode()
        else:
            why = f": {spec.description}" if spec.description else ""
            complaints.append(f"the input {name!r} ({spec.type}) is missing{why}")
    if complaints:
        raise InvalidInputs(definition.name, complaints)
    return encoded


def _unknown(name: str, declared: Mapping[str, InputSpec]) -> str:
    near = difflib.get_close_matches(str(name), declared, n=1)
    known = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(declared) or 'none'}"
    return f"there is no input {name!r}; {known}"


def _encode(name: str, spec: InputSpec, value: Any, encoded: dict[str, bytes]) -> str:
    if spec.secret or isinstance(value, Secret):
        return _encode_secret(name, spec, value, encoded)
    if not is_of_type(value, spec.type):
        return f"the input {name!r} must be {spec.type}, not {type(value).__name__}"
    try:
        encoded[name] = to_json(float(str(value)) if spec.type == "float" else value)
    except (OutputError, OverflowError) as error:
        return f"the input {name!r} cannot be stored: {getattr(error, 'reason', error)}"
    return ""


def is_of_type(value: object, kind: InputType) -> bool:
    """Tell whether a value is of one of the types that inputs and answers may have."""
    return isinstance(value, KINDS[kind]) and not (isinstance(value, bool) and kind in ("int", "float"))


def _encode_secret(name: str, spec: InputSpec, value: Any, encoded: dict[str, bytes]) -> str:
    # Never with the value: whoever gives the text itself must not find it in a log.
    if not isinstance(value, Secret):
        return f'the input {name!r} is secret: give the name of an environment variable, -i {name}=env:NAME or Secret.env("NAME")'
    if not spec.secret:
        return f"the input {name!r} takes no secret; declare it with `secret: true`"
    encoded[name] = msgspec.json.encode(ENV + value.variable)
    return ""


def encode_inputs(encoded: Mapping[str, bytes]) -> str:
    """One JSON object of inputs, as the run's row holds it."""
    return msgspec.json.encode({name: msgspec.Raw(text) for name, text in encoded.items()}).decode()


def decode_inputs(text: str) -> dict[str, bytes]:
    """The inputs of a run's row, by name."""
    return {name: bytes(raw) for name, raw in msgspec.json.decode(text, type=dict[str, msgspec.Raw]).items()}
