"""What became of the attempts of one process, by agent: counts alone, cheap enough for the thread that commits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from dagger_actors.tasks.machine.events import End

__all__ = ["TaskTally"]

TRIES = frozenset({"failed", "timed_out"})


class TaskTally:
    """Counts ends of attempts; written by the journal's thread alone, read by any."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def count(self, ends: Iterable[End]) -> None:
        """Count ends that are committed."""
        for end in ends:
            state: str = end.row.state
            if state == "ready":
                if end.attempt is None or end.attempt.outcome not in TRIES:
                    continue  # it was given back, or sleeps: nothing came of it yet
                state = "retried"
            self._counts[end.task.agent, state] += 1

    def of(self, agent: str, what: str) -> int:
        """How many attempts at tasks of an agent ended so: as a state of a task, or ``retried``: to be tried again."""
        return self._counts[agent, what]
