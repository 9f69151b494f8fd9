"""Turns what a builder was given into what a flow file holds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from dagger_actors.core.retry import RetryWait
from dagger_actors.flow.building.sources import Condition, Input, Map, Node, Output, Source, Value

__all__ = ["listed", "present", "sources_in", "strategy", "written_condition", "written_map", "written_source"]


def present(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what was not said."""
    return {key: value for key, value in entries.items() if value is not None}


def listed(name: str, given: Iterable[Any]) -> list[Any]:
    """Give the items of what was said; a text alone is none of them, though Python would take it apart.

    Raises:
        TypeError: It is no list.
    """
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise TypeError(f"{name} is a list, be it of one: write brackets around {given!r:.100}")
    return list(given)


def strategy(
    wait: RetryWait | None,
    retry_on: Sequence[type[BaseException] | str],
    give_up_on: Sequence[type[BaseException] | str],
) -> dict[str, Any] | None:
    """Write a `retry_strategy`; None = nothing was said.

    Raises:
        TypeError: The wait is none, or the exceptions are no list of classes and names.
    """
    written: dict[str, Any] = {}
    if wait is not None:
        if not isinstance(wait, RetryWait):
            raise TypeError(f"retry_strategy is Exponential(...), Linear(...) or Immediate(), not {wait!r:.100}")
        fields = msgspec.structs.fields(wait)
        numbers = {field.name: getattr(wait, field.name) for field in fields}
        told = {field.name: numbers[field.name] for field in fields if numbers[field.name] != field.default}
        written[str(wait.__struct_config__.tag)] = told
    for key, errors in (("retry_on", listed("retry_on", retry_on)), ("give_up_on", listed("give_up_on", give_up_on))):
        if errors:
            written[key] = [error if isinstance(error, str) else _exception(key, error) for error in errors]
    return written or None


def _exception(option: str, error: object) -> str:
    if not (isinstance(error, type) and issubclass(error, BaseException)):
        raise TypeError(f"an exception of {option} is a class, or its name, not {error!r:.100}")
    module, name = error.__module__, error.__qualname__
    return name if module == "builtins" else f"{module}.{name}"


def written_source(given: object, ids: Collection[str]) -> object:
    """Write where a value comes from.

    Args:
        given: A source; anything else is a literal.
        ids: Those of all nodes: what could be read as another node's is not written as text.
    """
    match given:
        case Value(value=value, description=description):
            return {"value": value} | _described(description)
        case Source():
            written, extra = _reference(given, ids)
            return written["reference"] if not extra and "reference" in written else written | extra
    return {"value": given}


def _reference(source: Source, ids: Collection[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A reference, as text or exactly; and what else is said of it."""
    if isinstance(source, Input):
        return {"reference": f"inputs.{source.name}"}, _described(source.description)
    output = Output(source) if isinstance(source, Node) else source
    assert isinstance(output, Output)
    node_id, key = output.node.id, output.key
    text = node_id if key is None else f"{node_id}.{key}"
    is_plain = "." not in node_id and (key is None or ("." not in key and text not in ids)) and node_id != "inputs"
    exact = {"node": node_id} if key is None else {"node": node_id, "key": key}
    default = {} if output.stand_in is msgspec.UNSET else {"default": output.stand_in}
    return {"reference": text} if is_plain else exact, default | _described(output.description)


def _described(description: str) -> dict[str, Any]:
    return {"description": description} if description else {}


def written_condition(condition: Condition, ids: Collection[str]) -> dict[str, Any]:
    """Write a predicate."""
    if condition.source is not None:
        written, extra = _reference(condition.source, ids)
        return written | extra | {condition.word: condition.value}
    parts = [written_condition(part, ids) for part in condition.parts]
    return {condition.word: parts[0] if condition.word == "not" else parts}


def written_map(spec: Map, ids: Collection[str]) -> dict[str, Any]:
    """Write a `map`."""
    written = {"over": written_source(spec.over, ids), "item": spec.item, "key": spec.key, "limit": spec.limit}
    return present(written) | ({"tolerate": spec.tolerate} if spec.tolerate else {})


def sources_in(given: object) -> list[Source]:
    """All sources that something given holds."""
    match given:
        case Source():
            return [given]
        case Map(over=over):
            return sources_in(over)
        case Condition(source=source, parts=parts):
            return [*sources_in(source), *(one for part in parts for one in sources_in(part))]
    return []
