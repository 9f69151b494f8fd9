"""Makes a run that begins with what another has done; that other one is only read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from dagger_actors.bodies.secret import ENV, Secret
from dagger_actors.core.protocols import Cell, Write
from dagger_actors.core.run_rows import NewRun
from dagger_actors.flow.definition import FlowDefinition
from dagger_actors.flow.definition.inputs import check_inputs, declared_inputs, decode_inputs, encode_inputs
from dagger_actors.flow.reports.archive import Archive
from dagger_actors.flow.reports.report import ForkOrigin
from dagger_actors.flow.stored.rows import RunRow, StoredRow
from dagger_actors.flow.stored.shared_rows import shared_reason
from dagger_actors.flow.verbs.forking import Forked, Forking
from dagger_actors.store.look import ReadableStore

__all__ = ["Fork", "Forker"]


class Fork(msgspec.Struct, frozen=True, eq=False):
    """A fork that can be written.

    Attributes:
        run: Its row, but for its key and owner.
        origin: What it is made from, as JSON text.
        source: The run that is.
        definition: That one's.
        forked: What it shares.
        saved: What the shared attempts saved by name: node, item, attempt, name, artifact.
    """

    run: NewRun
    origin: str
    source: RunRow
    definition: FlowDefinition
    forked: Forked
    saved: Sequence[tuple[Any, ...]]

    def writes(self, run_key: int, owner: int, now_us: int) -> list[Write]:
        """All of it as one unit."""
        run, forked = self.run, self.forked
        row: tuple[Cell, ...] = (
            *(
                run_key,
                run.run_id,
                run_key,
                None,
                run.flow_name,
                run.definition_id,
                run.config,
                run.inputs,
                run.imports,
            ),
            *(now_us, owner, self.origin),
        )
        writes = [Write("flow_runs.insert", (row,), 1)]
        bodies = [(run_key, at, msgspec.json.encode(body).decode()) for at, body in forked.bodies.items()]
        if bodies:
            writes.append(Write("added_nodes.put", bodies, len(bodies)))
        rows = [self._row(run_key, one, now_us) for one in forked.rows]
        if rows:
            writes.append(Write("node_runs.put", rows, len(rows)))
        last = {(one.node, one.item, one.attempt) for one in forked.rows}
        names = [
            (run_key, forked.positions[node], item, min(attempt, 1), name, artifact_id)
            for node, item, attempt, name, artifact_id, *_ in self.saved
            if (node, item, attempt) in last
        ]
        if names:
            writes.append(Write("artifact_names.put", names, len(names)))
        writes.append(Write("run_values.fork", ((run_key, self.source.run_key),), None))
        return writes

    def _row(self, run_key: int, row: StoredRow, now_us: int) -> tuple[Cell, ...]:
        """It is the fork's first attempt, took none of its time, and is no event of it."""
        reason = shared_reason(self.source.run_id, row.reason) if row.state == "succeeded" else row.reason
        return (
            *(run_key, self.forked.positions[row.node], row.item, min(row.attempt, 1), self.run.run_id, row.node_id),
            *(row.invocation_key, row.state, 1, 0, row.output, row.output_artifact_id, row.size, reason, row.error),
            *(None, None, None if row.state == "skipped" else now_us, None),
        )


class Forker:
    """Reads what a fork needs.

    Args:
        archive: The runs.
        store: Where they are.
    """

    def __init__(self, archive: Archive, store: ReadableStore) -> None:
        self._archive = archive
        self._store = store

    def fork(self, source: str, start_from: Sequence[str], inputs: Mapping[str, Any], run_id: str) -> Fork:
        """Plan a fork of a run as it stands now.

        Raises:
            RunNotFound: There is no such run.
            InvalidInputs: It does not take these inputs.
            UnknownNode, NeverRan, ForkRefused: It cannot be forked so.
        """
        row = self._archive.row(source)
        query = self._store.readers.query
        # In this order: of whatever has a row the definition is there by then.
        rows = [StoredRow(*found) for found in query("read.nodes", row.run_key)]
        saved = query("read.artifact_names", row.run_key)
        definition = self._archive.definition_of(row)
        changed = {
            position for position, _ in query("read.added_nodes", row.run_key) if position < len(definition.nodes)
        }
        before = decode_inputs(row.inputs)
        given = _given(definition, before)
        wanted = {**given, **inputs} if isinstance(inputs, Mapping) else inputs
        encoded, same = check_inputs(definition, wanted), check_inputs(definition, given)
        others = {name for name in inputs if encoded[name] != same[name]}
        forked = Forking(source, definition, changed, rows).of(start_from, others)
        origin = msgspec.json.encode(ForkOrigin(run_id=source, nodes=tuple(dict.fromkeys(start_from)))).decode()
        run = NewRun(
            run_id,
            row.flow_name,
            row.definition_id,
            row.config,
            encode_inputs({**before, **{name: encoded[name] for name in others}}),
            row.imports,
        )
        return Fork(run, origin, row, definition, forked, saved)


def _given(definition: FlowDefinition, inputs: Mapping[str, bytes]) -> dict[str, Any]:
    """A run's inputs as they were given to it."""
    declared = declared_inputs(definition)
    values: dict[str, Any] = {name: msgspec.json.decode(text) for name, text in inputs.items() if name in declared}
    secrets = [name for name in values if declared[name].secret]
    return {**values, **{name: Secret.env(values[name].removeprefix(ENV)) for name in secrets}}
