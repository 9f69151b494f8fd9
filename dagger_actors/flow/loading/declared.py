"""The outputs that nodes declare against the return hints of their actions, and what a declared name makes of a value."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import inspect

from dagger_actors.bodies.actions import Action
from dagger_actors.bodies.type_fit import field_of, fields_of
from dagger_actors.bodies.type_shape import ANY, Artifact, members_of, name_of
from dagger_actors.core.wording import quoted
from dagger_actors.flow.loading.written import WrittenNode
from dagger_actors.reading.tree import Listing, Scalar

__all__ = ["Fault", "as_item", "listed", "missing_output", "output_of", "place_of_output"]

REFERENCE = inspect.DictType(inspect.StrType(), ANY)
"""What a list of outputs holds instead of bytes."""
MAX_NAMES = 8


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with a reference, as far as its target does not matter; or, with it, why it does not fit."""

    message: str
    advice: str = ""
    near: tuple[str, ...] = ()
    key: str = ""


def place_of_output(node: WrittenNode, name: str) -> int:
    """Find where a node declares an output."""
    tree = node.fields["outputs"].value
    items = tree.items if isinstance(tree, Listing) else []
    return next((item.at for item in items if isinstance(item, Scalar) and item.value == name), tree.at)


def output_of(action: Action, names: tuple[str, ...]) -> inspect.Type:
    """What a node gives; one name that it declares takes a value that is no mapping, and a mapping stays what it is."""
    given = action.gives
    if len(names) != 1:
        return given
    members = [one if may_have_fields(one) else wrapped(one) for one in members_of(given)]
    return members[0] if len(members) == 1 else ANY


def wrapped(one: inspect.Type) -> inspect.Type:
    """A mapping of the one declared name to a value."""
    return inspect.DictType(inspect.StrType(), one)


def may_have_fields(one: inspect.Type) -> bool:
    """Tell whether a value of this type may give outputs by name."""
    return fields_of(one) is not None or field_of(one, "") is not None


def as_item(given: inspect.Type) -> inspect.Type:
    """The type of an output inside the list that a mapped node gives: bytes are a reference there."""
    members = tuple(REFERENCE if isinstance(one, Artifact) else one for one in members_of(given))
    return members[0] if len(members) == 1 else inspect.UnionType(members)


def missing_output(action: Action, names: tuple[str, ...]) -> Fault | None:
    """Find the first declared output that the action's return hint does not have."""
    given = action.gives
    gives = f"action {quoted(action.name)} gives {name_of(given)}"
    has_fields = any(may_have_fields(one) for one in members_of(given))
    if not has_fields and len(names) > 1:
        message = f"declares {len(names)} outputs, but {gives}, which has none by name"
        return Fault(message, "Return a dict, a dataclass or a Struct, or declare one name.", key=names[0])
    for name in names if has_fields else ():
        field = field_of(given, name)
        if isinstance(field, list) and name not in attributes_of(given):
            message = f"declares the output {quoted(name)}, but {gives}, which has no {quoted(name)}"
            return Fault(message, f"It has {listed(field)}.", tuple(field), name)
    return None


def attributes_of(given: inspect.Type) -> set[str]:
    """The fields' names in Python, by which outputs may be declared too."""
    return {field.name for one in members_of(given) for field in (fields_of(one) or {}).values()}


def listed(names: Sequence[str]) -> str:
    """List the names there are."""
    shown = ", ".join(names[:MAX_NAMES]) or "none"
    return shown if len(names) <= MAX_NAMES else f"{shown}, ..."
