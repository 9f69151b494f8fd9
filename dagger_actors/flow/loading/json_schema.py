"""The JSON Schema (draft 2020-12) of flow files, made from ``file_format`` for editors and other tools."""

from __future__ import annotations

from typing import Any

from dagger_actors.flow.loading.approvals import ALIAS, NOT_OF_PEOPLE
from dagger_actors.flow.loading.awaits import OF_ACTIONS
from dagger_actors.flow.loading.file_format import FlowFile
from dagger_actors.flow.loading.sub_flows import OF_ACTIONS_ONLY
from dagger_actors.reading.form import schema_of
from dagger_actors.reading.retry_form import ONE_OF_STRATEGY

__all__ = ["flow_schema"]

NOT_WITH_PEOPLE: dict[str, Any] = {"anyOf": [{"required": [key]} for key in (*NOT_OF_PEOPLE, "flow")]}

ALTERNATIVES: dict[str, list[dict[str, Any]]] = {
    "ReferenceForm": [{"required": ["reference"]}, {"required": ["value"]}, {"required": ["node"]}],
    "NamedReferenceForm": [{"required": ["reference"]}, {"required": ["value"]}, {"required": ["node"]}],
    "StrategyForm": ONE_OF_STRATEGY,
    "NodeForm": [
        {
            "required": ["action"],
            "properties": {"action": {"not": {"const": ALIAS}}},
            "not": {"anyOf": [{"required": ["await_message"]}, {"required": ["approval"]}, {"required": ["flow"]}]},
        },
        {
            "required": ["await_message"],
            "not": {"anyOf": [{"required": [key]} for key in (*OF_ACTIONS, "approval", "flow")]},
        },
        {"required": ["approval"], "properties": {"action": {"const": ALIAS}}, "not": NOT_WITH_PEOPLE},
        {
            "required": ["action"],
            "properties": {"action": {"const": ALIAS}},
            "not": {"anyOf": [*NOT_WITH_PEOPLE["anyOf"], {"required": ["approval"]}]},
        },
        {"required": ["flow"], "not": {"anyOf": [{"required": [key]} for key in OF_ACTIONS_ONLY]}},
    ],
}
"""Of these keys a mapping has exactly one; Structs have no word for that."""


def flow_schema() -> dict[str, Any]:
    """Make the schema; a fresh one, which the caller may change."""
    schema, forms = schema_of(FlowFile, "dagger-actors flow")
    for name, alternatives in ALTERNATIVES.items():
        forms[name]["oneOf"] = alternatives
    for name in ("ReferenceForm", "NamedReferenceForm"):
        forms[name]["dependentRequired"] = {"key": ["node"]}
    return schema
