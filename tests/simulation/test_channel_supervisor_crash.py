"""The supervisor of a member that crashes goes on from the file: nothing is lost, and nothing is there twice."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import apsw
import msgspec
import pytest
from pykka._envelope import Envelope

from dagger_actors import ActorSystem, Channel, Subscriber, handler, subscribe
from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.core.protocols import Now
from dagger_actors.errors import StoreFull, SupervisorGaveUp
from dagger_actors.pubsub.machine.events import Decision, DoneTurn, Event, TurnRedone, TurnRef
from dagger_actors.pubsub.machine.machine import MemberMachine
from dagger_actors.pubsub.members.orders import RestAsked
from dagger_actors.pubsub.turns.context import TurnContext
from dagger_actors.store.reader import Readers
from dagger_actors.testing.simulation import Simulation, simulate

COUNT = 24
SCHEMA = "CREATE TABLE IF NOT EXISTS effects (what TEXT NOT NULL) STRICT;"
PERIOD_S = 6
NONSENSE = object()
"""What no supervisor understands."""


class Note(msgspec.Struct, frozen=True):
    who: str
    number: int


class Sum(msgspec.Struct, frozen=True):
    who: str
    total: int


class Flush(msgspec.Struct, frozen=True):
    number: int


class Book(msgspec.Struct):
    numbers: list[int] = []
    flushed: int = 0


class Adder(Subscriber):
    state: Book

    @subscribe("notes", key="who", publishes="sums", concurrency=3)
    async def add(self, note: Note, ctx: TurnContext) -> Sum:
        self.state.numbers.append(note.number)
        ctx.execute("INSERT INTO effects VALUES (?)", (f"note {note.number}",))
        await asyncio.sleep(0.001 * (note.number % 4))
        if note.number >= COUNT - 4:
            ctx.set_timer("flush", 0.05, Flush(note.number))
        return Sum(note.who, len(self.state.numbers))

    @handler
    def flush(self, due: Flush, ctx: TurnContext) -> None:
        self.state.flushed += 1


class Sums(Subscriber):
    state: Book

    @subscribe("sums", key="who")
    def take(self, one: Sum, ctx: TurnContext) -> None:
        self.state.numbers.append(one.total)
        ctx.execute("INSERT INTO effects VALUES (?)", (f"sum {one.who} {one.total}",))


class Brittle:
    """Lets machines crash at chosen events, before or after they have decided."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.left = 0
        self.crashes = 0

    def arm(self) -> None:
        """Crash at one of the next events of any machine."""
        self.left = self.chance.randint(1, 25)

    def in_place(self) -> Callable[[MemberMachine, Event, Now], Decision]:
        """Give what stands in for ``MemberMachine.apply``."""

        def apply(machine: MemberMachine, event: Event, now: Now) -> Decision:
            decision = APPLY(machine, event, now)
            if self.left:
                self.left -= 1
                if not self.left:
                    self.crashes += 1
                    raise RuntimeError(f"a defect in {type(event).__name__}")
            return decision

        return apply


APPLY = MemberMachine.apply
QUERY = Readers.query


