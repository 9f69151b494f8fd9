"""The JSON Schema (draft 2020-12) of flow files, made from ``file_format`` for editors and other tools."""

from __future__ import annotations

from typing import Any

import msgspec

from dagger_actors.flow.loading.file_format import FlowFile

__all__ = ["flow_schema"]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
ALTERNATIVES: dict[str, list[dict[str, Any]]] = {
    "ReferenceForm": [{"required": ["reference"]}, {"required": ["value"]}, {"required": ["node"]}],
    "NamedReferenceForm": [{"required": ["reference"]}, {"required": ["value"]}, {"required": ["node"]}],
    "StrategyForm": [{"required": ["exponential"]}, {"required": ["linear"]}, {"required": ["immediate"]}],
}
"""Of these keys a mapping has exactly one; Structs have no word for that."""


def flow_schema() -> dict[str, Any]:
    """Make the schema; a fresh one, which the caller may change."""
    made = msgspec.json.schema(FlowFile)
    forms: dict[str, dict[str, Any]] = made["$defs"]
    unused = [name for name, form in forms.items() if name not in _referred(made)]
    for name in unused:
        del forms[name]
    for name, alternatives in ALTERNATIVES.items():
        forms[name]["oneOf"] = alternatives
    for name in ("ReferenceForm", "NamedReferenceForm"):
        forms[name]["dependentRequired"] = {"key": ["node"]}
    return {"$schema": DRAFT, "title": "dagger-actors flow", **made}


def _referred(schema: object) -> set[str]:
    """Names of the definitions that something refers to."""
    found: set[str] = set()
    todo = [schema]
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            todo += one.values()
            if isinstance(reference := one.get("$ref"), str):
                found.add(reference.rpartition("/")[2])
        elif isinstance(one, list):
            todo += one
    return found
