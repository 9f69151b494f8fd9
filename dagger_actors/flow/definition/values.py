"""From references to values: what an invocation is given, put together from what its ancestors gave."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from dagger_actors.bodies.fields import UnresolvedReference, pick, take_apart
from dagger_actors.core.messages import Gathered, Inline, SecretName, Stored, Value
from dagger_actors.flow.definition import Constant, FlowDefinition, FromInput, FromNode, NodeDefinition, Reference

__all__ = ["Values"]


class Values:
    """Resolves the references of one run.

    Args:
        definition: The flow.
        inputs: The run's inputs as JSON text by name.
        nodes: The run's nodes by position, those too that were added.
        output: What a node gave, by position; None when it has given nothing.
    """

    def __init__(
        self,
        definition: FlowDefinition,
        inputs: dict[str, bytes],
        nodes: Sequence[NodeDefinition],
        output: Callable[[int], Value | None],
    ) -> None:
        self._definition = definition
        self._inputs = inputs
        self._nodes = nodes
        self._output = output
        # One producer often feeds thousands of consumers: its fields are taken apart once.
        self._taken_apart: dict[int, dict[str, msgspec.Raw]] = {}

    def resolve(self, reference: Reference) -> Value:
        """Find the value of one reference.

        Raises:
            UnresolvedReference: The ancestor gave no output, or none with such a key.
        """
        match reference:
            case FromNode(node=node, key=key):
                value = self._output(node)
                if value is None and reference.default is not None:
                    return Inline(reference.default.encode())
                if value is None:
                    raise UnresolvedReference(f"{self._nodes[node].id!r} has no output")
                return value if key is None else self._pick(node, key, value)
            case FromInput(key=key):
                spec = (self._definition.inputs or {}).get(key)
                if spec is not None and spec.secret:
                    return SecretName(msgspec.json.decode(self._inputs[key], type=str).removeprefix("env:"))
                return Inline(self._inputs[key])
            case Constant(json=text):
                return Inline(text.encode())

    def _pick(self, node: int, key: str, value: Value) -> Value:
        name = self._nodes[node].id
        match value:
            case Stored():
                return Stored(value.artifact_id, value.kind, value.size_bytes, key)
            case SecretName():
                raise AssertionError("no node gives a secret")
            case Gathered():
                raise UnresolvedReference(f"{name!r} is mapped: its output is a list, without the key {key!r}")
            case Inline(json=text):
                whose = f"the output of {name!r}"
                fields = self._taken_apart.get(node)
                if fields is None:
                    fields = self._taken_apart[node] = take_apart(text, whose)
                return Inline(pick(fields, key, whose))
