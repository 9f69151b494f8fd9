"""Who is talked to: names that are none, names taken for references, pools taken for actors, systems that are over."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import pytest

from dagger_actors import (
    Actor,
    ActorClassError,
    ActorContext,
    ChildSpec,
    Supervisor,
    SystemFailed,
    UnknownActor,
    handler,
)
from dagger_actors.errors import RequestError, SystemClosed
from dagger_actors.supervised.names import Names
from dagger_actors.testing.simulation import Simulation


class Order(msgspec.Struct, frozen=True):
    item: str
    count: int


class Shop(Actor):
    @handler
    def order(self, order: Order) -> int:
        return order.count


class Gloomy(Actor):
    @handler
    def order(self, order: Order) -> None:
        raise ValueError("bad day")


class Bad(msgspec.Struct, frozen=True):
    """Do something with what is no reference."""

    what: str


class Confused(Actor):
    """Takes a name or a pool for the reference of an actor."""

    @handler
    def bad(self, bad: Bad, ctx: ActorContext) -> None:
        given: Any = ctx.find("pool") if bad.what.endswith("pool") else "shop"
        if bad.what.startswith("ask"):
            ctx.ask(given, Order("a", 1))
        elif bad.what.startswith("watch"):
            ctx.watch(given)
        else:
            ctx.unwatch(given)


def test_an_unknown_name_that_stands_below_a_supervisor_suggests_its_path(sim: Simulation) -> None:
    """Law: actors and pools; who forgets that names are paths is told, however short the name is."""
    crew = Supervisor("a_crew_of_many", [ChildSpec(Shop, "s"), ChildSpec(Shop, "pool", instances=2)])
    system = sim.system(agents=[crew])
    for name in ("s", "pool"):
        with pytest.raises(UnknownActor, match=f"did you mean 'a_crew_of_many/{name}'"):
            system.actors[name]
        assert system.actors[f"a_crew_of_many/{name}"].ask(Order("a", 1)) == 1


def test_a_name_that_is_not_found_is_compared_with_so_many_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: a misspelt name must not hold a handler up for seconds in a system of a million actors."""
    names = Names()
    for name in ("alpha", "beta", "gamma"):
        names.actors[name] = object()  # type: ignore[assignment]
    monkeypatch.setattr("dagger_actors.supervised.names.NEAREST_OF", 2)
    for wrong, nearest in (("alpa", ("alpha",)), ("gama", ())):
        with pytest.raises(UnknownActor) as told:
            names.actor(wrong)
        assert told.value.nearest == nearest


def test_who_looks_an_actor_up_in_a_system_that_is_over_is_told_why(sim: Simulation) -> None:
    """Law: not that there is no such actor; what failed, or that it was left."""
    system = sim.system(agents=[Supervisor("crew", [Gloomy], intensity=0, restart="temporary"), Shop])
    failed = sim.system(agents=[Supervisor("crew", [Gloomy], intensity=0)])
    for one in (system, failed):
        for _ in range(4):
            with contextlib.suppress(UnknownActor):
                one.actors["crew/gloomy"].tell(Order("a", 1))
            sim.run()
    with pytest.raises(SystemFailed, match="bad day"):
        failed.actors["crew/gloomy"]
    with pytest.raises(UnknownActor):
        system.actors["crew/gloomy"]
    assert system.actors["shop"].ask(Order("b", 4)) == 4
    system.stop()
    with pytest.raises(SystemClosed):
        system.actors["shop"]


@pytest.mark.parametrize(
    ("what", "advice"),
    [
        ("ask a name", "not 'shop'; ctx.find"),
        ("watch a name", "not 'shop'; ctx.find"),
        ("unwatch a name", "not 'shop'; ctx.find"),
        ("watch a pool", r"one by one: pool.refs\(\)"),
    ],
)
def test_what_is_no_reference_is_told_with_what_to_take_instead(sim: Simulation, what: str, advice: str) -> None:
    """Law: a name is looked up first, a pool's actors are watched one by one; nobody else is disturbed."""
    system = sim.system(agents=[Confused, Shop, ChildSpec(Shop, "pool", instances=2)])
    with pytest.raises(RequestError, match=advice):
        system.actors["confused"].ask(Bad(what))
    assert system.actors["shop"].ask(Order("b", 4)) == 4


def test_a_handler_asks_a_pool_as_it_asks_an_actor(sim: Simulation) -> None:
    """Law: what is looked up may be asked, whichever it is."""
    answers: list[int] = []

    class Asker(Actor):
        @handler
        def order(self, order: Order, ctx: ActorContext) -> None:
            ctx.ask(ctx.find("pool"), order).then(answers.append)

    system = sim.system(agents=[Asker, ChildSpec(Shop, "pool", instances=2)])
    for count in range(4):
        system.actors["asker"].tell(Order("a", count))
    sim.run()
    assert sorted(answers) == [0, 1, 2, 3]
    assert [one.handled for one in system.actors.tree().children[1:]] == [2, 2]


def test_a_class_whose_mailbox_is_no_bound_cannot_be() -> None:
    """Law: told when the class is made, with what to write."""
    with pytest.raises(ActorClassError, match=r"Full: its mailbox is a MailboxSpec\(capacity=...\), not 10"):

        class Full(Actor):
            mailbox = 10  # type: ignore[assignment]
