"""A runtime of real threads whose time is moved by hand: whatever is due fires on whichever thread moves it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

from dagger_actors.actors.dispatcher import ThreadDispatcher
from dagger_actors.actors.runtime import ThreadRuntime
from dagger_actors.core.protocols import Now

__all__ = ["HandRuntime", "HandTimers"]

PATIENCE_S = 60.0
"""How long anything may take that must happen; only a failing test waits that long."""


class HandTimers:
    """Timers and the clock they are on; nothing fires by itself.

    Attributes:
        live: What is set, by key.
    """

    def __init__(self) -> None:
        self.live: dict[object, tuple[int, int, Callable[[], None]]] = {}
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._now_us = 1

    def now(self) -> Now:
        return Now(1_700_000_000_000_000 + self._now_us, self._now_us)

    def set(self, key: object, mono_us: int, fire: Callable[[], None]) -> None:
        with self._lock:
            self.live[key] = (mono_us, next(self._numbers), fire)

    def cancel(self, key: object) -> None:
        with self._lock:
            self.live.pop(key, None)

    def advance(self, seconds: float) -> None:
        """Let time pass, and fire what is due by then."""
        with self._lock:
            self._now_us += round(seconds * 1e6)
        while (fire := self._due()) is not None:
            fire()

    def _due(self) -> Callable[[], None] | None:
        with self._lock:
            due = min(((timer, key) for key, timer in self.live.items()), key=lambda one: one[0][:2], default=None)
            if due is None or due[0][0] > self._now_us:
                return None
            return self.live.pop(due[1])[2]


class HandRuntime(ThreadRuntime):
    """Real threads and a real event loop, and time by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.hand = HandTimers()
        self.clock, self.timers = self.hand, self.hand

    def is_idle(self) -> bool:
        """Tell whether no pool's thread has anything to do."""
        pools = [pool for pool in self._pools if isinstance(pool, ThreadDispatcher)]
        return all(not pool._queue and len(pool._idle) == len(pool._threads) for pool in pools)

    def fence(self) -> None:
        """Have the event loop go round once."""
        passed = threading.Event()
        self._io().call_soon_threadsafe(passed.set)
        assert passed.wait(PATIENCE_S)

    def _io(self) -> Any:
        return self.io.loop  # type: ignore[attr-defined]  # the real one has
