"""Subscriptions whose patterns have no channel when they begin: whichever comes to be later is read from its first message."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest

from dagger_actors import ActorSystem, Channel, Subscriber, subscribe
from dagger_actors.core.channels import Declare
from dagger_actors.errors import StoreBusy

PATIENCE_S = 30


class Order(msgspec.Struct, frozen=True):
    number: int


class Reader(Subscriber):
    seen: ClassVar[list[int]] = []
    heard: ClassVar[threading.Event] = threading.Event()

    @subscribe("orders.*", start="latest")
    def take(self, order: Order) -> None:
        self.seen.append(order.number)
        self.heard.set()


ORDERS = Channel("orders.*", Order)


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    Reader.seen.clear()
    Reader.heard.clear()


def test_a_pattern_without_a_channel_hears_the_first_message_of_each_that_comes(tmp_path: Path) -> None:
    """Law: none is missed, wherever the subscription begins on channels that were there; and it is at rest only then."""
    with ActorSystem(tmp_path / "a.db", agents=[Reader], channels=[ORDERS]) as system:
        for number, channel in enumerate(("orders.eu", "orders.us", "orders.eu")):
            system.channels.publish(channel, Order(number))
            assert system.run_until(timeout=PATIENCE_S).reason == "quiescent"
            assert Reader.seen == [*range(number + 1)]
        (row,) = system.channels.subscriptions()
        assert (row.name, row.lag) == ("reader.take", 0)


def test_what_another_process_publishes_to_a_new_channel_is_heard(tmp_path: Path) -> None:
    """Law: who makes the channel need not be who reads it."""
    with (
        ActorSystem(tmp_path / "a.db", agents=[Reader], channels=[ORDERS]),
        ActorSystem(tmp_path / "a.db", channels=[ORDERS]) as other,
    ):
        other.channels.publish("orders.eu", Order(7))
        assert Reader.heard.wait(PATIENCE_S)
    assert Reader.seen == [7]


def test_a_channel_that_could_not_be_attached_is_attached_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: a refusal of the disk is none for good; nothing is at rest before."""
    monkeypatch.setattr("dagger_actors.pubsub.hub.AGAIN_US", 1_000)
    with ActorSystem(tmp_path / "a.db", agents=[Reader], channels=[ORDERS]) as system:
        hub = system._channels_hub
        ask, refused = hub.ask, []

        def refusing(operations):  # type: ignore[no-untyped-def]
            if isinstance(operations[0], Declare) and operations[0].subscriptions and not refused:
                refused.append(1)
                future = ask([])
                failed = type(future)()
                failed.set_exception((StoreBusy, StoreBusy(str(tmp_path), "locked"), None))
                return failed
            return ask(operations)

        monkeypatch.setattr(hub, "ask", refusing)
        system.channels.publish("orders.eu", Order(1))
        assert Reader.heard.wait(PATIENCE_S)
        assert refused
