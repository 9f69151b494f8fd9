"""How the runs of a system stand, for whoever is to go on with them: which are open here, which wait for somebody."""

from __future__ import annotations

from dagger_actors.flow.verbs.base import FlowsBase
from dagger_actors.flow.verbs.run import Run

__all__ = ["AtWork"]


class AtWork(FlowsBase):
    """What is seen of the work."""

    def run(self, run_id: str) -> Run:
        """The handle of a run that exists.

        Raises:
            RunNotFound: There is no such run.
        """
        return self._run(self._caller.row(run_id).run_id)

    def resumable(self) -> list[str]:
        """Runs that nobody runs and that are not over: pending, running without a live owner, paused."""
        return [run_id for run_id in super().resumable() if run_id not in self._hub.active]

    def opened(self) -> list[str]:
        """Runs that are open in this system: they go on here."""
        return sorted(self._hub.active)

    def has_news(self, run_id: str) -> bool:
        """Tell whether a run that rests because people are asked can go on: one has answered, or was asked for long enough.

        Raises:
            RunNotFound: There is no such run.
        """
        return self._caller.row(run_id).is_due(self._hub.runtime.clock.now().wall_us)
