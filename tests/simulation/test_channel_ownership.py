"""A worker that stood still for longer than its lease, and goes on: what was taken over is written by its new owner alone."""

from __future__ import annotations

import asyncio
from typing import Any

import apsw
import msgspec
import pytest

from dagger_actors import ActorSystem, Channel, Subscriber, subscribe
from dagger_actors.pubsub.turns.context import TurnContext
from dagger_actors.store import writer
from dagger_actors.store.statements import sql
from dagger_actors.testing.simulation import Simulation, simulate

LEASE_S = 30
SCHEMA = "CREATE TABLE IF NOT EXISTS effects (worker INTEGER NOT NULL, number INTEGER NOT NULL) STRICT;"
FENCE = "WHERE lease.owner = value ->> 3 AND lease.member = value ->> 4 AND lease.epoch = value ->> 5"


class Note(msgspec.Struct, frozen=True):
    who: str
    number: int


class Seen(msgspec.Struct):
    numbers: list[int] = []


class Slow(Subscriber):
    state: Seen

    @subscribe("notes", key="who")
    async def take(self, note: Note, ctx: TurnContext) -> None:
        self.state.numbers.append(note.number)
        ctx.execute("INSERT INTO effects VALUES (?, ?)", (ctx._start.owner, note.number))
        await asyncio.sleep(5)


def query(sim: Simulation, text: str) -> list[tuple[Any, ...]]:
    connection = apsw.Connection(str(sim.path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return list(connection.execute(text))
    finally:
        connection.close()


def worker(sim: Simulation) -> ActorSystem:
    schema = sim.path.with_name("schema.sql")
    schema.write_text(SCHEMA)
    return sim.system(agents=[Slow], channels=[Channel("notes", Note)], schema=schema, recover=True)


def taken_over(sim: Simulation, monkeypatch: pytest.MonkeyPatch) -> tuple[ActorSystem, ActorSystem]:
    """A first worker that was stopped in a turn, goes on, and has not looked at the file; and who has taken its ranges."""
    first = worker(sim)
    first.channels.publish_many("notes", [Note("a", number) for number in range(3)])
    sim.advance(1)
    sim.freeze(first)
    second = worker(sim)
    for _ in range(400):
        sim.advance(0.25)
        if query(sim, "SELECT DISTINCT owner FROM group_ranges") == [(second._store.worker_id,)]:
            break
    else:
        raise AssertionError("nobody takes over")
    # Its turn had ended before it was stopped: the first thing that it does is to write that.
    monkeypatch.setattr(first._paradigms.channel_hub.watched, "look", lambda: None)
    sim.thaw(first)
    return first, second


@pytest.mark.parametrize("seed", range(2))
def test_of_what_was_taken_over_the_old_owner_writes_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: promise i for deliveries: the turn that ran meanwhile is refused whole, and taken again by the new owner."""
    with simulate(seed) as sim:
        _first, second = taken_over(sim, monkeypatch)
        sim.advance(30)
        assert query(sim, "SELECT worker, number FROM effects ORDER BY rowid") == [
            (second._store.worker_id, number) for number in range(3)
        ]
        assert second.channels.state("slow", "a") == {"numbers": [0, 1, 2]}


def test_without_the_fence_the_old_owner_writes_what_was_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oracle is tested too: owner, member and epoch in the condition of ``cursors.put`` are what keeps it out."""
    assert FENCE in sql("cursors.put")
    monkeypatch.setattr(writer, "sql", lambda name: sql(name).replace(FENCE, "WHERE true"))
    with simulate(1) as sim:
        first, _second = taken_over(sim, monkeypatch)
        sim.advance(30)
        assert (first._store.worker_id, 0) in query(sim, "SELECT * FROM effects")


@pytest.mark.parametrize("seed", range(2))
def test_a_worker_that_goes_on_has_its_share_again(seed: int) -> None:
    """Law: stalled is who shows no beat, not who once showed none: it takes turns of what it is given from then on."""
    with simulate(seed) as sim:
        first, second = worker(sim), worker(sim)
        sim.advance(1)
        sim.freeze(first)
        sim.advance(3 * LEASE_S)
        assert query(sim, "SELECT DISTINCT owner FROM group_ranges") == [(second._store.worker_id,)]
        sim.thaw(first)
        sim.advance(1)
        owners = dict(query(sim, "SELECT owner, count(*) FROM group_ranges GROUP BY 1"))
        assert owners == {first._store.worker_id: 32, second._store.worker_id: 32}
        first.channels.publish_many("notes", [Note(f"key {number}", number) for number in range(40)])
        sim.advance(60)
        assert query(sim, "SELECT count(*), count(DISTINCT number), count(DISTINCT worker) FROM effects") == [
            (40, 40, 2)
        ]
