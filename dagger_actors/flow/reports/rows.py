"""From rows of runs and nodes, as the file has them, to the report of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from dagger_actors.bodies.artifact_ref import ArtifactRef
from dagger_actors.bodies.fields import UnresolvedReference
from dagger_actors.bodies.stored_error import decode_error
from dagger_actors.core.messages import Gathered, Inline, Output, SecretName, Stored, Value
from dagger_actors.core.states import FINAL_RUN, TO_BE_RUN_AGAIN
from dagger_actors.flow.definition import FlowDefinition, NodeDefinition
from dagger_actors.flow.definition.values import Values
from dagger_actors.flow.machine.invocations import HOLE
from dagger_actors.flow.reports.report import AttemptReport, ForkOrigin, NodeReport, Report
from dagger_actors.flow.stored.child_runs import child_id
from dagger_actors.flow.stored.rows import RunRow, StoredArtifact, StoredRow
from dagger_actors.flow.stored.shared_rows import maker_of

__all__ = ["build_report"]

Load = Callable[[str], bytes]
"""Reads an artifact's content by its id, verified."""

ORIGINS = msgspec.json.Decoder(ForkOrigin)  # made here, in one thread


def build_report(
    run: RunRow,
    definition: FlowDefinition,
    rows: Iterable[StoredRow],
    saved: Iterable[StoredArtifact],
    load: Load | None,
) -> Report:
    """Put a report together.

    Args:
        run: The run's row.
        definition: What it is pinned to.
        rows: Its node rows, ordered by node, item and attempt.
        saved: What its attempts saved by name.
        load: Reads an artifact's content by id; None = the run's outputs are left out.
    """
    history: dict[tuple[int, int], list[StoredRow]] = {}
    for row in rows:
        history.setdefault((row.node, row.item), []).append(row)
    artifacts = _artifacts(saved)
    history = {place: found for place, found in history.items() if _is_current(place, history)}
    has_ended = run.status in FINAL_RUN
    nodes = {
        place: _node(rows, artifacts.get((*place, rows[-1].attempt), []), definition.nodes[place[0]], run.run_id)
        for place, rows in history.items()
    }
    for position, node in enumerate(definition.nodes):
        if (position, -1) not in history and (position, 0) not in history:
            nodes[position, -1] = NodeReport(
                node_id=node.id,
                invocation_key="",
                state="skipped" if has_ended else "pending",
                reason=None,
                output=None,
                attempts=(),
                run=child_id(run.run_id, node.id, "") if node.flow is not None and node.map is None else "",
            )
    return Report(
        run_id=run.run_id,
        flow_name=run.flow_name,
        state=run.status,
        error=run.error,
        inputs=msgspec.json.decode(run.inputs),
        outputs=_outputs(run, definition, history, load) if load is not None and run.status == "succeeded" else {},
        created_us=run.created_us,
        started_us=run.started_us,
        finished_us=run.finished_us,
        elapsed_us=run.elapsed_us,
        nodes=tuple(nodes[place] for place in sorted(nodes)),
        forked_from=None if run.forked_from is None else ORIGINS.decode(run.forked_from),
    )


def _artifacts(saved: Iterable[StoredArtifact]) -> dict[tuple[int, int, int], list[ArtifactRef]]:
    """By node, item and attempt."""
    artifacts: dict[tuple[int, int, int], list[ArtifactRef]] = {}
    for one in saved:
        reference = ArtifactRef(
            artifact_id=one.artifact_id,
            kind=one.kind,
            size_bytes=one.size_bytes,
            media_type=one.media_type,
            name=one.name,
        )
        artifacts.setdefault((one.node, one.item, one.attempt), []).append(reference)
    return artifacts


def _is_current(place: tuple[int, int], history: dict[tuple[int, int], list[StoredRow]]) -> bool:
    """Items of an earlier fan-out, over a longer list, are no part of the run any more."""
    node, item = place
    rows = history.get((node, -1))
    return item < 0 or rows is None or item < (rows[-1].size or 0)


