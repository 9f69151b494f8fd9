"""A16, whole: actions, task agents and subscribers check what they take and give, register themselves, and list their schemas."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from dagger_actors import (
    ActorSystem,
    Channel,
    Immediate,
    RetryPolicy,
    RunFailed,
    Subscriber,
    TaskAgent,
    TaskContext,
    action,
    subscribe,
    task_agent,
)
from dagger_actors.errors import PayloadRefused, PublicationRefused, TaskFailed

PATIENCE_S = 60.0
TWICE = RetryPolicy(tries=2, wait=Immediate())


class Line(msgspec.Struct, frozen=True):
    text: str
    price: int = 0


class Order(msgspec.Struct, frozen=True):
    who: str
    lines: list[Line]


class Bill(msgspec.Struct, frozen=True):
    who: str
    total: int


BAD: list[tuple[dict[str, Any], str]] = [
    ({"who": "a", "lines": [{"text": "x"}, {"text": 7}]}, "Expected `str`, got `int` - at `$.lines[1].text`"),
    ({"who": "a"}, "Object missing required field `lines`"),
    ({"who": "a", "lines": {"text": "x"}}, "Expected `array`, got `object` - at `$.lines`"),
]
GOOD: dict[str, Any] = {"who": "a", "lines": [{"text": "x", "price": 3}, {"text": "y", "price": 4}]}


def billed(order: Order) -> Any:
    """A bill that is wrong when nobody is named."""
    total: Any = sum(line.price for line in order.lines)
    return Bill(order.who, total) if order.who else {"who": "nobody", "total": [total]}


@action
def bill(order: Order) -> Bill:
    return billed(order)


@task_agent(name="biller", retry=TWICE)
def biller(order: Order, ctx: TaskContext) -> Bill:
    return billed(order)


class Clerk(TaskAgent, name="clerk", retry=TWICE):
    def execute(self, order: Order, ctx: TaskContext) -> Bill:
        return billed(order)


class Desk(Subscriber):
    @subscribe("orders", key="who", publishes="bills", retry=TWICE)
    def take(self, order: Order) -> Bill:
        return billed(order)


CHANNELS = [Channel("orders", Order), Channel("bills", Bill)]
UNNAMED = GOOD | {"who": ""}
WRONG_BILL = "Expected `int`, got `array` - at `$.total`"


@pytest.mark.parametrize(("order", "told"), BAD)
def test_a_bad_input_is_refused_with_the_path_to_the_bad_field(
    order: dict[str, Any], told: str, tmp_path: Path
) -> None:
    """Law: at the door of agents and channels, before anything is stored; of an action's attempt before its body."""
    node = {"id": "n", "action": "bill", "inputs": {"order": "inputs.order"}}
    with ActorSystem(tmp_path / "a.db", actions=[bill], agents=[biller, Clerk, Desk], channels=CHANNELS) as system:
        for agent in (biller, Clerk, "clerk"):
            with pytest.raises(PayloadRefused) as refused:
                system.tasks.submit(agent, order)
            assert told in str(refused.value)
        with pytest.raises(PublicationRefused) as unpublished:
            system.channels.publish("orders", order)
        assert told in str(unpublished.value)
        run = system.flows.start(
            {"name": "f", "inputs": {"order": {"type": "dict"}}, "nodes": [node]}, {"order": order}
        )
        with pytest.raises(RunFailed) as failed:
            run.result(timeout=PATIENCE_S)
        assert told in str(failed.value)
        assert system.tasks.tasks() == []
        assert system.channels.read("orders") == []


