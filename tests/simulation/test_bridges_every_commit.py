"""A worker dies before and after every commit of a story from a channel to tasks or flows and back: nothing is lost or made
twice."""

from __future__ import annotations

from collections import Counter

import apsw
import msgspec
import pytest

from dagger_actors import ActorSystem, Channel, Context, Subscriber, Trigger, action, subscribe, task_agent
from dagger_actors.pubsub.turns.context import TurnContext
from dagger_actors.tasks.agents.context import TaskContext
from dagger_actors.testing import explore
from dagger_actors.testing.simulation import Simulation

ORDERS = 3
PATIENCE_S = 600


class Order(msgspec.Struct, frozen=True):
    number: int


class Item(msgspec.Struct, frozen=True):
    number: int


class Receipt(msgspec.Struct, frozen=True):
    number: int


@task_agent
def charge(item: Item, ctx: TaskContext) -> int:
    ctx.publish("receipts", Receipt(item.number))
    return item.number


class Seen(msgspec.Struct):
    numbers: list[int] = []


class Cashier(Subscriber):
    state: Seen

    @subscribe("receipts")
    def take(self, receipt: Receipt) -> None:
        self.state.numbers.append(receipt.number)


class Clerk(Subscriber):
    @subscribe("orders")
    def take(self, order: Order, ctx: TurnContext) -> None:
        ctx.spawn(charge, Item(order.number))
        ctx.spawn(charge, Item(100), key="the same for all")


def orders(sim: Simulation) -> None:
    """Messages whose turns make tasks, which publish to one who counts."""

    def work(system: ActorSystem) -> list[int]:
        for number in range(ORDERS):
            system.channels.publish("orders", Order(number), id=str(number))
        system._runtime.wait(system._paradigms.channel_hub.rest(), PATIENCE_S)
        for one in system.tasks.tasks(limit=100):
            system.tasks.get(one.id).wait(PATIENCE_S)
        system._runtime.wait(system._paradigms.channel_hub.rest(), PATIENCE_S)
        numbers: list[int] = system.channels.state("cashier", "")["numbers"]
        return sorted(numbers)

    channels = [Channel("orders", Order), Channel("receipts", Receipt)]
    counted = sim.keep_going(work, agents=[Clerk, charge, Cashier], channels=channels)
    assert counted == [*range(ORDERS), 100], "each task's message once"
    connection = apsw.Connection(str(sim.path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        made = Counter(connection.execute("SELECT payload ->> 'number', state FROM tasks"))
    finally:
        connection.close()
    assert made == Counter((number, "completed") for number in (*range(ORDERS), 100)), "each turn's tasks once"


@pytest.mark.parametrize("seeds", [1, pytest.param(25, marks=[pytest.mark.full, pytest.mark.timeout(1800)])])
def test_whichever_commit_the_worker_dies_at_tasks_and_messages_cross_the_bridges_once(seeds: int) -> None:
    """Law: FAULTS 1 across the bridge: a turn's tasks are there exactly when its messages are acknowledged, and a task's
    messages exactly when it is completed."""
    assert explore(orders, seeds, crash="every_commit").commits >= 4


@action
def deliver(number: int, ctx: Context) -> int:
    ctx.publish("receipts", Receipt(number))
    return number


DELIVERY = {
    "name": "delivery",
    "inputs": {"number": {"type": "int"}},
    "nodes": [{"id": "deliver", "action": "deliver", "inputs": {"number": "inputs.number"}}],
}


class Dispatcher(Subscriber):
    @subscribe("orders")
    def take(self, order: Order, ctx: TurnContext) -> None:
        ctx.start_flow(DELIVERY, {"number": order.number})
        ctx.start_flow(DELIVERY, {"number": 100}, run_id="the same for all")


def deliveries(sim: Simulation) -> None:
    """Messages whose turns start runs, whose nodes publish to one who counts."""

    def work(system: ActorSystem) -> list[int]:
        for number in range(ORDERS):
            system.channels.publish("orders", Order(number), id=str(number))
        assert system.run_until(timeout=PATIENCE_S).reason == "quiescent"
        numbers: list[int] = system.channels.state("cashier", "")["numbers"]
        return sorted(numbers)

    channels = [Channel("orders", Order), Channel("receipts", Receipt)]
    counted = sim.keep_going(work, agents=[Dispatcher, Cashier], actions=[deliver], channels=channels)
    assert counted == [*range(ORDERS), 100], "each run's message once"
    connection = apsw.Connection(str(sim.path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        made = Counter(connection.execute("SELECT inputs ->> 'number', status FROM flow_runs"))
    finally:
        connection.close()
    assert made == Counter((number, "succeeded") for number in (*range(ORDERS), 100)), "each turn's runs once"


@pytest.mark.parametrize("seeds", [1, pytest.param(25, marks=[pytest.mark.full, pytest.mark.timeout(1800)])])
def test_whichever_commit_the_worker_dies_at_runs_of_flows_are_started_once(seeds: int) -> None:
    """Law: FAULTS 1 across the bridge: a turn's runs are there exactly when its messages are acknowledged, and somebody goes
    on with each, whoever died between the two."""
    assert explore(deliveries, seeds, crash="every_commit").commits >= 4


def triggered(sim: Simulation) -> None:
    """Messages that begin tasks and runs by declaration, which publish to one who counts."""

    def work(system: ActorSystem) -> list[int]:
        for number in range(ORDERS):
            system.channels.publish("orders", Order(number), id=str(number))
        assert system.run_until(timeout=PATIENCE_S).reason == "quiescent"
        assert {one.key for one in system.tasks.tasks()} == {f"trigger-charge/orders/{at}" for at in range(ORDERS)}
        assert {one.run_id for one in system.flows.runs()} == {f"trigger-delivery/orders/{at}" for at in range(ORDERS)}
        numbers: list[int] = system.channels.state("cashier", "")["numbers"]
        return sorted(numbers)

    counted = sim.keep_going(
        work,
        agents=[charge, Cashier],
        actions=[deliver],
        channels=[Channel("orders", Order), Channel("receipts", Receipt)],
        triggers=[Trigger("orders", task=charge), Trigger("orders", flow=DELIVERY)],
    )
    assert counted == sorted([*range(ORDERS)] * 2), "each task's message once, and each run's"


@pytest.mark.parametrize("seeds", [1, pytest.param(25, marks=[pytest.mark.full, pytest.mark.timeout(1800)])])
def test_whichever_commit_the_worker_dies_at_each_message_of_a_trigger_begins_one_task_and_one_run(seeds: int) -> None:
    """Law: what is declared is done exactly once, as what a handler does."""
    assert explore(triggered, seeds, crash="every_commit").commits >= 4
