"""What a sender and a publisher share: a thread that feeds a system, until all is given or it is stopped."""

from __future__ import annotations

import threading
import time

from dagger_actors.cli.benching.schedule import Schedule
from dagger_actors.cli.exits import UsageError

__all__ = ["Feeding"]


class Feeding:
    """One thread that gives a system its load.

    Args:
        name: The thread's, for people.
        schedule: When each item is due.

    Attributes:
        sent: Messages so far, warm-up apart.
        last_ns: When the last one was sent; 0 = none was.
        problem: Why it has ended before its time; None = it has not.
    """

    def __init__(self, name: str, schedule: Schedule) -> None:
        self.sent = 0
        self.last_ns = 0
        self.problem: UsageError | None = None
        self._schedule = schedule
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Send nothing more, as soon as it may be."""
        self._is_over.set()

    def is_done(self) -> bool:
        """Tell whether it has sent all that it will."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._send_all()
        except UsageError as error:
            self.problem = error

    def _send_all(self) -> None:
        """Send.

        Raises:
            UsageError: What is to be sent cannot be.
        """
        raise NotImplementedError

    def _count(self, due_ns: int, count: int = 1) -> None:
        """Messages are under way."""
        if due_ns >= self._schedule.from_ns:
            self.sent += count
        self.last_ns = time.perf_counter_ns()
