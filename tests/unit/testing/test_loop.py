"""Users' asyncio code follows the virtual clock, and what leads out of the simulation is refused by name."""

from __future__ import annotations

import asyncio
import concurrent.futures
import signal
import socket
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dagger_actors.testing import CannotSimulate, simulate
from dagger_actors.testing.outside import REFUSED
from dagger_actors.testing.world import World

SECOND_US = 1_000_000


@pytest.fixture
def world() -> Any:
    one = World(0)
    yield one
    one.close()


def play(world: World, body: Callable[[], Awaitable[Any]]) -> Any:
    """Run a coroutine on the loop of a worker until it ends."""

    async def run() -> Any:
        return await body()

    task = world.loop_of("w1").create_task(run())
    assert world.run_until(task.done)
    return task.result()


@pytest.mark.parametrize("seconds", [0, 1, 3600, 1 / 3, 0.1 + 0.2, 4e-7, 86_400 * 7])
def test_sleep_takes_virtual_time(world: World, seconds: float) -> None:
    """Law: it ends when it is due, to the microsecond of the world's clock, whatever fraction of one it asks for."""

    async def body() -> float:
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(seconds)
        return asyncio.get_running_loop().time() - began

    assert play(world, body) == pytest.approx(seconds, abs=1e-6)
    assert world.mono_us == pytest.approx(seconds * SECOND_US, abs=1)


def test_timeout_and_wait_for_fire_on_the_virtual_clock(world: World) -> None:
    """Law: a time-out ends what takes longer, at its time, and nothing that is faster."""

    async def body() -> list[float]:
        ends = []
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.sleep(31)
        ends.append(world.mono_us / SECOND_US)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 5)
        ends.append(world.mono_us / SECOND_US)
        async with asyncio.timeout(30):
            await asyncio.sleep(1)
        ends.append(world.mono_us / SECOND_US)
        return ends

    assert play(world, body) == [30, 35, 36]


def test_a_timer_that_was_cancelled_is_no_reason_for_time_to_pass(world: World) -> None:
    """Law: at rest is at rest, though a time-out that did not fire would have been due later."""

    async def body() -> None:
        async with asyncio.timeout(600):
            await asyncio.sleep(1)

    play(world, body)
    world.run_to_rest()
    assert world.mono_us == SECOND_US


def test_events_queues_locks_and_groups_work_together(world: World) -> None:
    """Law: what waits without time is woken without time; the rest at its time."""
    notes: list[tuple[float, str]] = []

    async def body() -> None:
        event, queue, lock = asyncio.Event(), asyncio.Queue[int](), asyncio.Lock()

        async def waits() -> None:
            await event.wait()
            notes.append((world.mono_us / SECOND_US, "event"))
            async with lock:
                got = await queue.get()
                notes.append((world.mono_us / SECOND_US, f"got {got}"))

        async def sets() -> None:
            async with lock:
                await asyncio.sleep(2)
                event.set()
                await asyncio.sleep(2)
            await asyncio.sleep(3)
            queue.put_nowait(1)

        async with asyncio.TaskGroup() as group:
            group.create_task(waits())
            group.create_task(sets())

    play(world, body)
    assert notes == [(2, "event"), (7, "got 1")]


def test_to_thread_and_the_loops_own_executor_are_turns(world: World) -> None:
    """Law: they run, in the thread of the world, and cost no time."""

    async def body() -> list[int]:
        loop = asyncio.get_running_loop()
        return [await asyncio.to_thread(threading.get_ident), await loop.run_in_executor(None, threading.get_ident)]

    assert play(world, body) == [threading.get_ident()] * 2
    assert world.mono_us == 0
    assert sum("_Errand" in turn for turn in world.trace) == 2


async def connects() -> None:
    await asyncio.open_connection("localhost", 80)


async def serves() -> None:
    await asyncio.start_server(lambda _reader, _writer: None, "localhost", 0)


async def resolves() -> None:
    await asyncio.get_running_loop().getaddrinfo("localhost", 80)


async def receives() -> None:
    with socket.socket() as one:
        one.settimeout(0)
        await asyncio.get_running_loop().sock_recv(one, 1)


async def reads() -> None:
    left, right = socket.socketpair()
    with left, right:
        asyncio.get_running_loop().add_reader(left, print)


async def executes() -> None:
    await asyncio.create_subprocess_exec("true")


async def uses_a_shell() -> None:
    await asyncio.create_subprocess_shell("true")


async def handles_signals() -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, print)


async def has_an_executor() -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        await asyncio.get_running_loop().run_in_executor(pool, print)


