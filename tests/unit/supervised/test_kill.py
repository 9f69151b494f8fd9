"""Killing an incarnation: what it was about to do, in whatever thread it hangs, must not touch what comes after it."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import msgspec
import pytest

from dagger_actors.errors import ActorStopped
from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.context import ActorContext
from dagger_actors.supervised.handlers import handler
from tests.unit.supervised.conftest import PATIENCE_S, Stage, VirtualStage


class Hang(msgspec.Struct, frozen=True):
    """Enter, wait to be let go, and then perhaps raise."""

    error: str = ""


class Number(msgspec.Struct, frozen=True):
    value: int


class Latch:
    """Where a handler hangs."""

    def __init__(self) -> None:
        self.entered, self.let_go, self.left = threading.Event(), threading.Event(), threading.Event()

    def hang(self, error: str = "") -> None:
        self.entered.set()
        try:
            assert self.let_go.wait(PATIENCE_S)
            if error:
                raise ValueError(error)
        finally:
            self.left.set()


@pytest.fixture
def latch() -> Latch:
    return Latch()


def hanging(latch: Latch) -> type[Actor]:
    class Hanging(Actor):
        dispatcher = "blocking"

        def __init__(self) -> None:
            self.seen: list[int] = []

        @handler
        def hang(self, message: Hang) -> str:
            latch.hang(message.error)
            return "late"

        @handler
        def number(self, message: Number) -> list[int]:
            self.seen.append(message.value)
            return self.seen

        @handler
        def ask_first(self, message: str, ctx: ActorContext) -> None:
            ctx.ask(ctx.ref, Number(0)).then(lambda _answer: latch.hang(message))

    return Hanging


@pytest.mark.parametrize("error", ["", "late"])
def test_a_handler_that_was_killed_and_returns_or_raises_late_leaves_the_next_incarnation_alone(
    threads: Stage, latch: Latch, error: str
) -> None:
    """Law: its ask hears of the end at once, its successor takes what is queued, and its own return changes nothing."""
    ref = threads.keep(hanging(latch))
    reply = ref.ask(Hang(error), block=False)
    assert latch.entered.wait(PATIENCE_S)
    ref.tell(Number(1))
    ref.cell.kill(1)
    with pytest.raises(ActorStopped):
        reply.get(timeout=PATIENCE_S)
    ref.cell.begin(2)
    assert ref.ask(Number(2)) == [1, 2]
    latch.let_go.set()
    assert latch.left.wait(PATIENCE_S)
    assert ref.ask(Number(3)) == [1, 2, 3]
    assert [what[1:] for what in threads.keeper.has_heard()] == [
        ("started", 1, None),
        ("exited", 1, "shutdown"),
        ("started", 2, None),
    ]


@pytest.mark.parametrize("error", ["", "late"])
def test_a_callback_of_an_answer_that_was_killed_leaves_the_next_incarnation_alone(
    threads: Stage, latch: Latch, error: str
) -> None:
    """Law: as for handlers; what it raises late is nobody's failure."""
    ref = threads.keep(hanging(latch))
    ref.tell(error)
    assert latch.entered.wait(PATIENCE_S)
    ref.cell.kill(1)
    ref.cell.begin(2)
    assert ref.ask(Number(2)) == [2]
    latch.let_go.set()
    assert latch.left.wait(PATIENCE_S)
    assert ref.ask(Number(3)) == [2, 3]
    assert [what[1] for what in threads.keeper.has_heard()] == ["started", "exited", "started"]


@pytest.mark.parametrize("error", ["", "late"])
def test_a_start_that_was_killed_does_not_come_up_late(threads: Stage, latch: Latch, error: str) -> None:
    """Law: the instance that hung in ``started`` is never the actor, and its failure is not told."""
    latches = [latch, Latch()]

    class Slow(Actor):
        dispatcher = "blocking"

        def started(self, ctx: ActorContext) -> None:
            self.number = ctx.incarnation
            if ctx.incarnation == 1:
                latches[0].hang(error)

        @handler
        def number_of(self, message: str) -> int:
            return self.number

    ref = threads.keep(Slow)
    assert latch.entered.wait(PATIENCE_S)
    ref.cell.kill(1)
    ref.cell.begin(2)
    assert ref.ask("which") == 2
    latch.let_go.set()
    assert latch.left.wait(PATIENCE_S)
    assert ref.ask("which") == 2
    assert [what[1:3] for what in threads.keeper.has_heard()] == [("exited", 1), ("started", 2)]


