"""Waiting for runs to end, or for a person to have had enough."""

from __future__ import annotations

import os
import queue
import signal
import threading
from collections.abc import Sequence
from types import FrameType
from typing import Final, Self

from dagger_actors.cli.exits import INTERRUPTED
from dagger_actors.flow.report import Report
from dagger_actors.flow.run import Run

__all__ = ["GRACE_S", "Interrupts", "wait_for"]

GRACE_S: Final = {signal.SIGINT: 10.0, signal.SIGTERM: 25.0}
"""How long running code may still end after the first signal; service managers kill 30 s or more after SIGTERM."""


class Interrupts:
    """Turns the first Ctrl-C or SIGTERM into a word on a queue; the second one ends the process at once.

    The handlers raise nothing, so no code is ever cut in the middle. To be entered on the main thread; a signal before
    that finds Python's own handlers, when nothing has begun yet.
    """

    def __init__(self) -> None:
        # A signal handler may call SimpleQueue.put though it has interrupted a get or a put; Queue.put would deadlock.
        self.words: queue.SimpleQueue[signal.Signals | list[Report] | BaseException] = queue.SimpleQueue()
        self.first: signal.Signals | None = None
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        for number in GRACE_S:
            self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # typeshed has no name for what `signal` returns

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.first is not None:
            # Not sys.exit: threads that run user code would be waited for. What is committed is safe without goodbyes.
            os._exit(INTERRUPTED)
        self.first = signal.Signals(number)
        self.words.put(self.first)


def wait_for(runs: Sequence[Run], interrupts: Interrupts) -> list[Report] | None:
    """Wait until every run has ended or paused, or until the first signal.

    Args:
        runs: At least one.
        interrupts: Entered.

    Returns:
        Their reports, in order; None when a signal came first.

    Raises:
        BaseException: What waiting for a run raised.
    """

    def watch() -> None:
        try:
            interrupts.words.put([run.wait() for run in runs])
        except BaseException as error:  # noqa: BLE001 - it is raised again by the thread that waits
            interrupts.words.put(error)

    threading.Thread(target=watch, name="run watcher", daemon=True).start()
    word = interrupts.words.get()
    match word:
        case signal.Signals():
            return None
        case BaseException():
            raise word
        case _:
            return word
