"""Reads what a node gives to its action: its `inputs`, and the item of its `map`."""

from __future__ import annotations

from collections.abc import Mapping

from dagger_actors.core.wording import quoted
from dagger_actors.flow.definition import Constant
from dagger_actors.flow.loading.references import OVER, OVER_ADVICE, Pointer, read_pointer
from dagger_actors.flow.loading.secret_inputs import refuse_secret
from dagger_actors.flow.loading.settings import MAX_PARALLEL
from dagger_actors.flow.loading.written import InputName, WrittenMap
from dagger_actors.reading.keys import Keys
from dagger_actors.reading.reader import Reader
from dagger_actors.reading.tree import MAX_VALUES, Listing, Table, Tree, described

__all__ = ["MAP", "read_inputs", "read_map"]

Named = list[tuple[str, Pointer]]

MAP = Keys(known=("over", "item", "key", "limit", "tolerate"), required=("over", "item"))
NAME_KEY = frozenset({"name"})


def read_inputs(reader: Reader, tree: Tree, declared: Mapping[str, object] | None, places: dict[str, int]) -> Named:
    """Read `inputs`, spelt as a mapping of names or as a list of `{name, reference}`.

    Args:
        reader: Takes the complaints.
        tree: What the key holds.
        declared: The flow's inputs; None when it declares none.
        places: Is given the place of each name.
    """
    if isinstance(tree, Listing):
        return [named for item in tree.items if (named := read_item(reader, item, declared, places)) is not None]
    inputs: Named = []
    for name, field in reader.entries(tree, "inputs").items():
        places[name] = field.at
        pointer = read_pointer(reader, field.value, InputName(name), declared)
        if pointer is not None:
            inputs.append((name, pointer))
    return inputs


def read_item(
    reader: Reader, tree: Tree, declared: Mapping[str, object] | None, places: dict[str, int]
) -> tuple[str, Pointer] | None:
    """Read one `{name, reference}` of a list of inputs."""
    if not isinstance(tree, Table):
        message = f"an input must be a mapping with `name` and `reference`, not {described(tree)}"
        reader.complain(tree.at, message, "Or write `inputs` as a mapping: {NAME: REFERENCE}.")
        return None
    pointer = read_pointer(reader, tree, "an input", declared, NAME_KEY)
    if "name" not in tree.entries:
        reader.complain(tree.at, "an input lacks the key `name`")
        return None
    name_tree = tree.entries["name"].value
    name = reader.name(name_tree, "an input's name")
    if name is None:
        return None
    if name in places:
        message = f"the input {quoted(name)} is doubled; it stands at {reader.document.where(places[name])} already"
        reader.complain(name_tree.at, message, "Remove one of the two.")
    places.setdefault(name, name_tree.at)
    return (name, pointer) if pointer is not None else None


def read_map(
    reader: Reader, tree: Tree, declared: Mapping[str, object] | None, places: Mapping[str, int]
) -> WrittenMap | None:
    """Read `map`: a reference to the list, the parameter that takes an item, and how the fan-out behaves."""
    fields = reader.fields(tree, "map", MAP)
    if fields is None or "over" not in fields or "item" not in fields:
        return None
    over, item_tree = fields["over"].value, fields["item"].value
    pointer = read_pointer(reader, over, OVER, declared)
    refuse_secret(reader, pointer, OVER, declared)
    if pointer is not None and isinstance(pointer.found, Constant):
        reader.complain(over.at, "map.over must be a reference, not a literal", OVER_ADVICE)
    item = reader.name(item_tree, "map.item")
    if item is not None and item in places:
        message = f"map.item {quoted(item)} is an input too, at {reader.document.where(places[item])}"
        reader.complain(item_tree.at, message, "Each parameter gets one value; rename or remove one.")
    limit = reader.count(fields["limit"].value, "map.limit", MAX_PARALLEL) if "limit" in fields else None
    tolerate = reader.whole(fields["tolerate"].value, "map.tolerate", 0, MAX_VALUES) if "tolerate" in fields else 0
    if pointer is None or item is None:
        return None
    key = read_key(reader, fields["key"].value, item) if "key" in fields else None
    return WrittenMap(over=pointer, item=item, key=key, limit=limit, tolerate=tolerate or 0)


def read_key(reader: Reader, tree: Tree, item: str) -> tuple[str, ...] | None:
    """Read `map.key`: the item's name, or the path of a field within it."""
    text = reader.name(tree, "map.key")
    if text is None:
        return None
    if text == item:
        return ()
    path = tuple(text.removeprefix(f"{item}.").split("."))
    if not text.startswith(f"{item}.") or not all(path):
        message = f"map.key {quoted(text)} does not begin with the item"
        reader.complain(tree.at, message, f"Write {item} for the item itself, or {item}.FIELD for one of its fields.")
        return None
    return path
