"""How an actor's coroutines are awaited: no message is taken until they have ended, and a killed one says no more."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from dagger_actors.supervised.mailbox import AWAITING, SCHEDULED, Mailbox, handling
from dagger_actors.supervised.turn import Turn
from dagger_actors.supervised.wire import Letter

if TYPE_CHECKING:
    from dagger_actors.supervised.house import House
    from dagger_actors.supervised.lifecycle import Lifecycle

__all__ = ["Awaiter", "Awaiting", "cancel_soon"]


class Awaiting(NamedTuple):
    """A coroutine that an actor waits for.

    Attributes:
        cell: The actor's.
        coroutine: A handler's, or a hook's.
        letters: What it handles; a hook's nothing.
        since_s: When it was begun, on the monotonic clock.
    """

    cell: Lifecycle
    coroutine: Any
    letters: tuple[Letter, ...]
    since_s: float


class Awaiter(Mailbox):
    """An actor that can wait for a coroutine, in place of its turns."""

    __slots__ = ()

    post: House

    def run_turn(self, turn: Turn | None = None) -> bool:
        """Take a turn, or go on with one that is begun."""
        raise NotImplementedError

    def wait_for(
        self,
        turn: Turn,
        coroutine: Any,
        then: Callable[[Turn, Any, BaseException | None], object],
        unbegun: Callable[[], object] = lambda: None,
        letters: tuple[Letter, ...] = (),
    ) -> None:
        """Let a coroutine run on this thread's loop; no message is taken until it has ended.

        Args:
            turn: The turn that waits, and is over with that.
            coroutine: What is awaited.
            then: Called in a new turn with what it returned or raised, unless it was killed.
            unbegun: Called when it was killed before the first step.
            letters: What it handles.
        """
        loop = asyncio.get_running_loop()
        context = copy_context()
        context.run(handling.set, self)
        wait = Turn(turn.hand)
        with self.lock:
            is_killed = self.turn is not turn
            if not is_killed:
                self.turn = wait
                self.state = AWAITING
        if is_killed:
            coroutine.close()
            unbegun()
            return
        self.post.awaiting[wait] = Awaiting(cast("Lifecycle", self), coroutine, letters, loop.time())
        task = wait.task = loop.create_task(self._outcome_of(wait, coroutine), context=context)
        task.add_done_callback(partial(self._awaited, wait, coroutine, then, unbegun))
        if self.turn is not wait:
            task.cancel()  # killed before the task was there to be seen

    async def _outcome_of(self, wait: Turn, coroutine: Coroutine[Any, Any, Any]) -> tuple[Any, BaseException | None]:
        # Nothing may leave a task: asyncio lets a SystemExit end its loop, and with it everybody's coroutines.
        if self.turn is not wait:
            return None, None  # killed before its first step, which it must not take
        try:
            return await coroutine, None
        except GeneratorExit:
            raise
        except BaseException as error:  # noqa: BLE001  the actor's next turn deals with it
            return None, error

    def _awaited(
        self,
        wait: Turn,
        coroutine: Any,
        then: Callable[[Turn, Any, BaseException | None], object],
        unbegun: Callable[[], object],
        task: asyncio.Task[Any],
    ) -> None:
        del self.post.awaiting[wait]
        try:
            result, error = task.result()
        except BaseException as raised:  # noqa: BLE001  it was cancelled, or told to exit
            result, error = None, raised

        def come_back(turn: Turn) -> None:
            then(turn, result, error)

        turn = Turn(wait.hand)
        with self.lock:
            is_killed = self.turn is not wait
            if not is_killed:
                self.turn = turn  # at once: whoever kills it must find what is in its hand
                self.state = SCHEDULED
                self.orders = deque((come_back, *(self.orders or ())))
                self.attention = True
        has_begun = coroutine.cr_frame is None
        coroutine.close()
        if is_killed:
            if not has_begun:
                unbegun()
        elif self.run_turn(turn):
            self.schedule()


def cancel_soon(task: asyncio.Task[Any]) -> None:
    """Cancel a task, from whatever thread; a step that is due already it may still take when that is another one."""
    loop = task.get_loop()
    if asyncio._get_running_loop() is loop:  # noqa: SLF001  get_running_loop() raises where there is none
        task.cancel()
        return
    with contextlib.suppress(RuntimeError):  # the loop is closed: it has ended already
        loop.call_soon_threadsafe(task.cancel)
