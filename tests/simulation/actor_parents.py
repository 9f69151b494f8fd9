"""Parents of random actors, and those who are no actors at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from dagger_actors.supervised.cell import Cell
from dagger_actors.supervised.nursery import Nursery

if TYPE_CHECKING:
    from tests.simulation.actor_stage import Stage

__all__ = ["Keeper", "Once", "Outsider", "WatchedNursery"]

RESTARTS = 5


class WatchedNursery(Nursery):
    """The parent of temporary actors; tells of their ends."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self._stage = stage

    def child_failed_to_start(self, cell: Any, incarnation: int, error: BaseException) -> None:
        self._stage.is_over(cell, "failed to start")
        super().child_failed_to_start(cell, incarnation, error)

    def child_exited(self, cell: Any, incarnation: int, kind: Any, error: BaseException | None) -> None:
        self._stage.is_over(cell, kind)
        super().child_exited(cell, incarnation, kind, error)


class Keeper:
    """A parent that begins its children anew: at once, in another turn, later, or never."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._restarts: Counter[int] = Counter()

    def child_started(self, cell: Cell, incarnation: int) -> None:
        self._stage.note(f"{cell.name} is up {incarnation}")

    def child_failed_to_start(self, cell: Cell, incarnation: int, error: BaseException) -> None:
        self._stage.is_over(cell, "failed to start")
        self._decide(cell, incarnation)

    def child_exited(self, cell: Cell, incarnation: int, kind: str, error: BaseException | None) -> None:
        self._stage.is_over(cell, kind)
        self._decide(cell, incarnation)

    def _decide(self, cell: Cell, incarnation: int) -> None:
        self._restarts[cell.number] += 1
        if self._stage.is_ending or self._restarts[cell.number] > RESTARTS:
            cell.close()
            return
        begin = partial(self._begin, cell, incarnation + 1)
        match self._stage.chance.randrange(4):
            case 0:
                begin()
            case 1:
                self._stage.offer(begin)
            case 2:
                self._stage.later(self._stage.chance.choice((0.05, 0.7, 3.0)), begin)
            case _:
                self._stage.offer(cell.close)

    def _begin(self, cell: Cell, incarnation: int) -> None:
        cell.close() if self._stage.is_ending else cell.begin(incarnation)


class Once:
    """A turn of nobody's: one call."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call

    def run_turn(self) -> bool:
        self._call()
        return False


class Outsider:
    """Somebody who is no actor: a thread of the user's, as far as one thread can play it."""

    def __init__(self, stage: Stage, sender: int, turns: int) -> None:
        self._stage = stage
        self._sender = sender
        self._turns = turns

    def run_turn(self) -> bool:
        self._turns -= 1
        self._stage.disturb(self._sender)
        return self._turns > 0
