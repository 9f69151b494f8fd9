"""An asyncio event loop on the world's clock: it waits for nothing, the world lets it go on."""

from __future__ import annotations

import asyncio
import heapq
import selectors
import warnings
from collections.abc import Callable
from typing import Any, Protocol

from dagger_actors.core.protocols import Runnable

__all__ = ["Ground", "VirtualLoop", "bury"]


class Ground(Protocol):
    """What a loop needs of the world."""

    mono_us: int

    def offer(self, worker: str, runnable: Runnable) -> None:
        """Add a turn to choose from."""
        ...


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on the world's clock, run one iteration at a time."""

    def __init__(self, world: Ground, worker: str) -> None:
        self._world = world
        self.worker = worker
        self.is_due = False
        self.due: list[float] = []
        super().__init__(_NoSelector())

    def time(self) -> float:
        """Seconds on the world's monotonic clock."""
        return self._world.mono_us / 1e6

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:  # type: ignore[override]  # typeshed ties args to callback
        """As asyncio's; notes that there is something to run."""
        self.is_due = True
        return super().call_soon(callback, *args, context=context)

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:  # type: ignore[override]  # the same
        """The same: there is one thread."""
        return self.call_soon(callback, *args, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> asyncio.TimerHandle:  # type: ignore[override]  # the same
        """As asyncio's; notes when it is due."""
        heapq.heappush(self.due, when)
        return super().call_at(when, callback, *args, context=context)

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]  # typeshed ties args to func
        """Run it in a turn of its own: there is one thread, and what is to be waited for is part of the world."""
        del executor
        future: asyncio.Future[Any] = self.create_future()
        self._world.offer(self.worker, _Errand(future, lambda: func(*args)))
        return future

    def iterate(self) -> None:
        """Run what is ready, once."""
        self.is_due = False
        super().call_soon(self.stop)
        self.run_forever()


class _Errand:
    """What a coroutine has given to a thread; a turn that ends with a future of its loop."""

    def __init__(self, future: asyncio.Future[Any], function: Callable[[], Any]) -> None:
        self._future = future
        self._function = function

    def run_turn(self) -> bool:
        """Run it and resolve the future, if anybody still waits for it."""
        try:
            result, error = self._function(), None
        except Exception as raised:  # noqa: BLE001 - whoever awaits it is to get it
            result, error = None, raised
        if self._future.done():
            return False
        if error is None:
            self._future.set_result(result)
        else:
            self._future.set_exception(error)
        return False


class _NoSelector(selectors.SelectSelector):
    """Never waits: there is nothing outside the world to wait for."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        del timeout
        return []


def bury(loop: VirtualLoop) -> list[asyncio.Task[Any]]:
    """Close a loop whose tasks will never go on; they are handed back, for no dead process runs ``finally`` blocks."""
    tasks = list(asyncio.all_tasks(loop))
    for task in tasks:
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001 - a dead process warns of nothing
    loop.set_exception_handler(lambda _loop, _context: None)
    with warnings.catch_warnings():
        # What was scheduled and never took its first step was never awaited either, and that is no mistake.
        warnings.simplefilter("ignore", RuntimeWarning)
        loop.close()
    return tasks
