"""The earliest time that anybody told of is the one that is asked at."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

from dagger_actors.actors.due import DueTimes
from dagger_actors.core.protocols import Now

PATIENCE_S = 20


class Timers:
    """Keeps the last due time; whoever sets the later one is held up until somebody else has set, or waits to."""

    def __init__(self) -> None:
        self.armed: int | None = None
        self.entered, self.go_on = threading.Event(), threading.Event()

    def set(self, _key: object, mono_us: int, _fire: object) -> None:
        if threading.current_thread().name == "later":
            self.entered.set()
            assert self.go_on.wait(PATIENCE_S)
        self.armed = mono_us

    def cancel(self, _key: object) -> None:
        self.armed = None


class Watched:
    """A lock that tells when somebody has to wait for it."""

    def __init__(self, contended: threading.Event) -> None:
        self._lock = threading.Lock()
        self._contended = contended

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            self._contended.set()
            self._lock.acquire()

    def __exit__(self, *_error: object) -> None:
        self._lock.release()


def test_of_two_threads_the_earlier_time_stays_armed() -> None:
    """Law: whoever tells first, and whoever arms last, the timer is never later than the earliest time that is due."""
    timers = Timers()
    runtime: Any = SimpleNamespace(timers=timers, clock=SimpleNamespace(now=lambda: Now(0, 0)))
    due = DueTimes(runtime, "x", ask=lambda: None, answered=lambda _answer: None)
    due._lock = Watched(timers.go_on)

    def sooner() -> None:
        due.at(100_000)
        timers.go_on.set()

    later = threading.Thread(target=due.at, args=(4_000_000,), name="later")
    later.start()
    assert timers.entered.wait(PATIENCE_S)
    earlier = threading.Thread(target=sooner, name="earlier")
    earlier.start()
    earlier.join(PATIENCE_S)
    later.join(PATIENCE_S)
    assert timers.armed == 100_000
