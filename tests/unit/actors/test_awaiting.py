"""``async def on_receive`` on a loop dispatcher."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Iterator
from typing import Any

import pykka
import pytest
from pykka import ActorDeadError

from dagger_actors.actors.actor import Actor
from dagger_actors.actors.dispatcher import ThreadDispatcher
from dagger_actors.actors.loop import LoopDispatcher
from dagger_actors.errors import ActorError, BlockingCall

PATIENCE_S = 20


@pytest.fixture
def io() -> Iterator[LoopDispatcher]:
    dispatcher = LoopDispatcher("io")
    yield dispatcher
    assert dispatcher.close(PATIENCE_S)


class Echo(Actor):
    async def on_receive(self, message: Any) -> Any:
        await asyncio.sleep(0)
        if isinstance(message, BaseException):
            raise message
        return message


def test_an_ask_is_answered_when_the_coroutine_ends_not_with_the_coroutine(io: LoopDispatcher) -> None:
    """Law: pykka would answer with the coroutine; our reply port waits for its end."""
    assert Echo.spawn(dispatcher=io).ask("hello", timeout=PATIENCE_S) == "hello"


def test_messages_are_handled_one_at_a_time_in_order_across_awaits(io: LoopDispatcher) -> None:
    """Law: an awaiting actor takes no other message, and what came meanwhile keeps its order."""
    log: list[Any] = []

    class Slow(Actor):
        async def on_receive(self, message: int) -> None:
            log.append(("begin", message))
            for _ in range(message % 4):
                await asyncio.sleep(0)
            log.append(("end", message))

    ref = Slow.spawn(dispatcher=io)
    for number in range(300):
        ref.tell(number)
    ref.stop(timeout=PATIENCE_S)
    assert log == [(word, number) for number in range(300) for word in ("begin", "end")]


def test_a_thousand_actors_await_at_once_on_one_thread(io: LoopDispatcher) -> None:
    """Law: an awaiting actor holds no thread."""
    waiting = threading.Semaphore(0)
    go = asyncio.Event()

    class Waiting(Actor):
        async def on_receive(self, message: int) -> int:
            waiting.release()
            await go.wait()
            return message

    futures = [Waiting.spawn(dispatcher=io).ask(number, block=False) for number in range(1000)]
    for _ in range(1000):
        assert waiting.acquire(timeout=PATIENCE_S)
    io.loop.call_soon_threadsafe(go.set)
    assert pykka.get_all(futures, timeout=PATIENCE_S) == list(range(1000))


def test_an_error_goes_to_the_asker_and_the_actor_lives(io: LoopDispatcher) -> None:
    """Law: an exception in a coroutine is treated as one in a plain handler: ask."""
    ref = Echo.spawn(dispatcher=io)
    with pytest.raises(ValueError, match="mine"):
        ref.ask(ValueError("mine"), timeout=PATIENCE_S)
    assert ref.ask("alive", timeout=PATIENCE_S) == "alive"


def test_an_error_that_nobody_asked_for_stops_the_actor_and_refuses_the_rest(
    io: LoopDispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    """Law: an exception in a coroutine is treated as one in a plain handler: tell."""
    told: list[Any] = []

    class Failing(Echo):
        def on_failure(self, *exc_info: Any) -> None:
            told.append(exc_info[1])

    ref = Failing.spawn(dispatcher=io)
    ref.tell(ValueError("mine"))
    with pytest.raises(ActorDeadError):
        ref.ask("behind", timeout=PATIENCE_S)
    assert [str(error) for error in told] == ["mine"]


@pytest.mark.parametrize("error", [SystemExit(2), KeyboardInterrupt(), asyncio.CancelledError()])
def test_an_exit_in_a_coroutine_fails_its_ask_and_leaves_the_loop_running(
    io: LoopDispatcher, error: BaseException
) -> None:
    """Law: asyncio lets a SystemExit end the loop and with it everybody's coroutines; here it is one ask's failure."""
    ref = Echo.spawn(dispatcher=io)
    with pytest.raises(ActorError):
        ref.ask(error, timeout=PATIENCE_S)
    assert ref.ask("alive", timeout=PATIENCE_S) == "alive"


def test_a_task_cancelled_from_outside_fails_its_ask(io: LoopDispatcher) -> None:
    """Law: whoever cancels the running task, even before its first step, the ask ends and the actor goes on."""
    tasks: list[Any] = []
    begun = threading.Event()

    class Cancellable(Actor):
        async def on_receive(self, message: Any) -> Any:
            if message == "wait":
                tasks.append(asyncio.current_task())
                begun.set()
                await asyncio.Event().wait()
            return message

    ref = Cancellable.spawn(dispatcher=io)
    waiting = ref.ask("wait", block=False)
    assert begun.wait(PATIENCE_S)
    io.loop.call_soon_threadsafe(tasks[0].cancel)
    with pytest.raises(ActorError, match="cancelled"):
        waiting.get(timeout=PATIENCE_S)
    assert ref.ask("alive", timeout=PATIENCE_S) == "alive"


def test_an_async_handler_may_await_another_actor_but_not_block(io: LoopDispatcher) -> None:
    """Law: `await ref.ask(..., block=False)` works inside a coroutine; a blocking ask is refused, nothing sent."""

    class Asking(Actor):
        def __init__(self, other: Any) -> None:
            super().__init__()
            self.other = other

        async def on_receive(self, message: Any) -> Any:
            if message == "block":
                return self.other.ask("x")
            return await self.other.ask(message, block=False)

    ref = Asking.spawn(Echo.spawn(dispatcher=io), dispatcher=io)
    assert ref.ask("through", timeout=PATIENCE_S) == "through"
    with pytest.raises(BlockingCall, match=r"await ref\.ask"):
        ref.ask("block", timeout=PATIENCE_S)


@pytest.mark.parametrize("asks", [False, True])
@pytest.mark.parametrize("fails", [False, True])
def test_a_coroutine_that_stops_its_actor_at_once_still_answers(
    io: LoopDispatcher, *, fails: bool, asks: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Law: the reply of the last message is its own, not "stopped before handling"; what is behind it is refused."""
    undelivered: queue.SimpleQueue[Any] = queue.SimpleQueue()

    class Last(Actor):
        async def on_receive(self, message: Any) -> Any:
            await asyncio.sleep(0)
            self._stop()
            if fails:
                raise ValueError(message)
            return message

        def on_undelivered(self, envelope: Any) -> None:
            undelivered.put(envelope.message)

    hold = threading.Event()
    io.loop.call_soon_threadsafe(hold.wait, PATIENCE_S)
    ref = Last.spawn(dispatcher=io)
    last = ref.ask("last", block=False) if asks else ref.tell("last")
    behind = ref.ask("behind", block=False)
    hold.set()
    if last is None:
        assert ref.actor_stopped.wait(PATIENCE_S)
    elif fails:
        with pytest.raises(ValueError, match="last"):
            last.get(timeout=PATIENCE_S)
    else:
        assert last.get(timeout=PATIENCE_S) == "last"
    with pytest.raises(ActorDeadError):
        behind.get(timeout=PATIENCE_S)
    assert undelivered.get(timeout=PATIENCE_S) == "behind"
    assert undelivered.empty()
    assert ("had stopped its actor" in caplog.text) == (fails and not asks)


