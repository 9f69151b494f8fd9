"""FAULTS 5 and 6, through channels: the disk refuses its k-th operation, for every k; each turn's effects are there once.

CI takes a slice of the places; every one of them is behind the marker:
``pytest -m full tests/simulation/test_channel_disk_faults.py``.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from dagger_actors import ActorSystem, Channel, RetryPolicy, Subscriber, handler, subscribe
from dagger_actors.core.retry import Linear
from dagger_actors.errors import StoreError, StoreFull
from dagger_actors.pubsub.turns.context import TurnContext
from dagger_actors.testing.simulation import Simulation, simulate
from tests.simulation.faulty_disk import CASES, FOREVER, FaultyDisk, everywhere

FULL = pytest.mark.full
MOST_PLACES = 1500
COUNT = 6
BAD = 4
"""The message that fails until what is wrong with it is mended."""
SCHEMA = "CREATE TABLE IF NOT EXISTS effects (what TEXT NOT NULL) STRICT;"
TWICE = RetryPolicy(tries=2, wait=Linear(delay_secs=1))


class Note(msgspec.Struct, frozen=True):
    who: str
    number: int


class Sum(msgspec.Struct, frozen=True):
    number: int
    total: int


class Flush(msgspec.Struct, frozen=True):
    number: int


class Book(msgspec.Struct):
    numbers: list[int] = []
    flushed: list[int] = []


class Witness:
    """What was seen besides the file, of one simulation at a time.

    Attributes:
        charges: Steps that were computed, by message.
        kept: Messages whose step has returned.
        again: Steps that were computed although they had returned.
        is_mended: Whether the bad message fails no more.
    """

    def __init__(self) -> None:
        self.charges: Counter[int] = Counter()
        self.kept: set[int] = set()
        self.again: list[int] = []
        self.is_mended = False

    def charge(self, number: int) -> int:
        if number in self.kept:
            self.again.append(number)
        self.charges[number] += 1
        return number


witness = Witness()


class Adder(Subscriber):
    """A turn with all that a turn can write."""

    state: Book

    @subscribe("notes", key="who", publishes="sums", retry=TWICE, concurrency=2)
    async def add(self, note: Note, ctx: TurnContext) -> Sum:
        await ctx.astep("charge", witness.charge, note.number)
        witness.kept.add(note.number)
        self.state.numbers.append(note.number)
        ctx.execute("INSERT INTO effects VALUES (?)", (f"note {note.number}",))
        ctx.set_timer(f"flush {note.number}", 0.2, Flush(note.number))
        await asyncio.sleep(0.05)
        if (note.number == BAD and not witness.is_mended) or (note.number == 1 and ctx.attempt == 1):
            raise ValueError("not this time")
        return Sum(note.number, len(self.state.numbers))

    @handler
    def flush(self, due: Flush, ctx: TurnContext) -> None:
        self.state.flushed.append(due.number)
        ctx.execute("INSERT INTO effects VALUES (?)", (f"flush {due.number}",))


class Sums(Subscriber):
    state: Book

    @subscribe("sums")
    def take(self, one: Sum, ctx: TurnContext) -> None:
        self.state.numbers.append(one.number)
        ctx.execute("INSERT INTO effects VALUES (?)", (f"sum {one.number}",))


class Outcome:
    """What was told while the disk refused.

    Attributes:
        told: Errors that publishers got.
        accepted: Messages whose publication returned.
        refused: Operations that were refused.
    """

    def __init__(self) -> None:
        self.told: list[StoreError] = []
        self.accepted: set[int] = set()
        self.refused = 0


def play(folder: Path, kinds: tuple[str, ...], after: int, times: int, error: str, *, crashes: bool = False) -> Outcome:
    """Publish to a system whose disk refuses, let it heal, and hold all that was seen against the file."""
    outcome = Outcome()
    witness.__init__()  # type: ignore[misc]
    schema = folder / "schema.sql"
    schema.write_text(SCHEMA)
    with FaultyDisk(f"faulty-channels-{folder.name}") as disk, simulate(0, folder) as sim:
        channels = [Channel("notes", Note), Channel("sums", Sum)]
        options: dict[str, Any] = {"schema": schema, "vfs": disk.name, "synchronous": "full", "recover": True}
        system = sim.system(agents=[Adder, Sums], channels=channels, **options)
        disk.refuse(*kinds, after=after, times=times, error=error)
        for number in range(COUNT):
            _publish(system, number, outcome)
            sim.advance(0.1)
            if crashes and number == 2:
                for seat in system._paradigms.channel_hub._seats:
                    seat.supervisor.tell(object())
        sim.advance(3)
        outcome.refused = disk.refused
        disk.heal()
        sim.advance(60)
        _redrive(system, sim)
        check(sim.path, outcome)
        assert system._paradigms.channel_hub.failures == {}
        assert not any(system._paradigms.channel_hub.in_hand().values())
        slots = system._store.membership.slots
        assert len(slots._free) == slots.capacity, "a record is still taken"
        system.stop()
    return outcome


def _publish(system: ActorSystem, number: int, outcome: Outcome) -> None:
    delay = 0.3 if number == COUNT - 1 else None
    try:
        system.channels.publish("notes", Note("ab"[number % 2], number), **({"delay": delay} if delay else {}))
    except StoreError as refused:
        outcome.told.append(refused)
    else:
        outcome.accepted.add(number)


def _redrive(system: ActorSystem, sim: Simulation) -> None:
    """Mend the bad message, which comes again if it was published at all."""
    letters = system.channels.dead_letters()
    assert {one.reason for one in letters} <= {"failed"}
    assert len(letters) <= 1, letters
    witness.is_mended = True
    witness.kept.discard(BAD)  # a redriven message is a new one, with steps of its own
    assert system.channels.redrive(subscription="adder.add") == len(letters)
    sim.advance(10)


def check(path: Path, outcome: Outcome) -> None:
    """All that was accepted is done, once and whole; of what was refused all or nothing."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        assert connection.pragma("integrity_check") == "ok"
        logged = [
            number
            for (number,) in connection.execute(
                "SELECT payload ->> 'number' FROM messages JOIN channels USING (channel_key) WHERE name = 'notes'"
            )
        ]
        effects = Counter(what for (what,) in connection.execute("SELECT what FROM effects"))
        states = {
            (group, key): msgspec.msgpack.decode(state, type=Book)
            for group, key, state in connection.execute(
                "SELECT name, key, state FROM subscriber_states JOIN subscription_groups USING (group_key)"
            )
        }
        for table in ("deliveries", "delayed_messages", "subscriber_steps"):
            assert list(connection.execute(f"SELECT * FROM {table}")) == []
        assert list(connection.execute("SELECT * FROM dead_letters WHERE redriven_at IS NULL")) == []
    finally:
        connection.close()
    assert len(logged) == len(set(logged)), "a message is there twice"
    assert outcome.accepted <= set(logged), "what was accepted is lost"
    assert len(logged) <= len(outcome.accepted) + len(outcome.told)
    assert effects == Counter(f"{kind} {number}" for kind in ("note", "sum", "flush") for number in logged)
    books = [book for (group, _), book in states.items() if group == "adder"]
    assert sorted(number for book in books for number in book.numbers) == sorted(logged)
    assert sorted(number for book in books for number in book.flushed) == sorted(logged)
    for book in books:
        in_order = [number for number in book.numbers if number != BAD]
        assert in_order == sorted(in_order), "a key is out of order"
    taken = states["sums", ""].numbers if logged else []
    assert sorted(taken) == sorted(logged)
    assert witness.again == [], "a step that had returned was computed again"


