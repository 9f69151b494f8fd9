"""FAULTS 22: messages that are empty, huge or poison, handlers that never take theirs, a member that leaves in a batch; fairness.

CI lets twenty thousand messages wait; a million are behind the marker: ``pytest -m full tests/simulation/test_message_faults.py``.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from dagger_actors import ActorSystem, Channel, Fatal, RetryPolicy, Snooze, Subscriber, subscribe
from dagger_actors.core.retry import Linear
from dagger_actors.errors import PublicationRefused
from dagger_actors.pubsub.turns.context import TurnContext
from dagger_actors.testing.simulation import Simulation, simulate

SCHEMA = "CREATE TABLE IF NOT EXISTS effects (who TEXT NOT NULL, number INTEGER NOT NULL) STRICT;"
MIB = 1024 * 1024
COUNT = 40


class Note(msgspec.Struct, frozen=True):
    who: str
    number: int


class Nothing(msgspec.Struct, frozen=True):
    """A message without fields."""


class Seen(msgspec.Struct):
    numbers: list[int] = []


class Quick(Subscriber):
    """Is not to be disturbed by any other."""

    @subscribe("notes", key="who")
    def take(self, note: Note, ctx: TurnContext) -> None:
        ctx.execute("INSERT INTO effects VALUES ('quick', ?)", (note.number,))


class Slow(Subscriber):
    """Takes a minute for each."""

    @subscribe("notes", key="who")
    async def take(self, note: Note) -> None:
        await asyncio.sleep(60)


class Snoozer(Subscriber):
    """Puts all of one key off, for ever."""

    @subscribe("notes", key="who")
    def take(self, note: Note, ctx: TurnContext) -> Any:
        if note.who == "a":
            return Snooze(0.05)
        ctx.execute("INSERT INTO effects VALUES ('snoozer', ?)", (note.number,))
        return None


class Raiser(Subscriber):
    """Fails at all of one key, as often as it may."""

    @subscribe("notes", key="who", retry=RetryPolicy(tries=1_000, wait=Linear(delay_secs=0.05)))
    def take(self, note: Note, ctx: TurnContext) -> None:
        if note.who == "a":
            raise ValueError("never")
        ctx.execute("INSERT INTO effects VALUES ('raiser', ?)", (note.number,))


class Refuser(Subscriber):
    """Gives all of one key up, at once."""

    @subscribe("notes", key="who")
    def take(self, note: Note, ctx: TurnContext) -> None:
        if note.who == "a":
            raise Fatal("not this one")
        ctx.execute("INSERT INTO effects VALUES ('refuser', ?)", (note.number,))


def system(sim: Simulation, *agents: Any, **options: Any) -> ActorSystem:
    schema = sim.path.with_name("schema.sql")
    schema.write_text(SCHEMA)
    return sim.system(agents=agents, channels=[Channel("notes", Note)], schema=schema, recover=True, **options)


def effects(sim: Simulation) -> Counter[tuple[str, int]]:
    connection = apsw.Connection(str(sim.path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return Counter(connection.execute("SELECT who, number FROM effects"))
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("message", "kind"), [("", str), ({}, dict), ([], list), (Nothing(), Nothing), ("\0", str), (0, int)]
)
def test_an_empty_message_is_a_message(message: object, kind: type) -> None:
    """Law: it gets an offset, is handled once, and comes as it was."""
    got: list[object] = []

    class Taker(Subscriber):
        @subscribe("things")
        def take(self, one: Any) -> None:
            got.append(one)

    with simulate(0) as sim:
        here = sim.system(agents=[Taker], channels=[Channel("things", kind)])
        assert here.channels.publish("things", message).offset == 0
        sim.advance(1)
        assert [one.message for one in here.channels.read("things")] == [message]
        assert len(got) == 1
        assert here.channels.dead_letters() == []


def test_a_message_of_64_mb_is_refused_with_its_limit_and_nothing_of_it_is_stored() -> None:
    """Law: at the publisher, named, with what to do instead; those of the same call are not published either."""
    with simulate(0) as sim:
        here = system(sim, Quick)
        huge = Note("x" * 64 * MIB, 0)
        with pytest.raises(PublicationRefused, match="1,048,576 are allowed") as refused:
            here.channels.publish("notes", huge)
        assert "artifacts" in str(refused.value)
        with pytest.raises(PublicationRefused):
            here.channels.publish_many("notes", [Note("a", 1), huge])
        assert here.channels.read("notes") == []
        assert sim.path.stat().st_size + sim.path.with_name("sim.db-wal").stat().st_size < 8 * MIB


@pytest.mark.parametrize("other", [Slow, Snoozer, Raiser, Refuser])
def test_who_is_slow_or_never_takes_its_messages_disturbs_no_other(other: type[Subscriber]) -> None:
    """Law: other subscriptions go on at once, and so do other keys of its own; what waits is shown, and what was given up."""
    with simulate(0) as sim:
        here = system(sim, Quick, other)
        here.channels.publish_many("notes", [Note("ab"[number % 2], number) for number in range(COUNT)])
        sim.advance(2)
        found = effects(sim)
        assert {number: found["quick", number] for number in range(COUNT)} == dict.fromkeys(range(COUNT), 1)
        name = other.__name__.lower()
        if other is not Slow:
            odd = range(1, COUNT, 2)
            assert {number: found[name, number] for number in odd} == dict.fromkeys(odd, 1), "its own other key waits"
        stands = here.channels.subscriptions(f"{name}.take")[0]
        half = COUNT // 2
        assert (stands.waiting, stands.dead_letters) == {"slow": (0, 0), "refuser": (0, half)}.get(name, (1, 0))
        assert stands.lag == {"refuser": 0}.get(name, COUNT), "counted from the lowest that is not done of each range"


def test_what_is_put_off_by_nothing_for_ever_has_a_hundred_turns_a_second() -> None:
    """Law: ``Snooze(0)`` is no loop that takes a core and the disk from all others; it is again after ten milliseconds."""
    turns: list[int] = []

    class Never(Subscriber):
        @subscribe("notes")
        def take(self, note: Note) -> Snooze | None:
            turns.append(note.number)
            return Snooze(0) if len(turns) < 1_000 else None

    with simulate(0) as sim:
        here = system(sim, Never)
        here.channels.publish("notes", Note("a", 1))
        sim.advance(1)
        assert 50 < len(turns) <= 101
        sim.advance(20)
        assert len(turns) == 1_000


class InBatches(Subscriber):
    """Takes its time for a batch."""

    state: Seen

    @subscribe("notes", batch=10)
    async def take(self, notes: list[Note], ctx: TurnContext) -> None:
        for note in notes:
            ctx.execute("INSERT INTO effects VALUES ('batch', ?)", (note.number,))
            self.state.numbers.append(note.number)
            await asyncio.sleep(1)


@pytest.mark.parametrize("how", ["leaves at once", "leaves in peace", "dies"])
def test_a_member_that_leaves_in_the_midst_of_a_batch_leaves_nothing_of_it_or_all(how: str) -> None:
    """Law: the batch is taken again whole by who stays, each message once, in order."""
    with simulate(0) as sim:
        first = system(sim, InBatches)
        first.channels.publish_many("notes", [Note("a", number) for number in range(COUNT)])
        sim.advance(4)
        second = system(sim, InBatches)
        sim.advance(0.5)
        if how == "dies":
            sim.kill(first)
        else:
            first.stop(grace_s=0 if how == "leaves at once" else 60)
        sim.advance(3 * COUNT)
        assert effects(sim) == Counter(("batch", number) for number in range(COUNT))
        assert second.channels.state("inbatches")["numbers"] == list(range(COUNT))
        assert second.channels.dead_letters() == []


class Idle(Subscriber):
    """Will have much to do once it is resumed."""

    taken = 0

    @subscribe("numbers", batch=1_000, max_in_flight=2_000)
    def take(self, numbers: list[int]) -> None:
        type(self).taken += len(numbers)


class Prompt(Subscriber):
    """Is up to date."""

    taken = 0

    @subscribe("numbers", batch=1_000)
    def take(self, numbers: list[int]) -> None:
        type(self).taken += len(numbers)


@pytest.mark.parametrize(
    "count", [20_000, pytest.param(1_000_000, marks=[pytest.mark.full, pytest.mark.timeout(1800)])]
)
def test_who_is_far_behind_keeps_nobody_back_and_catches_up_with_few_messages_in_hand(
    tmp_path: Path, count: int
) -> None:
    """Law: lag is rows, not memory: no more is in hand than ``max_in_flight`` says, and all of it comes in the end, once."""
    Idle.taken = Prompt.taken = 0
    channels = [Channel("numbers", int, capacity=2 * count)]
    with ActorSystem(tmp_path / "a.db", agents=[Idle, Prompt], channels=channels, synchronous="normal") as here:
        here.channels.pause("idle.take")
        most = 0
        for first in range(0, count, 10_000):
            here.channels.publish_many("numbers", range(first, first + 10_000))
            most = max(most, here.channels.subscriptions("idle.take")[0].in_hand)
        here.run_until(timeout=600)
        assert Prompt.taken == count
        assert (Idle.taken, here.channels.subscriptions("idle.take")[0].lag) == (0, count)
        assert most <= 2_000
        here.channels.resume("idle.take")
        report = here.run_until(timeout=600)
        assert (report.reason, Idle.taken, Prompt.taken) == ("quiescent", count, count)
