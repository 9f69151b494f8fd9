"""Where flows meet channels: what an action publishes is part of the unit that ends its node."""

from __future__ import annotations

from pathlib import Path

import msgspec

from dagger_actors import ActorSystem, Channel, Context, Subscriber, action, subscribe

PATIENCE_S = 30


class Shipped(msgspec.Struct, frozen=True):
    number: int


class Seen(msgspec.Struct):
    numbers: list[int] = []


class Porter(Subscriber):
    state: Seen

    @subscribe("shipped")
    def take(self, one: Shipped) -> None:
        self.state.numbers.append(one.number)


@action
def ship(number: int, ctx: Context) -> int:
    ctx.publish("shipped", Shipped(number))
    if number == 2 and ctx.attempt == 1:
        raise ValueError("bad luck")
    return number


@action
def ship_seven(ctx: Context) -> int:
    ctx.publish("shipped", Shipped(7))
    return 7


@action
def misship(ctx: Context) -> int:
    ctx.publish("shipped", {"nummer": 1})
    return 1


@action
def overfill(ctx: Context) -> int:
    ctx.publish("narrow", Shipped(2))
    return 2


class Slow(Subscriber):
    @subscribe("narrow")
    def take(self, one: Shipped) -> None:
        pass


SHIPPED = Channel("shipped", Shipped)


def rest(system: ActorSystem) -> None:
    system._runtime.wait(system._paradigms.channel_hub.rest(), PATIENCE_S)


def test_what_an_action_publishes_goes_out_with_the_success_of_its_node_once(tmp_path: Path) -> None:
    """Law: of an attempt that raises nothing is published; of the one that succeeds all of it, and who reads it wakes."""
    node = {"id": "n", "action": "ship", "map": {"over": "inputs.numbers", "item": "number"}, "try_count": 2}
    flow = {"name": "ships", "inputs": {"numbers": [1, 2, 3]}, "nodes": [node]}
    with ActorSystem(tmp_path / "a.db", agents=[Porter], channels=[SHIPPED], actions=[ship]) as system:
        assert system.flows.start(flow).wait(PATIENCE_S).state == "succeeded"
        rest(system)
        assert sorted(system.channels.state("porter", "")["numbers"]) == [1, 2, 3]


def test_what_a_channel_does_not_take_fails_the_attempt_that_publishes_it(tmp_path: Path) -> None:
    """Law: a message that does not fit fails where it is published, and one that finds its channel full when the node ends:
    that attempt fails, what ends with it does not."""
    narrow = Channel("narrow", Shipped, capacity=1, overflow="reject")
    nodes = [{"id": name, "action": name, "on_failure": "continue"} for name in ("misship", "overfill", "ship_seven")]
    actions = [misship, overfill, ship_seven]
    with ActorSystem(tmp_path / "a.db", agents=[Porter, Slow], channels=[SHIPPED, narrow], actions=actions) as system:
        system.channels.pause("slow.take")
        system.channels.publish("narrow", Shipped(1))
        report = system.flows.start({"name": "mistakes", "nodes": nodes}).wait(PATIENCE_S)
        ends = {node.node_id: node.attempts[-1].error for node in report.nodes}
        errors = {name: error.type.rpartition(".")[2] for name, error in ends.items() if error is not None}
        assert errors == {"misship": "PublicationRefused", "overfill": "ChannelFull"}
        system.channels.resume("slow.take")
        rest(system)
        assert system.channels.state("porter", "")["numbers"] == [7]
