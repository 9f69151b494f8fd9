"""Actors that await each other's answers: the step that closes the circle is refused, and nobody else is disturbed."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from dagger_actors.errors import AskCircle
from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.context import ActorContext
from dagger_actors.supervised.handlers import handler
from tests.unit.supervised.conftest import Stage, VirtualStage


class Pass(msgspec.Struct, frozen=True):
    """Ask the first of them, with the rest; nobody is left: answer."""

    names: tuple[str, ...]
    how: str = "await"


class Passing(Actor):
    @handler
    async def hand_on(self, message: Pass, ctx: ActorContext) -> str:
        if not message.names:
            return ctx.name
        ref = ctx.find(message.names[0])
        on = Pass(message.names[1:], message.how)
        match message.how:
            case "await":
                return f"{ctx.name} {await ref.ask(on, timeout=None)}"
            case "await the reply":
                return f"{ctx.name} {await ref.ask(on, block=False)}"
            case "gather":
                (answer,) = await asyncio.gather(ref.ask(on, timeout=0.5))
                return f"{ctx.name} {answer}"
            case _:
                ref.ask(on, block=False)
                return ctx.name


@pytest.mark.parametrize("how", ["await", "await the reply"])
@pytest.mark.parametrize("circle", [("a",), ("b", "a"), ("b", "c", "a"), ("b", "c", "b")])
def test_the_ask_that_closes_a_circle_fails_at_once_and_says_who_is_in_it(
    stage: VirtualStage, circle: tuple[str, ...], how: str
) -> None:
    """Law: without a time-out too, no time passes; the error goes back along the asks, and all take messages again."""
    for name in "abcd":
        stage.spawn(Passing, name=name)
    refs = {name: stage.house.find_actor(name) for name in "abcd"}
    reply = refs["a"].ask(Pass(circle, how), block=False)
    beside = refs["d"].ask(Pass((), how), block=False)
    stage.settle()
    with pytest.raises(AskCircle) as caught:
        reply.get(timeout=0)
    way = ("a", *circle)
    assert caught.value.actors == (way[-2], *way[way.index(circle[-1]) : -1])
    assert beside.get(timeout=0) == "d"
    assert refs["d"].is_alive()


def test_actors_that_await_one_after_the_other_or_meet_at_one_are_in_no_circle(stage: VirtualStage) -> None:
    """Law: only a circle is refused."""
    for name in "abcd":
        stage.spawn(Passing, name=name)
    first = stage.house.find_actor("a").ask(Pass(("b", "d")), block=False)
    second = stage.house.find_actor("c").ask(Pass(("b", "d")), block=False)
    stage.settle()
    assert (first.get(timeout=0), second.get(timeout=0)) == ("a b d", "c b d")


def test_an_ask_whose_answer_is_not_awaited_closes_no_circle(stage: VirtualStage) -> None:
    """Law: who goes on without the answer takes the question that comes back."""
    for name in "ab":
        stage.spawn(Passing, name=name)
    reply = stage.house.find_actor("a").ask(Pass(("b", "a"), "go on"), block=False)
    stage.settle()
    assert reply.get(timeout=0) == "a"
    assert stage.house.find_actor("a").cell.handled == 2
    assert not stage.events


def test_what_is_awaited_in_tasks_ends_by_its_time_out(stage: VirtualStage) -> None:
    """Law: such a circle is not seen, and ends all the same."""
    for name in "ab":
        stage.spawn(Passing, name=name)
    reply = stage.house.find_actor("a").ask(Pass(("b", "a"), "gather"), block=False)
    stage.advance(0.6)
    with pytest.raises(TimeoutError):
        reply.get(timeout=0)


def test_on_real_threads_a_circle_ends_at_once_as_well(threads: Stage) -> None:
    """Law: as in virtual time."""
    threads.spawn(Passing, name="b")
    with pytest.raises(AskCircle):
        threads.spawn(Passing, name="a").ask(Pass(("b", "a")), timeout=20.0)