async def sets_an_executor() -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asyncio.get_running_loop().set_default_executor(pool)


@pytest.mark.parametrize(
    ("body", "what", "instead"),
    [
        (connects, "`loop.create_connection`", "sim.stub"),
        (serves, "`loop.create_server`", "resources="),
        (resolves, "`loop.getaddrinfo`", "sim.stub"),
        (receives, "`loop.sock_recv`", "sim.stub"),
        (reads, "`loop.add_reader`", "sim.stub"),
        (executes, "`loop.subprocess_exec`", "a real `ActorSystem`"),
        (uses_a_shell, "`loop.subprocess_shell`", "a real `ActorSystem`"),
        (handles_signals, "`loop.add_signal_handler`", "sim.kill"),
        (has_an_executor, "`loop.run_in_executor`", "asyncio.to_thread"),
        (sets_an_executor, "`loop.set_default_executor`", "asyncio.to_thread"),
    ],
)
def test_what_leads_out_of_the_simulation_says_so_and_what_to_do(
    world: World, body: Callable[[], Awaitable[None]], what: str, instead: str
) -> None:
    """Law: it neither hangs nor works silently; the error names what it was and what to do instead."""
    with pytest.raises(CannotSimulate) as caught:
        play(world, body)
    assert what in str(caught.value)
    assert "cannot be simulated" in str(caught.value)
    assert instead in str(caught.value)


def test_every_method_of_asyncios_loop_is_virtual_or_refused(world: World) -> None:
    """Law: no public method leads out: a new one of a later Python shows here and must be sorted."""
    harmless = {
        "call_at", "call_exception_handler", "call_later", "call_soon", "call_soon_threadsafe", "close", "create_future",
        "create_task", "default_exception_handler", "get_debug", "get_exception_handler", "get_task_factory", "is_closed",
        "is_running", "remove_reader", "remove_signal_handler", "remove_writer", "run_forever", "run_in_executor",
        "run_until_complete", "set_debug", "set_exception_handler", "set_task_factory", "shutdown_asyncgens",
        "shutdown_default_executor", "stop", "time",
    }  # fmt: skip
    refused = {name for names in REFUSED.values() for name in names}
    public = {name for name in dir(asyncio.SelectorEventLoop) if not name.startswith("_")}
    assert public <= harmless | refused
    loop = world.loop_of("w1")
    for name in refused:
        with pytest.raises(CannotSimulate, match=name):
            getattr(loop, name)()


def test_a_thread_of_ones_own_cannot_call_the_loop(world: World) -> None:
    """Law: a real thread is refused, in that thread, and the world that then waits in vain is told apart by the name."""
    caught: list[BaseException] = []

    def call(loop: asyncio.AbstractEventLoop, future: asyncio.Future[None]) -> None:
        try:
            loop.call_soon_threadsafe(future.set_result, None)
        except CannotSimulate as error:
            caught.append(error)

    async def body() -> None:
        loop = asyncio.get_running_loop()
        thread = threading.Thread(target=call, args=(loop, loop.create_future()))
        thread.start()
        thread.join()

    play(world, body)
    assert "a thread of your own" in str(caught[0])


def test_two_threads_cannot_drive_one_simulation(world: World) -> None:
    """Law: while one thread is in a turn no other can take one: the order of turns would be nobody's."""
    caught: list[BaseException] = []

    def drive() -> None:
        try:
            world.settle()
        except CannotSimulate as error:
            caught.append(error)

    async def body() -> None:
        asyncio.get_running_loop().call_soon(print)
        thread = threading.Thread(target=drive)
        thread.start()
        thread.join()

    play(world, body)
    assert "two threads" in str(caught[0])


def test_an_action_that_opens_a_socket_fails_its_attempt_with_the_advice() -> None:
    """Law: in a flow the refusal is the attempt's error, to be read in the report."""
    with simulate(1) as sim:
        system = sim.system(actions=[connects])
        report = system.flows.start({"name": "f", "nodes": [{"id": "n", "action": "connects"}]}).wait()
        error = report.nodes[0].attempts[0].error
        assert report.state == "failed"
        assert error.type == "dagger_actors.testing.errors.CannotSimulate"
        assert "sim.stub" in error.message


def test_the_refusal_pickles_and_compares() -> None:
    """Law: as every error of the package."""
    import pickle

    error = CannotSimulate("a", "b", "c")
    assert pickle.loads(pickle.dumps(error)) == error
    assert str(error) == "a cannot be simulated: b. c"
