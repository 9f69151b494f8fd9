"""The alarm for handlers that do not come back."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from dagger_actors import Actor, ActorContext, ActorSystem, ChildSpec, handler
from dagger_actors.errors import RequestError
from dagger_actors.supervised.stuck import Alarm
from dagger_actors.testing import simulate
from tests.unit.supervised.conftest import PATIENCE_S

gate = threading.Event()
entered = threading.Event()


class Wait(msgspec.Struct, frozen=True):
    pass


class Nap(msgspec.Struct, frozen=True):
    seconds: float


class Quick(msgspec.Struct, frozen=True):
    pass


def hold() -> None:
    entered.set()
    gate.wait(PATIENCE_S)


class Plain(Actor):
    @handler
    def wait(self, message: Wait) -> None:
        hold()

    @handler
    def quick(self, message: Quick) -> str:
        return "done"


class WithContext(Actor):
    @handler
    def wait(self, message: Wait | Nap, ctx: ActorContext) -> None:
        hold()

    @handler
    def quick(self, message: Quick) -> str:
        return "done"


class Batched(Actor):
    @handler(batch=2)
    def wait(self, messages: list[Wait]) -> None:
        hold()

    @handler
    def quick(self, message: Quick) -> str:
        return "done"


class Starting(Actor):
    def started(self, ctx: ActorContext) -> None:
        hold()

    @handler
    def quick(self, message: Quick) -> str:
        return "done"


class Sleeper(Actor):
    @handler
    async def nap(self, message: Nap) -> str:
        await self.rest(message.seconds)
        return "rested"

    async def rest(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@pytest.fixture(autouse=True)
def doors() -> Iterator[None]:
    gate.clear()
    entered.clear()
    yield
    gate.set()


@pytest.fixture
def looks(threads: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Time that passes when the test says so, on real threads: each call is a look after so many seconds."""
    now = [threads.house.now_us()]
    alarm: Alarm = threads.house.alarm
    monkeypatch.setattr(alarm, "_now_us", lambda: now[0])

    def look(seconds: float = 0.0) -> None:
        now[0] += round(seconds * 1e6)
        alarm.look()

    return look


@pytest.mark.parametrize(
    ("cls", "message_type", "name"),
    [
        (Plain, "Wait", "Plain.wait"),
        (WithContext, "Wait", "WithContext.wait"),
        (Batched, "Wait", "Batched.wait"),
        (Starting, "", "Starting.started"),
    ],
)
def test_a_plain_handler_is_told_once_with_its_stack_and_once_more_when_it_is_over(
    threads: Any, looks: Any, caplog: pytest.LogCaptureFixture, cls: type[Actor], message_type: str, name: str
) -> None:
    """Law: one warning with actor, message type, method, seconds and stack, however often one looks; one more at the end."""
    ref = threads.spawn(cls, name="slow")
    if cls is not Starting:
        ref.tell(Wait())
    assert entered.wait(PATIENCE_S)
    for seconds in (0, 20, 9):
        looks(seconds)
    assert not caplog.records
    for seconds in (1, 3, 3, 3, 300):
        looks(seconds)
    (record,) = caplog.records
    assert (record.levelno, record.actor, record.message_type) == (logging.WARNING, "slow", message_type)
    assert record.handler.endswith(name)
    assert record.seconds >= 30
    assert "hold()" in record.stack
    assert "gate.wait" in record.stack
    assert "supervised/cell.py" not in record.stack
    assert threads.house.alarm.is_stuck(ref.cell)
    gate.set()
    assert ref.ask(Quick(), timeout=PATIENCE_S) == "done"
    looks(1)
    assert [one.levelno for one in caplog.records] == [logging.WARNING] * 2
    assert "is over" in caplog.records[1].getMessage()
    assert caplog.records[1].seconds >= 30
    assert not threads.house.alarm.is_stuck(ref.cell)


