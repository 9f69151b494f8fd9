"""Dispatchers on real threads."""

from __future__ import annotations

import asyncio
import gc
import queue
import threading
from collections.abc import Callable
from typing import Any

import pytest

from dagger_actors.actors.dispatcher import ThreadDispatcher
from dagger_actors.actors.loop import LoopDispatcher
from dagger_actors.errors import SystemClosed

PATIENCE_S = 20


class Turn:
    """A runnable of one function; its result says whether it wants another turn."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function

    def run_turn(self) -> bool:
        return bool(self.function())


@pytest.mark.parametrize("make", [lambda: ThreadDispatcher("d", 3), lambda: LoopDispatcher("d")])
def test_nothing_scheduled_is_lost_whoever_schedules_it(make: Callable[[], Any]) -> None:
    """Law: every runnable that was scheduled gets its turn, with many schedulers and idle moments in between."""
    dispatcher = make()
    schedulers, each = 4, 3000
    counted = threading.Semaphore(0)

    def schedule() -> None:
        for number in range(each):
            dispatcher.schedule(Turn(counted.release))
            if number % 100 == 0:
                done = threading.Event()
                dispatcher.schedule(Turn(done.set))
                assert done.wait(PATIENCE_S)  # so that the threads fall asleep now and then

    threads = [threading.Thread(target=schedule) for _ in range(schedulers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    for _ in range(schedulers * each):
        assert counted.acquire(timeout=PATIENCE_S)
    assert dispatcher.close(PATIENCE_S)
    assert not counted.acquire(blocking=False)


@pytest.mark.parametrize("make", [lambda: ThreadDispatcher("d", 1), lambda: LoopDispatcher("d")])
def test_whoever_wants_another_turn_goes_behind_the_others(make: Callable[[], Any]) -> None:
    """Law: a busy actor cannot keep the others waiting."""
    dispatcher = make()
    log: queue.SimpleQueue[str] = queue.SimpleQueue()
    go = threading.Event()
    left = [3]

    def busy() -> bool:
        log.put("busy")
        left[0] -= 1
        return left[0] > 0

    dispatcher.schedule(Turn(lambda: go.wait(PATIENCE_S) and False))
    dispatcher.schedule(Turn(busy))
    dispatcher.schedule(Turn(lambda: log.put("other")))
    go.set()
    assert [log.get(timeout=PATIENCE_S) for _ in range(4)] == ["busy", "other", "busy", "busy"]
    assert dispatcher.close(PATIENCE_S)


@pytest.mark.parametrize("make", [lambda: ThreadDispatcher("d", 1), lambda: LoopDispatcher("d")])
@pytest.mark.parametrize("error", [ValueError("bad"), SystemExit(1), KeyboardInterrupt()])
def test_a_turn_that_raises_is_logged_and_the_thread_lives(
    make: Callable[[], Any], error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """Law: the thread belongs to all."""
    dispatcher = make()
    done = threading.Event()

    def fail() -> None:
        raise error

    dispatcher.schedule(Turn(fail))
    dispatcher.schedule(Turn(done.set))
    assert done.wait(PATIENCE_S)
    assert dispatcher.close(PATIENCE_S)
    assert "a turn of" in caplog.text


@pytest.mark.parametrize("make", [lambda: ThreadDispatcher("d", 2), lambda: LoopDispatcher("d")])
def test_close_runs_what_is_queued_ends_the_threads_and_refuses_the_rest(make: Callable[[], Any]) -> None:
    """Law: after close nothing is taken and nothing is left; a dispatcher that never ran closes too."""
    dispatcher = make()
    ran: list[int] = []
    for number in range(50):
        dispatcher.schedule(Turn(lambda n=number: ran.append(n)))
    assert dispatcher.close(PATIENCE_S)
    assert sorted(ran) == list(range(50))
    assert not [thread for thread in threading.enumerate() if thread.name == "d" or thread.name.startswith("d-")]
    with pytest.raises(SystemClosed):
        dispatcher.schedule(Turn(lambda: None))
    assert dispatcher.close(0)
    assert make().close(0)


@pytest.mark.parametrize("make", [lambda: ThreadDispatcher("d", 1), lambda: LoopDispatcher("d")])
def test_close_tells_when_a_thread_is_stuck(make: Callable[[], Any]) -> None:
    """Law: close waits no longer than it was told to, and does not claim what is not so."""
    dispatcher = make()
    begun, go = threading.Event(), threading.Event()

    def stuck() -> None:
        begun.set()
        go.wait(PATIENCE_S)

    dispatcher.schedule(Turn(stuck))
    assert begun.wait(PATIENCE_S)
    assert not dispatcher.close(0.01)
    go.set()
    assert dispatcher.close(PATIENCE_S)


def test_a_burst_of_blocking_turns_spreads_over_the_whole_pool_and_no_further() -> None:
    """Law: one thread is woken at a time, and each wakes the next, up to the limit."""
    pool = ThreadDispatcher("pool", 16)
    together = threading.Barrier(17)
    running, most = [0], [0]
    lock = threading.Lock()

    def block() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        together.wait(PATIENCE_S)
        with lock:
            running[0] -= 1

    for _ in range(32):
        pool.schedule(Turn(block))
    together.wait(PATIENCE_S)
    together.wait(PATIENCE_S)
    assert pool.close(PATIENCE_S)
    assert most[0] == 16


def test_work_scheduled_while_the_only_free_thread_is_being_woken_is_not_forgotten() -> None:
    """Law: whoever is woken looks at the whole queue; also beside a thread that is stuck."""
    pool = ThreadDispatcher("pool", 2)
    go = threading.Event()
    ran = threading.Semaphore(0)
    pool.schedule(Turn(lambda: go.wait(PATIENCE_S) and False))
    for _ in range(200):
        pool.schedule(Turn(ran.release))
        pool.schedule(Turn(ran.release))
        assert ran.acquire(timeout=PATIENCE_S)
        assert ran.acquire(timeout=PATIENCE_S)
    go.set()
    assert pool.close(PATIENCE_S)


def test_here_stays_on_the_same_thread_behind_what_was_queued_before() -> None:
    """Law: the thread of a body that ends takes the next body itself, but what waited longer goes first."""
    pool = ThreadDispatcher("pool", 1)
    log: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()

    def note(name: str) -> Turn:
        return Turn(lambda: log.put((name, threading.get_ident())))

    def first() -> None:
        log.put(("first", threading.get_ident()))
        pool.schedule(note("queued"))
        pool.schedule(note("next"), here=True)
        pool.schedule(note("second to ask"), here=True)

    pool.schedule(Turn(first), here=True)
    entries = [log.get(timeout=PATIENCE_S) for _ in range(4)]
    assert [name for name, _ in entries] == ["first", "queued", "second to ask", "next"]
    assert len({thread for _, thread in entries}) == 1
    assert pool.close(PATIENCE_S)


def test_a_chain_of_followers_starves_nobody() -> None:
    """Law: bodies that each bring the next one to their thread do not keep what was queued before from starting."""
    pool = ThreadDispatcher("pool", 1)
    log: queue.SimpleQueue[str] = queue.SimpleQueue()

    def follow(left: int) -> Turn:
        def turn() -> None:
            log.put("follower")
            if left:
                pool.schedule(follow(left - 1), here=True)

        return Turn(turn)

    def first() -> None:
        pool.schedule(Turn(lambda: log.put("queued")))
        pool.schedule(follow(100), here=True)

    pool.schedule(Turn(first))
    entries = [log.get(timeout=PATIENCE_S) for _ in range(102)]
    assert entries.index("queued") <= 1
    assert pool.close(PATIENCE_S)


def test_whoever_goes_behind_is_not_left_there_by_a_body_that_blocks() -> None:
    """Law: what a thread puts back into the queue wakes another thread when this one is busy with what it took next."""
    pool = ThreadDispatcher("pool", 2)
    again = threading.Event()
    turns = [0]

    def twice() -> bool:
        turns[0] += 1
        if turns[0] == 2:
            again.set()
            return False
        pool.schedule(Turn(lambda: again.wait(PATIENCE_S) and False), here=True)
        return True

    pool.schedule(Turn(twice))
    assert again.wait(PATIENCE_S / 2)
    assert pool.close(PATIENCE_S)


def test_here_of_another_pools_thread_goes_to_the_queue() -> None:
    """Law: a control thread that lets a body start does not run it itself."""
    control, blocking = ThreadDispatcher("control", 1), ThreadDispatcher("blocking", 1)
    names: queue.SimpleQueue[str] = queue.SimpleQueue()
    body = Turn(lambda: names.put(threading.current_thread().name))
    control.schedule(Turn(lambda: blocking.schedule(body, here=True)))
    assert names.get(timeout=PATIENCE_S) == "blocking-0"
    assert control.close(PATIENCE_S)
    assert blocking.close(PATIENCE_S)


def test_one_turn_after_another_needs_no_crowd_of_threads() -> None:
    """Law: threads are started for work that waits, not for every schedule."""
    pool = ThreadDispatcher("pool", 96)
    for _ in range(300):
        done = threading.Event()
        pool.schedule(Turn(done.set))
        assert done.wait(PATIENCE_S)
    assert len(pool._threads) <= 16, "one that is about to fall asleep may be overtaken by the next schedule"
    assert pool.close(PATIENCE_S)


def test_a_users_task_that_exits_does_not_end_the_loop(caplog: pytest.LogCaptureFixture) -> None:
    """Law: asyncio ends its loop on a SystemExit of any task; this one goes on."""
    io = LoopDispatcher("io")

    async def exits() -> None:
        raise SystemExit(1)

    future = asyncio.run_coroutine_threadsafe(exits(), io.loop)
    assert isinstance(future.exception(PATIENCE_S), SystemExit)
    for _ in range(3):
        done = threading.Event()
        io.schedule(Turn(done.set))
        assert done.wait(PATIENCE_S)
    assert io.close(PATIENCE_S)
    assert "it goes on" in caplog.text


def test_a_coroutine_that_ignores_its_cancellation_is_told_of() -> None:
    """Law: close returns in time and says that not everything has ended."""
    io = LoopDispatcher("io")
    begun = threading.Event()

    async def stubborn() -> None:
        begun.set()
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                continue

    asyncio.run_coroutine_threadsafe(stubborn(), io.loop)
    assert begun.wait(PATIENCE_S)
    assert not io.close(0.05)
    assert io._thread is not None
    io._thread.join(PATIENCE_S)
    assert not io._thread.is_alive()
    gc.collect()  # asyncio complains of the destroyed task here, where it is expected, and not at some later test
