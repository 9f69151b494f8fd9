"""When the file is to be asked again for what becomes due, whoever has written it there."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.actors.runtime import Runtime
from dagger_actors.core.log_fields import LogFields
from dagger_actors.errors import StoreError, SystemClosed

__all__ = ["DueTimes"]

logger = logging.getLogger("dagger_actors.store")

LONGEST_SLEEP_US = 5_000_000
"""Due times are wall times, and that clock may step: the file is asked again at least so often while something is due."""


class DueTimes:
    """Asks at the earliest time that it was told of; any thread.

    Args:
        runtime: The world.
        name: What becomes due, for messages.
        ask: Asks.
        answered: Told the answer; gives when to ask again, wall microseconds, or None.
    """

    def __init__(
        self,
        runtime: Runtime,
        name: str,
        *,
        ask: Callable[[], ReplyFuture[list[Any]]],
        answered: Callable[[Any], int | None],
    ) -> None:
        self._runtime = runtime
        self._name = name
        self._ask = ask
        self._answered = answered
        self._lock = threading.Lock()
        self._next_us: int | None = None
        self._is_stopped = False

    def at(self, due_us: int) -> None:
        """Something is due then, wall microseconds."""
        with self._lock:
            if self._is_stopped or (self._next_us is not None and self._next_us <= due_us):
                return
            self._next_us = due_us
            now = self._runtime.clock.now()
            delay_us = min(max(0, due_us - now.wall_us), LONGEST_SLEEP_US)
            # Under the lock, or of two threads the later time might be the one that stays armed.
            self._runtime.timers.set((id(self), self._name), now.mono_us + delay_us, self.now)

    def now(self) -> None:
        """Ask at once."""
        with self._lock:
            if self._is_stopped:
                return
            self._next_us = None
        self._ask().add_done(self._done)

    def stop(self) -> None:
        """Ask no more."""
        with self._lock:
            self._is_stopped = True
            self._runtime.timers.cancel((id(self), self._name))

    def _done(self, asked: ReplyFuture[list[Any]]) -> None:
        try:
            next_us = self._answered(asked.get(timeout=0)[0])
        except StoreError as error:
            logger.warning("%s cannot be looked at yet: %s", self._name, error, extra=LogFields(reason=str(error)))
            next_us = self._runtime.clock.now().wall_us + LONGEST_SLEEP_US
        except SystemClosed:
            return
        if next_us is not None:
            self.at(next_us)
