"""Ephemeral channels: messages in memory, to every subscription of the process, once."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import apsw
import msgspec
import pytest

from dagger_actors import ActorSystem, Channel, Snooze, Subscriber, subscribe
from dagger_actors.core.channel_rows import NewMessage
from dagger_actors.errors import ChannelFull, DefinitionError, PublicationRefused, SystemClosed
from dagger_actors.pubsub.turns.context import TurnContext
from dagger_actors.testing import simulate

PATIENCE_S = 30


class Note(msgspec.Struct, frozen=True):
    number: int
    who: str = "a"


class Other(msgspec.Struct, frozen=True):
    number: int


class Bag(msgspec.Struct):
    numbers: list[int] = []


class Seen:
    """What handlers were given, by the names of the members."""

    def __init__(self) -> None:
        self.notes: dict[str, list[Any]] = {}
        self.changed = threading.Condition()

    def add(self, name: str, one: Any) -> None:
        with self.changed:
            self.notes.setdefault(name, []).append(one)
            self.changed.notify_all()

    def wait(self, name: str, one: Any) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: one in self.notes.get(name, ()), PATIENCE_S)


seen = Seen()


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    seen.notes.clear()


class Named(msgspec.Struct, frozen=True):
    label: str = "x"


class Reader(Subscriber):
    config: Named

    @subscribe("live")
    def take(self, note: Note) -> None:
        seen.add(self.config.label, note.number)


class Keeper(Subscriber):
    """Holds its turns until it is let go."""

    go = threading.Event()
    begun = threading.Semaphore(0)

    @subscribe("live")
    def take(self, note: Note) -> None:
        self.begun.release()
        assert self.go.wait(PATIENCE_S)
        seen.add("keeper", note.number)


@pytest.fixture
def kept() -> Iterator[type[Keeper]]:
    Keeper.go, Keeper.begun = threading.Event(), threading.Semaphore(0)
    yield Keeper
    Keeper.go.set()


def readers(*labels: str, group: str | None = None) -> list[Any]:
    return [Reader.configured(config=Named(one), name=one, group=group) for one in labels]


def rest(system: ActorSystem) -> None:
    system._runtime.wait(system._paradigms.channel_hub.rest(), PATIENCE_S)


def live(*, channel: str = "live", **options: Any) -> list[Channel]:
    return [Channel(channel, ephemeral=True, **options)]


def notes(count: int, first: int = 0) -> list[Note]:
    return [Note(number) for number in range(first, first + count)]


def counts(system: ActorSystem, name: str) -> tuple[int, int, int]:
    one = system._paradigms.channel_hub.tally.read()[name]
    return one.handled, one.published, one.lost


def test_every_subscription_gets_every_message_once_and_in_order(tmp_path: Path) -> None:
    """Law: each group has each message, in the order of its publisher; nothing of it is in the file."""
    with ActorSystem(tmp_path / "a.db", agents=readers("a", "b", "c"), channels=live()) as system:
        published = system.channels.publish_many("live", notes(100))
        last = system.channels.publish("live", Note(100))
        assert [one.offset for one in [*published, last]] == list(range(101))
        rest(system)
        assert seen.notes == {name: list(range(101)) for name in "abc"}
        assert counts(system, "a.take") == (101, 0, 0)
    with closing(apsw.Connection(str(tmp_path / "a.db"))) as file:
        counted = [list(file.execute(f"SELECT count(*) FROM {table}")) for table in ("channels", "messages")]
    assert counted == [[(0,)], [(0,)]]


class Busy(Subscriber):
    config: Named

    @subscribe("live", order="none", concurrency=4)
    def take(self, note: Note) -> None:
        seen.add("all", note.number)


def test_of_several_members_of_a_group_one_takes_a_message(tmp_path: Path) -> None:
    """Law: they compete; together they have each once."""
    agents = [Busy.configured(config=Named(one), name=one, group="g") for one in "ab"]
    with ActorSystem(tmp_path / "a.db", agents=[*agents, *readers("c")], channels=live()) as system:
        system.channels.publish_many("live", notes(500))
        rest(system)
        assert sorted(seen.notes["all"]) == seen.notes["c"] == list(range(500))


class Keyed(Subscriber):
    busy: ClassVar[dict[str, int]] = {}

    @subscribe("live", key="who", concurrency=8, filter={"field": "number", "lt": 90})
    async def take(self, note: Note, ctx: TurnContext) -> None:
        assert ctx.key == note.who
        assert not self.busy.get(note.who)
        self.busy[note.who] = 1
        await asyncio.sleep(0)
        self.busy[note.who] = 0
        seen.add(note.who, note.number)


def test_messages_of_one_key_come_one_at_a_time_and_in_their_order(tmp_path: Path) -> None:
    """Law: whatever the concurrency is; a filter passes messages over."""
    with ActorSystem(tmp_path / "a.db", agents=[Keyed], channels=live()) as system:
        system.channels.publish_many("live", [Note(number, "abcd"[number % 4]) for number in range(100)])
        rest(system)
        assert seen.notes == {"abcd"[place]: list(range(place, 90, 4)) for place in range(4)}
        assert counts(system, "keyed.take") == (90, 0, 0)


class Failing(Subscriber):
    @subscribe("live")
    def take(self, note: Note, ctx: TurnContext) -> Snooze | None:
        match note.number:
            case 1:
                raise ValueError("bad luck")
            case 2:
                raise SystemExit
            case 3:
                ctx.execute("INSERT INTO x VALUES (1)")
            case 4:
                ctx.set_timer("t", 1.0, note)
            case 5:
                ctx.step("s", int)
            case 6:
                ctx.save("s", "text")
            case 7:
                ctx.spawn("agent", 1)
            case 8:
                return Snooze(1)
        seen.add("failing", note.number)
        return None


def test_a_turn_that_raises_is_told_and_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Law: it is logged and counted, not tried again; what would have to be kept is refused by name."""
    with ActorSystem(tmp_path / "a.db", agents=[Failing], channels=live()) as system:
        with caplog.at_level(logging.WARNING, "dagger_actors.pubsub"):
            system.channels.publish_many("live", notes(10))
            rest(system)
        assert seen.notes == {"failing": [0, 9]}
        assert counts(system, "failing.take") == (2, 0, 8)
        assert not system.channels.dead_letters()
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 8
    assert "message live/1 of failing.take is given up, for builtins.ValueError: bad luck" in told[0]
    for text, what in zip(told[2:], ("execute", "set_timer", "step", "save", "spawn"), strict=False):
        assert f"ctx.{what} in a turn of failing.take" in text


