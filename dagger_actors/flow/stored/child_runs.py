"""What the run of a flow that is a node of another run is called, and what it starts with."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from dagger_actors.bodies.fields import UnresolvedReference
from dagger_actors.core.awaits import Wanted
from dagger_actors.core.messages import ErrorDetail
from dagger_actors.core.run_rows import ChildRun
from dagger_actors.errors import InvalidInputs
from dagger_actors.flow.actions.run_actions import Places
from dagger_actors.flow.definition import FlowDefinition, SubFlow
from dagger_actors.flow.definition.inputs import check_inputs, encode_inputs
from dagger_actors.flow.machine.invocations import Invocations

__all__ = [
    "DEFINITIONS",
    "FAILED",
    "LONGEST_ID",
    "Parent",
    "child_id",
    "flow_of",
    "flows_within",
    "places_within",
    "wanted_child",
]

FAILED: Final = "dagger_actors.SubFlowFailed"

LONGEST_ID: Final = 200
"""Characters of a run id."""

DEFINITIONS = msgspec.json.Decoder(FlowDefinition)
_places = msgspec.json.Decoder(Places)
"""Made here, in one thread, as ``stored_runs.DEFINITIONS`` is."""


def child_id(run_id: str, node_id: str, key: str) -> str:
    """The id of the run of a flow: ``RUN/NODE``, or ``RUN/NODE/KEY`` for an item; one that cannot be an id is hashed.

    Args:
        run_id: The run that it is a node of.
        node_id: The node.
        key: The item's key; empty for the node itself.
    """
    parts = [node_id, key] if key else [node_id]
    name = "/".join([run_id, *(part.replace("%", "%25").replace("/", "%2F") for part in parts)])
    if len(name) <= LONGEST_ID and name.isprintable():
        return name
    return f"{run_id[:100]}/{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def flow_of(definition: FlowDefinition, spec: SubFlow) -> FlowDefinition:
    """The definition of a flow that a node of another runs."""
    return DEFINITIONS.decode(definition.flows[spec.definition_id])


def places_within(places: Places, spec: SubFlow, inner: FlowDefinition) -> Places:
    """Where the actions of a flow are that a node of another runs."""
    folder = str(Path(places.folder, spec.folder).resolve())
    return msgspec.structs.replace(places, folder=folder, actions=inner.actions, definition_id=spec.definition_id)


def flows_within(definition: FlowDefinition, places: Places) -> Iterator[tuple[FlowDefinition, Places]]:
    """All flows inside a flow, at any depth, each once for each place, with where their actions are."""
    seen: set[tuple[str, str]] = set()
    for spec in (node.flow for node in definition.nodes if node.flow is not None):
        if (spec.definition_id, spec.folder) not in seen:
            seen.add((spec.definition_id, spec.folder))
            inner = flow_of(definition, spec)
            there = places_within(places, spec, inner)
            yield inner, there
            yield from flows_within(inner, there)


class Parent(msgspec.Struct, frozen=True):
    """The run of whose nodes some are flows.

    Attributes:
        work: Its invocations.
        imports: Where its actions are, as JSON text.
    """

    work: Invocations
    imports: str


def wanted_child(
    parent: Parent, node: int, item: int, values: Mapping[str, Callable[[], Any]], run_key: int
) -> Wanted | ErrorDetail:
    """Put together the run of a flow, or tell why it cannot be.

    Args:
        parent: The run that it is a node of.
        node: The node's position.
        item: The map item's; -1 = none.
        values: Gives the inputs of the flow by name; each raises ``UnresolvedReference`` and ``StoreError``.
        run_key: A key for it.
    """
    work = parent.work
    definition = work.nodes[node]
    spec = definition.flow
    assert spec is not None
    inner = flow_of(work.definition, spec)
    given: dict[str, Any] = {}
    for name, value in values.items():
        try:
            given[name] = value()
        except UnresolvedReference as error:
            return ErrorDetail(FAILED, f"the input {name!r} of the flow {inner.name!r}: {error}")
    try:
        inputs = encode_inputs(check_inputs(inner, given))
    except InvalidInputs as error:
        return ErrorDetail(FAILED, str(error))
    identity = work.identity
    config = inner.config
    if not work.definition.config.reuses_cache:
        config = msgspec.structs.replace(config, reuses_cache=False)
    run_id = child_id(identity.run_id, definition.id, "" if item < 0 else work.key_of(node, item))
    child = ChildRun(
        run_key=run_key,
        run_id=run_id,
        root_run=identity.root_run or identity.run_key,
        parent_run=identity.run_key,
        flow_name=inner.name,
        definition_id=spec.definition_id,
        definition=bytes(work.definition.flows[spec.definition_id]).decode(),
        config=msgspec.json.encode(config).decode(),
        inputs=inputs,
        imports=msgspec.json.encode(places_within(_places.decode(parent.imports), spec, inner)).decode(),
    )
    return Wanted("flow", msgspec.json.encode({"run": run_id}).decode(), child=child)
