"""Channels that a pattern makes with their first message: who reads patterns alone reads them too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from dagger_actors import ActorSystem, Channel, Subscriber, TurnContext, subscribe
from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.core.declarations import Declare
from dagger_actors.errors import StoreError
from dagger_actors.pubsub.members.hub import ChannelHub

PATIENCE_S = 60


class Order(msgspec.Struct, frozen=True):
    cents: int


class Made(msgspec.Struct):
    cents: list[int] = []


class Clock(Subscriber):
    state: Made

    @subscribe("made.*", key="cents")
    def tick(self, order: Order, ctx: TurnContext) -> None:
        self.state.cents.append(order.cents)


MADE = Channel("made.*", Order)


def done(system: ActorSystem, count: int) -> None:
    report = system.run_until(timeout=PATIENCE_S)
    assert (report.reason, report.handled) == ("quiescent", count), report
    assert report.of("clock.tick").agents == ("clock",)


def test_who_reads_patterns_alone_reads_each_channel_from_its_first_message_on(sim: Any) -> None:
    """Law: also one that another process makes; and a run is not over before it has been read."""
    first = sim.system(agents=[Clock], channels=[MADE])
    assert first.channels.own == ("clock.tick",)
    second = sim.system(channels=[MADE])
    for channel, system in (("made.a", first), ("made.b", second), ("made.c", first)):
        system.channels.publish_many(channel, [Order(1), Order(2)])
        sim.settle()
    done(first, 6)
    assert first.channels.state("clock", "1") == {"cents": [1, 1, 1]}


def test_a_run_waits_until_new_channels_are_read_whatever_the_disk_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: what was refused is tried again a second later, and nothing is at rest before."""
    ask, refused = ChannelHub.ask, []

    def refuse_once(hub: ChannelHub, operations: Any) -> ReplyFuture[list[Any]]:
        if not refused and isinstance(operations[0], Declare):
            refused.append(operations)
            future: ReplyFuture[list[Any]] = ReplyFuture()
            error = StoreError(str(tmp_path), "no space")
            future.set_exception((StoreError, error, None))
            return future
        return ask(hub, operations)

    monkeypatch.setattr(ChannelHub, "ask", refuse_once)
    with ActorSystem(tmp_path / "made.db", agents=[Clock], channels=[MADE]) as system:
        system.channels.publish("made.a", Order(1))
        done(system, 1)
        assert len(refused) == 1
    with ActorSystem(tmp_path / "made.db", agents=[Clock], channels=[MADE]) as system:
        system.channels.publish("made.a", Order(2))
        done(system, 1)
