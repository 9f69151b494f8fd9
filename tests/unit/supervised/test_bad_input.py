"""Bad input: each has its own error or event, and no other actor is disturbed; mostly not even its own."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from dagger_actors.errors import AskInsideHandler, MessageRefused, MessageUnhandled, UnknownActor
from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.context import ActorContext
from dagger_actors.supervised.handlers import handler
from dagger_actors.supervised.ref import Ref
from tests.unit.supervised.conftest import Stage, VirtualStage


class Order(msgspec.Struct, frozen=True):
    item: str
    count: int


class Fail(msgspec.Struct, frozen=True):
    index: int


class Strict(msgspec.Struct, frozen=True):
    """Its own check may raise anything, whatever the decoder makes of it."""

    error: int = -1

    def __post_init__(self) -> None:
        if self.error >= 0 and armed:
            raise FAILURES[self.error]


armed: list[bool] = []


class NoText(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


FAILURES: tuple[type[BaseException], ...] = (
    ValueError, RuntimeError, SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError, NoText,
)  # fmt: skip
INDEXES = range(len(FAILURES))


class Shop(Actor):
    """Fails when it is told to."""

    @handler
    def order(self, order: Order) -> int:
        return order.count

    @handler
    def fail(self, message: Fail) -> None:
        raise FAILURES[message.index]

    @handler
    def strict(self, message: Strict) -> str:
        return "fine"


class ContextShop(Shop):
    @handler
    def fail(self, message: Fail, ctx: ActorContext) -> None:
        raise FAILURES[message.index]


class AsyncShop(Shop):
    @handler
    async def fail(self, message: Fail) -> None:
        raise FAILURES[message.index]


class SleepyShop(Shop):
    @handler
    async def fail(self, message: Fail) -> None:
        await asyncio.sleep(0.1)
        raise FAILURES[message.index]


class BatchShop(Shop):
    @handler(batch=2)
    def fail(self, messages: list[Fail]) -> None:
        raise FAILURES[messages[0].index]

    @handler(batch=2)
    def strict(self, messages: list[Strict]) -> str:
        return "fine"


SHOPS = (Shop, ContextShop, AsyncShop, SleepyShop, BatchShop)


@pytest.fixture(autouse=True)
def _disarm() -> None:
    armed.clear()


@pytest.mark.parametrize("index", INDEXES)
@pytest.mark.parametrize("cls", SHOPS)
def test_whatever_a_handler_raises_ends_its_incarnation_and_answers_its_ask(
    stage: VirtualStage, cls: type[Shop], index: int
) -> None:
    """Law: exits and interrupts too: they are an actor's failure, never the thread's, the loop's or the process's."""
    ref, other = stage.keep(cls), stage.spawn(Shop)
    reply, queued = ref.ask(Fail(index), block=False), ref.ask(Order("a", 3), block=False)
    stage.advance(1.0)
    with pytest.raises(FAILURES[index]):
        reply.get(timeout=0)
    heard = stage.keeper.has_heard()[-1]
    assert heard[1] == "exited"
    assert type(heard[3]) is FAILURES[index]
    ref.cell.begin(2)
    stage.settle()
    assert queued.get(timeout=0) == 3
    assert other.ask(Order("b", 4)) == 4
    assert stage.events == []


@pytest.mark.parametrize("index", INDEXES)
@pytest.mark.parametrize("runs_here", [True, False])
def test_on_threads_the_asker_gets_what_the_handler_raised(threads: Stage, index: int, *, runs_here: bool) -> None:
    """Law: the same where the ask runs on the asking thread, and the next incarnation is asked as before."""
    threads.house.runs_here = runs_here
    ref = threads.keep(Shop)
    assert ref.ask(Order("a", 1)) == 1
    threads.keeper.then = lambda cell, incarnation: cell.begin(incarnation + 1)
    for _ in range(3):
        with pytest.raises(FAILURES[index]):
            ref.ask(Fail(index))
        assert ref.ask(Order("a", 2)) == 2


@pytest.mark.parametrize("index", INDEXES)
@pytest.mark.parametrize("cls", [Shop, BatchShop])
@pytest.mark.parametrize("runs_here", [True, False])
def test_a_message_that_its_own_class_refuses_is_undecodable(
    stage: VirtualStage, cls: type[Shop], index: int, *, runs_here: bool
) -> None:
    """Law: whatever its check raises, the ask hears of it, the mail is told, and the actor goes on."""
    stage.house.runs_here = runs_here
    ref = stage.spawn(cls)
    assert ref.ask(Order("a", 1)) == 1
    message = Strict(index)
    armed.append(True)
    with pytest.raises(MessageRefused, match="cannot read it"):
        ref.ask(message)
    armed.clear()
    assert stage.reasons() == [("Strict", "undecodable")]
    assert stage.events[0].was_ask
    assert ref.ask(Strict()) == "fine"


def stranger(name: str, **fields: Any) -> type[msgspec.Struct]:
    """A class of that name from another module."""
    return msgspec.defstruct(name, list(fields.items()), module="elsewhere", frozen=True)


@pytest.mark.parametrize("runs_here", [True, False])
def test_a_class_of_the_same_name_from_another_module_is_read_by_its_fields(
    stage: VirtualStage, *, runs_here: bool
) -> None:
    """Law: a message is known by its class's name; what does not hold what the handler's class says is told at the door."""
    stage.house.runs_here = runs_here
    ref = stage.spawn(Shop)
    assert ref.ask(stranger("Order", item=str, count=int)("a", 5)) == 5
    for ill_typed in (stranger("Order", item=str)("a"), stranger("Order", item=int, count=int)(1, 2)):
        with pytest.raises(MessageRefused, match="Order"):
            ref.ask(ill_typed)
    assert stage.reasons() == [("Order", "undecodable")] * 2
    assert ref.is_alive()


def test_a_message_without_a_handler_is_told_with_what_there_is(stage: VirtualStage) -> None:
    """Law: the asker learns what the actor takes; a tell is an event; the actor goes on."""
    ref = stage.spawn(Shop, name="shop")
    with pytest.raises(MessageUnhandled, match="shop has no @handler for dict; it takes Fail, Order, Strict"):
        ref.ask({"item": "a"})
    for message in (None, 1, [Order("a", 1)], stranger("Unknown")()):
        ref.tell(message)
    stage.settle()
    assert [event.message for event in stage.events] == ["dict", "NoneType", "int", "list", "Unknown"]
    assert {event.reason for event in stage.events} == {"unhandled"}
    assert ref.ask(Order("a", 1)) == 1


@pytest.mark.parametrize("index", INDEXES)
@pytest.mark.parametrize("is_async", [True, False])
def test_an_unhandled_that_raises_is_a_failure_of_its_actor(stage: VirtualStage, index: int, *, is_async: bool) -> None:
    """Law: the hook is told of plain dicts and lists; what it raises ends the incarnation, and the mail is told once."""
    seen: list[object] = []

    class Picky(Actor):
        def unhandled(self, message: object, ctx: ActorContext) -> None:
            seen.append(message)
            raise FAILURES[index]

    class AsyncPicky(Actor):
        async def unhandled(self, message: object, ctx: ActorContext) -> None:
            await asyncio.sleep(0.1)
            seen.append(message)
            raise FAILURES[index]

    ref = stage.keep(AsyncPicky if is_async else Picky)
    reply = ref.ask(Order("a", 1), block=False)
    stage.advance(1.0)
    with pytest.raises(MessageUnhandled):
        reply.get(timeout=0)
    assert seen == [{"item": "a", "count": 1}]
    assert type(stage.keeper.has_heard()[-1][3]) is FAILURES[index]
    assert stage.reasons() == [("Order", "unhandled")]


def test_hostile_depth_and_size_stop_at_the_actor_they_are_sent_to(stage: VirtualStage) -> None:
    """Law: what is too deep cannot be sent; what is big is handled, and only its first bytes are kept when it is not."""
    ref = stage.spawn(Shop)
    nested: Any = 1
    for _ in range(500):
        nested = [nested]
    big = b"x" * (32 << 20)
    ref.tell(nested)
    ref.tell(big)
    stage.settle()
    assert stage.reasons() == [("list", "unhandled"), ("bytes", "unhandled")]
    assert len(stage.events[1].content) == 1_024
    assert ref.ask(Order("x" * (8 << 20), 1)) == 1


def test_bytes_too_deep_to_be_read_are_told_and_nothing_else(stage: VirtualStage) -> None:
    """Law: even a letter that no encoder of ours would make ends no actor."""
    ref = stage.spawn(Shop)
    ref.cell.put((list, b"\x91" * 100_000 + b"\x90", None, None))
    ref.cell.put((Order, b"\x91" * 100_000 + b"\x90", None, None))
    ref.cell.put((Order, b"\xc1 not MessagePack", None, None))
    stage.settle()
    assert stage.reasons() == [("list", "unhandled"), ("Order", "undecodable"), ("Order", "undecodable")]
    assert ref.ask(Order("a", 1)) == 1


# --- asks in a circle


class Ask(msgspec.Struct, frozen=True):
    """Ask that one, who asks the next."""

    path: tuple[str, ...]


class PlainAsker(Actor):
    @handler
    def ask(self, ask: Ask, ctx: ActorContext) -> str:
        return str(ctx.find(ask.path[0]).ask(Ask(ask.path[1:])))


class AsyncAsker(Actor):
    @handler
    async def ask(self, ask: Ask, ctx: ActorContext) -> str:
        return str(await ctx.find(ask.path[0]).ask(Ask(ask.path[1:]))) if ask.path else "end"


@pytest.mark.parametrize("runs_here", [True, False])
def test_a_circle_of_plain_asks_is_refused_at_its_first_step(stage: VirtualStage, *, runs_here: bool) -> None:
    """Law: a handler that would wait holds a thread: it is refused with advice, whomever it asks, and nothing is sent."""
    stage.house.runs_here = runs_here
    a, b = stage.spawn(PlainAsker, name="a"), stage.spawn(PlainAsker, name="b")
    with pytest.raises(AskInsideHandler, match="await"):
        a.ask(Ask(("b", "a", "b")))
    assert not a.is_alive()
    assert b.cell.lane is None


def test_then_makes_a_circle_without_waiting(stage: VirtualStage) -> None:
    """Law: asking and going on with the answer later holds nobody up."""
    answers: list[object] = []

    class Then(Actor):
        @handler
        def ask(self, ask: Ask, ctx: ActorContext) -> str:
            if ask.path:
                ctx.ask(ctx.find(ask.path[0]), Ask(ask.path[1:])).then(answers.append)
            return ctx.name

    a, _b = stage.spawn(Then, name="a"), stage.spawn(Then, name="b")
    assert a.ask(Ask(("b", "a", "b", "a"))) == "a"
    stage.settle()
    assert sorted(map(str, answers)) == ["a", "a", "b", "b"]


def test_an_unknown_name_suggests_the_nearest(stage: VirtualStage) -> None:
    """Law: the lookup fails where it is made, also inside a handler, whose actor fails with it."""
    stage.spawn(Shop, name="pricer")
    with pytest.raises(UnknownActor, match="did you mean 'pricer'"):
        stage.house.find("pricr")
    with pytest.raises(UnknownActor):
        stage.spawn(AsyncAsker).ask(Ask(("pricr",)))


def test_a_ref_is_no_message(stage: VirtualStage) -> None:
    """Law: names are sent, not references."""
    ref = stage.spawn(Shop)
    with pytest.raises(MessageRefused):
        ref.tell(Ref(ref.cell))
