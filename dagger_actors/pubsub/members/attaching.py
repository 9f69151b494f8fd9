"""Puts this process's subscriptions on channels that are new to it, as patterns find them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.actors.runtime import Runtime
from dagger_actors.core.declarations import Declared, SubscriptionRow
from dagger_actors.core.log_fields import LogFields
from dagger_actors.errors import StoreError, SystemClosed
from dagger_actors.pubsub.declared.declared_rows import subscription_rows
from dagger_actors.pubsub.declared.wired import Wiring

__all__ = ["Attaching"]

logger = logging.getLogger("dagger_actors.pubsub")

AGAIN_US = 1_000_000
"""How long to wait before what the file has refused is handed to it again."""


class Attaching:
    """Sees to it until it is done, whatever the disk says.

    Args:
        runtime: The world.
        wiring: What is declared of subscriptions.
        errand: Has something done behind what is done already, one at a time.
        declare: Has the rows of subscriptions written.
        attached: Told what was written: the members are to hear of it.
        rested: Called behind that: nothing may be unread any more.
    """

    def __init__(
        self,
        runtime: Runtime,
        wiring: Wiring,
        *,
        errand: Callable[[Callable[[], None]], None],
        declare: Callable[[tuple[SubscriptionRow, ...]], ReplyFuture[list[Any]]],
        attached: Callable[[Declared], None],
        rested: Callable[[], None],
    ) -> None:
        self._runtime = runtime
        self._wiring = wiring
        self._errand = errand
        self._declare = declare
        self._told = attached
        self._rested = rested
        self._lock = threading.Lock()
        self._unread: set[str] = set()
        self._is_closed = False

    @property
    def is_done(self) -> bool:
        """Whether no new channel is left on which our subscriptions are not yet."""
        return not self._unread

    def close(self) -> None:
        """Attach nothing any more."""
        self._is_closed = True

    def attach(self, names: Sequence[str]) -> None:
        """Put our subscriptions on those of these channels that they read."""
        rows = subscription_rows(self._wiring, names)
        if rows:
            with self._lock:
                self._unread.update(names)
            self._declare(rows).add_done(lambda asked: self._errand(partial(self._attached, names, asked)))

    def _attached(self, names: Sequence[str], asked: ReplyFuture[list[Any]]) -> None:
        try:
            declared: Declared = asked.get(timeout=0)[0]
        except SystemClosed:
            return
        except StoreError as error:
            logger.warning("new channels cannot be read yet: %s", error, extra=LogFields(reason=str(error)))
            due_us = self._runtime.clock.now().mono_us + AGAIN_US
            self._runtime.timers.set((id(self), "attach"), due_us, lambda: self._errand(self._attach_again))
            return
        if self._is_closed:
            return
        self._told(declared)
        with self._lock:
            self._unread.difference_update(names)
        self._rested()

    def _attach_again(self) -> None:
        with self._lock:
            names = sorted(self._unread)
        if names and not self._is_closed:
            self.attach(names)
