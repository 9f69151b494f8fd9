"""``system.channels`` and subscribers on real threads: whole turns, whatever becomes of them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest

from dagger_actors import ActorSystem, Channel, RetryPolicy, Subscriber, handler, subscribe
from dagger_actors.core.protocols import Now
from dagger_actors.core.retry import Linear
from dagger_actors.pubsub.machine.events import Begin, Decision, Event, TurnRedone
from dagger_actors.pubsub.machine.machine import MemberMachine
from dagger_actors.pubsub.members.deciding import Deciding
from dagger_actors.pubsub.turns.activations import Activations
from dagger_actors.pubsub.turns.context import TurnContext

PATIENCE_S = 120
THRICE = RetryPolicy(tries=3, wait=Linear(delay_secs=0.01))


class Note(msgspec.Struct, frozen=True):
    who: str
    number: int


class Sum(msgspec.Struct, frozen=True):
    who: str
    total: int


class Flush(msgspec.Struct, frozen=True):
    why: str


class Book(msgspec.Struct):
    total: int = 0
    seen: list[int] = []


class Adder(Subscriber):
    state: Book

    @subscribe("notes", key="who", publishes="sums", retry=THRICE)
    def add(self, note: Note, ctx: TurnContext) -> Sum:
        self.state.total += note.number
        self.state.seen.append(note.number)
        ctx.execute("INSERT INTO numbers VALUES (?)", (1 if note.number == 5 else note.number,))
        if note.number == 13 or (note.number == 7 and ctx.attempt == 1):
            raise ValueError("bad luck")
        return Sum(note.who, self.state.total)


class Sums(Subscriber):
    state: Book

    @subscribe("sums")
    def take(self, one: Sum) -> None:
        self.state.total += 1
        if one.who == "b":
            self.state.seen.append(one.total)


def rest(system: ActorSystem) -> None:
    system._runtime.wait(system._paradigms.channel_hub.rest(), PATIENCE_S)


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    file = tmp_path / "schema.sql"
    file.write_text("CREATE TABLE IF NOT EXISTS numbers (number INTEGER PRIMARY KEY)")
    return file


def test_of_a_turn_all_or_nothing_stays_and_only_what_cannot_be_done_is_given_up(tmp_path: Path, schema: Path) -> None:
    """Law: state, rows and publications of a turn that raises, or that the transaction refuses, are not there; the others'
    are, each once and in the order of its key; and they are there for the next process."""
    agents, channels = [Adder, Sums], [Channel("notes", Note)]
    with ActorSystem(tmp_path / "a.db", agents=agents, channels=channels, schema=schema) as system:
        for number in range(1, 21):
            system.channels.publish("notes", Note("ab"[number % 2], number))
        rest(system)
        letters = {one.offset + 1: one.reason for one in system.channels.dead_letters()}
        assert letters == {5: "failed", 13: "failed"}
    with ActorSystem(tmp_path / "a.db", agents=agents, channels=channels, schema=schema) as system:
        rest(system)
        assert system.channels.state("adder", "b") == {"total": 82, "seen": [1, 3, 7, 9, 11, 15, 17, 19]}
        assert system.channels.state("adder", "a")["total"] == 110
        sums = system.channels.state("sums", "")
        assert sums["total"] == 18, "what is handled is handled once"
        assert sums["seen"] == [1, 4, 11, 20, 31, 46, 63, 82]
        (rows,) = system._store.readers.query("read.channel_heads")[0]
        assert [head for name, _, head, _ in msgspec.json.decode(rows) if name == "sums"] == [18]


class Alarm(Subscriber):
    state: Book

    @subscribe("notes", key="who")
    def note(self, note: Note, ctx: TurnContext) -> None:
        self.state.total += note.number
        ctx.set_timer("flush", 3600 if note.number == 1 else 0.05, Flush("late"))

    @handler
    def flush(self, due: Flush, ctx: TurnContext) -> None:
        self.state.seen.append(self.state.total)


def test_a_timer_that_is_set_anew_comes_once_and_is_a_turn_of_its_key(tmp_path: Path) -> None:
    """Law: a timer is stored with the turn that sets it, replaces the one of its name, and finds the state of its key."""
    with ActorSystem(tmp_path / "a.db", agents=[Alarm], channels=[Channel("notes", Note)]) as system:
        system.channels.publish_many("notes", [Note("a", 1), Note("a", 2), Note("b", 5)])
        rest(system)
        assert system.channels.state("alarm", "a") == {"total": 3, "seen": [3]}
        assert system.channels.state("alarm", "b") == {"total": 5, "seen": [5]}


def test_a_redriven_message_is_taken_by_its_own_subscription_alone(tmp_path: Path, schema: Path) -> None:
    """Law: redrive gives a dead letter back to the subscription that gave it up, with the same key, and to no other."""
    with ActorSystem(tmp_path / "a.db", agents=[Adder, Sums], channels=[Channel("notes", Note)]) as system:
        system.channels.publish("notes", Note("a", 2))
        rest(system)
        assert [one.reason for one in system.channels.dead_letters()] == ["failed"], "there is no table"
    with ActorSystem(
        tmp_path / "a.db", agents=[Adder, Sums], channels=[Channel("notes", Note)], schema=schema
    ) as system:
        assert system.channels.redrive(subscription="adder.add") == 1
        rest(system)
        assert system.channels.state("adder", "a") == {"total": 2, "seen": [2]}
        assert system.channels.state("sums", "")["total"] == 1
        assert system.channels.dead_letters() == []


def test_whether_all_are_at_rest_is_asked_of_each_member_twice_however_many_there_are(tmp_path: Path) -> None:
    """Law: nobody asks because somebody was asked; else each asking would make as many more as there are members."""
    agents = [Sums.configured(name=f"sums_{number}") for number in range(10)]
    with ActorSystem(tmp_path / "a.db", agents=agents, channels=[Channel("sums", Sum)]) as system:
        rest(system)
        asked: list[object] = []
        for seat in system._paradigms.channel_hub._seats:
            ask = seat.supervisor.ask
            seat.supervisor.ask = lambda message, ask=ask: (asked.append(message), ask(message))[1]  # type: ignore[method-assign]
        rest(system)
        assert len(asked) == 2 * len(agents)


class Slow(Subscriber):
    tries: ClassVar[list[int]] = []
    begun: ClassVar[threading.Event] = threading.Event()
    goes_on: ClassVar[threading.Event] = threading.Event()

    @subscribe("notes")
    def take(self, note: Note, ctx: TurnContext) -> None:
        self.tries.append(ctx.attempt)
        self.begun.set()
        while not (ctx.cancelled or self.goes_on.wait(0.01)):
            pass


def test_what_leaving_cuts_off_is_no_try_and_comes_again(tmp_path: Path) -> None:
    """Law: a turn that is cut off because its system is left is not acknowledged, and counts no try."""
    with ActorSystem(tmp_path / "a.db", agents=[Slow], channels=[Channel("notes", Note)]) as system:
        system.channels.publish("notes", Note("a", 1))
        assert Slow.begun.wait(PATIENCE_S)
        system.stop(grace_s=0)
    Slow.goes_on.set()
    with ActorSystem(tmp_path / "a.db", agents=[Slow], channels=[Channel("notes", Note)]) as system:
        rest(system)
    assert Slow.tries == [1, 1]


def test_the_turn_behind_one_that_is_told_again_begins_with_its_state(
    tmp_path: Path, schema: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: what a redone turn left is known before the next turn of its key can begin, for it is not in the file yet."""
    known: list[str] = []
    late: list[str] = []
    redone, apply, begin = Activations.redone, MemberMachine.apply, Deciding._begin
    told: list[str] = []

    def noted(one: Activations, key: str, state: bytes) -> None:
        known.append(key)
        redone(one, key, state)

    def applied(machine: MemberMachine, event: Event, now: Now) -> Decision:
        decision = apply(machine, event, now)
        told[:] = [end.turn.key for end in decision.ends] if isinstance(event, TurnRedone) else []
        return decision

    def begun(deciding: Deciding, effect: Begin) -> None:
        late.extend(key for key, _ in effect.turns if key in told and key not in known)
        begin(deciding, effect)

    monkeypatch.setattr(Activations, "redone", noted)
    monkeypatch.setattr(MemberMachine, "apply", applied)
    monkeypatch.setattr(Deciding, "_begin", begun)
    with ActorSystem(
        tmp_path / "a.db", agents=[Adder, Sums], channels=[Channel("notes", Note)], schema=schema
    ) as system:
        numbers = [1, *range(100, 180)]
        for number in numbers:  # of another key, some are refused with those of this one
            system.channels.publish_many("notes", [Note("b", number), Note("a", 5)])
        rest(system)
        assert system.channels.state("adder", "b")["total"] == sum(numbers)
    assert known
    assert late == []
