"""What of one run is to begin next: in which order, and which has to let others go first.

Calls go before all else, then the higher priority, then the order of the file. A node with a limit of its own keeps its other
items back without holding up what is behind them. A node that must not be repeated waits for a place at the gate, and what is
behind it waits with it. What beginning means, and that it is written down, is for the ``book``.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Set as AbstractSet
from typing import Final

from dagger_actors.flow.definition import NodeDefinition
from dagger_actors.flow.machine.invocations import Invocations

__all__ = ["Queue"]

SHIFT: Final = 40
MASK: Final = (1 << SHIFT) - 1


class Queue:
    """Vertices that are to begin.

    Args:
        work: The run's invocations.
        going: Vertices whose flow goes on, as the book has them.

    Attributes:
        called: Calls, in order.
        careful: Positions of nodes whose attempts must not be repeated when nobody knows what came of them.
    """

    def __init__(self, work: Invocations, going: AbstractSet[int]) -> None:
        self._work = work
        self._going = going
        self._ready: list[int] = []
        self._put_off: deque[int] = deque()
        self._priorities: dict[int, int] = {}
        self._limits: dict[int, int] = {}
        self._counts: dict[int, int] = {}
        self._backlogs: dict[int, deque[int]] = {}
        self.careful: set[int] = set()
        self.called: deque[int] = deque()

    def __bool__(self) -> bool:
        """Whether something may begin, as far as it is known here: who is kept back waits for one that goes on."""
        return bool(self._ready or self.called)

    def learn(self, position: int, node: NodeDefinition) -> None:
        """Note what of a node is to be looked up at each of its attempts."""
        if node.priority:
            self._priorities[position] = node.priority
        if node.durability == "at_most_once":
            self.careful.add(position)
        if node.map is not None and node.map.limit is not None:
            self._limits[position] = node.map.limit
            self._counts[position] = 0
            self._backlogs[position] = deque()

    def all(self) -> list[int]:
        """List what is queued, in no order."""
        return (
            list(self.called)
            + [entry & MASK for entry in self._ready]
            + [one for some in self._backlogs.values() for one in some]
            + list(self._put_off)
        )

    # --- in

    def push(self, vertex: int) -> None:
        """Queue a vertex: the higher priority first, then file order."""
        # One integer for both, so that the heap compares at C speed; `& MASK` gives the vertex back.
        if self._priorities:
            vertex -= self._priorities.get(self._work.place(vertex)[0], 0) << SHIFT
        heapq.heappush(self._ready, vertex)

    def put_off(self, vertex: int) -> None:
        """Keep the flow of a vertex back until there is room for it."""
        self._put_off.append(vertex)

    def let_in(self, room: int) -> None:
        """Queue as many of the flows that were put off as there is room for."""
        while self._put_off and room > 0:
            vertex = self._put_off.popleft()
            if self._is_needless(vertex):
                self._let_next_in(self._work.place(vertex)[0])
            else:
                self.push(vertex)
                room -= 1

    # --- out

    def take(self, *, has_place: bool) -> tuple[int, str] | None:
        """Take the next one out.

        Args:
            has_place: Whether the gate lets one more through at once.

        Returns:
            It, and the state in which it begins; None = nothing may.
        """
        is_plain = not self.careful and not self._limits
        while self._ready:
            state: str | None = "ready"
            if not is_plain:
                state = self._admission(self._work.place(self._ready[0] & MASK)[0], has_place=has_place)
                if state is None:
                    return None
            vertex = heapq.heappop(self._ready) & MASK
            if self._is_needless(vertex):
                self._let_next_in(self._work.place(vertex)[0])
            elif state:
                return vertex, state
            else:
                self._backlogs[self._work.place(vertex)[0]].append(vertex)
        return None

    def clear(self) -> None:
        """Forget all but the calls."""
        self._ready.clear()
        self._put_off.clear()
        for backlog in self._backlogs.values():
            backlog.clear()

    def _is_needless(self, vertex: int) -> bool:
        """Tell whether what was queued has ended meanwhile, or is the flow that runs already: it was woken twice."""
        return self._work.graph.state(vertex) is not None or vertex in self._going

    def _admission(self, node: int, *, has_place: bool) -> str | None:
        """In which state a node's next attempt begins; empty = not yet, others may; None = not yet, nor may others."""
        limit = self._limits.get(node)
        if limit is not None and self._counts[node] >= limit:
            return ""
        if node not in self.careful:
            return "ready"
        # Its start is committed with the grant: so it is granted when it can start, and nothing overtakes it till then.
        return "running" if has_place else None

    # --- limits of nodes

    @property
    def has_limits(self) -> bool:
        """Whether a node has a limit of its own."""
        return bool(self._limits)

    def count(self, node: int) -> None:
        """Count one more of a node that goes on."""
        if node in self._counts:
            self._counts[node] += 1

    def uncount(self, node: int) -> None:
        """One of a node is over; the next of a node with a limit of its own takes its turn."""
        if node in self._counts:
            self._counts[node] -= 1
            self._let_next_in(node)

    def _let_next_in(self, node: int) -> None:
        """The next of a node with a limit of its own takes the turn of one that does not need it."""
        backlog = self._backlogs.get(node)
        if backlog:
            self.push(backlog.popleft())
