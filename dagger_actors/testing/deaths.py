"""At which commits workers die: counted over all workers of a simulation, or for one of them."""

from __future__ import annotations

from typing import Literal

from dagger_actors.errors import RequestError
from dagger_actors.testing.errors import NotRepeatable
from dagger_actors.testing.replay import Kill
from dagger_actors.testing.world import World

__all__ = ["Deaths"]

Moment = Literal["before", "after"]


class Deaths:
    """Decides, at each commit, whether the worker that makes it dies.

    Attributes:
        commits: Commits begun so far, by all workers.
        planned: The kill that is still to come, counted over all workers.
        killed_at: How many turns the world had begun when that happened; None before.
    """

    def __init__(self, world: World) -> None:
        self.commits = 0
        self.planned: Kill | None = None
        self.killed_at: int | None = None
        self._world = world
        self._doomed: dict[str, Kill] = {}

    def plan(self, kill: Kill) -> None:
        """Kill whichever worker makes that commit, counted from the start of the simulation.

        Raises:
            RequestError: That commit has been made already.
        """
        if kill.commit <= self.commits:
            raise RequestError(
                f"a kill {kill.moment} commit {kill.commit} comes too late: {self.commits} have been made"
            )
        self.planned = kill

    def doom(self, worker: str, kill: Kill) -> None:
        """Kill a worker at a commit of its own, counted from now on."""
        self._doomed[worker] = kill

    def strikes(self, worker: str, moment: str) -> bool:
        """Count a commit that a worker makes, and tell whether it dies of it: called before and after each."""
        if moment == "before":
            self.commits += 1
        planned = self.planned
        if planned is not None and planned == (self.commits, moment):
            self.planned, self.killed_at = None, len(self._world.trace)
            return True
        doom = self._doomed.get(worker)
        if doom is None or doom.moment != moment:
            return False
        self._doomed[worker] = Kill(doom.commit - 1, doom.moment)
        return doom.commit == 1

    def check(self) -> None:
        """Refuse to end with a planned kill that never came.

        Raises:
            NotRepeatable: There is one.
        """
        if self.planned is not None:
            raise NotRepeatable(
                f"a worker was to be killed {self.planned.moment} commit {self.planned.commit}, "
                f"but only {self.commits} commits were made"
            )
