"""The power goes at every sync of a session of channels, and between: what was published is there, and each turn is there once.

CI plays one schedule; more are behind the marker: ``pytest -m full tests/simulation/test_channel_power_cuts.py``.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import apsw
import msgspec
import pytest

from dagger_actors import ActorSystem, Channel, RetryPolicy, Subscriber, handler, subscribe
from dagger_actors.core.retry import Linear
from dagger_actors.pubsub.turns.context import TurnContext
from dagger_actors.store.connection import checkpoint, open_writer
from dagger_actors.testing.power import PowerVFS
from dagger_actors.testing.power_states import CrashState
from dagger_actors.testing.simulation import Simulation, simulate
from tests.simulation.power_cuts import SlotFiles, Slots, cut_everywhere

SCHEMA = "CREATE TABLE IF NOT EXISTS effects (what TEXT NOT NULL) STRICT;"
BAD = 2
"""The message that fails until what is wrong with it is mended."""
TWICE = RetryPolicy(tries=2, wait=Linear(delay_secs=0.5))
PATIENCE_S = 60


class Note(msgspec.Struct, frozen=True):
    who: str
    number: int


class Sum(msgspec.Struct, frozen=True):
    number: int


class Flush(msgspec.Struct, frozen=True):
    number: int


class Book(msgspec.Struct):
    numbers: list[int] = []


class Mark(NamedTuple):
    """Something the outside could see.

    Attributes:
        seen: What.
        number: Of which message.
        effects: Effects that are in the file with it, each once.
    """

    seen: Literal["published", "step", "turn", "dead", "redriven", "paused", "resumed", "moved", "rest"]
    number: int = -1
    effects: tuple[str, ...] = ()


class Witness:
    """Who is told what bodies see; of one simulation at a time."""

    def __init__(self) -> None:
        self.told: Callable[[Mark], None] = lambda _mark: None
        self.is_mended = False
        self.charged: list[int] = []

    def charge(self, number: int) -> int:
        self.charged.append(number)
        return number


witness = Witness()


class Adder(Subscriber):
    state: Book

    @subscribe("notes", key="who", publishes="sums", retry=TWICE, concurrency=2)
    async def add(self, note: Note, ctx: TurnContext) -> Sum:
        await ctx.astep("charge", witness.charge, note.number)
        witness.told(Mark("step", note.number))
        self.state.numbers.append(note.number)
        ctx.execute("INSERT INTO effects VALUES (?)", (f"note {note.number}",))
        ctx.set_timer(f"flush {note.number}", 0.2, Flush(note.number))
        await asyncio.sleep(0.05)
        if (note.number == BAD and not witness.is_mended) or (note.number == 1 and ctx.attempt == 1):
            raise ValueError("not this time")
        return Sum(note.number)

    @handler
    def flush(self, due: Flush, ctx: TurnContext) -> None:
        witness.told(Mark("turn", due.number, (f"note {due.number}",)))
        ctx.execute("INSERT INTO effects VALUES (?)", (f"flush {due.number}",))


class Sums(Subscriber):
    state: Book

    @subscribe("sums")
    def take(self, one: Sum, ctx: TurnContext) -> None:
        witness.told(Mark("turn", one.number, (f"note {one.number}",)))
        self.state.numbers.append(one.number)
        ctx.execute("INSERT INTO effects VALUES (?)", (f"sum {one.number}",))


class Again(Subscriber):
    """Has all of it a second time."""

    @subscribe("sums", order="none")
    def see(self, one: Sum, ctx: TurnContext) -> None:
        ctx.execute("INSERT INTO effects VALUES (?)", (f"seen {one.number}",))


def whole(*numbers: int) -> tuple[str, ...]:
    """All that a message leaves in the end, but for what is seen twice."""
    return tuple(f"{kind} {number}" for number in numbers for kind in ("note", "sum", "flush"))


class Story:
    """The session as it was played.

    Attributes:
        vfs: The log of the disk, with every promise in it.
        slots: The slot files as they were.
    """

    def __init__(self, seed: int, folder: Path, synchronous: Literal["full", "normal"]) -> None:
        self.vfs = PowerVFS(f"channels-{synchronous}-{seed}-{folder.name}")
        self._path = folder / "sim.db"
        self.slots = SlotFiles(self._path)
        self._synchronous: Literal["full", "normal"] = synchronous
        witness.told, witness.is_mended, witness.charged = self._promise, False, []
        with self.vfs, simulate(seed, folder) as sim:
            options = {"vfs": self.vfs.name, "synchronous": synchronous, "recover": True}
            self._play(sim, [open_system(sim, folder, **options) for _ in range(2)])
            self.ended_s = sim.now_s
        witness.told = lambda _mark: None

    def _play(self, sim: Simulation, systems: list[ActorSystem]) -> None:
        first, second = systems
        self._publish(first, 0, 1)
        sim.advance(0.1)
        self._publish(second, 2, delay=0.3)
        self._publish(first, 3, 4, 5)
        self._rest(systems, 0, 1, 3, 4, 5)
        (letter,) = second.channels.dead_letters()
        assert letter.key == "a"
        self._promise(Mark("dead", letter.id))
        self._checkpoint()
        witness.is_mended = True
        first.channels.redrive(letter.id)
        self._promise(Mark("redriven", letter.id))
        second.channels.pause("sums.take")
        self._promise(Mark("paused"))
        self._publish(second, 6)
        sim.advance(1)
        first.channels.resume("sums.take")
        self._promise(Mark("resumed"))
        self._rest(systems, *range(7))
        self._checkpoint()
        assert first.channels.seek("again.see", to="earliest") == 1
        self._promise(Mark("moved"))
        self._rest(systems, *range(7))
        second.stop()
        first.channels.prune()
        self._publish(first, 7)
        self._rest([first], *range(8))
        first.stop()

    def _publish(self, system: ActorSystem, *numbers: int, **options: float) -> None:
        messages = [Note("ab"[number % 2], number) for number in numbers]
        system.channels.publish_many("notes", messages, ids=[str(number) for number in numbers], **options)  # type: ignore[arg-type]
        for number in numbers:
            self._promise(Mark("published", number))

    def _rest(self, systems: list[ActorSystem], *numbers: int) -> None:
        for system in (*systems, *systems):  # each knows of its own members alone
            system._runtime.wait(system._paradigms.channel_hub.rest(), PATIENCE_S)
        self._promise(Mark("rest", effects=whole(*numbers)))

    def _checkpoint(self) -> None:
        helper = open_writer(self._path, vfs=self.vfs.name, synchronous=self._synchronous)
        assert not checkpoint(helper, self._path).busy
        helper.close()

    def _promise(self, mark: Mark) -> None:
        self.vfs.acknowledged(mark)
        self.slots.note(len(self.vfs.log))


def open_system(sim: Simulation, folder: Path, **options: Any) -> ActorSystem:
    schema = folder / "schema.sql"
    schema.write_text(SCHEMA)
    channels = [Channel("notes", Note, retain_count=2), Channel("sums", Sum)]
    return sim.system(agents=[Adder, Sums, Again], channels=channels, schema=schema, **options)


class Found:
    """What a cut left in the file."""

    def __init__(self, connection: apsw.Connection) -> None:
        def query(text: str) -> list[tuple[Any, ...]]:
            return list(connection.execute(text))

        self.effects = Counter(what for (what,) in query("SELECT what FROM effects"))
        self.published = {
            int(number)
            for table in ("messages", "delayed_messages")
            for (number,) in query(f"SELECT message_id FROM {table} WHERE message_id IS NOT NULL")
        }
        self.pruned = query("SELECT first_offset FROM channels WHERE name = 'notes'")
        self.steps = {number for (number,) in query("SELECT output ->> '$' FROM subscriber_steps")}
        self.letters = dict(query("SELECT dead_letter_id, redriven_at FROM dead_letters"))
        self.paused = query("SELECT name FROM subscriptions WHERE paused_at IS NOT NULL")

    def lacks(self, mark: Mark, marks: set[str]) -> bool:
        """Whether something that was promised is not there."""
        is_there = all(self.effects[one] == 1 for one in mark.effects)
        match mark.seen:
            case "published":
                is_done = f"note {mark.number}" in self.effects
                is_there = mark.number in self.published or (is_done and self.pruned > [(0,)])
            case "step":
                is_there = mark.number == BAD or mark.number in self.steps | self._done
            case "dead":
                is_there = mark.number in self.letters
            case "redriven":
                is_there = self.letters.get(mark.number) is not None
            case "paused":
                is_there = "resumed" in marks or bool(self.paused)
            case "resumed":
                is_there = not self.paused
        return not is_there

    @property
    def _done(self) -> set[int]:
        return {int(what.removeprefix("note ")) for what in self.effects if what.startswith("note ")}


def marks_of(state: CrashState) -> list[Mark]:
    return [mark for mark in state.acknowledged if isinstance(mark, Mark)]


def complaints_of(state: CrashState) -> Iterator[str]:
    """What the cut left, against what had been promised by then."""
    path = state.folder / "sim.db"
    marks = marks_of(state)
    if not path.exists():
        yield from (["lost: the file"] if marks else [])
        return
    connection = apsw.Connection(str(path))
    try:
        if (verdict := connection.pragma("integrity_check")) != "ok":
            yield f"damaged: {verdict}"
        if not connection.table_exists("main", "messages") or not connection.table_exists("main", "effects"):
            yield from (["lost: the tables"] if marks else [])
            return
        found = Found(connection)
        seen: set[str] = {mark.seen for mark in marks}
        is_resuming = "paused" in seen and "resumed" not in seen
        for mark in marks:
            # A resume that nobody was told of yet may be there already.
            if found.lacks(mark, seen) and not (mark.seen == "paused" and is_resuming and 6 in found.published):
                yield f"lost: {mark}"
        twice = {what: count for what, count in found.effects.items() if count > 1 and not what.startswith("seen")}
        if twice:
            yield f"twice: {twice}"
    finally:
        connection.close()


def go_on(story: Story, state: CrashState, folder: Path, slots: Slots) -> Iterator[str]:
    """Open what a cut left, let it come to rest, and tell what is wrong with that."""
    folder.mkdir()
    for file in state.folder.iterdir():
        shutil.copyfile(file, folder / file.name)
    path = folder / "sim.db"
    story.slots.put(state.position, path, slots)
    marks = marks_of(state)
    witness.is_mended, witness.charged = True, []
    with simulate(state.position, folder) as sim:
        sim.world.wall_offset_us += round(story.ended_s * 1e6)
        system = open_system(sim, folder, recover=True)
        system.channels.resume("sums.take")
        sim.advance(20)
        system.channels.redrive(subscription="adder.add")
        sim.advance(10)
        system.stop()
    connection = apsw.Connection(str(path))
    try:
        found = Found(connection)
        left = [*connection.execute("SELECT * FROM deliveries"), *connection.execute("SELECT * FROM delayed_messages")]
    finally:
        connection.close()
        shutil.rmtree(folder)
    yield from ([f"stranded: {left}"] if left else [])
    published = {mark.number for mark in marks if mark.seen == "published"} | found.published
    seen = {number: found.effects.pop(f"seen {number}", 0) for number in range(8)}
    if found.effects != Counter(whole(*published)):
        yield f"effects: {found.effects - Counter(whole(*published))} too many, {Counter(whole(*published)) - found.effects} not"
    is_moved = any(mark.seen == "moved" for mark in marks)
    for number in published:
        if seen[number] not in ((2,) if is_moved and number != 7 else (1, 2)):
            yield f"seen: {number} {seen[number]} times"
    paid = {mark.number for mark in marks if mark.seen == "step" and mark.number != BAD}
    yield from (f"paid again: {number}" for number in witness.charged if number in paid)


def cut_sessions(
    root: Path, synchronous: Literal["full", "normal"], seeds: range, *, per_cut: int, continued: int
) -> tuple[int, int, Counter[str]]:
    return cut_everywhere(
        root,
        seeds,
        play=lambda seed, folder: Story(seed, folder, synchronous),
        complaints_of=complaints_of,
        go_on=go_on,
        per_cut=per_cut,
        continued=continued,
    )


def test_at_full_all_that_was_published_is_there_after_a_power_cut_and_is_handled_once(memory: Path) -> None:
    """Law: promises a and e for channels: publications, turns, steps, dead letters, redrives, pauses, moves; whatever is left of
    the slot files."""
    looked_at, gone_on, complaints = cut_sessions(memory, "full", range(1), per_cut=2, continued=12)
    assert complaints == {}
    assert looked_at > 150
    assert gone_on > 12


def test_at_normal_the_same_check_goes_red(memory: Path) -> None:
    """The oracle can fail: NORMAL tells before the disk has it."""
    _, _, complaints = cut_sessions(memory, "normal", range(1), per_cut=3, continued=0)
    assert {one.partition("'")[2].partition("'")[0] for one in complaints} >= {"published", "turn", "rest"}
    assert all(one.startswith("lost") for one in complaints)


@pytest.mark.full
@pytest.mark.timeout(3000)
def test_at_full_nothing_published_is_lost_in_many_sessions(memory: Path) -> None:
    """The same, in full."""
    _, _, complaints = cut_sessions(memory, "full", range(20), per_cut=12, continued=15)
    assert complaints == {}