def refused_everywhere(
    root: Path, kinds: tuple[str, ...], times: int, error: str, stride: int, **options: Any
) -> list[Outcome]:
    return everywhere(
        root,
        range(0, MOST_PLACES, stride),
        lambda folder, after: play(folder, kinds, after, times, error, **options),
    )


@pytest.mark.parametrize(("kinds", "times", "error"), CASES)
def test_whatever_the_disk_refuses_what_was_published_is_handled_once_when_it_is_better(
    memory: Path, kinds: tuple[str, ...], times: int, error: str
) -> None:
    """Law: a publisher is told by the disk's name, or its message is durable; nothing lost, nothing twice; it goes on by itself."""
    outcomes = refused_everywhere(memory, kinds, times, error, stride=37)
    assert len(outcomes) > 1
    told = [one for outcome in outcomes for one in outcome.told]
    assert times != FOREVER or told
    assert error != "full" or all(isinstance(one, StoreFull) for one in told), told


@pytest.mark.parametrize(("kinds", "times", "error"), [CASES[1], CASES[6]])
def test_members_that_crash_on_a_bad_disk_go_on_when_it_is_better(
    memory: Path, kinds: tuple[str, ...], times: int, error: str
) -> None:
    """Law: the two faults together lose and repeat no more than each alone."""
    refused_everywhere(memory, kinds, times, error, stride=53, crashes=True)


@FULL
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("crashes", [False, True])
@pytest.mark.parametrize("times", [1, 4, FOREVER])
@pytest.mark.parametrize(
    ("kinds", "error"),
    [
        (("commit",), "full"),
        (("commit",), "read-only"),
        (("sync",), "i/o"),
        (("read",), "i/o"),
        (("read", "commit", "sync", "checkpoint"), "i/o"),
    ],
)
def test_at_every_place_in_bursts_of_any_length(
    memory: Path, kinds: tuple[str, ...], times: int, error: str, *, crashes: bool
) -> None:
    """The same, in full."""
    refused_everywhere(memory, kinds, times, error, stride=1, crashes=crashes)
