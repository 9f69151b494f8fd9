"""The body of a shift: what a death would tell, how it is given up, and that exactly one end of it is told."""

from __future__ import annotations

import asyncio
import queue
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dagger_actors import ActorSystem
from dagger_actors.bodies.error_detail import detail_of
from dagger_actors.core.channel_rows import place_of, range_of
from dagger_actors.core.turns import Handled, NotTaken, TurnEffects, TurnFailed
from dagger_actors.pubsub.declared.subscriber import Subscriber
from dagger_actors.pubsub.subscribers.subscribe import subscribe
from dagger_actors.pubsub.turns.context import TurnContext
from dagger_actors.pubsub.turns.ledger import Ledger
from dagger_actors.store.slot_records import SlotRecord, read_slots, slot_folder
from dagger_actors.testing import simulate
from tests.unit.pubsub.taking import AtWork, Draft, Note, effects, state, turn

LATE = TurnFailed(detail_of(TimeoutError("timed out")))


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ActorSystem]:
    with ActorSystem(tmp_path_factory.mktemp("bodies") / "x.db") as one:
        yield one


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[ActorSystem]:
    with ActorSystem(tmp_path / "x.db") as one:
        yield one


class Waiting(Subscriber):
    begun: queue.SimpleQueue[tuple[int, TurnContext]] = queue.SimpleQueue()
    goes_on: queue.SimpleQueue[None] = queue.SimpleQueue()
    state: Draft

    @subscribe("notes", key="question", publishes="log", concurrency=2)
    def add(self, note: Note, ctx: TurnContext) -> str:
        self.begun.put((note.stars, ctx))
        self.goes_on.get(timeout=30)
        self.state.notes.append(str(note.stars))
        return "done"


class AsyncWaiting(Subscriber):
    begun: queue.SimpleQueue[tuple[int, TurnContext]] = queue.SimpleQueue()
    state: Draft

    @subscribe("notes", key="question", publishes="log")
    async def add(self, note: Note, ctx: TurnContext) -> str:
        self.state.notes.append(str(note.stars))
        self.begun.put((note.stars, ctx))
        if note.stars > 1:
            await asyncio.Event().wait()
        return "done"


def add(key: str, stars: int) -> Any:
    return turn(Note(key, stars), key, 100 + stars)


def slots_of(work: AtWork) -> list[SlotRecord]:
    store = work.system._store
    (path,) = slot_folder(store.path).glob("*.slots")
    return read_slots(path)


def test_a_death_would_tell_which_message_was_being_handled_and_of_an_ended_shift_none(fresh: ActorSystem) -> None:
    """Law: the record names the turn that is at work, is anew before each, and says ended before the end is told."""
    work = AtWork(fresh, Waiting)
    body = work.begin([add("a", 1), add("b", 2)])
    for stars in (1, 2):
        assert Waiting.begun.get(timeout=30)[0] == stars
        (record,) = slots_of(work)
        assert (record.run_key, record.node, record.has_begun) == (9, -2, True)
        assert place_of(record.item) == (100 + stars, range_of("ab"[stars - 1]))
        assert record.payload is None
        position, begun = body.turn_begun or (None, None)
        assert position == stars - 1
        assert begun is not None
        Waiting.goes_on.put(None)
    ended = work.ended()
    (record,) = slots_of(work)
    assert record.payload == b""
    work.starter.gates["waiting.add"].forget(body.ticket)
    assert not slots_of(work)
    first, second = ended.ends
    assert first.finished_us <= second.started_us + 1


def test_a_late_turn_is_given_up_with_what_was_done_before_and_what_was_not_begun(system: ActorSystem) -> None:
    """Law: done turns keep their effects, the late one has the outcome it is given, the rest are not taken; the body is told,
    what it does later is nowhere, and the key goes on from the state before it."""
    work = AtWork(system, Waiting)
    body = work.begin([add("a", 1), add("a", 2), add("a", 3), add("b", 4)])
    Waiting.begun.get(timeout=30)
    Waiting.goes_on.put(None)
    _, late = Waiting.begun.get(timeout=30)
    ended = body.abandon(LATE)
    assert ended is not None
    first, second, third, fourth = [end.outcome for end in ended.ends]
    assert state(first) == {"notes": ["1"]}
    assert (second, third, fourth) == (LATE, NotTaken(), NotTaken())
    assert late.cancelled
    assert body.abandon(LATE) is None
    assert system._gates.abandoned == 1
    Waiting.goes_on.put(None)  # for the next shift, or for the late body: both go on
    Waiting.goes_on.put(None)
    assert state(*work.take(add("a", 5))) == {"notes": ["1", "5"]}
    Waiting.begun.get(timeout=30)
    assert body.actor_stopped.wait(30)
    assert system._gates.abandoned == 0
    work.starter.gates["waiting.add"].forget(body.ticket)
    assert work.told.empty()
    Waiting.goes_on.put(None)
    assert state(*work.take(add("a", 6))) == {"notes": ["1", "5", "6"]}
    Waiting.begun.get(timeout=30)
    assert len(work.activations) == 2


