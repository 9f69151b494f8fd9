"""An actor's timers: keyed, once or again and again, gone with the incarnation."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from dagger_actors.errors import ActorStopped, MessageRefused, RequestError
from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.bounds import MailboxSpec
from dagger_actors.supervised.context import ActorContext, Timers
from dagger_actors.supervised.handlers import handler
from dagger_actors.supervised.ref import Ref
from tests.unit.supervised.conftest import PATIENCE_S, Stage, VirtualStage


class Ring(msgspec.Struct, frozen=True):
    text: str


class Fail(msgspec.Struct, frozen=True):
    pass


class Busy(msgspec.Struct, frozen=True):
    """Takes so many virtual seconds, as far as an ``async`` handler is concerned."""

    seconds: float


class Clock(Actor):
    """Writes down when its timers ring."""

    rung: list[tuple[float, str]] = []  # noqa: RUF012

    def started(self, ctx: ActorContext) -> None:
        self.ctx = ctx

    @handler
    def ring(self, bell: Ring) -> None:
        now_s = self.actor_ref.cell.post._runtime.clock.now().mono_us / 1e6
        self.rung.append((now_s, bell.text))

    @handler
    def fail(self, message: Fail) -> None:
        raise ValueError


class SlowClock(Clock):
    @handler
    async def work(self, message: Busy) -> None:
        await asyncio.sleep(message.seconds)


class BatchClock(Clock):
    @handler(batch=5, within_s=60.0)
    def gather(self, messages: list[int]) -> None:
        self.rung.append((0.0, f"gathered {messages}"))


@pytest.fixture(autouse=True)
def rung() -> list[tuple[float, str]]:
    Clock.rung.clear()
    return Clock.rung


def timers_of(stage: VirtualStage, ref: Ref) -> Timers:
    stage.settle()
    timers: Timers = ref.cell.actor.ctx.timers
    return timers


def test_a_timer_rings_once_after_its_time(stage: VirtualStage, rung: list[Any]) -> None:
    """Law: at its time, not before, one message."""
    timers = timers_of(stage, stage.spawn(Clock))
    timers.once("tea", 3.0, Ring("tea"))
    assert timers.keys() == ("tea",)
    stage.advance(2.9)
    assert rung == []
    stage.advance(10.0)
    assert rung == [(3.0, "tea")]
    assert timers.keys() == ()


def test_a_repeating_timer_rings_at_every_interval(stage: VirtualStage, rung: list[Any]) -> None:
    """Law: first after one interval, without drift, until it is cancelled."""
    timers = timers_of(stage, stage.spawn(Clock))
    timers.every("beat", 0.7, Ring("beat"))
    stage.advance(3.0)
    assert [when for when, _ in rung] == [0.7, 1.4, 2.1, 2.8]
    assert timers.cancel("beat") is True
    assert timers.cancel("beat") is False
    stage.advance(3.0)
    assert len(rung) == 4


def test_a_slow_actor_gets_no_pile_of_them(stage: VirtualStage, rung: list[Any]) -> None:
    """Law: the next one is not sent before the last one is handled; those that were missed are left out."""
    ref = stage.spawn(SlowClock)
    timers_of(stage, ref).every("beat", 1.0, Ring("beat"))
    ref.tell(Busy(4.5))
    stage.advance(4.4)
    assert len(ref.cell.lane or ()) == 1
    stage.advance(1.7)
    assert rung == [(4.5, "beat"), (5.0, "beat"), (6.0, "beat")]


def test_the_same_key_replaces_and_a_cancelled_one_is_not_handled_though_it_is_queued(
    stage: VirtualStage, rung: list[Any]
) -> None:
    """Law: what counts is the last setting of a key, also for a message that is queued already."""
    ref = stage.spawn(SlowClock)
    timers = timers_of(stage, ref)
    timers.once("k", 1.0, Ring("first"))
    timers.once("k", 2.0, Ring("second"))
    timers.once("other", 1.0, Ring("never"))
    stage.advance(0.5)
    ref.tell(Busy(1.0))
    stage.advance(0.6)
    assert timers.cancel("other") is True
    stage.advance(5.0)
    assert rung == [(2.0, "second")]


def test_timers_are_gone_with_the_incarnation(stage: VirtualStage, rung: list[Any]) -> None:
    """Law: set, or queued already, none of them reaches the next one; the world keeps nothing of them."""
    ref = stage.keep(SlowClock)
    timers = timers_of(stage, ref)
    timers.every("beat", 1.0, Ring("beat"))
    timers.once("once", 1.0, Ring("once"))
    ref.tell(Busy(1.5))
    ref.tell(Fail())
    stage.advance(2.0)
    ref.cell.begin(2)
    stage.advance(5.0)
    assert rung == []
    assert stage.world.timers == {}


def test_a_timer_of_an_incarnation_that_is_over_cannot_be_set(stage: VirtualStage) -> None:
    """Law: what is left of it is refused, and sees none of its successor's."""
    ref = stage.keep(Clock)
    old = timers_of(stage, ref)
    ref.tell(Fail())
    stage.settle()
    with pytest.raises(ActorStopped):
        old.once("k", 1.0, Ring("k"))
    ref.cell.begin(2)
    new = timers_of(stage, ref)
    new.once("k", 1.0, Ring("k"))
    with pytest.raises(ActorStopped):
        old.every("k", 1.0, Ring("k"))
    assert old.cancel("k") is False
    assert old.keys() == ()
    assert new.keys() == ("k",)


