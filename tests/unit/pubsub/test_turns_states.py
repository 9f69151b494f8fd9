"""The state of a key is that of the last turn that was handled, wherever it is: in memory, under way, or in the file."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
import pytest

from dagger_actors import ActorSystem, Snooze
from dagger_actors.core.channel_rows import range_of
from dagger_actors.core.turns import Handled, TurnFailed
from dagger_actors.errors import StoreBroken
from dagger_actors.pubsub.declared.subscriber import Subscriber
from dagger_actors.pubsub.subscribers.subscribe import subscribe
from dagger_actors.testing import simulate
from tests.unit.pubsub.taking import AtWork, Draft, Note, States, effects, state, turn


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ActorSystem]:
    with ActorSystem(tmp_path_factory.mktemp("states") / "x.db") as one:
        yield one


class Writer(Subscriber):
    state: Draft

    @subscribe("notes", key="question")
    def add(self, note: Note) -> Snooze | None:
        self.state.notes.append(str(note.stars))
        if note.stars == 9:
            raise ValueError
        if note.stars == 8:
            return Snooze(1)
        if note.stars == 7:
            self.state.notes.pop()
        return None


class AsyncWriter(Subscriber):
    state: Draft

    @subscribe("notes", key="question")
    async def add(self, note: Note) -> Snooze | None:
        self.state.notes.append(str(note.stars))
        await asyncio.sleep(0)
        if note.stars == 9:
            raise ValueError
        if note.stars == 8:
            return Snooze(1)
        if note.stars == 7:
            self.state.notes.pop()
        return None


BOTH = pytest.mark.parametrize("agent", [Writer, AsyncWriter])


def add(key: str, stars: int) -> Any:
    return turn(Note(key, stars), key)


def stored(*notes: str) -> bytes:
    return msgspec.msgpack.encode({"notes": list(notes)})


@BOTH
def test_turns_of_a_key_see_what_the_earlier_ones_did_committed_or_not(
    agent: type[Subscriber], system: ActorSystem
) -> None:
    """Law: in one shift and over several, without a word from the file; and what changes nothing writes nothing."""
    work = AtWork(system, agent)
    work.states.rows["a"] = stored("0")
    one, unchanged, other, two = work.take(add("a", 1), add("a", 7), add("b", 5), add("a", 2))
    assert [state(one), state(other), state(two)] == [
        {"notes": ["0", "1"]},
        {"notes": ["5"]},
        {"notes": ["0", "1", "2"]},
    ]
    assert unchanged == Handled()
    assert work.states.reads == [("a", "b")]  # one read for all keys of the shift
    assert state(*work.take(add("a", 3))) == {"notes": ["0", "1", "2", "3"]}
    assert work.states.reads == [("a", "b")]


@BOTH
@pytest.mark.parametrize("stars", [8, 9])
def test_a_turn_that_is_not_handled_leaves_the_state_as_it_was(
    agent: type[Subscriber], stars: int, system: ActorSystem
) -> None:
    """Law: also when that state is not committed yet."""
    work = AtWork(system, agent)
    assert state(*work.take(add("a", 1))) == {"notes": ["1"]}
    (failed,) = work.take(add("a", stars))
    assert not isinstance(failed, Handled)
    assert state(*work.take(add("a", 2))) == {"notes": ["1", "2"]}


def test_after_a_refused_unit_the_file_is_read_again_and_what_is_handed_over_again_goes_before_it(
    system: ActorSystem,
) -> None:
    """Law: ``drop`` forgets what never was; a turn told again brings its state with it."""
    work = AtWork(system, Writer, idle_us=0)
    (first,) = work.take(add("a", 1))
    work.activations.drop(["a"])
    assert state(*work.take(add("a", 2))) == {"notes": ["2"]}
    work.activations.drop(["a"])
    data = effects(first).state
    assert data is not None
    work.activations.redone("a", data)
    work.activations.sweep()
    assert state(*work.take(add("a", 3))) == {"notes": ["1", "3"]}


def test_what_is_dropped_while_a_turn_has_it_in_hand_is_not_changed_by_that_turn(system: ActorSystem) -> None:
    """Law: a shift that was begun before the refusal goes on with what never was, and leaves nothing of it."""
    work = AtWork(system, Waiting)
    body = work.begin([add("a", 1), add("a", 2)])
    Waiting.begun.get(timeout=30)
    work.activations.drop(["a"])
    for _ in range(2):
        Waiting.goes_on.put(None)
    assert [state(end.outcome) for end in work.ended().ends] == [{"notes": ["1"]}, {"notes": ["1", "2"]}]
    Waiting.begun.get(timeout=30)
    assert body.turn_begun is None
    Waiting.goes_on.put(None)
    assert state(*work.take(add("a", 3))) == {"notes": ["3"]}
    Waiting.begun.get(timeout=30)


class Waiting(Subscriber):
    state: Draft
    begun: Any = queue.SimpleQueue()
    goes_on: Any = queue.SimpleQueue()

    @subscribe("notes", key="question")
    def add(self, note: Note) -> None:
        self.begun.put(note.stars)
        self.goes_on.get(timeout=30)
        self.state.notes.append(str(note.stars))


@BOTH
def test_of_ephemeral_messages_no_change_of_a_state_is_kept(agent: type[Subscriber], system: ActorSystem) -> None:
    """Law: their turns find the state of the last durable one, committed or not, and leave it so."""
    work = AtWork(system, agent)
    assert state(*work.take(add("a", 1))) == {"notes": ["1"]}
    work.begin([add("a", 2), add("a", 3)], is_ephemeral=True)
    assert [end.outcome for end in work.ended().ends] == [Handled(), Handled()]
    assert state(*work.take(add("a", 4))) == {"notes": ["1", "4"]}


# --- activations


class Counting(Subscriber):
    made: ClassVar[list[Any]] = []
    state: Draft

    def __init__(self) -> None:
        self.made.append(self)

    @subscribe("notes", key="question")
    def add(self, note: Note) -> None:
        if note.stars:
            self.state.notes.append("x")


def test_a_key_is_activated_once_and_deactivated_when_it_has_been_idle(system: ActorSystem) -> None:
    """Law: idle for a minute, and its place is free, by the next shift or by a sweep; what it left is in the file."""
    with simulate(seed=1) as sim:
        work = AtWork(sim.system(), Counting)
        Counting.made.clear()
        work.begin([add("a", 0), add("b", 0), add("a", 0)])
        sim.settle()
        work.ended()
        assert (len(Counting.made), len(work.activations)) == (2, 2)
        sim.advance(59)
        work.begin([add("a", 0)])
        sim.settle()
        assert (len(Counting.made), len(work.activations)) == (2, 2)
        sim.advance(2)
        work.activations.sweep()
        assert len(work.activations) == 1
        work.begin([add("b", 0)])
        sim.settle()
        assert len(Counting.made) == 3


def test_more_keys_than_may_be_active_push_out_those_used_longest_ago(system: ActorSystem) -> None:
    work = AtWork(system, Counting, most=10)
    for number in range(25):
        work.take(add(str(number), 0))
        assert len(work.activations) <= 10
    reads = len(work.states.reads)
    work.take(add("24", 0), add("15", 0))
    assert len(work.states.reads) == reads
    work.take(add("14", 0))
    assert len(work.states.reads) == reads + 1


def test_a_key_whose_state_is_not_committed_is_kept_whatever_comes(system: ActorSystem) -> None:
    """Law: the file does not have it yet, so a fresh read would lose it; after the commits it may go."""
    work = AtWork(system, Writer, most=3, idle_us=0)
    turns = [add(str(number), 1) for number in range(8)]
    outcomes = work.take(*turns)
    assert len(work.activations) == 8
    assert [state(one) for one in work.take(*turns)] == [{"notes": ["1", "1"]}] * 8
    work.commit(turns, outcomes)
    assert len(work.states.reads) == 1
    work.activations.sweep()
    assert len(work.activations) == 8  # the second commit is still to come
    work.commit(turns, outcomes)
    work.activations.sweep()
    assert len(work.activations) == 0


def test_keys_of_lost_ranges_are_forgotten(system: ActorSystem) -> None:
    work = AtWork(system, Counting)
    keys = [str(number) for number in range(20)]
    work.take(*[add(key, 0) for key in keys])
    lost = {range_of(key) for key in keys[:5]}
    work.activations.drop_ranges(lost)
    assert len(work.activations) == sum(range_of(key) not in lost for key in keys)


def test_a_subscriber_without_key_and_state_has_one_instance_whatever_runs_at_once(system: ActorSystem) -> None:
    class Shared(Subscriber):
        made: ClassVar[list[Any]] = []

        def __init__(self) -> None:
            self.made.append(self)

        @subscribe("notes", order="none", concurrency=8)
        def add(self, note: Note) -> None:
            assert self is self.made[0]

    work = AtWork(system, Shared)
    for _ in range(30):
        work.begin([turn(Note("a")), turn(Note("b"))])
    for _ in range(30):
        assert [end.outcome for end in work.ended().ends] == [Handled(), Handled()]
    assert len(Shared.made) == 1
    assert not work.states.reads


def test_a_subscriber_without_key_has_the_state_of_no_key(system: ActorSystem) -> None:
    class Only(Subscriber):
        state: Draft

        @subscribe("notes")
        def add(self, note: Note) -> None:
            self.state.notes.append(note.question)

    work = AtWork(system, Only)
    work.states.rows[""] = stored("0")
    first, second = work.take(turn(Note("a")), turn(Note("b")))
    assert [state(first), state(second)] == [{"notes": ["0", "a"]}, {"notes": ["0", "a", "b"]}]
    assert work.states.reads == [("",)]


# --- states that do not decode, or do not encode


class Named(msgspec.Struct):
    notes: list[str] = []
    title: str = "none"


def test_a_state_that_does_not_decode_pauses_its_subscription_and_no_other_key_is_disturbed(
    system: ActorSystem,
) -> None:
    """Law: the turn says so, for good or not is nobody's question; nothing of the state is written."""
    work = AtWork(system, Writer)
    work.states.rows["a"] = msgspec.msgpack.encode({"notes": 3})
    work.states.rows["gone"] = msgspec.msgpack.encode({"notes": [], "stars": 4})
    unreadable, fine, gone = work.take(add("a", 1), add("b", 1), add("gone", 1))
    assert state(fine) == {"notes": ["1"]}
    for one in (unreadable, gone):
        assert isinstance(one, TurnFailed)
        assert one.is_unreadable
        assert one.error.type == "dagger_actors.errors.SubscriberStateUnreadable"
    assert "'gone' of the group 'writer'" in gone.error.message
    assert "no 'stars'" in gone.error.message


