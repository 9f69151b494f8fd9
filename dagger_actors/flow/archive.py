"""What a database holds of flows, to look at: rows, definitions, reports; the same for a system and for a reader."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec

from dagger_actors.core.states import RUN_TRANSITIONS
from dagger_actors.core.wording import nearest
from dagger_actors.errors import ArtifactError, NewerSchema, RequestError, RunNotFound
from dagger_actors.flow.definition import FORMAT, FlowConfig, FlowDefinition, NodeDefinition
from dagger_actors.flow.explanation import Explanation, explain
from dagger_actors.flow.given_answers import Answer, untaken
from dagger_actors.flow.happened import Event, check_after, check_limit, read_events
from dagger_actors.flow.logs import AttemptLog
from dagger_actors.flow.questions import Question, questions_of
from dagger_actors.flow.report import Report, RunSummary, build_report
from dagger_actors.flow.rows import RunRow, StoredArtifact, StoredRow
from dagger_actors.flow.stored_inputs import StoredInputs
from dagger_actors.reading.since import since_us
from dagger_actors.store.look import ReadableStore

__all__ = ["LISTED", "Archive"]

LISTED = 1000
STATES = (*RUN_TRANSITIONS, "interrupted")

# Made here, in one thread: msgspec looks a Struct's fields up when it first decodes one, and two threads that do so at
# once may crash the process (seen with 0.22).
DEFINITIONS = msgspec.json.Decoder(FlowDefinition)
NODES = msgspec.json.Decoder(NodeDefinition)
CONFIGS = msgspec.json.Decoder(FlowConfig)


class Archive:
    """Reads the runs of one database; changes nothing.

    Args:
        store: The database.
        now_us: The time now, microseconds UTC.
    """

    def __init__(self, store: ReadableStore, now_us: Callable[[], int]) -> None:
        self._store = store
        self._now_us = now_us

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
        body, encoding = self._store.readers.query("read.definition", row.definition_id)[0]
        if encoding > FORMAT:
            raise NewerSchema(str(self._store.path), encoding, FORMAT, "definition")
        pinned = DEFINITIONS.decode(body)
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

    def definition(self, run_id: str) -> FlowDefinition:
        """The definition that a run is pinned to, with the settings it was started with.

        Raises:
            RunNotFound: There is no such run.
        """
        return self.definition_of(self.row(run_id))

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

    def report(self, run_id: str, *, outputs: bool = True) -> Report:
        """What a run has done by now.

        Args:
            run_id: The run.
            outputs: False = leave its outputs out, for which nothing but rows has to be readable.

        Raises:
            RunNotFound: There is no such run.
            ArtifactCorrupt, ArtifactMissing: An output is no longer what it was.
        """
        row = self.row(run_id)
        readers = self._store.readers
        try:
            return build_report(
                row,
                self.definition_of(row),
                (StoredRow(*found) for found in readers.query("read.nodes", row.run_key)),
                (StoredArtifact(*found) for found in readers.query("read.artifact_names", row.run_key)),
                self._store.load_artifact if outputs else None,
            )
        except ArtifactError as error:
            raise self.with_maker(error, row.run_key) from error

    def with_maker(self, error: ArtifactError, run_key: int) -> ArtifactError:
        """The same error with the node of the reading run that made the artifact, where there is such."""
        rows = self._store.readers.query("read.artifact_maker", run_key, error.artifact_id)
        return type(error)(error.path, error.artifact_id, *rows[0]) if rows else error

    def locate(self, run_id: str, path: str) -> tuple[str, str]:
        """The run and the node that a path names: a node of the run, or ``NODE/.../NODE`` through the flows inside it.

        Args:
            run_id: The run.
            path: The id of a node of it; else what a run inside it is called behind the run's own id, and a node of that. What
                names nothing is given back as it is.

        Raises:
            RunNotFound: There is no such run.
        """
        row = self.row(run_id)
        if isinstance(path, str) and "/" in path and all(node.id != path for node in self.definition_of(row).nodes):
            for at in [at for at, letter in enumerate(path) if letter == "/"][::-1]:
                inside = self.find(f"{run_id}/{path[:at]}")
                if inside is not None and inside.root_run == row.root_run:
                    return inside.run_id, path[at + 1 :]
        return run_id, path

    def questions(self, run_id: str) -> tuple[Question, ...]:
        """What people are asked in a run now, in the order of its nodes, then in the runs inside it (1,000 of these at most).

        What somebody has answered is no longer asked, also when the run rests and has not taken it yet.

        Raises:
            RunNotFound: There is no such run.
        """
        inside = self._store.readers.query("read.asked_inside", self.run_key(run_id))
        return tuple(
            question
            for one in (run_id, *(found for (found,) in inside))
            for question in questions_of(self.report(one, outputs=False), self.definition(one), self._answers(one))
        )

    def _answers(self, run_id: str) -> dict[int, Answer]:
        """What people have answered in a run and it has not taken yet, by the positions of its nodes."""
        return {answer.node: answer for answer in untaken(self._store.readers, [self.run_key(run_id)])}

    def root(self, run_id: str) -> str:
        """The run that somebody has started, inside of which a run is; itself when it is no run of a flow inside another.

        Raises:
            RunNotFound: There is no such run.
        """
        return self.id_of(self.row(run_id).root_run)

    def to_go_on(self, run_id: str) -> str:
        """The run that ``resume`` and ``retry`` are to be given: the one above, unless this one alone is paused.

        Raises:
            RunNotFound: There is no such run.
        """
        root = self.root(run_id)
        is_alone = self.row(run_id).status == "paused" and self.row(root).status == "running"
        return run_id if is_alone else root

    def events(self, run_id: str, after: int = 0, *, limit: int = 1000) -> list[Event]:
        """What has happened to a run so far, in order.

        Args:
            run_id: The run.
            after: Only behind the event of this number; 0 = from the beginning.
            limit: At most so many; 1 or more.

        Raises:
            RunNotFound: There is no such run.
            RequestError: ``after`` or ``limit`` is none.
        """
        run_key = self.run_key(run_id)
        return read_events(self._store.readers, run_id, run_key, check_after(after), check_limit(limit))

    def logs(self, run_id: str) -> tuple[AttemptLog, ...]:
        """What the attempts of a run logged, and printed if they ran in processes; of those that have ended.

        Raises:
            RunNotFound: There is no such run.
        """
        rows = self._store.readers.query("read.attempt_logs", self.row(run_id).run_key)
        return tuple(AttemptLog(*found) for found in rows)

    def explain(self, run_id: str, node_id: str, item: str = "") -> Explanation:
        """Why a node of a run is in its state.

        Args:
            run_id: The run.
            node_id: The node.
            item: The map item's key; empty for the node itself.

        Raises:
            RunNotFound: There is no such run.
            UnknownNode: It has no such node or item; names the nearest.
        """
        row = self.row(run_id)
        report = self.report(run_id, outputs=False)
        is_stranded = report.state in ("pending", "running") and self.owner_pid(row) is None
        definition = self.definition_of(row)
        inside = self.questions(run_id) if any(node.flow is not None for node in definition.nodes) else ()
        return explain(
            report,
            definition,
            node_id,
            item,
            now_us=self._now_us(),
            is_stranded=is_stranded,
            questions=inside,
            answers=self._answers(run_id),
            next_run=self.to_go_on(run_id),
        )

    def resumable(self) -> list[str]:
        """Runs that nobody runs and that are not over: pending, running without a live owner, paused."""
        living = self._living()
        return [found[0] for found in self._store.readers.query("read.open_runs") if found[2] not in living]

    def runs(
        self,
        *,
        state: str | Sequence[str] = (),
        flow: str | None = None,
        since: str | datetime | timedelta | None = None,
        limit: int = LISTED,
        inside: bool = False,
    ) -> list[RunSummary]:
        """The newest runs, newest first.

        Args:
            state: Only in this state, or in one of these; ``interrupted`` is one that has begun or was to, and whose
                process is gone; it is neither ``running`` nor ``pending``. Empty = any.
            flow: Only of the flow of this name.
            since: Only created after this moment: an age such as ``2h``, a date, a time, or the object of either.
            limit: At most so many; 1 or more.
            inside: Whether the runs of flows that are nodes of other runs count.

        Raises:
            RequestError: A filter has a value that it cannot have.
        """
        states = [state] if isinstance(state, str) else list(state)
        for one in states:
            if one not in STATES:
                near = nearest(str(one), STATES)
                hint = f" (did you mean {near!r}?)" if near else ""
                raise RequestError(f"no run is ever {one!r:.80}{hint}; its state is one of {', '.join(STATES)}")
        if type(limit) is not int or limit < 1:
            raise RequestError(f"limit is a whole number, 1 or more, not {limit!r:.80}")
        if flow is not None and not flow:
            raise RequestError("flow is the name of a flow, which is never empty")
        living = self._living()
        texts = (msgspec.json.encode(states).decode(), flow or "")
        first = 0 if since is None else since_us(since, self._now_us())
        rows = self._store.readers.query(
            "read.runs", *texts, first, limit, msgspec.json.encode(living).decode(), inside
        )
        # The last two cells of a row are its owner and that one's process.
        names = RunSummary.__struct_fields__
        return [
            RunSummary(**dict(zip(names, (*row[:-2], row[-1] if row[-2] in living else None), strict=True)))
            for row in rows
        ]

    def _living(self) -> list[int]:
        return [one.worker_id for one in self._store.workers().values() if not self._store.is_gone(one)]