@pytest.mark.parametrize(
    ("set_one", "error"),
    [
        (lambda timers: timers.once("k", -0.001, Ring("")), RequestError),
        (lambda timers: timers.once("k", float("nan"), Ring("")), RequestError),
        (lambda timers: timers.once("k", float("inf"), Ring("")), RequestError),
        (lambda timers: timers.every("k", 0.0, Ring("")), RequestError),
        (lambda timers: timers.every("k", float("nan"), Ring("")), RequestError),
        (lambda timers: timers.once("k", 1.0, object()), MessageRefused),
    ],
)
def test_a_timer_that_cannot_be_set_leaves_the_one_of_its_key_alone(
    stage: VirtualStage, rung: list[Any], set_one: Callable[[Timers], None], error: type[Exception]
) -> None:
    """Law: refused before anything has changed."""
    timers = timers_of(stage, stage.spawn(Clock))
    timers.once("k", 1.0, Ring("before"))
    with pytest.raises(error):
        set_one(timers)
    stage.advance(2.0)
    assert rung == [(1.0, "before")]


def test_without_room_a_timers_message_is_undelivered_and_a_repeating_one_goes_on(
    stage: VirtualStage, rung: list[Any]
) -> None:
    """Law: the thread of all timers never waits for room; what is lost is told, and no key is left behind."""
    ref = stage.spawn(SlowClock, mailbox=MailboxSpec(capacity=1))
    timers = timers_of(stage, ref)
    timers.every("beat", 1.0, Ring("beat"))
    timers.once("once", 0.5, Ring("once"))
    ref.tell(Busy(2.5))
    stage.settle()
    ref.tell(Ring("fills"))
    stage.advance(0.9)
    assert timers.keys() == ("beat",)
    stage.advance(3.0)
    assert stage.reasons() == [("Ring", "full")] * 3
    assert rung == [(2.5, "fills"), (3.0, "beat")]


def test_a_dropped_message_of_a_repeating_timer_is_not_its_last(stage: VirtualStage, rung: list[Any]) -> None:
    """Law: newer mail may take its place; it rings again, and one that rings once is over."""
    ref = stage.spawn(SlowClock, mailbox=MailboxSpec(capacity=2, overflow="drop_oldest"))
    timers = timers_of(stage, ref)
    ref.tell(Busy(2.5))
    stage.settle()
    timers.every("beat", 1.0, Ring("beat"))
    timers.once("once", 1.0, Ring("once"))
    stage.advance(1.1)
    ref.tell(Ring("x"))
    ref.tell(Ring("y"))
    assert timers.keys() == ("beat",)
    stage.advance(2.0)
    assert stage.reasons() == [("Ring", "dropped"), ("Ring", "dropped"), ("Ring", "full")]
    assert rung == [(2.5, "x"), (2.5, "y"), (3.0, "beat")]


def test_a_timer_rings_behind_a_gathered_batch(stage: VirtualStage, rung: list[Any]) -> None:
    """Law: what came before is handled before, and handing the batch over does not lose the timer."""
    ref = stage.spawn(BatchClock)
    timers = timers_of(stage, ref)
    ref.tell(1)
    timers.once("k", 1.0, Ring("k"))
    timers.every("e", 1.5, Ring("e"))
    stage.advance(2.0)
    assert [text for _, text in rung] == ["gathered [1]", "k", "e"]
    assert timers.keys() == ("e",)


def test_no_key_of_a_user_is_one_of_the_systems(stage: VirtualStage, rung: list[Any]) -> None:
    """Law: simulation tells its own polling by a word in the key; a user's timer of that name is no polling."""
    timers_of(stage, stage.spawn(Clock)).once("watch", 60.0, Ring("watch"))
    stage.world.run_to_rest()
    assert rung == [(60.0, "watch")]


def test_a_gathered_batch_shows_no_key(stage: VirtualStage) -> None:
    """Law: ``keys`` tells what the user has set."""
    ref = stage.spawn(BatchClock)
    timers = timers_of(stage, ref)
    ref.tell(1)
    stage.settle()
    assert timers.keys() == ()


def test_timers_ring_on_real_threads(threads: Stage) -> None:
    """Law: the same with the timer thread, for plain and ``async`` actors."""
    rang = [threading.Event(), threading.Event()]

    class Plain(Actor):
        @handler
        def begin(self, message: Fail, ctx: ActorContext) -> None:
            ctx.timers.once("k", 0.001, Ring("k"))

        @handler
        def ring(self, bell: Ring) -> None:
            rang[0].set()

    class Awaiting(Plain):
        @handler
        async def ring(self, bell: Ring) -> None:
            rang[1].set()

    for cls in (Plain, Awaiting):
        threads.spawn(cls).tell(Fail())
    assert all(one.wait(PATIENCE_S) for one in rang)


@pytest.mark.parametrize("kind", ["once", "every"])
@pytest.mark.parametrize("time", [Ring("a"), "1", None, -1, float("inf"), float("nan")])
def test_a_time_that_is_none_is_refused_by_name(stage: VirtualStage, kind: str, time: Any) -> None:
    """Law: who takes the message for the time is told which of them is wrong; no timer is set."""
    ref = stage.spawn(Clock)
    stage.settle()
    timers = Timers(ref.cell, 1)
    with pytest.raises(RequestError, match=r"a timer's (time|interval) is a number of seconds"):
        getattr(timers, kind)("key", time, Ring("b"))
    assert timers.keys() == ()
