"""Turns that start runs of flows: their rows are part of the unit that acknowledges the messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from dagger_actors import ActorSystem, Channel, RetryPolicy, Subscriber, action, subscribe, task_agent
from dagger_actors.core.retry import Linear
from dagger_actors.errors import (
    AttemptOver,
    DefinitionError,
    EphemeralRefused,
    InvalidInputs,
    RequestError,
    RunConflict,
    TurnLimit,
)
from dagger_actors.pubsub.turns.context import TurnContext

PATIENCE_S = 30


class Order(msgspec.Struct, frozen=True):
    number: int


@action
def double(number: int) -> int:
    return 2 * number


FLOW: dict[str, Any] = {
    "name": "doubling",
    "inputs": {"number": {"type": "int"}},
    "nodes": [{"id": "twice", "action": "double", "inputs": {"number": "inputs.number"}}],
    "outputs": {"result": "twice"},
}
ORDERS = Channel("orders", Order)
QUICK = RetryPolicy(tries=3, wait=Linear(delay_secs=0.01))


class Starter(Subscriber):
    @subscribe("orders", retry=QUICK)
    def take(self, order: Order, ctx: TurnContext) -> None:
        ctx.start_flow(FLOW, {"number": order.number}, run_id=f"order-{order.number % 10}")
        ctx.start_flow(FLOW, {"number": 100 + order.number}, sequential=True)
        if order.number == 3 or (order.number == 2 and ctx.attempt == 1):
            raise ValueError("bad luck")


def results(system: ActorSystem) -> list[int]:
    """What the runs gave, when all is at rest."""
    assert system.run_until(timeout=PATIENCE_S).reason == "quiescent"
    runs = system.flows.runs(limit=1000)
    assert {one.state for one in runs} <= {"succeeded"}
    return sorted(system.flows.report(one.run_id).outputs["result"] for one in runs)


def test_a_turn_that_raises_starts_no_run_and_one_that_succeeds_starts_each_once(tmp_path: Path) -> None:
    """Law: the runs of a turn are there with its acknowledgement and go on without another push; of a turn that failed there
    is none; all is at rest only when they are."""
    with ActorSystem(tmp_path / "a.db", agents=[Starter], actions=[double], channels=[ORDERS]) as system:
        system.channels.publish_many("orders", [Order(1), Order(2), Order(3)])
        assert results(system) == [2, 4, 202, 204]
        assert system.flows.run("order-2").result() == {"result": 4}
        assert len(system.channels.dead_letters()) == 1


def test_of_one_run_id_there_is_one_run_and_other_work_of_it_is_refused(tmp_path: Path) -> None:
    """Law: starting twice is starting once, in two turns and in one unit of several; the same id for other inputs fails the
    turn, at the call or at the commit, and no other."""
    with ActorSystem(tmp_path / "a.db", agents=[Starter], actions=[double], channels=[ORDERS]) as system:
        system.channels.publish_many("orders", [Order(1), Order(1), Order(11)])
        assert results(system) == [2, 202, 202]
        (letter,) = system.channels.dead_letters()
        assert "run 'order-1' exists already with other inputs" in system.channels.dead_letter(letter.id).error.message
        system.channels.publish("orders", Order(1))
        assert results(system) == [2, 202, 202, 202]


class Checker(Subscriber):
    refusals: ClassVar[list[type[Exception]]] = []
    kept: ClassVar[list[TurnContext]] = []

    @subscribe("orders")
    def take(self, order: Order, ctx: TurnContext) -> None:
        wrong: list[tuple[Any, dict[str, Any], dict[str, Any]]] = [
            ("no such flow.yaml", {}, {}),
            ({**FLOW, "nodes": []}, {}, {}),
            (FLOW, {}, {}),
            (FLOW, {"number": "five"}, {}),
            (FLOW, {"number": 5, "nubmer": 5}, {}),
            (FLOW, {"number": 5}, {"run_id": ""}),
            (FLOW, {"number": 5}, {"run_id": 7}),
            (FLOW, {"number": 5}, {"run_id": "orders/7"}),
            (FLOW, {"number": 5}, {"parallel": 0}),
        ]
        for flow, inputs, options in wrong:
            with pytest.raises((DefinitionError, InvalidInputs, RequestError)) as caught:
                ctx.start_flow(flow, inputs, **options)
            self.refusals.append(caught.type)
        assert ctx.start_flow(FLOW, {"number": 1}, run_id="r") == ctx.start_flow(FLOW, {"number": 1}, run_id="r") == "r"
        with pytest.raises(RunConflict):
            ctx.start_flow(FLOW, {"number": 2}, run_id="r")
        self.kept.append(ctx)


def test_what_cannot_be_a_run_is_refused_where_it_is_started(tmp_path: Path) -> None:
    """Law: an unknown flow, ill inputs and ill options raise in the handler, as ``flows.start`` does; it may go on."""
    Checker.refusals.clear()
    Checker.kept.clear()
    with ActorSystem(tmp_path / "a.db", agents=[Checker], actions=[double], channels=[ORDERS]) as system:
        system.channels.publish("orders", Order(5))
        assert results(system) == [2]
        assert Checker.refusals == [DefinitionError] * 2 + [InvalidInputs] * 3 + [RequestError] * 4
        assert system.channels.dead_letters() == []
        with pytest.raises(AttemptOver):
            Checker.kept[0].start_flow(FLOW, {"number": 1})


class Greedy(Subscriber):
    @subscribe("orders", try_count=1)
    async def take(self, order: Order, ctx: TurnContext) -> None:
        for number in range(order.number):
            ctx.start_flow(FLOW, {"number": number}, run_id=f"r{number}")


def test_a_turn_starts_so_many_runs_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: there is a limit; who meets it has started none; a coroutine starts runs as well."""
    monkeypatch.setattr("dagger_actors.pubsub.turns.making.MOST_MADE", 20)
    with ActorSystem(tmp_path / "a.db", agents=[Greedy], actions=[double], channels=[ORDERS]) as system:
        system.channels.publish("orders", Order(21))
        assert results(system) == []
        (letter,) = system.channels.dead_letters()
        assert TurnLimit.__name__ in system.channels.dead_letter(letter.id).error.type
        system.channels.publish("orders", Order(20))
        assert results(system) == [2 * number for number in range(20)]


