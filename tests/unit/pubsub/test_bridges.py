"""Where pub/sub meets tasks and flows: what crosses is part of the unit that it belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import msgspec
import pytest

from dagger_actors import ActorSystem, Channel, RetryPolicy, Subscriber, TaskReport, subscribe, task_agent
from dagger_actors.core.retry import Linear
from dagger_actors.errors import PayloadRefused, RequestError, UnknownAgent
from dagger_actors.pubsub.turns.context import TurnContext
from dagger_actors.tasks.agents.context import TaskContext

PATIENCE_S = 30


class Order(msgspec.Struct, frozen=True):
    number: int
    size: int = 0


class Item(msgspec.Struct, frozen=True):
    number: int
    text: str = ""


@task_agent(retry=RetryPolicy(tries=1))
def charge(item: Item) -> int:
    return item.number * 10


@task_agent(durability="at_most_once")
def careful(item: Item) -> int:
    return -item.number


class Clerk(Subscriber):
    @subscribe("orders", retry=RetryPolicy(tries=3, wait=Linear(delay_secs=0.01)))
    def take(self, order: Order, ctx: TurnContext) -> None:
        ctx.spawn(charge, Item(order.number, "x" * order.size))
        if order.number == 3 or (order.number == 2 and ctx.attempt == 1):
            raise ValueError("bad luck")


ORDERS = Channel("orders", Order)


def rest(system: ActorSystem) -> None:
    system._runtime.wait(system._paradigms.channel_hub.rest(), PATIENCE_S)


def results(system: ActorSystem) -> list[int]:
    """What the tasks gave, when all of them have ended."""
    reports: list[TaskReport] = [system.tasks.get(one.id).wait(PATIENCE_S) for one in system.tasks.tasks(limit=1000)]
    return sorted(report.result for report in reports)


def test_a_turn_that_raises_makes_no_task_and_one_that_succeeds_makes_each_once(tmp_path: Path) -> None:
    """Law: the tasks of a turn are there with its acknowledgement, run without another push, and of a turn that failed there
    is none; a payload that is an artifact arrives."""
    with ActorSystem(tmp_path / "a.db", agents=[Clerk, charge], channels=[ORDERS]) as system:
        system.channels.publish_many("orders", [Order(1), Order(2), Order(3), Order(4, size=100_000)])
        rest(system)
        assert results(system) == [10, 20, 40]
        assert len(system.channels.dead_letters()) == 1


class Checker(Subscriber):
    refusals: ClassVar[list[type[Exception]]] = []
    ids: ClassVar[list[int]] = []

    @subscribe("orders")
    def take(self, order: Order, ctx: TurnContext) -> None:
        for agent, payload, tries in (("chagre", Item(1), None), (charge, {"nummer": 1}, None), (careful, Item(1), 2)):
            with pytest.raises((UnknownAgent, PayloadRefused, RequestError)) as caught:
                ctx.spawn(agent, payload, try_count=tries)
            self.refusals.append(caught.type)
        self.ids += [ctx.spawn("charge", Item(order.number), key="k"), ctx.spawn(charge, {"number": 9}, key="k")]


def test_what_cannot_be_a_task_is_refused_where_it_is_spawned_and_a_key_names_one_task(tmp_path: Path) -> None:
    """Law: a wrong agent, payload or option raises in the handler; of one key there is one task, whose id every spawn gives."""
    Checker.refusals.clear()
    Checker.ids.clear()
    with ActorSystem(tmp_path / "a.db", agents=[Checker, charge, careful], channels=[ORDERS]) as system:
        for number in (5, 6):
            system.channels.publish("orders", Order(number))
            rest(system)
        assert results(system) == [50]
        assert Checker.ids == [system.tasks.tasks()[0].id] * 4
        assert Checker.refusals == [UnknownAgent, PayloadRefused, RequestError] * 2
        assert system.channels.dead_letters() == []


def test_a_turn_gives_tasks_to_an_agent_that_only_another_process_does(tmp_path: Path) -> None:
    """Law: an agent that this process never heard of but by its class is told to the database, and its task waits there."""
    with ActorSystem(tmp_path / "a.db", agents=[Clerk], channels=[ORDERS]) as system:
        system.channels.publish("orders", Order(1))
        rest(system)
        assert [(one.agent, one.state) for one in system.tasks.tasks()] == [("charge", "ready")]
    with ActorSystem(tmp_path / "a.db", agents=[charge]) as system:
        assert results(system) == [10]


class Receipt(msgspec.Struct, frozen=True):
    number: int


class Seen(msgspec.Struct):
    numbers: list[int] = []


class Cashier(Subscriber):
    state: Seen

    @subscribe("receipts", "other.*")
    def take(self, receipt: Receipt) -> None:
        self.state.numbers.append(receipt.number)


RECEIPTS = (Channel("receipts", Receipt), Channel("other.*", Receipt))


def seen(system: ActorSystem) -> list[int]:
    rest(system)
    return sorted((system.channels.state("cashier", "") or {}).get("numbers", []))


@task_agent(retry=RetryPolicy(tries=2, wait=Linear(delay_secs=0.01)))
def telling(item: Item, ctx: TaskContext) -> int:
    ctx.publish("receipts", Receipt(item.number), headers={"from": "a task"}, key="k")
    ctx.publish("other.new", {"number": 100 + item.number}, id="the same", delay=0.01)
    if item.number == 2:
        ctx.gather([ctx.spawn(charge, Item(5))])
    if item.number == 3 or (item.number == 1 and ctx.try_no == 1):
        raise ValueError("bad luck")
    return item.number


@task_agent(isolation="process")
def telling_afar(item: Item, ctx: TaskContext) -> int:
    ctx.publish("receipts", Receipt(item.number))
    return item.number


@task_agent(retry=RetryPolicy(tries=1))
def mistaken(case: int, ctx: TaskContext) -> None:
    match case:
        case 0:
            ctx.publish("receits", Receipt(1))
        case 1:
            ctx.publish("receipts", Order(1))
        case 2:
            ctx.publish("receipts", {"nummer": 1})
        case 3:
            ctx.publish("receipts", Receipt(1), key=object())  # type: ignore[arg-type]
        case 4:
            ctx.publish("receipts", Receipt(1), delay=-1)


def test_what_a_task_publishes_goes_out_with_its_success_once_and_wakes_who_reads_it(tmp_path: Path) -> None:
    """Law: of a try that raises, or waits, nothing is published; of the one that succeeds all of it, once; also to a channel
    that a pattern makes, and with its id, key, delay and headers."""
    agents = [Cashier, telling, charge]
    with ActorSystem(tmp_path / "a.db", agents=agents, channels=RECEIPTS) as system:
        tasks = system.tasks.submit_many(telling, [Item(1), Item(2), Item(3)])
        assert [task.wait(PATIENCE_S).state for task in tasks] == ["completed", "completed", "failed"]
        assert [number for number in seen(system) if number < 100] == [1, 2]
        assert len(system.channels.read("other.new", limit=10)) == 1
        assert len([number for number in seen(system) if number > 100]) == 1, "a channel made meanwhile is read"
        message = system.channels.read("receipts", limit=10)[0]
        assert (message.key, message.headers) == ("k", {"from": "a task"})


def test_a_task_in_a_worker_process_publishes_too(tmp_path: Path) -> None:
    """Law: where a body runs makes no difference."""
    agents = [Cashier, telling_afar]
    with ActorSystem(tmp_path / "a.db", agents=agents, channels=RECEIPTS, processes=1) as system:
        assert system.tasks.submit(telling_afar, Item(7)).result(PATIENCE_S) == 7
        assert seen(system) == [7]


def test_what_a_channel_does_not_take_is_refused_in_the_task_that_publishes_it(tmp_path: Path) -> None:
    """Law: an unknown channel, a message of another class, a wrong field or option raises where it is published."""
    with ActorSystem(tmp_path / "a.db", agents=[Cashier, mistaken], channels=RECEIPTS) as system:
        reports = [task.wait(PATIENCE_S) for task in system.tasks.submit_many(mistaken, list(range(5)))]
        assert [report.error.type.rpartition(".")[2] for report in reports] == [
            "UnknownChannel", "PublicationRefused", "PublicationRefused", "RequestError", "RequestError",
        ]  # fmt: skip
        assert "receipts" in reports[0].error.message, "it names the nearest"
        assert seen(system) == []
