"""What people look at of the runs of a database; the same for a system and for a reader that changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec

from dagger_actors.core.states import FINAL_RUN, RUN_TRANSITIONS
from dagger_actors.errors import ArtifactError, RequestError
from dagger_actors.flow.definition import FlowDefinition
from dagger_actors.flow.reports.explanation import Explanation, explain
from dagger_actors.flow.reports.logs import AttemptLog
from dagger_actors.flow.reports.origin import origin_of
from dagger_actors.flow.reports.questions import Asked, Question, question_of
from dagger_actors.flow.reports.report import Report, RunSummary
from dagger_actors.flow.reports.rows import build_report
from dagger_actors.flow.stored.given_answers import Answer, untaken
from dagger_actors.flow.stored.rows import StoredArtifact, StoredRow
from dagger_actors.flow.stored.stored_runs import NODES, StoredRuns
from dagger_actors.reading.filters import LISTED, check_limit, states_of
from dagger_actors.reading.since import since_us

__all__ = ["Looking"]

STATES = (*RUN_TRANSITIONS, "interrupted")


class Looking:
    """The verbs that look.

    Args:
        stored: The runs.
        now_us: The time now, microseconds UTC.
    """

    def __init__(self, stored: StoredRuns, now_us: Callable[[], int]) -> None:
        self._stored = stored
        self._now_us = now_us

    def definition(self, run_id: str) -> FlowDefinition:
        """The definition that a run is pinned to, with the settings it was started with.

        Raises:
            RunNotFound: There is no such run.
        """
        return self._stored.definition_of(self._stored.row(run_id))

    def report(self, run_id: str, *, outputs: bool = True) -> Report:
        """What a run has done by now.

        Args:
            run_id: The run.
            outputs: False = leave its outputs out, for which nothing but rows has to be readable.

        Raises:
            RunNotFound: There is no such run.
            ArtifactCorrupt, ArtifactMissing: An output is no longer what it was.
        """
        row = self._stored.row(run_id)
        readers = self._stored.store.readers
        rows = readers.query(
            "read.nodes", row.run_key
        )  # before the definition: the nodes that they are of are in that then
        try:
            return build_report(
                row,
                self._stored.definition_of(row),
                (StoredRow(*found) for found in rows),
                (StoredArtifact(*found) for found in readers.query("read.artifact_names", row.run_key)),
                self._stored.store.load_artifact if outputs else None,
            )
        except ArtifactError as error:
            raise self._stored.with_maker(error, row.run_key) from error

    def locate(self, run_id: str, path: str) -> tuple[str, str]:
        """The run and the node that a path names: a node of the run, or ``NODE/.../NODE`` through the flows inside it.

        Args:
            run_id: The run.
            path: The id of a node of it; else what a run inside it is called behind the run's own id, and a node of that. What
                names nothing is given back as it is.

        Raises:
            RunNotFound: There is no such run.
        """
        row = self._stored.row(run_id)
        is_path = isinstance(path, str) and "/" in path
        if is_path and all(node.id != path for node in self._stored.definition_of(row).nodes):
            for at in [at for at, letter in enumerate(path) if letter == "/"][::-1]:
                inside = self._stored.find(f"{run_id}/{path[:at]}")
                if inside is not None and inside.root_run == row.root_run:
                    return inside.run_id, path[at + 1 :]
        return run_id, path

    def questions(self, run_id: str | None = None, *, limit: int = LISTED) -> tuple[Question, ...]:
        """What people are asked now, and have not answered, also where the run rests and has not taken an answer yet.

        Args:
            run_id: Only in this run and in those inside it; None = in all runs.
            limit: At most so many; 1 or more.

        Returns:
            The questions: those of the run in the order of its nodes, then those of the runs inside it, or of all runs, in the
            order in which the runs were created.

        Raises:
            RequestError: ``limit`` is no whole number, or less than 1.
            RunNotFound: There is no such run.
        """
        check_limit(limit)
        query = self._stored.store.readers.query
        where = () if run_id is None else (self._stored.run_key(run_id),)
        asked = [Asked(*row) for row in query("read.asked_inside" if where else "read.asked", *where, limit)]
        pinned = self._stored.nodes_at((one.definition_id, one.node) for one in asked if one.added is None)
        return tuple(
            question_of(one, pinned[one.definition_id, one.node] if one.added is None else NODES.decode(one.added))
            for one in asked
        )

    def _answers(self, run_id: str) -> dict[int, Answer]:
        """What people have answered in a run and it has not taken yet, by the positions of its nodes."""
        return {answer.node: answer for answer in untaken(self._stored.store.readers, [self._stored.run_key(run_id)])}

    def root(self, run_id: str) -> str:
        """The run that somebody has started, inside of which a run is; itself when it is no run of a flow inside another.

        Raises:
            RunNotFound: There is no such run.
        """
        return self._stored.id_of(self._stored.row(run_id).root_run)

    def to_go_on(self, run_id: str) -> str:
        """The run that ``resume`` and ``retry`` are to be given: the one above, unless this one alone is paused.

        Raises:
            RunNotFound: There is no such run.
        """
        root = self.root(run_id)
        is_alone = self._stored.row(run_id).status == "paused" and self._stored.row(root).status == "running"
        return run_id if is_alone else root

    def to_cancel(self, run_id: str) -> str:
        """The run that ``cancel`` is to be given where a death has left this one inside a run that is over; empty elsewhere.

        Raises:
            RunNotFound: There is no such run.
        """
        row, root = self._stored.row(run_id), self._stored.row(self.root(run_id))
        if row.status in FINAL_RUN or root.status not in FINAL_RUN or self._stored.owner_pid(row) is not None:
            return ""
        return root.run_id if root.status == "cancelled" else run_id

    def logs(self, run_id: str) -> tuple[AttemptLog, ...]:
        """What the attempts of a run logged, and printed if they ran in processes; of those that have ended.

        Raises:
            RunNotFound: There is no such run.
        """
        rows = self._stored.store.readers.query("read.attempt_logs", self._stored.row(run_id).run_key)
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
        row = self._stored.row(run_id)
        report = self.report(run_id, outputs=False)
        definition = self._stored.definition_of(row)
        inside_flows = any(node.flow is not None for node in definition.nodes)
        # Those inside come after those of its own nodes.
        inside = self.questions(run_id, limit=len(definition.nodes) + LISTED) if inside_flows else ()
        left = self.to_cancel(run_id)
        return explain(
            report,
            definition,
            node_id,
            item,
            now_us=self._now_us(),
            is_stranded=self.is_interrupted(run_id),
            is_pausing=self.is_pausing(run_id),
            is_left=left != "",
            questions=inside,
            answers=self._answers(run_id),
            next_run=left or self.to_go_on(run_id),
            origin=origin_of(report, node_id, item, self._report_if_any) if inside_flows else None,
        )

    def _report_if_any(self, run_id: str) -> Report | None:
        return None if self._stored.find(run_id) is None else self.report(run_id, outputs=False)

    def is_interrupted(self, run_id: str) -> bool:
        """Tell whether a run has begun, or was to, and its process is gone.

        Raises:
            RunNotFound: There is no such run.
        """
        row = self._stored.row(run_id)
        return row.status in ("pending", "running") and self._stored.owner_pid(row) is None

    def is_pausing(self, run_id: str) -> bool:
        """Tell whether a run begins nothing more, and is paused as soon as what runs has ended.

        Raises:
            RunNotFound: There is no such run.
        """
        row = self._stored.row(run_id)
        return row.status == "running" and row.is_pausing

    def resumable(self) -> list[str]:
        """Runs that nobody runs and that are not over: pending, running without a live owner, paused."""
        living = self._stored.living()
        return [found[0] for found in self._stored.store.readers.query("read.open_runs") if found[2] not in living]

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
        states = states_of(state, STATES, "run")
        check_limit(limit)
        if flow is not None and not flow:
            raise RequestError("flow is the name of a flow, which is never empty")
        living = self._stored.living()
        texts = (msgspec.json.encode(states).decode(), flow or "")
        first = 0 if since is None else since_us(since, self._now_us())
        rows = self._stored.store.readers.query(
            "read.runs", *texts, first, limit, msgspec.json.encode(living).decode(), inside
        )
        # The last two cells of a row are its owner and that one's process.
        names = RunSummary.__struct_fields__
        return [
            RunSummary(**dict(zip(names, (*row[:-2], row[-1] if row[-2] in living else None), strict=True)))
            for row in rows
        ]
