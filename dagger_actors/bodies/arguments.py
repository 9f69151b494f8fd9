"""From the inputs of a start to the arguments of a body: first the content, then what the parameter makes of it.

The first half is the parent's, the second happens where the body runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from dagger_actors.bodies.actions import Action
from dagger_actors.bodies.fields import UnresolvedReference, pick, take_apart
from dagger_actors.bodies.parameters import Parameter
from dagger_actors.bodies.secret import Secret
from dagger_actors.core.messages import Gathered, Inline, SecretName, Stored, Value
from dagger_actors.errors import InputError

__all__ = ["arguments_of", "content_of", "decoded"]

AS_BYTES = "it is given bytes, as another action returned them (or a path, whose content is stored); hint it as bytes"

Load = Callable[[str], bytes]


def arguments_of(
    action: Action, inputs: Iterable[tuple[str, Value]], secrets: Mapping[str, Secret], load: Load
) -> dict[str, Any]:
    """Make the arguments of an action, but for its context.

    Args:
        action: The action.
        inputs: Those of the start.
        secrets: What the secrets among them name, resolved.
        load: Reads an artifact's content.

    Raises:
        ArtifactError, StoreError: As in ``content_of``.
        InputError: As there, or a parameter takes no such thing.
    """
    arguments: dict[str, Any] = {}
    parameters = action.by_name
    for name, value in inputs:
        parameter = parameters.get(name)
        if type(value) is Inline and parameter is not None:  # nearly always
            arguments[name] = parameter.decode(value.json)
        elif name in secrets and parameter is not None and parameter.is_secret:
            arguments[name] = secrets[name]
        else:
            is_bytes, content = content_of((action.name, name), value, secrets.get(name), load)
            arguments[name] = decoded(parameter, content, is_bytes=is_bytes)
    return arguments


def content_of(place: tuple[str, str], value: Value, secret: Secret | None, load: Load) -> tuple[bool, bytes]:
    """Give the content of an input, and whether it is bytes and no JSON.

    Args:
        place: The names of the action and of its parameter.
        value: The input.
        secret: What it names, when it is a secret; resolved.
        load: Reads an artifact's content.

    Raises:
        InputError: It is one key of an artifact that has none such.
        ArtifactError, StoreError: An artifact cannot be read.
    """
    match value:
        case Inline(json=text):
            return False, text
        case SecretName():
            assert secret is not None
            return False, msgspec.json.encode(secret.reveal())
        case Stored():
            content = load(value.artifact_id)
            if value.key is None:
                return value.kind == "bytes", content
            try:
                return False, pick(take_apart(content, "the output"), value.key, "the output")
            except UnresolvedReference as error:
                raise InputError(*place, str(error)) from None
        case Gathered(items=items):
            return False, b"[" + b",".join(item_content(item, load) for item in items) + b"]"


def item_content(item: Inline | Stored, load: Load) -> bytes:
    """Give one item of a list, as JSON text."""
    if isinstance(item, Inline):
        return item.json
    content = load(item.artifact_id)
    if item.kind == "bytes":
        # A list cannot hold bytes as JSON; its reader gets the reference and loads what it wants.
        return msgspec.json.encode({"artifact_id": item.artifact_id, "kind": item.kind, "size_bytes": item.size_bytes})
    return content


def decoded(parameter: Parameter | None, content: bytes, *, is_bytes: bool) -> Any:
    """Make an argument of a content.

    Args:
        parameter: What takes it; None = ``**kwargs`` does.
        content: JSON text, or bytes.
        is_bytes: Which of the two it is.

    Raises:
        InputError: The parameter takes no such thing.
    """
    if is_bytes:
        if parameter is not None and not parameter.takes_bytes:
            raise InputError(parameter.action, parameter.name, AS_BYTES)
        return content
    return parameter.decode(content) if parameter is not None else msgspec.json.decode(content)