def test_a_plain_turn_that_raises_ends_nothing_either(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Law: the same where nothing but the message is taken."""

    class Plain(Subscriber):
        @subscribe("live")
        def take(self, note: Note) -> None:
            if note.number % 2:
                raise ValueError(note.number)
            seen.add("plain", note.number)

    with ActorSystem(tmp_path / "a.db", agents=[Plain], channels=live()) as system:
        system.channels.publish("live", Note(0))
        rest(system)
        system.channels.publish_many("live", notes(9, 1))
        rest(system)
        assert seen.notes == {"plain": [0, 2, 4, 6, 8]}
        assert counts(system, "plain.take") == (5, 0, 5)
    assert sum("is given up" in record.getMessage() for record in caplog.records) == 5


def test_a_full_channel_blocks_its_publisher_until_its_time_is_up(tmp_path: Path, kept: type[Keeper]) -> None:
    """Law: nobody is asked to hold more than the capacity; what had no room is not handed over to anybody."""
    agents = [kept, *readers("a")]
    with ActorSystem(tmp_path / "a.db", agents=agents, channels=live(capacity=3)) as system:
        system.channels.publish("live", Note(0))
        assert kept.begun.acquire(timeout=PATIENCE_S)
        seen.wait("a", 0)
        with pytest.raises(ChannelFull) as full:
            system.channels.publish_many("live", notes(5, 1), timeout=0.01)
        assert "3 messages of 5 were published all the same" in str(full.value.__notes__)
        with pytest.raises(ChannelFull):
            system.channels.publish("live", Note(7), wait=False)
        kept.go.set()
        assert system.channels.publish_many("live", notes(20, 10))[-1].offset == 23
        rest(system)
        assert seen.notes["a"] == seen.notes["keeper"] == [0, 1, 2, 3, *range(10, 30)]


def test_a_blocked_publisher_goes_on_when_there_is_room_and_before_later_ones(
    tmp_path: Path, kept: type[Keeper]
) -> None:
    """Law: order of publishers is kept while they wait."""
    with ActorSystem(tmp_path / "a.db", agents=[kept], channels=live(capacity=1)) as system:
        system.channels.publish("live", Note(0))
        assert kept.begun.acquire(timeout=PATIENCE_S)

        async def three() -> None:
            tasks = [asyncio.ensure_future(system.channels.apublish("live", Note(number))) for number in (1, 2, 3)]
            await asyncio.wait(tasks[:1])
            kept.go.set()
            await asyncio.gather(*tasks)

        asyncio.run(three())
        rest(system)
        assert seen.notes["keeper"] == [0, 1, 2, 3]


class Mixed(Subscriber):
    @subscribe("live", "kept")
    def take(self, one: Note | Other) -> None: ...


def test_the_process_that_has_them_says_what_waits_and_what_is_in_hand_and_the_database_nothing(
    tmp_path: Path, kept: type[Keeper]
) -> None:
    """Law: by channel, those of patterns once they are made; what reads durable channels too is listed with those as well."""
    channels = [*live(capacity=9, overflow="reject"), *live(channel="made.*"), Channel("kept", Other)]
    with ActorSystem(tmp_path / "a.db", agents=[kept, Mixed], channels=channels) as system:
        (untouched,) = system.channels.ephemeral()
        assert [(one.name, one.agents, one.waiting, one.in_hand) for one in untouched.subscriptions] == [
            ("keeper.take", ("keeper",), 0, 0),
            ("mixed.take", ("mixed",), 0, 0),
        ]
        system.channels.publish("made.now", Note(0))
        system.channels.publish_many("live", notes(3))
        assert kept.begun.acquire(timeout=PATIENCE_S)
        found, made = system.channels.ephemeral()
        assert (found.name, found.types, found.capacity, found.overflow) == ("live", ("Note", "Other"), 9, "reject")
        assert (found.published, str(found.subscriptions[0])) == (3, "keeper.take: 2 waiting, 1 in hand")
        assert str(made) == "made.now: 1 published, 0 subscriptions"
        assert [one.name for one in system.channels.channels()] == ["kept"]
        assert [one.name for one in system.channels.subscriptions()] == ["mixed.take"]
        kept.go.set()
        rest(system)
        assert str(system.channels.ephemeral()[0].subscriptions[0]) == "keeper.take: 0 waiting, 0 in hand"


def test_who_waits_for_room_first_is_first_and_nobody_who_comes_later_overtakes_him(
    tmp_path: Path, kept: type[Keeper]
) -> None:
    """Law: publishers go on in the order in which they came, though there was room when the last one came."""
    with ActorSystem(tmp_path / "a.db", agents=[kept], channels=live(capacity=1)) as system:
        ephemeral = system._paradigms.channel_hub.ephemeral

        def publish(*numbers: int) -> Any:
            drafts = [NewMessage("live", "Note", json.dumps({"number": number})) for number in numbers]
            return ephemeral.publish(drafts, waits=True, until_us=1 << 62)

        system.channels.publish("live", Note(0))
        assert kept.begun.acquire(timeout=PATIENCE_S)
        assert publish(1).is_done()
        waiting = [publish(2, 3), publish(4), publish(5)]
        assert not any(one.is_done() for one in waiting)
        queue = ephemeral._feeds["keeper.take"].queue
        queue.popleft()  # as a taker does, before it tells that there is room
        waiting.append(publish(6))
        assert [json.loads(entry[1].payload)["number"] for entry in queue] == [2]
        with pytest.raises(ChannelFull):
            system.channels.publish("live", Note(7), wait=False)
        kept.go.set()
        assert [[one.offset for one in future.get(timeout=PATIENCE_S)] for future in waiting] == [[2, 3], [4], [5], [6]]
        rest(system)
        assert seen.notes["keeper"] == [0, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("overflow", ["reject", "drop_oldest"])
def test_a_full_channel_rejects_or_drops_the_oldest(tmp_path: Path, kept: type[Keeper], overflow: str) -> None:
    """Law: as it is declared; at once, and a slow subscription takes nothing from another."""
    agents = [kept, *readers("a")]
    with ActorSystem(tmp_path / "a.db", agents=agents, channels=live(capacity=3, overflow=overflow)) as system:
        for number in range(6):
            try:
                system.channels.publish("live", Note(number))
            except ChannelFull:
                assert (overflow, number >= 4) == ("reject", True)
            else:
                assert overflow == "drop_oldest" or number < 4
                seen.wait("a", number)
            if not number:
                assert kept.begun.acquire(timeout=PATIENCE_S)
        kept.go.set()
        rest(system)
        wanted = {"reject": [0, 1, 2, 3], "drop_oldest": [0, 3, 4, 5]}
        assert seen.notes["keeper"] == wanted[overflow]
        assert counts(system, "keeper.take") == (4, 0, 2 if overflow == "drop_oldest" else 0)


class Doubling(Subscriber):
    @subscribe("live", publishes=("next", "kept"))
    async def take(self, note: Note, ctx: TurnContext) -> AsyncIterator[Note]:
        yield note
        ctx.publish("kept", Other(note.number))
        yield Note(note.number + 1000)


class Back(Subscriber):
    @subscribe("kept", publishes="last")
    def take(self, other: Other) -> Note:
        return Note(other.number)


class Ends(Subscriber):
    @subscribe("next")
    def take(self, note: Note) -> None:
        seen.add("next", note.number)

    @subscribe("last", batch=10)
    def last(self, some: list[Note]) -> None:
        for note in some:
            seen.add("last", note.number)


STAGES = [Channel(name, ephemeral=True, capacity=2) for name in ("live", "next", "last")]


def check_stages(system: ActorSystem) -> None:
    system.channels.publish_many("live", notes(30))
    rest(system)
    assert sorted(seen.notes["next"]) == [*range(30), *range(1000, 1030)]
    assert seen.notes["next"][::2] == list(range(30))
    assert seen.notes["last"] == list(range(30))
    assert [msgspec.convert(one.message, Other).number for one in system.channels.read("kept")] == list(range(30))


def test_turns_publish_on_to_ephemeral_and_to_durable_channels_and_back(tmp_path: Path) -> None:
    """Law: what a turn publishes comes, also where there is hardly room; rest is when all of it is done."""
    with ActorSystem(tmp_path / "a.db", agents=[Doubling, Back, Ends], channels=STAGES) as system:
        check_stages(system)


class Passing(Subscriber):
    turns = threading.Semaphore(0)

    @subscribe("durable", publishes="live")
    def take(self, other: Other) -> Note:
        self.turns.release()
        return Note(other.number)


PASSED = [*live(capacity=1), Channel("durable", Other)]


def test_durable_turns_wait_for_room_with_what_they_publish(tmp_path: Path, kept: type[Keeper]) -> None:
    """Law: however far they are ahead of who reads an ephemeral channel that blocks, nothing is lost, and order is kept."""
    Passing.turns = threading.Semaphore(0)
    with ActorSystem(tmp_path / "a.db", agents=[Passing, kept], channels=PASSED) as system:
        for number in range(20):  # each a commit of its own, or nearly
            system.channels.publish("durable", Other(number))
            assert Passing.turns.acquire(timeout=PATIENCE_S)
        kept.go.set()
        rest(system)
        assert seen.notes["keeper"] == list(range(20))
        assert counts(system, "passing.take") == (20, 20, 0)


class Stuck(Subscriber):
    @subscribe("live")
    async def take(self, note: Note) -> None:
        seen.add("begun", note.number)
        await asyncio.sleep(100)


def test_durable_turns_wait_no_longer_than_their_time(caplog: pytest.LogCaptureFixture) -> None:
    """Law: what found no room for 30 s is lost, as the log says; and the next ones are committed."""
    with simulate(1) as sim:
        system = sim.system(agents=[Passing, Stuck], channels=PASSED)
        for number in range(4):
            system.channels.publish("durable", Other(number))
        system._runtime.wait(system._paradigms.channel_hub.rest(), 1_000)
        told = [record.getMessage() for record in caplog.records if "not taken" in record.getMessage()]
        assert told
        assert all("and for 30 s there was no room for another" in one for one in told)
        assert seen.notes["begun"][:2] == [0, 1]
        assert counts(system, "passing.take") == (4, 4, 0)


def test_who_leaves_waits_for_nobody_who_takes_nothing() -> None:
    """Law: what waits for room when the grace is over is lost; the turns that published it are committed all the same."""
    with simulate(1) as sim:
        system = sim.system(agents=[Passing, Stuck], channels=PASSED)
        for number in range(5):
            system.channels.publish("durable", Other(number))
        sim.advance(1.0)
        system.stop(grace_s=1.0)
        assert seen.notes["begun"] == [0]
        assert counts(system, "passing.take") == (5, 5, 0)


@pytest.mark.parametrize("seed", range(5))
def test_the_simulation_has_ephemeral_channels(seed: int) -> None:
    """Law: the same on virtual time, and what waits when a system is left is taken first."""
    with simulate(seed) as sim:
        system = sim.system(agents=[Doubling, Back, Ends, *readers("a")], channels=STAGES)
        check_stages(system)
        assert seen.notes["a"] == list(range(30))
        system.channels.publish_many("live", notes(2, 100))
        system.stop()
        assert seen.notes["a"][-2:] == [100, 101]
        with pytest.raises(SystemClosed):
            system.channels.publish("live", Note(0))


class Careful(Subscriber):
    @subscribe("durable", publishes="live")
    def take(self, note: Note, ctx: TurnContext) -> None:
        for given in ({"id": "a"}, {"delay": 1.0}):
            with pytest.raises(PublicationRefused, match="ephemeral: it keeps nothing"):
                ctx.publish("live", note, **given)
        ctx.publish("live", note, headers={"correlation_id": "c"})


class Headed(Subscriber):
    @subscribe("live")
    def take(self, note: Note, ctx: TurnContext) -> None:
        seen.add("headed", (note.number, ctx.correlation_id, ctx.channel, ctx.offset, ctx.attempt))


def test_a_durable_turn_gives_headers_and_is_refused_what_cannot_be_kept(tmp_path: Path) -> None:
    """Law: an id or a delay of an ephemeral message is refused where it is given."""
    channels = [*live(), Channel("durable", Note)]
    with ActorSystem(tmp_path / "a.db", agents=[Careful, Headed], channels=channels) as system:
        system.channels.publish_many("durable", notes(2))
        rest(system)
        assert seen.notes["headed"] == [(0, "c", "live", 0, 1), (1, "c", "live", 1, 1)]


class Stateful(Subscriber):
    state: Bag

    @subscribe("live")
    def take(self, note: Note) -> None: ...


def test_what_has_a_state_reads_no_ephemeral_channel(tmp_path: Path) -> None:
    """Law: it is told when the system is opened."""
    with (
        pytest.raises(DefinitionError, match="Stateful has a state, and live is ephemeral"),
        ActorSystem(tmp_path / "a.db", agents=[Stateful], channels=live()),
    ):
        pass