def test_an_actor_that_is_busy_all_the_time_with_short_messages_is_not_told(
    threads: Any, looks: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Law: not the turn counts, which may last, but the one message."""
    ref = threads.spawn(Plain, name="busy")
    for _ in range(20):
        ref.ask(Quick(), timeout=PATIENCE_S)
        looks(10)
    assert not caplog.records


class Stop:
    """A place where a thread stops, and goes on when it is told."""

    def __init__(self) -> None:
        self.is_there, self.may_go = threading.Event(), threading.Event()

    def __call__(self, *_: object) -> None:
        self.is_there.set()
        self.may_go.wait(PATIENCE_S)


def test_each_message_of_a_turn_has_its_own_time(threads: Any, looks: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Law: one turn takes many messages; the alarm is for one that lasts, not for many that last together."""
    stops = [Stop(), Stop(), Stop()]

    class Stopping(Actor):
        @handler
        def stop(self, number: int) -> None:
            stops[number]()

    ref = threads.spawn(Stopping)
    for number in range(3):
        ref.tell(number)
    for stop in stops:
        assert stop.is_there.wait(PATIENCE_S)
        for seconds in (0, 25, 2, 2):
            looks(seconds)
        stop.may_go.set()
    assert not caplog.records


def test_what_a_turn_does_besides_is_no_handler_that_lasts(
    threads: Any, looks: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Law: it is told only when it stands in the same call at two looks: answers that come one by one take no message."""
    stops = [Stop(), Stop(), Stop()]
    ref = threads.spawn(Plain)
    ref.ask(Quick(), timeout=PATIENCE_S)
    for stop in stops:
        ref.cell.order(stop)
    for stop in stops:
        assert stop.is_there.wait(PATIENCE_S)
        looks(20)
        stop.may_go.set()
    assert not caplog.records


def test_an_abandoned_handler_is_still_told(threads: Any, looks: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Law: whoever was killed and does not return holds a thread and is told, whatever the next incarnation does."""
    ref = threads.keep(Plain)
    ref.tell(Wait())
    assert entered.wait(PATIENCE_S)
    looks()
    ref.cell.kill(1)
    ref.cell.begin(2)
    for seconds in (29, 2, 2):
        assert ref.ask(Quick(), timeout=PATIENCE_S) == "done"
        looks(seconds)
    assert [record.handler for record in caplog.records if hasattr(record, "stack")] == ["Plain.wait"]
    gate.set()


def test_time_is_virtual_under_simulation(caplog: pytest.LogCaptureFixture) -> None:
    """Law: an async handler that awaits for 30 virtual seconds is told, with the line it awaits at; shorter ones are not."""
    with simulate(1) as sim:
        system = sim.system(agents=[ChildSpec(Sleeper, "sleeper")])
        system.actors["sleeper"].tell(Nap(29.0))
        sim.advance(60)
        assert not caplog.records
        system.actors["sleeper"].tell(Nap(40.0))
        sim.advance(35)
        (record,) = caplog.records
        assert (record.actor, record.message_type) == ("sleeper", "Nap")
        assert 30 <= record.seconds <= 33
        assert record.stack.index("self.rest") < record.stack.index("asyncio.sleep")
        assert [one.state for one in system.actors.tree().children] == ["stuck"]
        sim.advance(20)
        assert "is over, after some" in caplog.records[1].getMessage()
        assert [one.state for one in system.actors.tree().children] == ["idle"]


def test_an_async_handler_that_never_comes_back_keeps_no_simulation_from_its_rest(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Law: looking around is no reason for time to pass; when it passes for another one, it is told."""
    with simulate(1) as sim:
        system = sim.system(agents=[ChildSpec(Sleeper, "a"), ChildSpec(Sleeper, "b")])
        system.actors["a"].tell(Nap(1e5))
        system.actors["b"].tell(Nap(20.0))
        sim.advance(10)
        before = sim.world.mono_us
        sim.settle()
        assert sim.world.mono_us == before
        sim.run()
        assert [record.actor for record in caplog.records][:1] == ["a"]


@pytest.mark.parametrize("after_s", [0.0, -1.0, float("inf"), float("nan"), "30"])
def test_the_seconds_are_checked(after_s: Any) -> None:
    """Law: nothing accepted and ignored."""
    with pytest.raises(RequestError, match="stuck_after_s is a number of seconds"):
        ActorSystem(stuck_after_s=after_s)


def test_the_option_decides_after_how_long_and_whether_at_all(caplog: pytest.LogCaptureFixture) -> None:
    """Law: on real threads and the real clock the look comes by itself; None is never."""
    told = threading.Event()

    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.set()

    listening = Told(logging.WARNING)
    logging.getLogger("dagger_actors").addHandler(listening)
    try:
        with ActorSystem(agents=[Plain], stuck_after_s=0.05) as system:
            system.actors["plain"].tell(Wait())
            assert told.wait(PATIENCE_S)
            gate.set()
    finally:
        logging.getLogger("dagger_actors").removeHandler(listening)
    with simulate(1) as sim:
        caplog.clear()
        system = sim.system(agents=[ChildSpec(Sleeper, "sleeper")], stuck_after_s=None)
        system.actors["sleeper"].tell(Nap(400.0))
        sim.advance(500)
        assert not caplog.records
