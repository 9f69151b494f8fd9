"""The timer thread, in real time but without sleeping."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from dagger_actors.actors.timers import MonotonicClock, TimerThread
from dagger_actors.core.protocols import Now
from dagger_actors.errors import SystemClosed

PATIENCE_S = 20
HOUR_US = 3_600_000_000


class WatchedClock(MonotonicClock):
    """Tells when the timer thread is about to sleep: then it has looked twice, once for what is due."""

    def __init__(self) -> None:
        self.looks = threading.Semaphore(0)

    def now(self) -> Now:
        if threading.current_thread().name == "timers":
            self.looks.release()
        return super().now()

    def wait_for_sleep(self, timers: TimerThread) -> None:
        for _ in range(2):
            assert self.looks.acquire(timeout=PATIENCE_S)
        with timers._lock:
            assert timers._sleeps_until, "it looks once with the lock in hand, and once on its way to sleep"


class CountingTimers(TimerThread):
    rings = 0

    def _ring(self) -> None:
        self.rings += 1
        super()._ring()


@pytest.fixture
def clock() -> WatchedClock:
    return WatchedClock()


@pytest.fixture
def timers(clock: WatchedClock) -> Iterator[CountingTimers]:
    thread = CountingTimers(clock)
    yield thread
    assert thread.close(PATIENCE_S)


@contextlib.contextmanager
def held(timers: TimerThread, clock: WatchedClock) -> Iterator[None]:
    """Keep the thread busy, lest something fires before all is set."""
    begun, go = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        assert go.wait(PATIENCE_S)

    timers.set("hold", clock.now().mono_us, hold)
    assert begun.wait(PATIENCE_S)
    yield
    go.set()


def test_timers_fire_in_the_order_of_their_due_times_and_never_early(timers: TimerThread, clock: WatchedClock) -> None:
    """Law: once each, at or after the due time, earliest first, whatever order they were set in."""
    fired: queue.SimpleQueue[tuple[int, int]] = queue.SimpleQueue()
    base = clock.now().mono_us
    with held(timers, clock):
        for delay_us in (30_000, 10_000, 0, 20_000, -5_000):
            timers.set(delay_us, base + delay_us, lambda d=delay_us: fired.put((d, clock.now().mono_us)))
    seen = [fired.get(timeout=PATIENCE_S) for _ in range(5)]
    assert [delay for delay, _ in seen] == [-5_000, 0, 10_000, 20_000, 30_000]
    assert all(at_us >= base + delay for delay, at_us in seen)


def test_the_same_key_replaces_and_cancel_removes(timers: TimerThread, clock: WatchedClock) -> None:
    """Law: a key has one timer; a cancelled one never fires; an unknown key is fine."""
    fired: queue.SimpleQueue[str] = queue.SimpleQueue()
    soon = clock.now().mono_us + 5_000
    with held(timers, clock):
        timers.set("a", soon, lambda: fired.put("replaced"))
        timers.set("a", soon + 1_000, lambda: fired.put("a"))
        timers.set("b", soon, lambda: fired.put("cancelled"))
        timers.cancel("b")
        timers.cancel("unknown")
        timers.set("end", soon + 2_000, lambda: fired.put("end"))
    assert [fired.get(timeout=PATIENCE_S) for _ in range(2)] == ["a", "end"]


def test_an_earlier_timer_wakes_a_thread_that_sleeps_until_a_later_one(
    timers: TimerThread, clock: WatchedClock
) -> None:
    """Law: the thread sleeps until the earliest, not until the first that was set."""
    fired = threading.Event()
    timers.set("late", clock.now().mono_us + HOUR_US, lambda: None)
    clock.wait_for_sleep(timers)
    timers.set("early", clock.now().mono_us + 1_000, fired.set)
    assert fired.wait(PATIENCE_S)


def test_later_timers_do_not_wake_the_thread(timers: CountingTimers, clock: WatchedClock) -> None:
    """Law: ten thousand time-outs an hour away cost no wake-up."""
    start_us = clock.now().mono_us + HOUR_US
    timers.set("first", start_us, lambda: None)
    clock.wait_for_sleep(timers)
    for number in range(1000):
        timers.set(number, start_us + number, lambda: None)
    assert timers.rings == 0
    timers.set("earlier", start_us - 1, lambda: None)
    assert timers.rings == 1


def test_memory_is_bounded_by_the_timers_alive(timers: TimerThread, clock: WatchedClock) -> None:
    """Law: a time-out that is set and cancelled for each of a million attempts leaves nothing."""
    due_us = clock.now().mono_us + HOUR_US
    for number in range(20_000):
        timers.set(number, due_us, lambda: None)
        timers.cancel(number)
    assert len(timers._heap) <= 2 * len(timers._live) + 64
    for _ in range(20_000):
        timers.set("same", due_us, lambda: None)
    assert len(timers._heap) <= 2 * len(timers._live) + 64
    assert len(timers._live) == 1


def test_a_failing_timer_is_logged_and_the_next_one_fires(
    timers: TimerThread, clock: WatchedClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Law: the thread belongs to all timers."""
    fired = threading.Event()

    def fail() -> None:
        raise SystemExit(1)

    timers.set("bad", clock.now().mono_us, fail)
    timers.set("good", clock.now().mono_us + 1_000, fired.set)
    assert fired.wait(PATIENCE_S)
    assert "a timer failed" in caplog.text


def test_a_timer_may_set_and_cancel_timers(timers: TimerThread, clock: WatchedClock) -> None:
    """Law: fire is called outside of the lock."""
    fired: queue.SimpleQueue[int] = queue.SimpleQueue()

    def again(number: int) -> None:
        fired.put(number)
        timers.cancel("other")
        if number < 3:
            timers.set("again", clock.now().mono_us, lambda: again(number + 1))

    timers.set("again", clock.now().mono_us, lambda: again(1))
    assert [fired.get(timeout=PATIENCE_S) for _ in range(3)] == [1, 2, 3]


def test_after_close_nothing_fires_and_nothing_is_taken() -> None:
    """Law: a closed thread ends at once, and says so to whoever sets a timer."""
    clock: Any = MonotonicClock()
    timers = TimerThread(clock)
    fired: list[int] = []
    timers.set("late", clock.now().mono_us + HOUR_US, lambda: fired.append(1))
    assert timers.close(PATIENCE_S)
    with pytest.raises(SystemClosed):
        timers.set("x", clock.now().mono_us, lambda: fired.append(2))
    assert fired == []


def test_the_clock_reads_both_clocks_in_microseconds() -> None:
    """Law: wall time is microseconds since 1970, and the monotonic clock never goes back."""
    clock = MonotonicClock()
    first, second = clock.now(), clock.now()
    assert 1.5e15 < first.wall_us < 1e16
    assert second.mono_us >= first.mono_us