def test_a_late_coroutine_is_cancelled(system: ActorSystem) -> None:
    work = AtWork(system, AsyncWaiting)
    body = work.begin([add("a", 1), add("a", 2), add("a", 3)])
    AsyncWaiting.begun.get(timeout=30)
    AsyncWaiting.begun.get(timeout=30)
    ended = body.abandon(LATE)
    assert ended is not None
    assert state(ended.ends[0].outcome) == {"notes": ["1"]}
    assert [end.outcome for end in ended.ends[1:]] == [LATE, NotTaken()]
    assert body.actor_stopped.wait(30)
    assert state(*work.take(add("a", 1))) == {"notes": ["1", "1"]}
    AsyncWaiting.begun.get(timeout=30)
    assert work.told.empty()


def test_a_shift_that_waits_for_its_place_is_given_up_without_ever_beginning(system: ActorSystem) -> None:
    """Law: as many shifts run at once as ``concurrency`` says."""
    work = AtWork(system, Waiting)
    bodies = [work.begin([add(key, 1)]) for key in "abc"]
    Waiting.begun.get(timeout=30)
    Waiting.begun.get(timeout=30)
    assert [body.ticket.state for body in bodies] == ["admitted", "admitted", "queued"]
    ended = bodies[2].abandon(LATE)
    assert ended is not None
    assert [end.outcome for end in ended.ends] == [NotTaken()]
    Waiting.goes_on.put(None)
    Waiting.goes_on.put(None)
    for _ in range(2):
        work.ended()
    assert Waiting.begun.empty()
    assert bodies[2].ticket.state == "done"


def test_with_too_many_threads_lost_to_late_bodies_turns_fail_with_the_reason(
    system: ActorSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(system._gates), "is_refusing", lambda _gates: True)
    work = AtWork(system, Waiting)
    outcomes = work.take(add("a", 1), add("a", 2))
    assert [type(one) for one in outcomes] == [TurnFailed, TurnFailed]
    assert "too many bodies" in outcomes[0].error.message


class Quick(Subscriber):
    state: Draft

    @subscribe("notes", key="question", publishes="log")
    def add(self, note: Note) -> str:
        self.state.notes.append(str(note.stars))
        return str(note.stars)


class AsyncQuick(Subscriber):
    state: Draft

    @subscribe("notes", key="question", publishes="log")
    async def add(self, note: Note) -> str:
        self.state.notes.append(str(note.stars))
        await asyncio.sleep(0)
        return str(note.stars)


def test_a_turn_that_was_begun_in_the_instant_of_the_giving_up_leaves_nothing(system: ActorSystem) -> None:
    """Law: what is noted after the end of the ledger is nowhere, though the key is not in a late turn's hand."""
    work = AtWork(system, Quick)
    turns = (turn(Note("a", 1), "a"), turn(Note("a", 2), "a"))
    ledger = Ledger(1, turns, work.activations)
    ledger.take_up()
    work.activations.load(ledger.missing)
    now = work.clock.now()
    ended = ledger.abandon(LATE, now)
    assert ended is not None
    assert [end.outcome for end in ended.ends] == [NotTaken(), NotTaken()]
    assert not ledger.note(now, now, Handled(TurnEffects(state=b"never")), ledger.opened["a"])
    assert (ledger.opened["a"].known, ledger.opened["a"].pins) == (None, 0)
    assert ledger.finish(now) is None


@pytest.mark.parametrize("agent", [Quick, AsyncQuick])
def test_whenever_a_shift_is_given_up_exactly_one_end_is_told_and_the_state_is_that_of_what_was_handled(
    agent: type[Subscriber], system: ActorSystem
) -> None:
    """Law: of a body that ends and somebody who gives it up at the same instant one wins, wholly."""
    work = AtWork(system, agent)
    dice = random.Random(1)
    expected: list[str] = []
    won = {True: 0, False: 0}
    for number in range(150):
        turns = [turn(Note("a", number * 10 + at), "a", at) for at in range(5)]
        body = work.begin(turns)
        for _ in range(dice.randrange(30_000)):
            pass
        ended = body.abandon(LATE)
        won[ended is not None] += 1
        if ended is None:
            ended = work.ended()
        assert len(ended.ends) == len(turns)
        for end in ended.ends:
            if isinstance(end.outcome, Handled):
                expected.append(effects(end.outcome).published[0].payload.strip('"'))
                assert state(end.outcome) == {"notes": expected}
        assert body.actor_stopped.wait(30)
        assert work.told.empty()
        if body.ticket.state != "queued":
            work.starter.gates[work._only].forget(body.ticket)
        if number % 50 == 49:
            assert state(*work.take(turn(Note("a", 0), "a"))) == {"notes": [*expected, "0"]}
            expected.append("0")
    assert won[True]