def test_an_async_handler_on_threads_is_refused_at_the_start_with_advice() -> None:
    """Law: it would never run; say so before anything is lost."""
    pool = ThreadDispatcher("pool", 1)
    with pytest.raises(ActorError, match=r"Echo\.on_receive is async.*LoopDispatcher"):
        Echo.spawn(dispatcher=pool)


def test_an_async_hook_is_refused_at_the_start_with_advice(io: LoopDispatcher) -> None:
    """Law: pykka's hooks are plain functions; an async one would silently never run."""

    class Mistaken(Echo):
        async def on_start(self) -> None:  # type: ignore[override]
            """Never run."""

    with pytest.raises(ActorError, match=r"Mistaken\.on_start is async"):
        Mistaken.spawn(dispatcher=io)


def test_closing_the_loop_cancels_what_awaits_and_answers_it() -> None:
    """Law: close leaves no ask waiting, neither of the coroutine that awaits nor of what is queued behind it."""
    io = LoopDispatcher("io")
    begun = threading.Event()

    class Endless(Actor):
        async def on_receive(self, message: Any) -> None:
            begun.set()
            await asyncio.Event().wait()

    ref = Endless.spawn(dispatcher=io)
    futures = [ref.ask(number, block=False) for number in range(3)]
    assert begun.wait(PATIENCE_S)
    assert io.close(PATIENCE_S)
    futures.append(ref.ask(3, block=False))
    for future in futures:
        with pytest.raises((ActorError, ActorDeadError)):
            future.get(timeout=PATIENCE_S)


def test_what_was_queued_when_the_loop_closes_takes_its_first_step(caplog: pytest.LogCaptureFixture) -> None:
    """Law: close runs what is queued; a handler cancelled before it began would be told as an error nobody made."""
    io = LoopDispatcher("io")
    held, go = threading.Event(), threading.Event()
    begun: list[Any] = []

    class Quick(Actor):
        async def on_receive(self, message: Any) -> None:
            begun.append(message)

    def hold() -> None:
        held.set()
        assert go.wait(PATIENCE_S)

    io.loop.call_soon_threadsafe(hold)
    assert held.wait(PATIENCE_S)
    Quick.spawn(dispatcher=io).tell("a")
    assert not io.close(0)  # it is told to stop before the turn is taken
    io._deadline += PATIENCE_S
    go.set()
    assert io.close(PATIENCE_S)
    assert (begun, caplog.text) == (["a"], "")


def test_a_coroutine_is_cancelled_though_the_time_was_over_when_the_loop_came_to_it() -> None:
    """Law: nothing that awaits is dropped unheard, for it would be destroyed in its middle, whenever that is."""
    dispatcher, begun, ends = LoopDispatcher("late"), threading.Event(), list[type]()

    async def awaits() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except BaseException as error:
            ends.append(type(error))
            raise

    running = asyncio.run_coroutine_threadsafe(awaits(), dispatcher.loop)
    assert begun.wait(PATIENCE_S)
    dispatcher.close(0)
    dispatcher._thread.join(PATIENCE_S)
    assert running.cancelled()
    assert ends == [asyncio.CancelledError]


def test_what_queued_turns_begin_is_cancelled_too_though_the_time_was_over() -> None:
    """Law: also of so many that the last of them begin when the first have been told."""
    dispatcher, at_work, goes_on, ends = LoopDispatcher("late"), threading.Event(), threading.Event(), list[type]()

    async def awaits() -> None:
        try:
            await asyncio.Event().wait()
        except BaseException as error:
            ends.append(type(error))
            raise

    class Turn:
        def run_turn(self) -> bool:
            begun.append(loop.create_task(awaits()))
            return False

    class Slow:
        def run_turn(self) -> bool:
            at_work.set()
            return not goes_on.wait(PATIENCE_S)

    begun: list[asyncio.Task[None]] = []
    loop = dispatcher.loop
    dispatcher.schedule(Slow())
    assert at_work.wait(PATIENCE_S)
    for _ in range(1_000):
        dispatcher.schedule(Turn())
    dispatcher.close(0)
    goes_on.set()
    dispatcher._thread.join(PATIENCE_S)
    assert len(begun) == len(ends) == 1_000
