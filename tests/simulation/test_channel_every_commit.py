"""A worker dies before and after every commit of one story of messages, and another goes on: each delivery is applied once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import apsw
import msgspec
import pytest

from dagger_actors import ActorSystem, Channel, RetryPolicy, Subscriber, handler, subscribe
from dagger_actors.core.retry import Linear
from dagger_actors.pubsub.turns.context import TurnContext
from dagger_actors.testing import explore
from dagger_actors.testing.simulation import Simulation

SCHEMA = "CREATE TABLE IF NOT EXISTS effects (what TEXT NOT NULL) STRICT;"
TWICE = RetryPolicy(tries=2, wait=Linear(delay_secs=0.5))
PATIENCE_S = 60


class Order(msgspec.Struct, frozen=True):
    customer: str
    number: int


class Bill(msgspec.Struct, frozen=True):
    customer: str
    number: int
    total: int


class Remind(msgspec.Struct, frozen=True):
    number: int


class Customer(msgspec.Struct):
    total: int = 0
    orders: list[int] = []
    reminded: list[int] = []


class Ledger(msgspec.Struct):
    bills: list[int] = []


mended: set[str] = set()
"""Customers whose orders fail no more; of one simulation at a time."""


class Shop(Subscriber):
    """Keeps an account for each customer, bills each order, and reminds of the last one."""

    state: Customer

    @subscribe("orders", key="customer", publishes="bills", retry=TWICE)
    def take(self, order: Order, ctx: TurnContext) -> Bill:
        self.state.total += order.number
        self.state.orders.append(order.number)
        ctx.execute("INSERT INTO effects VALUES (?)", (f"order {order.number}",))
        ctx.set_timer("remind", 0.2, Remind(order.number))
        if order.number == 2 and ctx.attempt == 1:
            raise ConnectionError("once")
        if order.customer == "bad" and "bad" not in mended:
            raise ValueError("as long as it is not mended")
        return Bill(order.customer, order.number, self.state.total)

    @handler
    def remind(self, due: Remind, ctx: TurnContext) -> None:
        self.state.reminded.append(due.number)
        ctx.execute("INSERT INTO effects VALUES (?)", (f"reminder {due.number}",))


class Books(Subscriber):
    """Writes down all bills, in their order."""

    state: Ledger

    @subscribe("bills")
    async def write(self, bill: Bill, ctx: TurnContext) -> None:
        self.state.bills.append(bill.number)
        ctx.execute("INSERT INTO effects VALUES (?)", (f"bill {bill.number}",))


def rest(system: ActorSystem) -> None:
    system._runtime.wait(system._paradigms.channel_hub.rest(), PATIENCE_S)


def story(sim: Simulation) -> None:
    """Keyed state, publications, timers, a retry, a dead letter and its redrive."""
    mended.clear()
    schema = sim.path.with_name("schema.sql")
    schema.write_text(SCHEMA)

    def work(system: ActorSystem) -> None:
        orders = [Order("ann", 1), Order("bob", 2), Order("bad", 3), Order("ann", 4)]
        for order in orders:
            system.channels.publish("orders", order, id=f"order {order.number}")
        rest(system)
        mended.add("bad")
        system.channels.redrive(subscription="shop.take")
        rest(system)

    sim.keep_going(
        work, agents=[Shop, Books], channels=[Channel("orders", Order), Channel("bills", Bill)], schema=schema
    )
    check(sim)


def query(sim: Simulation, sql: str) -> list[tuple[Any, ...]]:
    connection = apsw.Connection(str(sim.path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return list(connection.execute(sql))
    finally:
        connection.close()


def check(sim: Simulation) -> None:
    """As if nobody had died; but for reminders: one that was due before the next order came may have come too."""
    stored = {
        key: msgspec.msgpack.decode(state) for key, state in query(sim, "SELECT key, state FROM subscriber_states")
    }
    books = stored.pop("")
    assert {key: (one["total"], one["orders"]) for key, one in stored.items()} == {
        "ann": (5, [1, 4]),
        "bob": (2, [2]),
        "bad": (3, [3]),
    }
    reminded = {key: one["reminded"] for key, one in stored.items()}
    assert reminded["ann"] in ([4], [1, 4])
    assert (reminded["bob"], reminded["bad"]) == ([2], [3])
    assert sorted(books["bills"]) == [1, 2, 3, 4], "each bill once"
    logged = query(
        sim, "SELECT payload FROM messages JOIN channels USING (channel_key) WHERE name = 'bills' ORDER BY offset"
    )
    assert [msgspec.json.decode(payload)["number"] for (payload,) in logged] == books["bills"], (
        "in the order of the log"
    )
    expected = Counter(f"{kind} {number}" for kind in ("order", "bill") for number in (1, 2, 3, 4))
    expected.update(f"reminder {number}" for one in reminded.values() for number in one)
    assert Counter(what for (what,) in query(sim, "SELECT what FROM effects")) == expected
    assert query(sim, "SELECT count(*), count(redriven_at) FROM dead_letters") == [(1, 1)]
    assert query(sim, "SELECT * FROM deliveries") == []
    assert query(sim, "SELECT * FROM delayed_messages") == []
    workers = "SELECT worker_id FROM workers"
    assert query(sim, f"SELECT count(*) FROM group_ranges WHERE owner IS NULL OR owner NOT IN ({workers})") == [(0,)]
    assert query(sim, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("seeds", [1, pytest.param(25, marks=[pytest.mark.full, pytest.mark.timeout(1800)])])
def test_whichever_commit_the_worker_dies_at_each_delivery_is_applied_once(seeds: int) -> None:
    """Law: A12, FAULTS 1 for channels: state, rows, publications and timers of a turn are there with its acknowledgement."""
    explored = explore(story, seeds, crash="every_commit")
    assert explored.commits >= 8
