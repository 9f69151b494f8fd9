"""The handle of one run."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Protocol

from dagger_actors.bodies.loop_guard import refuse_on_loop
from dagger_actors.bodies.off_loop import off_loop
from dagger_actors.core.states import FINAL_RUN
from dagger_actors.drawing.svg import svg_if_it_can_be
from dagger_actors.errors import BlockingCall, RunCancelled, RunEnded, RunFailed, RunPaused, RunTimedOut
from dagger_actors.flow.definition import FlowDefinition
from dagger_actors.flow.reports.report import Report
from dagger_actors.flow.reports.run_picture import picture_of_run

__all__ = ["REST", "Run", "RunSource"]

REST = FINAL_RUN | {"paused"}

ENDS: dict[str, type[RunEnded]] = {
    "failed": RunFailed,
    "cancelled": RunCancelled,
    "timed_out": RunTimedOut,
    "paused": RunPaused,
}


class RunSource(Protocol):
    """What a handle asks; ``flow.verbs.flows.Flows`` answers."""

    def wait_for(self, run_id: str, timeout: float | None, *, wait_for_people: bool) -> Report:
        """Block until a run ends or pauses; if people are waited for, not while it pauses only until they have answered."""
        ...

    async def until_rest(self, run_id: str, *, wait_for_people: bool) -> Report:
        """``wait_for``, without blocking the loop."""
        ...

    def report(self, run_id: str, *, outputs: bool = True) -> Report:
        """What a run has done by now."""
        ...

    def pause(self, run_id: str) -> Report:
        """Let a run begin nothing more."""
        ...

    def resume(self, run_id: str) -> Run:
        """Go on with a run."""
        ...

    def cancel(self, run_id: str, *, node: str | None = None) -> Report:
        """Cancel a run, or a node of it."""
        ...

    def definition(self, run_id: str) -> FlowDefinition:
        """The definition that a run is pinned to."""
        ...


class Run:
    """A run, wherever it stands; any number of handles may watch one run.

    ``await run`` gives its outputs, as ``result`` does. Watching changes nothing: a wait that is given up, or whose
    awaiter is cancelled, cancels nothing.

    Attributes:
        id: The run's id.
    """

    def __init__(self, run_id: str, flows: RunSource) -> None:
        self.id = run_id
        self._flows = flows

    def __repr__(self) -> str:
        return f"<Run {self.id}>"

    def _repr_html_(self) -> str:
        """How it stands, for notebooks: a picture, where the extra ``graph`` is installed, and a table."""
        report = self._flows.report(self.id, outputs=False)
        return report.html(svg_if_it_can_be(picture_of_run(self._flows.definition(self.id), report)))

    def wait(self, timeout: float | None = None, *, wait_for_people: bool = False) -> Report:
        """Wait until the run ends or pauses.

        Args:
            timeout: Seconds to wait; None = as long as it takes.
            wait_for_people: True = also while it is paused only because people are asked (``approval``), until they have
                answered or the time for that is up; it goes on then where its code is, here or elsewhere.

        Raises:
            TimeoutError: It is still running, or people are still asked; it goes on.
            RequestError: The time-out is no number of seconds.
            BlockingCall: On a running event loop; use ``await run.await_report()``.
        """
        self._refuse_to_block("run.wait()", "await run.await_report()", wait_for_people=wait_for_people)
        return self._flows.wait_for(self.id, timeout, wait_for_people=wait_for_people)

    def result(self, timeout: float | None = None, *, wait_for_people: bool = False) -> dict[str, Any]:
        """Wait for the run's outputs.

        Args:
            timeout: As for ``wait``.
            wait_for_people: As for ``wait``; False = it raises ``RunPaused`` as soon as nothing but people are awaited.

        Raises:
            RunFailed, RunCancelled, RunTimedOut, RunPaused: It did not succeed; carries the ``report``.
            TimeoutError: It is still running, or people are still asked; it goes on.
            BlockingCall: On a running event loop; use ``await run``, or ``await run.await_result()``.
        """
        instead = "await run.await_result(wait_for_people=True)" if wait_for_people else "await run"
        self._refuse_to_block("run.result()", instead, wait_for_people=wait_for_people)
        return outputs_of(self.wait(timeout, wait_for_people=wait_for_people))

    def _refuse_to_block(self, verb: str, instead: str, *, wait_for_people: bool) -> None:
        """Refuse to wait on a running event loop; one that has ended, as in a notebook's next cell, needs no waiting."""
        try:
            refuse_on_loop(verb, instead)
        except BlockingCall:
            if self.report().state not in (FINAL_RUN if wait_for_people else REST):
                raise

    def report(self) -> Report:
        """What the run has done by now."""
        return self._flows.report(self.id)

    def pause(self) -> Report:
        """Let the run begin nothing more; recorded when this returns.

        Raises:
            IllegalTransition: It is over.
        """
        return self._flows.pause(self.id)

    def resume(self) -> Run:
        """Go on with the run.

        Raises:
            IllegalTransition: It has failed, timed out or been cancelled.
        """
        return self._flows.resume(self.id)

    def cancel(self, *, node: str | None = None) -> Report:
        """Cancel the run, or one node of it; recorded when this returns.

        Raises:
            IllegalTransition, NodeTransition: It has ended otherwise.
        """
        return self._flows.cancel(self.id, node=node)

    async def await_report(self, *, wait_for_people: bool = False) -> Report:
        """``wait``, without blocking the loop."""
        return await self._flows.until_rest(self.id, wait_for_people=wait_for_people)

    async def await_result(self, *, wait_for_people: bool = False) -> dict[str, Any]:
        """``result``, without blocking the loop; ``await run`` is the same without options."""
        return outputs_of(await self.await_report(wait_for_people=wait_for_people))

    async def apause(self) -> Report:
        """``pause``, without blocking the loop."""
        return await off_loop(self.pause)

    async def aresume(self) -> Run:
        """``resume``, without blocking the loop."""
        return await off_loop(self.resume)

    async def acancel(self, *, node: str | None = None) -> Report:
        """``cancel``, without blocking the loop."""
        return await off_loop(self.cancel, node=node)

    def __await__(self) -> Generator[Any, None, dict[str, Any]]:
        return self.await_result().__await__()


def outputs_of(report: Report) -> dict[str, Any]:
    """The outputs of a run that succeeded.

    Raises:
        RunFailed, RunCancelled, RunTimedOut, RunPaused: It did not.
    """
    if report.state == "succeeded":
        return report.outputs
    raise ENDS[report.state](report.run_id, report.error or "", report)
