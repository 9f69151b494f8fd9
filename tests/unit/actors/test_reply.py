"""Replies and stop flags, beyond pykka's own future tests."""

from __future__ import annotations

import asyncio
import queue
import threading
from typing import Any

import pykka
import pytest

from dagger_actors.actors.reply import ReplyFuture, StopFlag
from dagger_actors.errors import BlockingCall

PATIENCE_S = 20


def test_every_waiting_thread_gets_the_value() -> None:
    """Law: set wakes all who wait, once."""
    future: ReplyFuture[int] = ReplyFuture()
    got: queue.SimpleQueue[int] = queue.SimpleQueue()
    threads = [threading.Thread(target=lambda: got.put(future.get(timeout=PATIENCE_S))) for _ in range(8)]
    for thread in threads:
        thread.start()
    future.set(7)
    for thread in threads:
        thread.join(PATIENCE_S)
    assert [got.get(timeout=PATIENCE_S) for _ in threads] == [7] * 8


def test_a_timeout_leaves_the_future_usable() -> None:
    """Law: who gave up waiting leaves nothing behind."""
    future: ReplyFuture[int] = ReplyFuture()
    with pytest.raises(pykka.Timeout):
        future.get(timeout=0.001)
    assert not future._callbacks
    future.set(1)
    assert future.get() == 1


def test_callbacks_run_once_each_before_or_after_the_outcome() -> None:
    """Law: add_done never misses the outcome and never calls twice."""
    future: ReplyFuture[int] = ReplyFuture()
    calls: list[tuple[str, Any]] = []
    future.add_done(lambda done: calls.append(("early", done.get())))
    future.set(1)
    future.add_done(lambda done: calls.append(("late", done.get())))
    assert calls == [("early", 1), ("late", 1)]


def test_a_failing_callback_is_logged_and_the_others_run(caplog: pytest.LogCaptureFixture) -> None:
    """Law: whoever answers does not pay for a listener."""
    future: ReplyFuture[int] = ReplyFuture()
    calls: list[int] = []
    future.add_done(lambda done: 1 // 0)
    future.add_done(lambda done: calls.append(done.get()))
    future.set(1)
    assert calls == [1]
    assert "a callback of a reply failed" in caplog.text


def test_a_derived_future_refuses_callbacks() -> None:
    """Law: it has no moment of its own; a callback would silently never come."""
    with pytest.raises(ValueError, match="derived"):
        ReplyFuture[int]().map(str).add_done(print)


def test_a_hook_set_while_somebody_waits_reaches_them() -> None:
    """Law: pykka's own future leaves such a waiter waiting."""
    future: ReplyFuture[int] = ReplyFuture()
    waiting = threading.Event()
    got: queue.SimpleQueue[int] = queue.SimpleQueue()

    def wait() -> None:
        waiting.set()
        got.put(future.get(timeout=PATIENCE_S))

    thread = threading.Thread(target=wait)
    thread.start()
    assert waiting.wait(PATIENCE_S)
    future.set_get_hook(lambda timeout: 5)
    assert got.get(timeout=PATIENCE_S) == 5
    thread.join(PATIENCE_S)


def test_await_leaves_the_event_loop_free_until_another_thread_answers() -> None:
    """Law: pykka's await blocks the loop; this one lets the loop give the answer itself."""

    async def ask() -> list[Any]:
        loop = asyncio.get_running_loop()
        plain: ReplyFuture[int] = ReplyFuture()
        derived = plain.map(lambda value: value + 1)
        loop.call_soon(plain.set, 1)
        return [await plain, await derived]

    assert asyncio.run(ask()) == [1, 2]


def test_a_cancelled_await_leaves_the_future_usable() -> None:
    """Law: awaiting only watches."""
    future: ReplyFuture[int] = ReplyFuture()

    async def give_up() -> None:
        async with asyncio.timeout(0.001):
            await future

    with pytest.raises(TimeoutError):
        asyncio.run(give_up())
    assert not future._callbacks
    future.set(1)
    assert future.get() == 1


def test_an_answer_after_the_loop_has_closed_is_harmless() -> None:
    """Law: whoever answers does not pay for a loop that is gone."""
    future: ReplyFuture[int] = ReplyFuture()
    loop = asyncio.new_event_loop()
    step = future._wait_on(loop)
    next(step)
    loop.close()
    future.set(1)
    step.close()
    assert future.get() == 1


def test_blocking_on_a_running_loop_is_refused_with_advice() -> None:
    """Law: a blocking get would stop every coroutine of the loop."""

    async def block() -> None:
        ReplyFuture[int]().get(timeout=1)

    with pytest.raises(BlockingCall, match="await"):
        asyncio.run(block())


def test_a_stop_flag_wakes_all_who_wait_and_stays_set() -> None:
    """Law: it is as much of threading.Event as pykka asks for."""
    flag = StopFlag()
    assert flag.wait(0.001) is False
    assert not flag._waiters
    got: queue.SimpleQueue[bool] = queue.SimpleQueue()
    threads = [threading.Thread(target=lambda: got.put(flag.wait(PATIENCE_S))) for _ in range(4)]
    for thread in threads:
        thread.start()
    flag.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert [got.get(timeout=PATIENCE_S) for _ in threads] == [True] * 4
    assert flag.wait(0)
    flag.set()
    assert flag.is_set()


def test_a_waiter_that_gives_up_costs_no_other_its_wake() -> None:
    """Law: set wakes all who wait, whoever leaves meanwhile."""
    flag = StopFlag()
    latches = []
    for _ in range(3):
        latch = threading.Lock()
        latch.acquire()
        latches.append(latch)

    class Leaves:
        def release(self) -> None:
            if flag._waiters is not None:
                flag._waiters.clear()
            waiters.clear()

    waiters: list[Any] = [Leaves(), *latches]
    flag._waiters = waiters
    flag.set()
    assert [latch.acquire(blocking=False) for latch in latches] == [True] * 3
