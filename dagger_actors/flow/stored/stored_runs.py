"""The runs of one database as they are stored: rows, definitions, what attempts were given, who runs them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from dagger_actors.errors import ArtifactError, NewerSchema, RunNotFound
from dagger_actors.flow.definition import FORMAT, FlowConfig, FlowDefinition, NodeDefinition
from dagger_actors.flow.stored.rows import RunRow, StoredRow
from dagger_actors.flow.stored.stored_inputs import StoredInputs
from dagger_actors.store.look import ReadableStore

__all__ = ["StoredRuns"]

# Made here, in one thread: msgspec looks a Struct's fields up when it first decodes one, and two threads that do so at
# once may crash the process (seen with 0.22).
DEFINITIONS = msgspec.json.Decoder(FlowDefinition)
NODES = msgspec.json.Decoder(NodeDefinition)
CONFIGS = msgspec.json.Decoder(FlowConfig)

MOST_KEPT: Final = 20_000
"""Nodes of a definition that is kept: what it takes must not grow with the largest flow."""


class StoredRuns:
    """Reads them; changes nothing.

    Args:
        store: The database.
    """

    def __init__(self, store: ReadableStore) -> None:
        self._store = store
        self._last: tuple[str, FlowDefinition] | None = None

    def find(self, run_id: str) -> RunRow | None:
        """The row of a run; None when there is none."""
        if not isinstance(run_id, str) or not run_id.isprintable():
            return None  # no id of ours, and not always what SQLite takes
        rows = self._store.readers.query("read.run", run_id)
        return RunRow(*rows[0]) if rows else None

    def row(self, run_id: str) -> RunRow:
        """The row of a run.

        Raises:
            RunNotFound: There is none.
        """
        row = self.find(run_id)
        if row is None:
            raise RunNotFound(run_id, str(self._store.path))
        return row

    def id_of(self, run_key: int) -> str:
        """The id of the run with a key; there is one."""
        return str(self._store.readers.query("read.run_id", run_key)[0][0])

    def above(self, run_key: int) -> list[RunRow]:
        """The runs that a run is inside of, the outermost first."""
        return [self.row(str(run_id)) for (run_id,) in self._store.readers.query("read.runs_above", run_key)]

    def time_above_s(self, run_key: int) -> float | None:
        """The ``timeout_seconds`` of the nearest of the runs that a run is inside of that has some."""
        rows = self._store.readers.query("read.time_above", run_key)
        return float(rows[0][0]) if rows else None

    def run_key(self, run_id: str) -> int:
        """The key of a run.

        Raises:
            RunNotFound: There is none.
        """
        return self.row(run_id).run_key

    def definition_of(self, row: RunRow) -> FlowDefinition:
        """The definition a run is pinned to, with the settings it was started with and the nodes that it was given since.

        Raises:
            NewerSchema: A newer version of this package encoded it; here it could mean something else.
        """
        pinned = self._pinned(row.definition_id)
        added = self._store.readers.query("read.added_nodes", row.run_key)
        nodes = list(pinned.nodes)
        for position, text in added:
            nodes[position : position + 1] = [NODES.decode(text)]  # in its place, or behind all
        flows = dict(pinned.flows)
        for one in (node.flow for node in nodes[len(pinned.nodes) :] if node.flow is not None):
            if one.definition_id not in flows:
                body, _ = self._store.readers.query("read.definition", one.definition_id)[0]
                flows[one.definition_id] = msgspec.Raw(body if isinstance(body, bytes) else body.encode())
        return msgspec.structs.replace(pinned, config=CONFIGS.decode(row.config), nodes=tuple(nodes), flows=flows)

    def nodes_at(self, places: Iterable[tuple[str, int]]) -> dict[tuple[str, int], NodeDefinition]:
        """The nodes at some places of definitions, each definition read once.

        Raises:
            NewerSchema: A newer version of this package encoded one; here it could mean something else.
        """
        found = {}
        for definition_id, node in sorted(set(places)):
            found[definition_id, node] = self._pinned(definition_id).nodes[node]
        return found

    def _pinned(self, definition_id: str) -> FlowDefinition:
        """The definition of a file; the last one is kept, for whoever opens a run asks for it again and again."""
        last = self._last
        if last is not None and last[0] == definition_id:
            return last[1]
        body, encoding = self._store.readers.query("read.definition", definition_id)[0]
        if encoding > FORMAT:
            raise NewerSchema(str(self._store.path), encoding, FORMAT, "definition")
        found = DEFINITIONS.decode(body)
        self._last = (definition_id, found) if len(found.nodes) <= MOST_KEPT else None
        return found

    @property
    def store(self) -> ReadableStore:
        """The database."""
        return self._store

    def inputs_of(self, row: RunRow) -> StoredInputs:
        """What the attempts of a run were given."""
        rows = [StoredRow(*found) for found in self._store.readers.query("read.nodes", row.run_key)]
        return StoredInputs(row, self.definition_of(row), rows, self._store.load_artifact)

    def owner_pid(self, row: RunRow) -> int | None:
        """The process that runs a run and lives; None when nobody does."""
        worker = self._store.workers().get(row.owner) if row.owner is not None else None
        return None if worker is None or self._store.is_gone(worker) else worker.pid

    def with_maker(self, error: ArtifactError, run_key: int) -> ArtifactError:
        """The same error with the node of the reading run that made the artifact, where there is such."""
        rows = self._store.readers.query("read.artifact_maker", run_key, error.artifact_id)
        return type(error)(error.path, error.artifact_id, *rows[0]) if rows else error

    def living(self) -> list[int]:
        """The workers that live."""
        return [one.worker_id for one in self._store.workers().values() if not self._store.is_gone(one)]
