"""An asyncio event loop on the world's clock: it waits for nothing, the world lets it go on."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import selectors
import threading
from collections.abc import Callable
from typing import Any, Protocol

from dagger_actors.bodies.off_loop import OWN_THREADS
from dagger_actors.core.protocols import Runnable
from dagger_actors.testing.outside import FOREIGN_THREAD, OWN_EXECUTOR, refuses_the_outside

__all__ = ["Ground", "VirtualLoop"]

RESOLUTION_S = 1e-6
"""The world counts microseconds: what is due within one is due."""


class Ground(Protocol):
    """What a loop needs of the world.

    Attributes:
        mono_us: Microseconds since the start.
        thread: The thread that plays all threads at this moment.
    """

    mono_us: int
    thread: int

    def offer(self, worker: str, runnable: Runnable) -> None:
        """Add a turn to choose from."""
        ...


@refuses_the_outside
class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on the world's clock, run one iteration at a time.

    ``asyncio.sleep``, ``timeout``, ``Event`` and the like follow the virtual clock, ``asyncio.to_thread`` is a turn; what
    leads out of the simulation (sockets, processes, signals, executors of one's own) raises ``CannotSimulate``.
    """

    def __init__(self, world: Ground, worker: str) -> None:
        self._world = world
        self.worker = worker
        self.is_due = False
        self._count = itertools.count()
        self._due: list[tuple[float, int, asyncio.TimerHandle]] = []
        super().__init__(_NoSelector())
        # asyncio would not run what is due a fraction of a microsecond later than the world's clock can tell.
        self._clock_resolution = RESOLUTION_S

    def time(self) -> float:
        """Seconds on the world's monotonic clock."""
        return self._world.mono_us / 1e6

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:  # type: ignore[override]  # typeshed ties args to callback
        """As asyncio's; notes that there is something to run."""
        self.is_due = True
        return super().call_soon(callback, *args, context=context)

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:  # type: ignore[override]  # the same
        """The same: there is one thread.

        Raises:
            CannotSimulate: It is called by a real thread that somebody has started.
        """
        if threading.get_ident() != self._world.thread:
            raise FOREIGN_THREAD.error("a call of the event loop from a thread of your own")
        return self.call_soon(callback, *args, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> asyncio.TimerHandle:  # type: ignore[override]  # the same
        """As asyncio's; notes when it is due."""
        handle = super().call_at(when, callback, *args, context=context)
        heapq.heappush(self._due, (when, next(self._count), handle))
        return handle

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]  # typeshed ties args to func
        """Run it in a turn of its own: there is one thread, and what is to be waited for is part of the world.

        Raises:
            CannotSimulate: The executor is one of the caller's own.
        """
        if executor is not None and executor is not OWN_THREADS:
            raise OWN_EXECUTOR.error("an executor of your own (`loop.run_in_executor`)")
        future: asyncio.Future[Any] = self.create_future()
        self._world.offer(self.worker, _Errand(future, lambda: func(*args)))
        return future

    def next_due_us(self) -> int | None:
        """When the next of its timers is due; None when there is none. What was cancelled is no reason for time to pass."""
        while self._due and self._due[0][2].cancelled():
            heapq.heappop(self._due)
        return round(self._due[0][0] * 1e6) if self._due else None

    def pass_to(self, mono_us: int) -> None:
        """Note which of its timers are due by then."""
        while self._due and round(self._due[0][0] * 1e6) <= mono_us:
            _, _, handle = heapq.heappop(self._due)
            self.is_due = self.is_due or not handle.cancelled()

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
