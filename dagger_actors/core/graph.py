"""The dependency graph: who waits for how many, and how those ended; linear, without recursion, and open at the end.

Vertices are consecutive integers from 0; names live with the caller. A vertex is ready when everything it waits for has
ended, whatever the end; whether it then runs is for a trigger rule over its ``Tally``.
Source: the shape ``prepare -> get_ready -> done`` is that of ``graphlib`` in the standard library.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

__all__ = ["DependencyGraph", "FinalState", "Tally", "find_cycle"]

FinalState = Literal["succeeded", "failed", "skipped", "cancelled", "timed_out"]
NOBODY: tuple[int, ...] = ()


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """How the dependencies of one vertex ended, counted."""

    succeeded: int = 0
    failed: int = 0
    skipped: int = 0
    cancelled: int = 0
    timed_out: int = 0

    @property
    def unsuccessful(self) -> int:
        """Dependencies that ended in any other way than success."""
        return self.failed + self.skipped + self.cancelled + self.timed_out


class DependencyGraph:
    """Counts, for every vertex, the dependencies still to end and how the others ended."""

    __slots__ = ("_dependents", "_ends", "_other_ends", "_successes", "_waiting")

    def __init__(self) -> None:
        self._waiting: list[int] = []
        self._dependents: list[list[int] | tuple[int, ...]] = []
        self._ends: list[FinalState | None] = []
        self._successes: list[int] = []
        # Most dependencies succeed, so the other ends are kept apart: a dictionary a vertex would cost 100 bytes each.
        self._other_ends: dict[int, dict[str, int]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def append(self, dependencies: Iterable[int] = ()) -> int:
        """Add one vertex.

        Args:
            dependencies: Vertices that exist already, ended or not; no doubles.

        Returns:
            The new vertex.

        Raises:
            IndexError: A dependency is not in the graph; nothing was added.
        """
        vertex = len(self._waiting)
        wanted = tuple(dependencies)
        if any(not 0 <= on < vertex for on in wanted):
            raise IndexError(f"vertex {vertex} depends on one that is not in the graph")
        self._waiting.append(0)
        self._dependents.append(NOBODY)
        self._ends.append(None)
        self._successes.append(0)
        for on in wanted:
            self.depend(vertex, on)
        return vertex

    @classmethod
    def of(cls, dependencies: Sequence[Sequence[int]]) -> DependencyGraph:
        """Build a graph at once; unlike ``append``, a vertex may depend on a later one. Must be free of cycles."""
        graph, count = cls(), len(dependencies)
        graph._waiting = [0] * count
        graph._dependents = [NOBODY] * count
        graph._ends = [None] * count
        graph._successes = [0] * count
        for vertex, wanted in enumerate(dependencies):
            for on in wanted:
                graph.depend(vertex, on)
        return graph

    def depend(self, vertex: int, on: int) -> None:
        """Let ``vertex`` wait for ``on`` too; an ended ``on`` counts at once."""
        end = self._ends[on]
        if end is not None:
            self._count(vertex, end)
            return
        self._waiting[vertex] += 1
        dependents = self._dependents[on]
        if isinstance(dependents, list):
            dependents.append(vertex)
        else:
            self._dependents[on] = [vertex]

    def hold(self, vertex: int) -> None:
        """Let a vertex wait for something that is no vertex, until ``release``."""
        self._waiting[vertex] += 1

    def release(self, vertex: int) -> bool:
        """Take one hold back; tells whether the vertex waits for nothing any more."""
        self._waiting[vertex] -= 1
        return not self._waiting[vertex]

    def end(self, vertex: int, state: FinalState) -> list[int]:
        """Record how a vertex ended.

        Returns:
            The dependents for which it was the last, in the order they were added.

        Raises:
            ValueError: It has ended already; the graph is unchanged.
        """
        if self._ends[vertex] is not None:
            raise ValueError(f"vertex {vertex} has ended already, as {self._ends[vertex]}")
        self._ends[vertex] = state
        waiting = self._waiting
        ready: list[int] = []
        for dependent in self._dependents[vertex]:
            self._count(dependent, state)
            waiting[dependent] -= 1
            if not waiting[dependent]:
                ready.append(dependent)
        self._dependents[vertex] = NOBODY
        return ready

    def _count(self, vertex: int, state: FinalState) -> None:
        if state == "succeeded":
            self._successes[vertex] += 1
        else:
            ends = self._other_ends.setdefault(vertex, {})
            ends[state] = ends.get(state, 0) + 1

    def is_waiting(self, vertex: int) -> bool:
        """Tell whether any dependency of the vertex has still to end."""
        return self._waiting[vertex] > 0

    def is_waiting_for_one(self, vertex: int) -> bool:
        """Tell whether all but one of the dependencies of the vertex have ended."""
        return self._waiting[vertex] == 1

    def state(self, vertex: int) -> FinalState | None:
        """Tell how the vertex ended; None while it has not."""
        return self._ends[vertex]

    def is_unhindered(self, vertex: int) -> bool:
        """Tell whether every dependency that has ended succeeded (the tally's common question, cheaply)."""
        return vertex not in self._other_ends

    def tally(self, vertex: int) -> Tally:
        """Count how the vertex's dependencies ended so far."""
        return Tally(succeeded=self._successes[vertex], **self._other_ends.get(vertex, {}))


def find_cycle(dependencies: Sequence[Sequence[int]]) -> list[int] | None:
    """Find one whole cycle, in linear time and without recursion.

    Args:
        dependencies: For every vertex, the vertices it depends on.

    Returns:
        The vertices of a cycle in the order of "depends on", each once; None when there is none.
    """
    unseen, open_, done = 0, 1, 2
    colour = bytearray(len(dependencies))
    for root in range(len(dependencies)):
        if colour[root] != unseen:
            continue
        path = [root]
        branches = [iter(dependencies[root])]
        colour[root] = open_
        while path:
            for on in branches[-1]:
                if colour[on] == open_:
                    return path[path.index(on) :]
                if colour[on] == unseen:
                    colour[on] = open_
                    path.append(on)
                    branches.append(iter(dependencies[on]))
                    break
            else:
                colour[path.pop()] = done
                branches.pop()
    return None
