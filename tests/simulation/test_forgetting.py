"""A subscription whose code is gone: it fills its channel, an alarm says so, and once it is forgotten publishers go on."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
import pytest

from dagger_actors import ActorSystem, Channel, Subscriber, subscribe
from dagger_actors.core.channels import Forgotten
from dagger_actors.errors import ChannelFull, SubscriptionInUse, SubscriptionUnread, UnknownSubscription
from dagger_actors.testing import explore
from dagger_actors.testing.simulation import Simulation, simulate

CAPACITY = 10
ORDERS = Channel("orders", int, capacity=CAPACITY)


class Seen(msgspec.Struct):
    numbers: list[int] = []


class Old(Subscriber):
    state: Seen

    @subscribe("orders")
    def take(self, number: int) -> None:
        self.state.numbers.append(number)


class New(Subscriber):
    state: Seen

    @subscribe("orders")
    def take(self, number: int) -> None:
        self.state.numbers.append(number)


def system(sim: Simulation, *agents: Any) -> ActorSystem:
    return sim.system(agents=agents, channels=[ORDERS], recover=True)


def alarms(caplog: pytest.LogCaptureFixture) -> list[int]:
    return [record.levelno for record in caplog.records if "no process has the code" in record.getMessage()]


def test_it_is_told_of_when_its_channel_is_half_full_and_full_and_forgetting_it_makes_room(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Law: one warning and one error, which name it, its channel and the command; who waits for room goes on."""
    with simulate(0) as sim:
        system(sim, Old, New).stop()
        here = system(sim, New)
        here.channels.publish_many("orders", range(4))
        sim.advance(30)
        assert alarms(caplog) == []
        here.channels.publish_many("orders", range(4, 8))
        sim.advance(30)
        assert alarms(caplog) == [logging.WARNING]
        here.channels.publish_many("orders", range(8, CAPACITY))
        sim.advance(60)
        assert alarms(caplog) == [logging.WARNING, logging.ERROR]
        assert "dagger-actors subscriptions forget old.take" in caplog.text
        with pytest.raises(ChannelFull):
            here.channels.publish("orders", 10, timeout=1)
        with pytest.raises(SubscriptionUnread) as refused:
            here.channels.forget("old.take")
        assert (refused.value.unread, refused.value.dead_letters) == (CAPACITY, 0)
        here.channels.publish("orders", 10, wait=False)
        assert here.channels.forget("old.take", discard=True) == Forgotten(CAPACITY, 0, 0, "old", 0)
        sim.advance(1)
        assert here.channels.state("new") == {"numbers": list(range(CAPACITY + 1))}
        with pytest.raises(UnknownSubscription):
            here.channels.forget("old.take")
        caplog.clear()
        sim.advance(60)
        assert alarms(caplog) == []


def test_a_handler_that_was_renamed_is_forgotten_while_its_group_lives(caplog: pytest.LogCaptureFixture) -> None:
    """Law: it is the code that counts, not who shares the ranges of the group; the state of the group stays."""
    with simulate(0) as sim:

        class Renamed(Subscriber, name="old"):
            state: Seen

            @subscribe("orders")
            def handle(self, number: int) -> None:
                self.state.numbers.append(number)

        first = system(sim, Old)
        first.channels.publish("orders", 0)
        sim.advance(1)
        first.stop()
        here = system(sim, Renamed)
        here.channels.publish_many("orders", range(1, CAPACITY))
        sim.advance(60)
        assert "'old.take'" in caplog.text
        with pytest.raises(SubscriptionInUse):
            here.channels.forget("old.handle", discard=True)
        assert here.channels.forget("old.take", discard=True) == Forgotten(CAPACITY - 1, 0, 0)
        here.channels.publish("orders", CAPACITY)
        sim.advance(1)
        assert here.channels.state("old") == {"numbers": [0, *range(CAPACITY + 1)]}


@pytest.mark.parametrize("is_frozen", [False, True])
def test_whoever_lives_keeps_its_subscription_though_it_stands_still_and_the_dead_do_not(*, is_frozen: bool) -> None:
    """Law: a process that is stopped has its code all the same; one that was killed has not, at once."""
    with simulate(0) as sim:
        first, here = system(sim, Old), system(sim)
        if is_frozen:
            sim.freeze(first)
            sim.advance(90)
        with pytest.raises(SubscriptionInUse):
            here.channels.forget("old.take", discard=True)
        sim.kill(first)
        assert here.channels.forget("old.take", discard=True) == Forgotten(0, 0, 0, "old", 0)


def forgotten(sim: Simulation) -> None:
    """Use a subscription, and forget it when whoever has its code is dead."""

    def work(here: ActorSystem) -> ActorSystem:
        if not here.channels.channels("orders")[0].next_offset:
            here.channels.publish_many("orders", range(3), ids=["a", "b", "c"])
        here._runtime.wait(here._paradigms.channel_hub.rest(), 60)
        return here

    def forget(here: ActorSystem) -> bool:
        if "old.take" in [one.name for one in here.channels.subscriptions()]:
            here.channels.forget("old.take", discard=True)
        return here.channels.subscriptions() == []

    sim.kill(sim.keep_going(work, agents=[Old], channels=[ORDERS]))
    assert sim.keep_going(forget, channels=[ORDERS])


def test_whichever_commit_the_worker_dies_at_a_subscription_is_forgotten_whole_or_not_at_all() -> None:
    """Law: FAULTS 1: who forgets, and dies, has forgotten all of it or nothing; asked again, it is gone."""
    explored = explore(forgotten, 1, crash="every_commit")
    assert explored.commits >= 4
