"""Each kind of bad input has its own error or undelivered event, and an actor beside it sees nothing of it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from dagger_actors import (
    Actor,
    ActorContext,
    ActorSystem,
    AskInsideHandler,
    ChildRefused,
    ChildSpec,
    ConfigRefused,
    DefinitionError,
    MailboxFull,
    MailboxSpec,
    MessageRefused,
    MessageUnhandled,
    Supervisor,
    UnknownActor,
    handler,
)
from dagger_actors.errors import AskCircle
from dagger_actors.testing.simulation import Simulation


class Note(msgspec.Struct, frozen=True):
    number: int


class Read(msgspec.Struct, frozen=True):
    pass


class Notes(msgspec.Struct):
    numbers: list[int] = []


class Other(Actor):
    """Has nothing to do with it."""

    state: Notes

    @handler
    def note(self, note: Note) -> None:
        self.state.numbers.append(note.number)

    @handler
    def read(self, read: Read, ctx: ActorContext) -> tuple[int, list[int]]:
        return ctx.incarnation, self.state.numbers


class Order(msgspec.Struct, frozen=True):
    count: int


class Fail(msgspec.Struct, frozen=True):
    index: int


class Ask(msgspec.Struct, frozen=True):
    path: tuple[str, ...]


class Hold(msgspec.Struct, frozen=True):
    seconds: float


FAILURES: tuple[type[BaseException], ...] = (ValueError, SystemExit, KeyboardInterrupt, GeneratorExit)


class Rate(msgspec.Struct, frozen=True):
    rate: float = 1.0


class Shop(Actor):
    """Is sent what is bad."""

    config: Rate

    @handler
    def order(self, order: Order) -> int:
        return order.count

    @handler
    def fail(self, fail: Fail) -> None:
        raise FAILURES[fail.index]

    @handler
    def ask(self, ask: Ask, ctx: ActorContext) -> Any:
        return ctx.find(ask.path[0]).ask(Ask(ask.path[1:]))


class AsyncShop(Actor):
    """The same on the event loop, where it shares a thread."""

    config: Rate

    @handler
    async def order(self, order: Order) -> int:
        return order.count

    @handler
    async def fail(self, fail: Fail) -> None:
        await asyncio.sleep(0.001)
        raise FAILURES[fail.index]

    @handler
    async def ask(self, ask: Ask, ctx: ActorContext) -> Any:
        return await ctx.find(ask.path[0]).ask(Ask(ask.path[1:])) if ask.path else "end"


class Slow(Actor):
    """Is held up, so that its mailbox fills."""

    @handler
    async def hold(self, hold: Hold) -> None:
        await asyncio.sleep(hold.seconds)

    @handler
    async def order(self, order: Order) -> None: ...


def stranger(name: str, **fields: Any) -> Any:
    """A message of a class of that name from another program."""
    return msgspec.defstruct(name, list(fields), module="elsewhere", frozen=True)(**fields)


def fill(system: ActorSystem, name: str) -> None:
    """Send more than there is room for; one waits 5 s where that is asked for."""
    slow = system.actors[name]
    slow.tell(Hold(20.0))
    for count in range(5):
        slow.tell(Order(count))


def by_spec(**agent: object) -> Callable[[ActorSystem], object]:
    """Open a system file with one such agent, and a good one before it."""
    spec = {"system": "bad", "agents": [{"id": "good", "class": f"{__name__}:Stillborn"}, {"id": "bad", **agent}]}
    return lambda _system: ActorSystem.from_spec(spec)


class Stillborn(Actor):
    def started(self, ctx: ActorContext) -> None:
        pytest.fail("a system whose file is bad has started something")


Case = tuple[Callable[[ActorSystem], object], type[BaseException] | None, str | None]

CASES: dict[str, Case] = {
    "an ask that does not decode": (
        lambda system: system.actors["crew/shop"].ask(stranger("Order", count="five")),
        MessageRefused,
        "undecodable",
    ),
    "a tell that does not decode": (
        lambda system: system.actors["crew/shop"].tell(stranger("Order", amount=5)),
        None,
        "undecodable",
    ),
    "an ask nobody handles": (lambda system: system.actors["crew/shop"].ask(3), MessageUnhandled, "unhandled"),
    "what cannot be encoded": (lambda system: system.actors["crew/shop"].tell(object()), MessageRefused, None),
    **{
        f"{name} raises {error.__name__}": (
            lambda system, name=name, index=index: system.actors[name].ask(Fail(index)),  # type: ignore[misc]
            error,
            None,
        )
        for index, error in enumerate(FAILURES)
        for name in ("crew/shop", "crew/async")
    },
    "a circle of blocking asks": (
        lambda system: system.actors["crew/shop"].ask(Ask(("crew/shop", "crew/shop"))),
        AskInsideHandler,
        None,
    ),
    "a circle of awaited asks": (
        lambda system: system.actors["crew/async"].ask(Ask(("crew/async-2", "crew/async"))),
        AskCircle,
        None,
    ),
    "an unknown name": (lambda system: system.actors["crew/shp"], UnknownActor, None),
    "an unknown name in a handler": (
        lambda system: system.actors["crew/async"].ask(Ask(("nobody",))),
        UnknownActor,
        None,
    ),
    "a full mailbox that rejects": (lambda system: fill(system, "crew/reject"), MailboxFull, None),
    "a full mailbox that waits": (lambda system: fill(system, "crew/block"), MailboxFull, None),
    "a full mailbox that drops": (lambda system: fill(system, "crew/drop"), None, "dropped"),
    "a class that is not there": (by_spec(**{"class": f"{__name__}:Shp"}), DefinitionError, None),
    "a class that cannot be imported": (by_spec(**{"class": "no_such_module:Shop"}), DefinitionError, None),
    "a config in a file": (by_spec(**{"class": f"{__name__}:Shop", "config": {"rat": 1}}), DefinitionError, None),
    "a config for spawn": (lambda system: system.actors.spawn(Shop, {"rat": 1.0}), ConfigRefused, None),
    "a config for start": (
        lambda system: system.actors.start(ChildSpec(Shop, "bad", {"rate": "fast"})),
        ChildRefused,
        None,
    ),
}


def crew() -> list[Any]:
    return [
        Other,
        Supervisor(
            "crew",
            [
                Shop,
                ChildSpec(AsyncShop, "async"),
                ChildSpec(AsyncShop, "async-2"),
                ChildSpec(Slow, "reject", shutdown_s=0, mailbox=MailboxSpec(capacity=2, overflow="reject")),
                ChildSpec(Slow, "block", shutdown_s=0, mailbox=MailboxSpec(capacity=2, overflow="block")),
                ChildSpec(Slow, "drop", shutdown_s=0, mailbox=MailboxSpec(capacity=2, overflow="drop_oldest")),
            ],
            intensity=100,
        ),
    ]


@contextlib.contextmanager
def told(error: type[BaseException] | None) -> Iterator[None]:
    if error is None:
        yield
    else:
        with pytest.raises(error):
            yield


@pytest.mark.parametrize("case", CASES)
def test_an_actor_beside_bad_input_goes_on_in_order_and_in_its_first_incarnation(sim: Simulation, case: str) -> None:
    """Law: the one who sent it is told, or there is an event of that reason and no other; nobody else notices."""
    cause, error, reason = CASES[case]
    system = sim.system(agents=crew())
    other = system.actors["other"]
    for number in range(4):
        other.tell(Note(number))
        with told(error):
            cause(system)
    sim.run()
    assert other.ask(Read()) == (1, [0, 1, 2, 3])
    assert set(system.actors.undelivered_counts) - ({reason} if reason else set()) == set()
    assert bool(system.actors.undelivered_counts.get(reason)) == bool(reason)  # type: ignore[call-overload]
    assert system.actors.failure is None


@pytest.mark.parametrize("case", [case for case in CASES if case != "a full mailbox that waits"])
def test_on_threads_an_actor_that_is_busy_beside_bad_input_loses_nothing(case: str) -> None:
    """Law: the same while another thread sends to it all the time."""
    cause, error, _reason = CASES[case]
    with ActorSystem(agents=crew(), stuck_after_s=None) as system:
        other = system.actors["other"]
        sender = threading.Thread(target=lambda: [other.tell(Note(number)) for number in range(500)])
        sender.start()
        for _ in range(3):
            with told(error):
                cause(system)
        sender.join()
        assert other.ask(Read()) == (1, list(range(500)))
