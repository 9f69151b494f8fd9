"""When all members of this process are at rest.

Each is asked, twice: between its answer and another's it may have got something to do.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.actors.runtime import Runtime
from dagger_actors.core.log_fields import LogFields
from dagger_actors.errors import StoreError, SystemClosed
from dagger_actors.pubsub.members.orders import RestAsked
from dagger_actors.pubsub.members.supervisor import MemberSupervisor

__all__ = ["Rest"]

logger = logging.getLogger("dagger_actors.pubsub")

AGAIN_US = 1_000_000
"""How long to wait before the file, which could not be read, is asked again."""


class Rest:
    """Finds out for those who wait for it.

    One round of asking is under way at a time: each answer makes a member look whether it is at rest, which asks for a round.

    Args:
        runtime: The world.
        errand: Has something done behind what is done already, one at a time.
        look: Sees what others have written.
        members: Those that take turns.
        moved_no: Gives what changes when there is something new to take.
        next_us: Gives when the next delayed message is due; None = there is none.
        is_idle: Tells whether nothing of ephemeral channels is under way.
        takes_over: Takes what dead workers had not done; tells whether there is any.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        errand: Callable[[Callable[[], None]], None],
        look: Callable[[], None],
        members: Callable[[], Sequence[MemberSupervisor]],
        moved_no: Callable[[], tuple[int, int]],
        next_us: Callable[[], int | None],
        is_idle: Callable[[], bool],
        takes_over: Callable[[], bool],
    ) -> None:
        self._runtime = runtime
        self._errand = errand
        self._look = look
        self._members = members
        self._moved_no = moved_no
        self._next_us = next_us
        self._is_idle = is_idle
        self._takes_over = takes_over
        self._lock = threading.Lock()
        self._waiting: list[ReplyFuture[None]] = []
        self._is_asking = False
        self._is_asked_again = False

    # --- from any thread

    def wait(self) -> ReplyFuture[None]:
        """Be told when all are at rest."""
        future: ReplyFuture[None] = ReplyFuture()
        with self._lock:
            self._waiting.append(future)
        self.told()
        return future

    def leave(self, future: ReplyFuture[None]) -> None:
        """Nobody waits for that any more."""
        with self._lock:
            self._waiting = [one for one in self._waiting if one is not future]

    def told(self) -> None:
        """Somebody may have come to rest."""
        with self._lock:
            if not self._waiting:
                return
            is_new, self._is_asked_again = not self._is_asking, self._is_asking
            self._is_asking = True
        if is_new:
            self._errand(self._begin)

    def close(self) -> None:
        """The system is left: nothing comes to rest any more."""
        for future in self._take_waiting():
            future.set_exception((SystemClosed, SystemClosed(), None))

    # --- on errands

    def _begin(self) -> None:
        self._look()
        self._ask(self._moved_no(), is_last=False)

    def _ask(self, moved_no: tuple[int, int], *, is_last: bool) -> None:
        asked = [one.ask(RestAsked()) for one in self._members()]
        left = len(asked)
        are_well = True

        def answered(future: ReplyFuture[Any]) -> None:
            nonlocal left, are_well
            with self._lock:
                left -= 1
                are_well = are_well and _is_well(future)
                is_through = not left
            if is_through and are_well and self._waiting:
                self._errand(lambda: self._answered(moved_no, is_last=is_last))
            elif is_through:
                self._end()

        for future in asked:
            future.add_done(answered)
        if not asked:
            self._answered(moved_no, is_last=True)

    def _answered(self, moved_no: tuple[int, int], *, is_last: bool) -> None:
        try:
            next_us = self._next_us()
        except SystemClosed:
            return
        except StoreError as error:
            logger.warning("whether all is at rest cannot be seen yet: %s", error, extra=LogFields(reason=str(error)))
            self._end()
            self._runtime.timers.set((id(self), "again"), self._runtime.clock.now().mono_us + AGAIN_US, self.told)
            return
        self._look()  # behind that: what is not delayed any more has come
        if self._is_idle() and moved_no != self._moved_no():
            self._ask(self._moved_no(), is_last=False)
        elif self._is_idle() and not is_last:
            self._ask(moved_no, is_last=True)
        else:
            # What is delayed is asked for again when it has come, and what is taken from the dead when that is done.
            if self._is_idle() and next_us is None and not self._takes_over():
                for future in self._take_waiting():
                    future.set(None)
            self._end()

    def _end(self) -> None:
        """A round is over: who has told meanwhile is asked again."""
        with self._lock:
            is_again, self._is_asked_again = self._is_asked_again, False
            self._is_asking = False
        if is_again:
            self.told()

    def _take_waiting(self) -> list[ReplyFuture[None]]:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        return waiting


def _is_well(asked: ReplyFuture[Any]) -> bool:
    """Whether a member is at rest; who has stopped is not asked."""
    try:
        return bool(asked.get(timeout=0))
    except Exception:
        logger.debug("a member did not say whether it is at rest", exc_info=True)
        return False
