"""Where no turn can be had: the machine has no thread to give, or the system's have ended."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dagger_actors.errors import ActorStopped, SystemClosed
from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.context import ActorContext, Terminated
from dagger_actors.supervised.handlers import handler
from tests.unit.supervised.conftest import VirtualStage

WHY = [RuntimeError("can't start new thread"), SystemClosed()]


class Number(msgspec.Struct, frozen=True):
    value: int


class Watch(msgspec.Struct, frozen=True):
    name: str


class Adder(Actor):
    def __init__(self) -> None:
        self.sum = 0

    @handler
    def add(self, number: Number) -> int:
        self.sum += number.value
        return self.sum


class Watcher(Actor):
    def __init__(self) -> None:
        self.heard: list[str] = []

    @handler
    def watch(self, message: Watch, ctx: ActorContext) -> None:
        ctx.watch(ctx.find(message.name))

    @handler
    def hear(self, end: Terminated) -> None:
        self.heard.append(f"{end.name}: {end.error}")

    @handler
    def say(self, _message: str) -> list[str]:
        return self.heard


class Starting(Adder):
    def started(self, ctx: ActorContext) -> None:
        pass


class Dry:
    """A dispatcher that has no turns to give."""

    is_loop = False

    def __init__(self, error: Exception) -> None:
        self.error = error

    def schedule(self, _runnable: Any, *, here: bool = False) -> None:
        del here
        raise self.error


@pytest.mark.parametrize("error", WHY, ids=["no thread", "closed"])
def test_an_actor_that_gets_no_turn_is_gone_as_after_any_failure(stage: VirtualStage, error: Exception) -> None:
    """Law: who watches hears of it, the name is free, asks and what is queued are refused, and the sender goes on."""
    ref = stage.spawn(Adder, name="adder")
    watcher = stage.spawn(Watcher)
    watcher.ask(Watch("adder"))
    ref.cell.dispatcher = Dry(error)
    reply = ref.ask(Number(1), block=False)
    with pytest.raises(ActorStopped):
        reply.get(timeout=0)
    assert stage.reasons() == [("Number", "stopped")]
    stage.spawn(Adder, name="adder")
    assert [said.partition(":")[0] for said in watcher.ask("say")] == ["adder"]


def test_one_that_is_supervised_keeps_its_mail_until_it_gets_a_turn_again(stage: VirtualStage) -> None:
    """Law: its supervisor hears of a failure; begun anew, it takes what was queued."""
    ref = stage.keep(Adder)
    stage.settle()
    dispatcher, ref.cell.dispatcher = ref.cell.dispatcher, Dry(WHY[0])
    reply = ref.ask(Number(1), block=False)
    assert [what[1:] for what in stage.keeper.has_heard()] == [("started", 1, None), ("exited", 1, WHY[0])]
    ref.cell.begin(2)
    assert [what[1:] for what in stage.keeper.has_heard()] == [("failed to start", 2, WHY[0])]
    ref.cell.dispatcher = dispatcher
    ref.cell.begin(3)
    stage.settle()
    assert reply.get(timeout=0) == 1


@pytest.mark.parametrize("error", WHY, ids=["no thread", "closed"])
def test_one_that_cannot_even_start_leaves_its_name(stage: VirtualStage, error: Exception) -> None:
    """Law: as a start that failed."""
    before, stage.house.dispatchers["shared"] = stage.house.dispatchers["shared"], Dry(error)
    ref = stage.spawn(Starting, name="adder")
    assert not ref.is_alive()
    stage.house.dispatchers["shared"] = before
    assert stage.spawn(Starting, name="adder").ask(Number(2)) == 2
