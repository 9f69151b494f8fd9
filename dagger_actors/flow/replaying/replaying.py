"""Replays of what a database holds: finds the attempt, its inputs and its code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from dagger_actors.actors.timers import MonotonicClock
from dagger_actors.bodies.backends import Backends
from dagger_actors.errors import DefinitionError, Problem
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.actions.run_actions import Places, load_actions, places_of
from dagger_actors.flow.definition import FlowDefinition
from dagger_actors.flow.loading.loader import LoadedInside
from dagger_actors.flow.loading.sub_flows import HeldFlow, SubFlows
from dagger_actors.flow.replaying.replay import Call, Replayed, replay
from dagger_actors.flow.replaying.replay_backends import MemoryArtifacts, MemorySteps, NoResources, ReplayOwner
from dagger_actors.flow.replaying.replay_resources import ReplayResources
from dagger_actors.flow.reports.archive import Archive
from dagger_actors.flow.stored.child_runs import flow_of
from dagger_actors.store.user_tables import UserTables

__all__ = ["replay_attempt"]


def replay_attempt(
    archive: Archive,
    run_id: str,
    node_id: str,
    item: str = "",
    attempt: int | None = None,
    *,
    imports: Sequence[str] = (),
    folder: Path,
    resources: ReplayResources | None = None,
    call: Call,
    write: Callable[[int, str], None],
) -> Replayed:
    """Make an attempt again, committing nothing.

    Args:
        archive: The database.
        run_id: The run.
        node_id: The node.
        item: The map item's key; empty for the node itself.
        attempt: Which attempt; None = the last.
        imports: Where actions are besides, as ``--import`` names them.
        folder: What those are relative to.
        resources: What it gets by ``ctx.resource``; None = an attempt that asks for one is refused.
        call: Calls the action.
        write: Takes what it logs, behind its level.

    Raises:
        RunNotFound, UnknownNode: There is none.
        ReplayRefused: There is no such attempt, its inputs are not there, or it asks for a resource.
        DefinitionError: Its action is not to be found.
        StoreError: An input cannot be read.
    """
    row = archive.row(run_id)
    definition = archive.definition_of(row)
    start = archive.inputs_of(row).start_of(node_id, item, attempt)
    given = ActionRegistry()
    for reference in imports:
        given.load(reference, folder, insists=True)
    places = places_of(row.imports)
    found = load_actions(given, places)
    action = found.registry.get(start.action)
    if action is None:
        lacking = Problem(f"there is no action {start.action!r} any more", "Name where it is with --import.")
        raise DefinitionError([*found.problems, lacking])
    if resources is not None:
        resources.make()
    store = archive.store
    steps, artifacts = MemorySteps(store.readers), MemoryArtifacts(store.load_artifact)
    tables = UserTables(store.path, size=1)
    backends = Backends(
        steps=steps,
        resources=resources or NoResources(start),
        tables=tables,
        owner=ReplayOwner(
            store.readers,
            definition,
            found.registry,
            start.node,
            places,
            _flows_of(definition, places, given, [one.flow_name for one in archive.above(row.run_key)]),
            clock=MonotonicClock(),
        ),
    )
    try:
        return replay(start, action, backends=backends, steps=steps, artifacts=artifacts, call=call, write=write)
    finally:
        tables.close()


def _flows_of(definition: FlowDefinition, places: Places, given: ActionRegistry, above: Sequence[str]) -> SubFlows:
    """What finds the flows that added nodes run: as a run does; of those by name the ones that this run has had."""
    held = {
        spec.name: HeldFlow(flow_of(definition, spec), Path(places.folder, spec.folder))
        for spec in (node.flow for node in definition.nodes)
        if spec is not None
    }
    return SubFlows(
        LoadedInside(given),
        held=held,
        folder=Path(places.folder),
        chain=(Path(definition.file).resolve(),) if definition.file else (),
        above=(*above, definition.name),
    )