def test_new_fields_have_their_defaults_and_others_are_migrated(system: ActorSystem) -> None:
    class Migrating(Subscriber):
        state: Named

        @classmethod
        def migrate(cls, old: dict[str, Any]) -> Named:
            return Named(notes=[str(note) for note in old["lines"]], title="old")

        @subscribe("notes", key="question")
        def add(self, note: Note) -> None:
            if note.stars:
                self.state.notes.append("x")

    work = AtWork(system, Migrating)
    work.states.rows["new field"] = stored("0")
    work.states.rows["migrated"] = msgspec.msgpack.encode({"lines": [1, 2]})
    defaults, migrated = work.take(add("new field", 1), add("migrated", 0))
    assert state(defaults) == {"notes": ["0", "x"], "title": "none"}
    assert state(migrated) == {"notes": ["1", "2"], "title": "old"}  # committed at once


def test_a_state_that_cannot_be_stored_fails_its_turn_for_good(system: ActorSystem) -> None:
    class Odd(Subscriber):
        state: Draft

        @subscribe("notes", key="question")
        def add(self, note: Note) -> None:
            if note.stars == 1:
                self.state.notes.append(object())  # type: ignore[arg-type]
            elif note.stars == 2:
                self.state = 3  # type: ignore[assignment]
            elif note.stars == 3:
                self.state.notes.append("x" * 2_000_000)
            else:
                self.state.notes.append("fine")

    work = AtWork(system, Odd)
    for stars in (1, 2, 3):
        (outcome,) = work.take(add("a", stars))
        assert isinstance(outcome, TurnFailed)
        assert outcome.is_fatal
        assert outcome.error.type == "dagger_actors.errors.TurnRefused"
        assert "odd/a" in outcome.error.message
    assert state(*work.take(add("a", 0))) == {"notes": ["fine"]}


@BOTH
def test_when_states_cannot_be_read_each_turn_of_the_shift_fails_and_the_next_shift_reads_again(
    agent: type[Subscriber], system: ActorSystem
) -> None:
    class Broken(States):
        def load(self, group_key: int, keys: Any) -> dict[str, bytes]:
            if not self.reads:
                self.reads.append(())
                raise StoreBroken("x.db", "I/O error")
            return super().load(group_key, keys)

    work = AtWork(system, agent)
    work.states.rows["a"] = stored("0")
    broken = work.activations._source = Broken()
    broken.rows = work.states.rows
    assert [type(one) for one in work.take(add("a", 1), add("a", 2), add("b", 1))] == [TurnFailed] * 3
    assert state(*work.take(add("a", 1))) == {"notes": ["0", "1"]}