def query(sim: Simulation, sql: str) -> list[tuple[Any, ...]]:
    connection = apsw.Connection(str(sim.path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return list(connection.execute(sql))
    finally:
        connection.close()


def system(sim: Simulation) -> ActorSystem:
    schema = sim.path.with_name("schema.sql")
    schema.write_text(SCHEMA)
    return sim.system(
        agents=[Adder, Sums], channels=[Channel("notes", Note), Channel("sums", Sum)], schema=schema, recover=True
    )


def check(sim: Simulation) -> None:
    """All of it once, each key in order."""
    states = {
        (group, key): msgspec.msgpack.decode(state, type=Book)
        for group, key, state in query(
            sim, "SELECT name, key, state FROM subscriber_states JOIN subscription_groups USING (group_key)"
        )
    }
    for at, who in enumerate("abcd"):
        assert states["adder", who].numbers == list(range(at, COUNT, 4))
        assert states["adder", who].flushed == 1
        assert states["sums", who].numbers == list(range(1, COUNT // 4 + 1))
    effects = Counter(what for (what,) in query(sim, "SELECT what FROM effects"))
    assert len(effects) == 2 * COUNT
    assert max(effects.values()) == 1
    assert query(sim, "SELECT * FROM deliveries") == []
    assert query(sim, "SELECT * FROM dead_letters") == []
    assert query(sim, "SELECT * FROM delayed_messages") == []


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("seed", range(6))
def test_whenever_a_machine_crashes_nothing_is_lost_and_nothing_is_there_twice(
    seed: int, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: what is committed stands, what is not is taken again; alone in its file, or with others."""
    chance = random.Random(seed)
    brittle = Brittle(chance)
    monkeypatch.setattr(MemberMachine, "apply", brittle.in_place())
    with simulate(seed) as sim:
        systems = [system(sim) for _ in range(workers)]
        for at in range(3):
            brittle.arm()
            notes = [Note("abcd"[number % 4], number) for number in range(at * 8, at * 8 + 8)]
            chance.choice(systems).channels.publish_many("notes", notes)
            sim.advance(PERIOD_S)
        brittle.left = 0
        sim.run()
        assert brittle.crashes
        check(sim)
        for one in systems:
            assert one._paradigms.channel_hub.failures == {}
            assert not any(one._paradigms.channel_hub.in_hand().values())
            slots = one._store.membership.slots
            assert len(slots._free) == slots.capacity, "a record is still taken"


def test_one_that_crashes_again_and_again_gives_up_and_another_process_goes_on() -> None:
    """Law: three crashes in five seconds and no more; whoever asks hears of it; its ranges are free for others at once."""
    with simulate(1) as sim:
        first = system(sim)
        seat = next(iter(first._paradigms.channel_hub._seats))
        for _ in range(4):
            seat.supervisor.tell(NONSENSE)
            sim.settle()
        assert isinstance(first._paradigms.channel_hub.failures[seat.member, seat.group], SupervisorGaveUp)
        with pytest.raises(SupervisorGaveUp):
            first._paradigms.channel_hub.check()
        second = system(sim)
        second.channels.publish_many("notes", [Note("abcd"[number % 4], number) for number in range(COUNT)])
        sim.advance(10)
        check(sim)


def test_between_a_crash_and_the_going_on_the_old_machine_is_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: what a supervisor was to tell again when it crashed is in the file, undone; the next machine reads it there."""
    told: list[Event] = []

    def apply(machine: MemberMachine, event: Event, now: Now) -> Decision:
        told.append(event)
        return APPLY(machine, event, now)

    with simulate(1) as sim:
        system = sim.system(agents=[Sums], channels=[Channel("sums", Sum)])
        (seat,) = system._paradigms.channel_hub._seats
        supervisor = seat.supervisor
        sim.settle()
        supervisor._redoing._turns.append((TurnRef("sums.take", "a", ((1, 0, 0, 1),)), DoneTurn("handled")))
        monkeypatch.setattr(MemberMachine, "apply", apply)
        supervisor.on_crash(RuntimeError("a defect"), [])
        asked: ReplyFuture[bool] = ReplyFuture()
        supervisor.receive_batch([Envelope(RestAsked(), reply_to=asked)])
        assert asked.get(timeout=0) is False
        assert not any(isinstance(event, TurnRedone) for event in told)
        sim.settle()
        assert supervisor.is_at_rest, "it has gone on"


def test_keys_leave_the_memory_though_the_look_for_them_fell_into_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: whoever goes on asks to be woken anew; the wake of before came while it was told nothing, and none came after it."""
    refused = [StoreFull("x.db")]

    def query(readers: Readers, name: str, *values: Any) -> Any:
        if name == "read.group_cursors" and refused:
            raise refused.pop()
        return QUERY(readers, name, *values)

    with simulate(1) as sim:
        system = sim.system(agents=[Sums], channels=[Channel("sums", Sum)])
        (seat,) = system._paradigms.channel_hub._seats
        supervisor = seat.supervisor
        system.channels.publish("sums", Sum("a", 1))
        sim.advance(0.05)
        monkeypatch.setattr(Readers, "query", query)
        supervisor.on_crash(RuntimeError("a defect"), [])
        sim.advance(30)  # it goes on a second later, for the file cannot be read before
        assert not refused
        system.channels.publish("sums", Sum("a", 2))
        sim.advance(0.05)
        assert len(supervisor._services.activations) == 1
        sim.advance(300)
        assert len(supervisor._services.activations) == 0
