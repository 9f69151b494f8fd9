"""What is seen of runs, without waiting and without changing anything."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from dagger_actors.flow.archive import LISTED
from dagger_actors.flow.base import FlowsBase
from dagger_actors.flow.definition import FlowDefinition
from dagger_actors.flow.explanation import Explanation
from dagger_actors.flow.logs import AttemptLog
from dagger_actors.flow.questions import Question
from dagger_actors.flow.report import Report, RunSummary
from dagger_actors.flow.run import Run

__all__ = ["Looking"]


class Looking(FlowsBase):
    """The verbs that look."""

    # --- runs

    def run(self, run_id: str) -> Run:
        """The handle of a run that exists.

        Raises:
            RunNotFound: There is no such run.
        """
        return self._run(self._caller.row(run_id).run_id)

    def definition(self, run_id: str) -> FlowDefinition:
        """The definition that a run is pinned to, with the settings it was started with.

        Raises:
            RunNotFound: There is no such run.
        """
        return self._hub.archive.definition(run_id)

    def report(self, run_id: str, *, outputs: bool = True) -> Report:
        """What a run has done by now.

        Args:
            run_id: The run.
            outputs: False = leave its outputs out, for which nothing but rows has to be readable.

        Raises:
            RunNotFound: There is no such run.
            ArtifactCorrupt, ArtifactMissing: An output is no longer what it was.
        """
        return self._hub.archive.report(run_id, outputs=outputs)

    def logs(self, run_id: str) -> tuple[AttemptLog, ...]:
        """What the attempts of a run logged, and printed if they ran in processes; of those that have ended.

        Raises:
            RunNotFound: There is no such run.
        """
        return self._hub.archive.logs(run_id)

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
            state: Only in this state, or in one of these; ``interrupted`` is a running one whose process is gone.
            flow: Only of the flow of this name.
            since: Only created after this moment: an age such as ``2h``, a date, a time, or the object of either.
            limit: At most so many; 1 or more.
            inside: Whether the runs of flows that are nodes of other runs count.

        Raises:
            RequestError: A filter has a value that it cannot have.
        """
        return self._hub.archive.runs(state=state, flow=flow, since=since, limit=limit, inside=inside)

    def explain(self, run_id: str, node_id: str, item: str = "") -> Explanation:
        """Why a node of a run is in its state: whom it waits for, when it is tried next, what skipped it.

        Args:
            run_id: The run.
            node_id: The node.
            item: The map item's key; empty for the node itself.

        Raises:
            RunNotFound: There is no such run.
            UnknownNode: It has no such node or item; names the nearest.
        """
        return self._hub.archive.explain(run_id, node_id, item)

    def resumable(self) -> list[str]:
        """Runs that nobody runs and that are not over: pending, running without a live owner, paused."""
        return [run_id for run_id in self._hub.archive.resumable() if run_id not in self._hub.active]

    def opened(self) -> list[str]:
        """Runs that are open in this system: they go on here."""
        return sorted(self._hub.active)

    # --- runs inside runs, and people

    def root(self, run_id: str) -> str:
        """The run that somebody has started, inside of which a run is; it is itself when it is no run of a flow inside another.

        Raises:
            RunNotFound: There is no such run.
        """
        return self._hub.archive.root(run_id)

    def locate(self, run_id: str, path: str) -> tuple[str, str]:
        """The run and the node that a path means: ``sub/ok`` is node ``ok`` in the run of the flow at node ``sub``.

        Args:
            run_id: The run.
            path: A node's id, or such a path; one that means nothing is given back as it is.

        Raises:
            RunNotFound: There is no such run.
        """
        return self._hub.archive.locate(run_id, path)

    def questions(self, run_id: str) -> tuple[Question, ...]:
        """What people are asked in a run now, in the order of its nodes, then in the runs of flows inside it.

        Raises:
            RunNotFound: There is no such run.
        """
        return self._hub.archive.questions(run_id)

    def has_news(self, run_id: str) -> bool:
        """Tell whether a run that rests because people are asked can go on: one has answered, or was asked for long enough.

        Raises:
            RunNotFound: There is no such run.
        """
        return self._caller.row(run_id).is_due(self._hub.runtime.clock.now().wall_us)