def test_a_hook_that_was_killed_does_not_go_on_to_what_follows_it(threads: Stage, latch: Latch) -> None:
    """Law: a ``stopping`` that hangs is killed; the stop is answered then, the end is told once."""

    class Clinging(Actor):
        dispatcher = "blocking"

        @handler
        def number(self, message: Number) -> int:
            return message.value

        def stopping(self, ctx: ActorContext) -> None:
            latch.hang()

    ref = threads.keep(Clinging)
    stopped = ref.stop(block=False)
    assert latch.entered.wait(PATIENCE_S)
    ref.cell.kill(1)
    assert stopped.get(timeout=PATIENCE_S) is True
    ref.cell.begin(2)
    assert ref.ask(Number(5)) == 5
    latch.let_go.set()
    assert latch.left.wait(PATIENCE_S)
    assert ref.ask(Number(6)) == 6
    assert [what[1:3] for what in threads.keeper.has_heard()] == [("started", 1), ("exited", 1), ("started", 2)]


def test_one_that_is_killed_while_it_is_queued_for_a_turn_gets_no_second_place_in_the_queue(
    stage: VirtualStage,
) -> None:
    """Law: one place at the dispatcher for each actor, so that no two threads ever have it at once."""
    ref = stage.keep(hanging(Latch()))
    stage.settle()
    ref.tell(Number(1))
    ref.cell.kill(1)
    ref.cell.begin(2)
    assert len(stage.world._turns) == 1
    stage.settle()
    assert ref.ask(Number(2)) == [1, 2]


def test_a_message_that_was_taken_and_not_begun_when_its_actor_was_killed_is_told(stage: VirtualStage) -> None:
    """Law: everything sent is handled or told as undelivered; an ask among it is answered."""
    cells: list[Any] = []

    class Bomb(msgspec.Struct, frozen=True):
        def __post_init__(self) -> None:
            if cells and cells[0].turn is not None:  # it is being decoded
                cells[0].kill(1)

    class Victim(Actor):
        @handler
        def bomb(self, message: Bomb) -> None:
            raise AssertionError("handled by an incarnation that is over")

    class Gatherer(Actor):
        @handler(batch=2, within_s=1.0)
        def bombs(self, messages: list[Bomb]) -> None:
            raise AssertionError("handled by an incarnation that is over")

    for cls in (Victim, Gatherer):
        ref = stage.keep(cls)
        cells[:] = [ref.cell]
        stage.settle()
        reply = ref.ask(Bomb(), block=False)
        stage.settle()
        with pytest.raises(ActorStopped):
            reply.get(timeout=0)
        ref.cell.begin(2)
        stage.settle()
    assert stage.reasons() == [("Bomb", "stopped")] * 2


def test_one_that_is_killed_before_it_began_never_begins(stage: VirtualStage) -> None:
    """Law: from ``begin`` on it can be killed; its end is told, and it does nothing."""

    class Starting(Actor):
        def started(self, ctx: ActorContext) -> None:
            raise AssertionError("it has begun")

    ref = stage.keep(Starting)
    ref.cell.kill(1)
    stage.settle()
    assert [what[1:3] for what in stage.keeper.has_heard()] == [("exited", 1)]


class Sleeper(Actor):
    """Sleeps in its handler, and says what becomes of it."""

    story: list[str] = []  # noqa: RUF012

    @handler
    async def sleep(self, message: Hang) -> None:
        try:
            await asyncio.sleep(1.0)
            self.story.append("slept")
        except asyncio.CancelledError:
            self.story.append("cancelled")
            raise

    @handler
    async def number(self, message: Number) -> int:
        return message.value


@pytest.mark.parametrize("has_begun", [True, False])
def test_a_coroutine_is_cancelled_when_its_incarnation_is_killed(stage: VirtualStage, *, has_begun: bool) -> None:
    """Law: its ask is answered, the next incarnation is free at once; without its first step taken the message is told."""
    Sleeper.story.clear()
    ref = stage.keep(Sleeper)
    stage.settle()
    reply = ref.ask(Hang(), block=False)
    while ref.cell.turn is None or ref.cell.turn.task is None:
        assert stage.world.step()
    if has_begun:
        stage.settle()
    ref.cell.kill(1)
    with pytest.raises(ActorStopped):
        reply.get(timeout=0)
    ref.cell.begin(2)
    assert ref.ask(Number(7)) == 7
    stage.advance(5.0)
    assert Sleeper.story == (["cancelled"] if has_begun else [])
    assert stage.reasons() == ([] if has_begun else [("Hang", "stopped")])
    assert ref.cell.handled == (2 if has_begun else 1)


def test_killing_an_incarnation_that_is_over_or_another_one_does_nothing(stage: VirtualStage) -> None:
    """Law: a kill names its incarnation; late ones miss."""
    ref = stage.keep(hanging(Latch()))
    stage.settle()
    ref.cell.kill(2)
    assert ref.ask(Number(1)) == [1]
    ref.cell.kill(1)
    ref.cell.kill(1)
    ref.cell.begin(2)
    ref.cell.kill(1)
    assert ref.ask(Number(2)) == [2]
    ref.cell.close()
    ref.cell.kill(2)
    assert [what[1:3] for what in stage.keeper.has_heard()] == [("started", 1), ("exited", 1), ("started", 2)]