def test_the_time_of_each_turn_is_known_to_whoever_watches_it() -> None:
    """Law: ``arm`` is called when the body may begin, and then the position and the begin of its turn are there to be seen."""

    class Slow(Subscriber):
        @subscribe("notes", timeout_s=5)
        async def add(self, note: Note) -> None:
            await asyncio.sleep(note.stars)

    with simulate(seed=1) as sim:
        work = AtWork(sim.system(), Slow)
        armed: list[Any] = []
        body = work.begin([turn(Note("a", 3)), turn(Note("b", 3), offset=1)], arm=armed.append)
        sim.settle()
        assert armed == [body]
        assert body.timeout_us == 5_000_000
        first = body.turn_begun
        sim.advance(4)
        second = body.turn_begun
        assert first is not None
        assert second is not None
        assert (first[0], second[0]) == (0, 1)
        assert second[1].mono_us - first[1].mono_us == 3_000_000
        sim.advance(3)
        assert body.turn_begun is None
        assert [end.finished_us - end.started_us for end in work.ended().ends] == [3_000_000, 3_000_000]


def test_a_member_behaves_as_its_model_whatever_is_committed_refused_told_again_and_deactivated(
    system: ActorSystem,
) -> None:
    """Law: each turn finds the state of the last handled turn of its key that was not undone."""

    class Odd(Subscriber):
        state: Draft

        @subscribe("notes", key="question")
        def add(self, note: Note) -> None:
            self.state.notes.append(str(note.stars))
            if note.stars % 7 == 3:
                raise ValueError

    for seed in range(10):
        dice = random.Random(seed)
        work = AtWork(system, Odd, most=2, idle_us=0)
        file: dict[str, list[str]] = {}
        pending: list[tuple[str, bytes, list[str]]] = []
        for step in range(120):
            match dice.randrange(5):
                case 0 | 1:
                    turns = [add(dice.choice("abcde"), dice.randrange(100)) for _ in range(dice.randrange(1, 6))]
                    blocked: set[str] = set()
                    for one, outcome in zip(turns, work.take(*turns), strict=True):
                        stars = one.deliveries[0].offset - 100
                        if one.key in blocked:
                            assert outcome == NotTaken()
                        elif stars % 7 == 3:
                            assert isinstance(outcome, TurnFailed)
                            blocked.add(one.key)
                        else:
                            now = [notes for key, _, notes in pending if key == one.key][-1:] or [file.get(one.key, [])]
                            assert state(outcome) == {"notes": [*now[0], str(stars)]}, (seed, step)
                            data = effects(outcome).state
                            assert data is not None
                            pending.append((one.key, data, [*now[0], str(stars)]))
                case 2:
                    count = dice.randrange(len(pending) + 1)
                    _commit(work, file, pending[:count])
                    del pending[:count]
                case 3:
                    undone, pending = pending, []
                    work.activations.drop({key for key, _, _ in undone})
                    culprit = dice.randrange(len(undone)) if undone and dice.randrange(2) else -1
                    for at, (key, data, notes) in enumerate(undone):
                        if culprit < 0 or at < culprit or (at > culprit and key != undone[culprit][0]):
                            work.activations.redone(key, data)
                            if dice.randrange(2):
                                work.activations.sweep()
                            _commit(work, file, [(key, data, notes)])
                case 4:
                    work.activations.sweep()


def _commit(work: AtWork, file: dict[str, list[str]], turns: list[tuple[str, bytes, list[str]]]) -> None:
    for key, data, notes in turns:
        work.states.rows[key] = data
        file[key] = notes
        work.activations.committed([key])


def test_a_turn_at_work_in_many_threads_at_once_is_at_work_once_for_each_key(system: ActorSystem) -> None:
    """Law: shifts of different keys run at once, each with the instance of its own."""
    work = AtWork(system, Quick)
    gate = work.starter.gates["quick.add"]
    gate.hold()
    for number in range(40):
        work.begin([turn(Note(str(number), at), str(number)) for at in range(5)])
    gate.release()
    for _ in range(40):
        assert [state(end.outcome) for end in work.ended().ends] == [
            {"notes": [str(at) for at in range(count)]} for count in range(1, 6)
        ]
