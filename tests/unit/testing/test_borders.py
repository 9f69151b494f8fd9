"""The borders of a simulation: what code in a turn is refused, what the test itself may do, and what is left as it was."""

from __future__ import annotations

import concurrent.futures
import logging
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from dagger_actors import Actor, action, handler
from dagger_actors.testing import CannotSimulate, Simulation, borders, simulate


class Do(msgspec.Struct, frozen=True):
    pass


def connects() -> None:
    with socket.socket() as one:
        one.connect(("127.0.0.1", 1))


def binds() -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))


def sends() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as one:
        one.sendto(b"x", ("127.0.0.1", 9))


def resolves() -> None:
    socket.getaddrinfo("localhost", 80)


def resolves_by_name() -> None:
    socket.gethostbyname("localhost")


def runs() -> None:
    subprocess.run(["true"], check=True)


def uses_a_shell() -> None:
    os.system("true")


def forks() -> None:
    if os.fork() == 0:
        os._exit(0)


def sleeps() -> None:
    time.sleep(0.001)


def submits() -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(len, "x").result()


def submits_to_processes() -> None:
    with concurrent.futures.ProcessPoolExecutor(1) as pool:
        pool.submit(len, "x").result()


OUT = [
    (connects, "`socket.connect`", "sim.stub_handler"),
    (binds, "`socket.bind`", "resources="),
    (sends, "`socket.sendto`", "sim.stub"),
    (resolves, "`socket.getaddrinfo`", "sim.stub"),
    (resolves_by_name, "`socket.gethostbyname`", "sim.stub"),
    (runs, "`subprocess.Popen`", "a real `ActorSystem`"),
    (uses_a_shell, "`os.system`", "a real `ActorSystem`"),
    (forks, "`os.fork`", "a real `ActorSystem`"),
    (sleeps, "`time.sleep`", "ctx.timers.once"),
    (submits, "a `ThreadPoolExecutor`", "asyncio.to_thread"),
    (submits_to_processes, "a `ProcessPoolExecutor`", "a real `ActorSystem`"),
]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("dagger_actors.actors")
    before, logger.disabled = logger.disabled, True
    yield
    logger.disabled = before


def actor(body: Callable[[], Any], dispatcher: Any) -> type[Actor]:
    class Does(Actor):
        @handler
        def do(self, do: Do) -> None:
            body()

    class DoesOnLoop(Actor):
        @handler
        async def do(self, do: Do) -> None:
            body()

    class DoesBlocking(Does):
        dispatcher = "blocking"

    return {"shared": Does, "io": DoesOnLoop, "blocking": DoesBlocking}[dispatcher]


@pytest.mark.parametrize("dispatcher", ["shared", "io", "blocking"])
@pytest.mark.parametrize(("body", "what", "instead"), OUT)
def test_a_handler_is_refused_what_leads_out_with_what_to_do(
    body: Callable[[], None], what: str, instead: str, dispatcher: str, sim: Simulation
) -> None:
    """Law: it neither works silently nor holds up the world; the error names what it was and what to do instead."""
    ref = sim.system().actors.spawn(actor(body, dispatcher))
    with pytest.raises(CannotSimulate) as caught:
        ref.ask(Do())
    text = str(caught.value)
    assert text.startswith(f"{what} cannot be simulated: ")
    assert instead in text


def test_a_plain_action_is_refused_too_and_its_attempt_says_so(sim: Simulation) -> None:
    """Law: bodies of flows are users' code as handlers are."""

    @action
    def fetch() -> None:
        time.sleep(5)

    system = sim.system(actions=[fetch])
    report = system.flows.start({"name": "f", "nodes": [{"id": "n", "action": "fetch"}]}).wait()
    assert report.nodes[0].attempts[0].error.type.endswith("CannotSimulate")
    assert "await asyncio.sleep" in report.nodes[0].attempts[0].error.message


@pytest.mark.parametrize("body", [resolves, runs, sleeps, submits, binds])
def test_where_it_is_not_refused_it_really_happens(body: Callable[[], None]) -> None:
    """Law: the option turns the border off, and a test outside of a turn has none."""
    with simulate(1, refuse_outside=False) as sim:
        ref = sim.system().actors.spawn(actor(body, "shared"))
        ref.ask(Do())
        sim.refuse_outside = True
        body()
        with pytest.raises(CannotSimulate):
            ref.ask(Do(), timeout=1)


def test_sleeping_for_no_time_only_gives_way() -> None:
    """Law: ``time.sleep(0)`` holds up nobody."""
    with simulate(1) as sim:
        sim.system().actors.spawn(actor(lambda: time.sleep(0), "shared")).ask(Do())


def test_a_thread_of_somebody_elses_is_not_concerned() -> None:
    """Law: only the thread that plays the world is in a turn: what another one does meanwhile is its own."""
    slept: list[str] = []

    def body() -> None:
        thread = threading.Thread(target=lambda: slept.append(str(sleeps())))
        thread.start()
        thread.join()

    with simulate(1) as sim:
        sim.system().actors.spawn(actor(body, "shared")).ask(Do())
    assert slept == ["None"]


def test_everything_is_as_it_was_when_the_last_simulation_is_over() -> None:
    """Law: nested or one after the other, no simulation leaves a trace in the modules of others."""
    before = [getattr(one.owner, one.name) for one in borders.REPLACED]
    with simulate(1):
        with pytest.raises(ZeroDivisionError), simulate(2):
            _ = 1 / 0
        assert [getattr(one.owner, one.name) for one in borders.REPLACED] != before
    assert [getattr(one.owner, one.name) for one in borders.REPLACED] == before


def test_a_stub_that_takes_its_time_is_on_the_right_side() -> None:
    """Law: a body on a stack of its own is in a turn as well, and the kit's own threads are allowed."""
    with simulate(1) as sim:
        cls = actor(sleeps, "shared")
        sim.stub_handler(cls, Do, returns=lambda _do: sleeps(), takes_s=3)
        with pytest.raises(CannotSimulate):
            sim.system().actors.spawn(cls).ask(Do())
