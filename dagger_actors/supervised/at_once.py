"""Turns outside the ordinary: a supervisor's, at once; and calls that block, aside."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagger_actors.core.protocols import Dispatcher, Runnable

__all__ = ["Aside", "AtOnce"]


class AtOnce:
    """A dispatcher that gives a turn at once, on the thread that asks for it; for supervisors.

    A restart in place then needs no other thread: the child's tells its supervisor, decides in its stead, and goes on. Two
    hand-overs took some 100 us, and 700 on a busy machine; what a supervisor does in a turn takes less than ten.
    """

    is_loop = False

    def __init__(self, later: Dispatcher) -> None:
        self._later = later

    def schedule(self, runnable: Runnable, *, here: bool = False) -> None:
        """Give it a turn, and leave what it wants besides to the threads."""
        del here
        if runnable.run_turn():
            self._later.schedule(runnable)


class Aside:
    """One call that takes a turn of its own."""

    def __init__(self, action: Callable[[], None]) -> None:
        self._action = action

    def run_turn(self) -> bool:
        """Do it."""
        self._action()
        return False
