"""What dead workers leave behind: coroutines and bodies in their middle, that no ``finally`` block of theirs may run yet.

A dead process runs nothing. So they are kept as they are while the simulation goes on, and taken apart only at its end.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import warnings
from collections.abc import Iterable
from typing import Any

from dagger_actors.actors.awaiting import let_go_of_tasks
from dagger_actors.testing.loop import VirtualLoop
from dagger_actors.testing.stacks import OwnStack

__all__ = ["Graveyard"]


class Graveyard:
    """Keeps what is left of the dead."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[Any]] = []
        self._bodies: list[OwnStack] = []

    def take_loop(self, loop: VirtualLoop) -> None:
        """Close a loop whose tasks will never go on."""
        tasks = list(asyncio.all_tasks(loop))
        for task in tasks:
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001 - a dead process warns of nothing
        loop.set_exception_handler(lambda _loop, _context: None)
        with warnings.catch_warnings():
            # What was scheduled and never took its first step was never awaited either, and that is no mistake.
            warnings.simplefilter("ignore", RuntimeWarning)
            loop.close()
        let_go_of_tasks(loop)
        self._tasks += tasks

    def take_bodies(self, bodies: Iterable[OwnStack]) -> None:
        """Keep turns that have stopped in their middle and will never go on."""
        self._bodies += bodies

    def close(self) -> None:
        """Take all of it apart; only now, when nothing of theirs has an effect any more."""
        while self._bodies:
            self._bodies.pop().unwind()
        with warnings.catch_warnings():
            # A coroutine that died before its first step was never awaited, and that is no mistake.
            warnings.simplefilter("ignore", RuntimeWarning)
            while self._tasks:
                task = self._tasks.pop()
                coroutine = task.get_coro()
                assert inspect.iscoroutine(coroutine)
                inner = [
                    value for value in inspect.getcoroutinelocals(coroutine).values() if inspect.iscoroutine(value)
                ]
                for one in (coroutine, *inner):
                    with contextlib.suppress(BaseException):  # what user code does in its finally blocks is its own
                        one.close()
                del task