def _node(rows: list[StoredRow], artifacts: list[ArtifactRef], node: NodeDefinition, run_id: str) -> NodeReport:
    last = rows[-1]
    is_to_come = _is_void(last)  # its run has not ended: that skips what has not begun
    is_run = node.flow is not None and (node.map is None or last.item >= 0)
    return NodeReport(
        node_id=last.node_id,
        invocation_key=last.invocation_key,
        state="pending" if is_to_come else last.state,
        reason=last.reason,
        output=_shown(last),
        # What was granted or due when the run ended, and never began, has a numbered row too; it was no attempt.
        attempts=tuple(_attempt(row) for row in rows if row.attempt and row.state != "skipped" and not _is_void(row)),
        artifacts=tuple(artifacts),
        size=last.size,
        called_for="" if node.call is None else node.call.event,
        run=child_id(maker_of(last.reason) or run_id, node.id, last.invocation_key) if is_run else "",
    )


def _is_void(row: StoredRow) -> bool:
    return row.state == "interrupted" and row.reason == TO_BE_RUN_AGAIN


def _attempt(row: StoredRow) -> AttemptReport:
    return AttemptReport(
        attempt=row.attempt,
        state=row.state,
        reason=row.reason,
        error=decode_error(row.error) if row.error else None,
        started_us=row.started_us,
        finished_us=row.finished_us,
        due_us=row.due_us,
    )


def _shown(row: StoredRow) -> Any:
    if row.output is not None:
        return msgspec.json.decode(row.output)
    stored = row.stored
    return _reference(stored) if stored is not None else None


def _reference(stored: Stored) -> ArtifactRef:
    media_type = "application/json" if stored.kind == "json" else "application/octet-stream"
    return ArtifactRef(
        artifact_id=stored.artifact_id, kind=stored.kind, size_bytes=stored.size_bytes, media_type=media_type
    )


def _outputs(
    run: RunRow, definition: FlowDefinition, history: dict[tuple[int, int], list[StoredRow]], load: Load
) -> dict[str, Any]:
    outputs: dict[int, Value] = {}
    for node, _ in enumerate(definition.nodes):
        rows = history.get((node, -1))
        if rows is not None and rows[-1].state == "succeeded":
            value = _gathered(node, rows[-1].size, history) if rows[-1].size is not None else _value(rows[-1])
            if value is not None:
                outputs[node] = value
    inputs = {name: bytes(raw) for name, raw in msgspec.json.decode(run.inputs, type=dict[str, msgspec.Raw]).items()}
    values = Values(definition, inputs, definition.nodes, outputs.get)
    if definition.outputs is None:
        needed = {on for node in definition.nodes for on in node.dependencies}
        sinks = (
            at for at, node in enumerate(definition.nodes) if at not in needed and at in outputs and node.call is None
        )
        return {definition.nodes[node].id: _python(outputs[node], load) for node in sinks}
    result: dict[str, Any] = {}
    for name, reference in definition.outputs.items():
        try:
            result[name] = _python(values.resolve(reference), load)
        except UnresolvedReference:
            result[name] = None
    return result


def _value(row: StoredRow) -> Output | None:
    return Inline(row.output.encode()) if row.output is not None else row.stored


def _gathered(node: int, size: int, history: dict[tuple[int, int], list[StoredRow]]) -> Gathered:
    return Gathered(tuple(_value(history[node, item][-1]) or HOLE for item in range(size)))


def _python(value: Value, load: Load) -> Any:
    """Values as their user reads them: JSON artifacts are loaded, bytes stay a reference."""
    match value:
        case Inline(json=text):
            return msgspec.json.decode(text)
        case SecretName(variable=variable):
            return f"env:{variable}"
        case Gathered(items=items):
            return [_python(item, load) for item in items]
        case Stored(kind="json", artifact_id=artifact_id, key=key):
            content = msgspec.json.decode(load(artifact_id))
            if key is None:
                return content
            return content.get(key) if isinstance(content, dict) else None
        case Stored():
            return _reference(value)
