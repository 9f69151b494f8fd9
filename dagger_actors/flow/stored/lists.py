"""What mapped nodes go over: how many items, under which keys, and each one; read from the outputs that hold them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from dagger_actors.bodies.fields import UnresolvedReference, pick, take_apart
from dagger_actors.bodies.secret import Secret
from dagger_actors.core.comparisons import ABSENT
from dagger_actors.core.messages import Gathered, Inline, Output, SecretName, Stored, Value
from dagger_actors.flow.definition import FromNode, MapSpec, Reference
from dagger_actors.flow.definition.values import Values
from dagger_actors.flow.machine.invocations import HOLE, Invocations

__all__ = ["Lists"]

LONGEST_KEY = 200

_list = msgspec.json.Decoder(list[msgspec.Raw])


class Lists:
    """Reads the lists of one run, each once.

    Args:
        work: The run's invocations.
        values: Resolves its references.
        load: Reads an artifact's content.
    """

    def __init__(self, work: Invocations, values: Values, load: Callable[[str], bytes]) -> None:
        self._work = work
        self._values = values
        self._load = load
        self._items: dict[int, list[Value]] = {}

    def size(self, node: int) -> int:
        """How many items a mapped node goes over.

        Raises:
            UnresolvedReference: There is no list.
        """
        source = self._source(node)
        return self._work.sizes[source] if source is not None else len(self._read(node))

    def item(self, node: int, item: int) -> Value:
        """One item.

        Raises:
            UnresolvedReference: There is no such item.
        """
        source = self._source(node)
        if source is None:
            return self._read(node)[item]
        over = self._spec(node).over
        assert isinstance(over, FromNode)
        value = self._work.outputs.get(self._work.vertex(source, item), HOLE)
        assert isinstance(value, Output)
        return value if over.key is None else self._field(value, over.key)

    def keys(self, node: int) -> tuple[str, ...]:
        """The items' keys; none = their positions. Over a mapped node they are the keys of that one.

        Raises:
            UnresolvedReference: An item has no key, or one that another has.
        """
        path = self._spec(node).key
        if path is None:
            source = self._source(node)
            if source is None:
                return ()
            return self._work.keys.get(source) or self.keys(source)
        keys = [self._key(self.item(node, item), path, item) for item in range(self.size(node))]
        seen: dict[str, int] = {}
        for item, key in enumerate(keys):
            if seen.setdefault(key, item) != item:
                raise UnresolvedReference(f"map.key: the items {seen[key]} and {item} have the same key {key!r}")
        return tuple(keys)

    def look_up(self, reference: Reference) -> object:
        """The Python value of a reference, or ``ABSENT``.

        Raises:
            UnresolvedReference: It leads to bytes, or to a key of what has no keys.
        """
        if isinstance(reference, FromNode):
            value = self._work.output(reference.node)
            if value is None and reference.default is None:
                return ABSENT
            if value is not None and reference.key is not None and not isinstance(value, Gathered):
                found = self._python(value)
                return found.get(reference.key, ABSENT) if isinstance(found, dict) else ABSENT
        return self._python(self._values.resolve(reference))

    def given(self, reference: Reference) -> Any:
        """The Python value of a reference, as a flow takes it; a secret stays one.

        Raises:
            UnresolvedReference: It leads to bytes, or to nothing.
        """
        value = self._values.resolve(reference)
        return Secret.env(value.variable) if isinstance(value, SecretName) else self._python(value)

    def given_item(self, node: int, item: int) -> Any:
        """The Python value of one item.

        Raises:
            UnresolvedReference: There is no such item, or it is bytes.
        """
        return self._python(self.item(node, item))

    def _python(self, value: Value) -> Any:
        if isinstance(value, Gathered):
            return [self._python(item) for item in value.items]
        return msgspec.json.decode(self._text(value))

    def _source(self, node: int) -> int | None:
        """The mapped node whose items these are made from, one by one; None when the list is a value."""
        source = self._work.sources.get(node)
        if source is None or source not in self._work.sizes:
            return None
        # One that runs only when that succeeds has fanned out before its end: what has its item goes on, though it fails by then.
        is_streamed = self._work.nodes[node].trigger == "all_succeeded"
        return source if is_streamed or self._work.state(source) in (None, "succeeded") else None

    def _spec(self, node: int) -> MapSpec:
        spec = self._work.nodes[node].map
        assert spec is not None
        return spec

    def _read(self, node: int) -> list[Value]:
        items = self._items.get(node)
        if items is None:
            value = self._values.resolve(self._spec(node).over)
            assert not isinstance(value, Gathered), "the list of a mapped node is read item by item"
            try:
                items = [Inline(bytes(item)) for item in _list.decode(self._text(value))]
            except msgspec.DecodeError as error:
                raise UnresolvedReference("map.over leads to something that is no list") from error
            self._items[node] = items
        return items

    def _text(self, value: Output | SecretName) -> bytes:
        if isinstance(value, Inline):
            return value.json
        if isinstance(value, SecretName):
            raise UnresolvedReference("the reference leads to a secret")
        if value.kind == "bytes":
            raise UnresolvedReference("the reference leads to bytes, not to a list or another value of JSON")
        text = self._load(value.artifact_id)
        return text if value.key is None else pick(take_apart(text, "the output"), value.key, "the output")

    def _field(self, value: Output, key: str) -> Output:
        if isinstance(value, Stored):
            return Stored(value.artifact_id, value.kind, value.size_bytes, key)
        return Inline(pick(take_apart(value.json, "the item"), key, "the item"))

    def _key(self, value: Value, path: tuple[str, ...], item: int) -> str:
        found = self._python(value)
        for name in path:
            if not isinstance(found, dict) or name not in found:
                raise UnresolvedReference(f"map.key: item {item} has no field {'.'.join(path)!r}")
            found = found[name]
        if isinstance(found, bool) or not isinstance(found, str | int):
            raise UnresolvedReference(f"map.key: the key of item {item} is neither text nor a whole number")
        key = str(found)
        if not 1 <= len(key) <= LONGEST_KEY or not key.isprintable():
            raise UnresolvedReference(
                f"map.key: the key of item {item} is not 1 to {LONGEST_KEY} printable characters: {key!r:.100}"
            )
        return key