def test_a_bad_output_fails_with_the_path_to_the_bad_field_and_is_nowhere(tmp_path: Path) -> None:
    """Law: what does not fit the return hint is no output, no result and no message."""
    node = {"id": "n", "action": "bill", "inputs": {"order": "inputs.order"}}
    with ActorSystem(tmp_path / "a.db", actions=[bill], agents=[biller, Clerk, Desk], channels=CHANNELS) as system:
        for agent in (biller, Clerk):
            with pytest.raises(TaskFailed) as failed:
                system.tasks.submit(agent, UNNAMED).result(timeout=PATIENCE_S)
            assert WRONG_BILL in str(failed.value)
        run = system.flows.start(
            {"name": "f", "inputs": {"order": {"type": "dict"}}, "nodes": [node]}, {"order": UNNAMED}
        )
        with pytest.raises(RunFailed) as stopped:
            run.result(timeout=PATIENCE_S)
        assert WRONG_BILL in str(stopped.value)
        system.channels.publish("orders", UNNAMED, key="nobody")
        system.run_until(timeout=PATIENCE_S)
        (letter,) = system.channels.dead_letters()
        assert WRONG_BILL in letter.why
        assert system.channels.read("bills") == []


def test_what_fits_goes_through(tmp_path: Path) -> None:
    """Law: plain data and instances alike; each is given what its hint says."""
    node = {"id": "n", "action": "bill", "inputs": {"order": "inputs.order"}}
    with ActorSystem(tmp_path / "a.db", actions=[bill], agents=[biller, Clerk, Desk], channels=CHANNELS) as system:
        for order in (GOOD, msgspec.convert(GOOD, Order)):
            for agent in (biller, Clerk):
                assert system.tasks.submit(agent, order).result(timeout=PATIENCE_S) == Bill("a", 7)
            system.channels.publish("orders", order)
        run = system.flows.start({"name": "f", "inputs": {"order": {"type": "dict"}}, "nodes": [node]}, {"order": GOOD})
        assert run.result(timeout=PATIENCE_S) == {"n": {"who": "a", "total": 7}}
        system.run_until(timeout=PATIENCE_S)
        assert [one.message for one in system.channels.read("bills")] == [Bill("a", 7), Bill("a", 7)]


def test_all_of_them_list_their_json_schemas(tmp_path: Path) -> None:
    """Law: a module is named, and what it marks is found; each schema takes what its owner takes, and nothing else."""
    words = [sys.executable, "-m", "dagger_actors", "schema", "--import", __file__, "--json"]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=tmp_path)
    listed = {one["name"]: one for one in msgspec.json.decode(done.stdout)}
    assert set(listed) == {"bill", "biller", "bills", "clerk", "desk.take", "orders"}
    with ActorSystem(tmp_path / "a.db", actions=[bill], agents=[Desk], channels=CHANNELS) as system:
        (subscription,) = system.channels.schemas()
        assert msgspec.json.decode(msgspec.json.encode(subscription)) == listed["desk.take"]
        assert [one.name for one in system.flows.schemas()] == ["bill"]
        orders, bills = system.channels.channel_schemas()
        assert (orders.messages["Order"], bills.messages["Bill"]) == (
            subscription.takes["Order"],
            subscription.gives["Bill"],
        )
        for channel in (orders, bills):
            assert msgspec.json.decode(msgspec.json.encode(channel)) == listed[channel.name]
    taken = [
        listed["biller"]["payload"],
        listed["clerk"]["payload"],
        listed["desk.take"]["takes"]["Order"],
        {**listed["bill"]["inputs"]["properties"]["order"], "$defs": listed["bill"]["inputs"]["$defs"]},
    ]
    given = [
        listed["biller"]["result"],
        listed["clerk"]["result"],
        listed["desk.take"]["gives"]["Bill"],
        listed["bill"]["output"],
    ]
    for schema in taken:
        jsonschema.validate(GOOD, schema)
        for order, _ in BAD:
            assert list(jsonschema.Draft202012Validator(schema).iter_errors(order))
    for schema in given:
        jsonschema.validate({"who": "a", "total": 7}, schema)
        assert list(jsonschema.Draft202012Validator(schema).iter_errors({"who": "a", "total": [7]}))
