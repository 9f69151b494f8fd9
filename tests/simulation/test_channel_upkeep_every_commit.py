"""A worker dies before and after every commit of what people and time do to channels: each of it is done whole, and once.

The turns themselves are in ``test_channel_every_commit.py``. Here: channels declared and changed, messages that are due later,
pauses, moves, dead letters redriven, messages deleted that nobody needs any more.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import apsw
import msgspec
import pytest

from dagger_actors import ActorSystem, Channel, RetryPolicy, Subscriber, subscribe
from dagger_actors.core.retry import Linear
from dagger_actors.pubsub.turns.context import TurnContext
from dagger_actors.testing import explore
from dagger_actors.testing.simulation import Simulation

COUNT = 6
BAD = 3
KEPT = 2
PATIENCE_S = 60
SETTLED_S = 3
"""Then floors are written, of ranges too in which nothing was done."""
ONCE = RetryPolicy(tries=1, wait=Linear(delay_secs=0.1))
SCHEMA = "CREATE TABLE IF NOT EXISTS effects (what TEXT NOT NULL) STRICT;"

mended: set[int] = set()
"""Messages that fail no more; of one simulation at a time."""


class Seen(msgspec.Struct):
    numbers: list[int] = []


class Clerk(Subscriber):
    state: Seen

    @subscribe("orders", retry=ONCE)
    def take(self, number: int, ctx: TurnContext) -> None:
        ctx.execute("INSERT INTO effects VALUES (?)", (f"clerk {number}",))
        if number == BAD and BAD not in mended:
            raise ValueError("as long as it is not mended")
        self.state.numbers.append(number)


class Auditor(Subscriber):
    @subscribe("orders", order="none")
    def see(self, number: int, ctx: TurnContext) -> None:
        ctx.execute("INSERT INTO effects VALUES (?)", (f"auditor {number}",))


def rest(system: ActorSystem) -> None:
    system._runtime.wait(system._paradigms.channel_hub.rest(), PATIENCE_S)


def query(sim: Simulation, sql: str) -> list[tuple[Any, ...]]:
    connection = apsw.Connection(str(sim.path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return list(connection.execute(sql))
    finally:
        connection.close()


def upkeep(sim: Simulation) -> None:
    """All of it once; each act can be repeated by whoever goes on."""
    mended.clear()
    schema = sim.path.with_name("schema.sql")
    schema.write_text(SCHEMA)
    done: set[str] = set()

    def act(name: str, what: Any) -> None:
        """Do something whose call has not returned yet."""
        if name not in done:
            what()
            done.add(name)

    def work(system: ActorSystem) -> None:
        channels = system.channels
        ids = [f"order {number}" for number in range(COUNT)]
        act("publish", lambda: channels.publish_many("orders", range(COUNT), ids=ids))
        act("later", lambda: channels.publish("orders", COUNT, id="later", delay=5))
        rest(system)
        assert [one.offset for one in channels.dead_letters(redriven=True)] == [BAD]
        mended.add(BAD)
        act("redrive", lambda: channels.redrive(subscription="clerk.take"))
        act("pause", lambda: channels.pause("clerk.take", reason="why"))
        act("resume", lambda: channels.resume("clerk.take"))
        rest(system)
        act("move", lambda: channels.seek("auditor.see", offset=KEPT, channel="orders"))
        rest(system)
        sim.advance(SETTLED_S)
        act("prune", channels.prune)
        first = channels.channels("orders")[0].first_offset
        assert first == COUNT + 1 - KEPT

    options: dict[str, Any] = {"agents": [Clerk, Auditor], "schema": schema}
    sim.keep_going(work, channels=[Channel("orders", int, retain_count=KEPT)], **options)
    check(sim)


def check(sim: Simulation) -> None:
    """As if nobody had died; but for the move: if its caller died before it heard of it, it was made a second time."""
    effects = Counter(what for (what,) in query(sim, "SELECT what FROM effects"))
    numbers = range(COUNT + 1)
    assert {what: effects[what] for what in effects if what.startswith("clerk")} == {
        f"clerk {one}": 1 for one in numbers
    }
    for number in numbers:
        assert effects[f"auditor {number}"] in ((1,) if number < KEPT else (2, 3)), effects
    ((state,),) = query(sim, "SELECT state FROM subscriber_states")
    assert sorted(msgspec.msgpack.decode(state)["numbers"]) == list(numbers)
    assert query(sim, "SELECT count(*), count(redriven_at) FROM dead_letters") == [(1, 1)]
    for table in ("deliveries", "delayed_messages", "subscriber_steps"):
        assert query(sim, f"SELECT * FROM {table}") == []
    kept = "SELECT count(*), sum(octet_length(payload)), min(offset) FROM messages JOIN channels USING (channel_key)"
    said = "SELECT next_offset - first_offset, bytes, first_offset FROM channels WHERE name = 'orders'"
    assert query(sim, f"{kept} WHERE name = 'orders'") == query(sim, said)
    assert query(sim, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("seeds", [1, pytest.param(25, marks=[pytest.mark.full, pytest.mark.timeout(1800)])])
def test_whichever_commit_the_worker_dies_at_what_is_done_to_channels_is_done_whole_and_once(seeds: int) -> None:
    """Law: FAULTS 1 for channels: declare, publish, promote, redrive, pause, resume, move, prune, before and after each commit."""
    explored = explore(upkeep, seeds, crash="every_commit")
    print(f"{explored.commits} commits, {explored.runs} runs")
    assert explored.commits >= 10
