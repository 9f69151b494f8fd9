"""What a flow file says, resolved: ids became positions, aliases their meaning, references their source.

A definition is frozen, encodes to JSON and is pinned to its run by its hash; nothing here reads a file. Nodes leave out
what is the default, which makes a large flow a third as long; so those defaults are part of the format, and a test pins
them. One meaning has one encoding: whoever makes a node uses the default objects themselves (msgspec compares identity).

What its parts mean: ``values`` of references, ``predicates`` of ``when``, ``inputs`` that a caller gives, ``streams`` of maps
over maps.
"""

from dagger_actors.flow.definition.awaits import Approval, Awaited, AwaitMessage, InputType, OnTimeout
from dagger_actors.flow.definition.calls import Call, CallEvent, FailureAction, Hook, HookedEvent, HookEvent, NodeError
from dagger_actors.flow.definition.flow import FORMAT, FlowConfig, FlowDefinition, InputSpec
from dagger_actors.flow.definition.growth import Growth, moved
from dagger_actors.flow.definition.nodes import (
    NO_RETRY,
    CacheSpec,
    Durability,
    Isolation,
    MapSpec,
    NodeDefinition,
    OnFailure,
)
from dagger_actors.flow.definition.references import (
    AllOf,
    AnyOf,
    Comparison,
    Constant,
    FromInput,
    FromNode,
    Not,
    Predicate,
    Reference,
)
from dagger_actors.flow.definition.sub_flow import SubFlow

__all__ = [
    "FORMAT",
    "NO_RETRY",
    "AllOf",
    "AnyOf",
    "Approval",
    "AwaitMessage",
    "Awaited",
    "CacheSpec",
    "Call",
    "CallEvent",
    "Comparison",
    "Constant",
    "Durability",
    "FailureAction",
    "FlowConfig",
    "FlowDefinition",
    "FromInput",
    "FromNode",
    "Growth",
    "Hook",
    "HookEvent",
    "HookedEvent",
    "InputSpec",
    "InputType",
    "Isolation",
    "MapSpec",
    "NodeDefinition",
    "NodeError",
    "Not",
    "OnFailure",
    "OnTimeout",
    "Predicate",
    "Reference",
    "SubFlow",
    "moved",
]
