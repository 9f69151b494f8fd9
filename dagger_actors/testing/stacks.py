"""A turn that may stop in its middle: a plain function "takes" virtual time, as a coroutine does by awaiting.

Such a turn runs on a thread of its own, and hands over to whoever gave it the turn before anything else happens: there
are several threads, but never two that run.
"""

from __future__ import annotations

import threading
from typing import Protocol

from dagger_actors.core.protocols import Runnable
from dagger_actors.testing.errors import Killed

__all__ = ["OwnStack", "Stage"]

UNWIND_S = 10.0
"""How long a dead body may take to leave its ``finally`` blocks; then its thread is left behind, a daemon."""


class Stage(Protocol):
    """What a turn with a stack of its own needs of the world.

    Attributes:
        thread: The thread that plays all threads at this moment.
        stack: The turn that is running, when it has a stack of its own.
        paused: Those that have stopped in their middle.
    """

    thread: int
    stack: OwnStack | None
    paused: dict[OwnStack, None]


class OwnStack:
    """One turn of a runnable, on a stack of its own; itself a runnable that goes on with it.

    Args:
        stage: The world.
        worker: Whose turn it is.
        runnable: Takes the turn.

    Attributes:
        name: What is in its middle, for messages.
    """

    def __init__(self, stage: Stage, worker: str, runnable: Runnable) -> None:
        self.worker = worker
        self.runnable = runnable
        self.name = "a plain function"
        self._stage = stage
        self._thread: threading.Thread | None = None
        self._may_go = threading.Semaphore(0)
        self._has_stopped = threading.Semaphore(0)
        self._is_over = False
        self._is_dead = False
        self._wants_more = False
        self._error: BaseException | None = None

    def run_turn(self) -> bool:
        """Begin, or go on behind the last ``pause``; returns when it pauses again or is over."""
        stage, thread, stack = self._stage, self._stage.thread, self._stage.stack
        stage.paused.pop(self, None)
        stage.stack = self
        if self._thread is None:
            self._is_over = False
            self._thread = threading.Thread(target=self._run, name=f"simulated-{self.worker}", daemon=True)
            self._thread.start()
        else:
            self._may_go.release()
        self._has_stopped.acquire()
        stage.thread, stage.stack = thread, stack
        if not self._is_over:
            return False
        self._thread = None
        error, self._error = self._error, None
        if error is not None:
            raise error
        return self._wants_more

    def pause(self) -> None:
        """Stop here, in the body's own thread, until the turn is given again.

        Raises:
            Killed: Its worker has died meanwhile.
        """
        if self._is_dead:
            raise Killed(self.worker)
        self._stage.paused[self] = None
        self._has_stopped.release()
        self._may_go.acquire()
        if self._is_dead:
            raise Killed(self.worker)
        self._stage.thread = threading.get_ident()

    def unwind(self) -> None:
        """Let a paused body of a dead worker end, so that its thread ends: only when nothing of it has an effect."""
        self._stage.paused.pop(self, None)
        self._is_dead = True
        self._may_go.release()
        if self._has_stopped.acquire(timeout=UNWIND_S) and self._thread is not None:
            self._thread.join(UNWIND_S)

    def _run(self) -> None:
        self._stage.thread = threading.get_ident()
        try:
            self._wants_more = self.runnable.run_turn()
        except BaseException as error:  # noqa: BLE001 - whoever gave the turn gets it
            self._error = error
        self._is_over = True
        self._has_stopped.release()