class Fleeting(Subscriber):
    told: ClassVar[list[str]] = []

    @subscribe("orders")
    def take(self, order: Order, ctx: TurnContext) -> None:
        with pytest.raises(EphemeralRefused) as caught:
            ctx.start_flow(FLOW, {"number": order.number})
        self.told.append(str(caught.value))


def test_a_turn_of_which_nothing_is_kept_starts_nothing(tmp_path: Path) -> None:
    """Law: what an ephemeral channel triggers could be lost, so it is refused with what to do."""
    Fleeting.told.clear()
    channels = [Channel("orders", Order, ephemeral=True)]
    with ActorSystem(tmp_path / "a.db", agents=[Fleeting], actions=[double], channels=channels) as system:
        system.channels.publish("orders", Order(1))
        assert results(system) == []
        assert "ctx.start_flow" in Fleeting.told[0]


@task_agent(capacity=2)
def narrow(order: Order) -> int:
    return order.number


class Crowding(Subscriber):
    @subscribe("orders", retry=RetryPolicy(tries=1))
    def take(self, order: Order, ctx: TurnContext) -> None:
        ctx.spawn(narrow, order)


def test_a_turn_whose_tasks_find_a_full_queue_waits_for_room(tmp_path: Path) -> None:
    """Law: where whoever submits waits, a turn does, though it has one try; nothing is lost and nothing made twice."""
    with ActorSystem(tmp_path / "a.db", agents=[Crowding, narrow], channels=[ORDERS]) as system:
        system.channels.publish_many("orders", [Order(number) for number in range(20)])
        assert system.run_until(timeout=PATIENCE_S).reason == "quiescent"
        assert system.channels.dead_letters() == []
        assert sorted(system.tasks.get(one.id).result() for one in system.tasks.tasks(limit=100)) == [*range(20)]
