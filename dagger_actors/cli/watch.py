"""Waiting for runs and tasks to end, or for a person to have had enough."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from typing import Final, Self, TypeVar

from dagger_actors.cli.exits import INTERRUPTED
from dagger_actors.cli.text import printable

__all__ = ["GRACE_S", "Interrupts", "wait_for"]

T = TypeVar("T")

GRACE_S: Final = {signal.SIGINT: 10.0, signal.SIGTERM: 25.0}
"""How long running code may still end after the first signal; service managers kill 30 s or more after SIGTERM."""


class Interrupts:
    """Turns the first Ctrl-C or SIGTERM into a word on a queue; the second one ends the process at once.

    Nothing is raised, so no code is ever cut in the middle. To be entered on the main thread; a signal before that finds
    Python's own handlers, when nothing has begun yet.

    A thread listens to the wake-up descriptor. Python runs its handlers on the main thread only, and the kernel may give
    the signal to any: a main thread that waits for a lock meanwhile would not notice until what it waits for has come.
    Source: Python, ``signal.set_wakeup_fd``.
    """

    def __init__(self) -> None:
        self.words: queue.SimpleQueue[signal.Signals | BaseException | None] = queue.SimpleQueue()
        self.first: signal.Signals | None = None
        self.parting = "left at once"
        """Said when the second one comes."""
        self.ends_at_once = False
        """Whether the first one does too: the runs have come to rest, and only threads are waited for."""
        self._came = threading.Event()
        self._before: dict[signal.Signals, object] = {}
        self._writer = -1
        self._writer_before = -1

    def __enter__(self) -> Self:
        reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self._writer_before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in GRACE_S:
            self._before[number] = signal.signal(number, lambda _number, _frame: None)
        threading.Thread(target=self._listen, args=(reader,), name="signals", daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # typeshed has no name for what `signal` returns
        signal.set_wakeup_fd(self._writer_before)
        os.close(self._writer)

    def pause(self, seconds: float) -> None:
        """Wait so long, or until there is a word."""
        with contextlib.suppress(queue.Empty):
            self.words.get(timeout=seconds)

    def rest(self, seconds: float) -> None:
        """Wait so long, on a thread that leaves the words to another; less once the first has come."""
        self._came.wait(seconds)

    def _listen(self, reader: int) -> None:
        with os.fdopen(reader, "rb", buffering=0) as signals:
            while told := signals.read(1):
                if told[0] in GRACE_S:
                    self._take(signal.Signals(told[0]))

    def _take(self, number: signal.Signals) -> None:
        if self.first is not None or self.ends_at_once:
            # Straight to the descriptor: another thread may be in the middle of writing, or not reading any more.
            with contextlib.suppress(OSError):
                os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"{printable(self.parting)}\n".encode())
            # Not sys.exit: threads that run user code would be waited for. What is committed is safe without goodbyes.
            os._exit(INTERRUPTED)
        self.first = number
        self._came.set()
        self.words.put(number)


def wait_for(
    wait: Callable[[], T], interrupts: Interrupts, look: Callable[[], None] = lambda: None, look_s: float | None = None
) -> T | None:
    """Wait until something has come to rest, or until the first signal.

    Args:
        wait: Waits, on a thread; what it gives is given.
        interrupts: Entered.
        look: Called now and then meanwhile, on this thread.
        look_s: Seconds between two looks; None = it is not called.

    Returns:
        What ``wait`` gave; None when a signal came first.

    Raises:
        BaseException: What ``wait`` raised.
    """
    ended: list[T] = []

    def watch() -> None:
        try:
            ended.append(wait())
            interrupts.words.put(None)
        except BaseException as error:  # noqa: BLE001 - it is raised again by the thread that waits
            interrupts.words.put(error)

    threading.Thread(target=watch, name="watcher", daemon=True).start()
    while True:
        try:
            word = interrupts.words.get(timeout=look_s)
        except queue.Empty:
            look()
            continue
        match word:
            case None:
                return ended[0]
            case signal.Signals():
                return None
            case _:
                raise word
