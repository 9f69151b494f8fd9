"""Durable actors in virtual time: a turn is its state and all it did, or nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import apsw
import msgspec
import pytest

from dagger_actors import (
    Actor,
    ActorContext,
    ActorSystem,
    ChildSpec,
    Supervisor,
    Terminated,
    handler,
)
from dagger_actors.errors import (
    ActorClassError,
    ActorStopped,
    MailboxFull,
    OwnershipLost,
    RequestError,
    StateOwned,
    StateUnreadable,
    StoreFull,
    SupervisorFailed,
    TurnRefused,
)
from dagger_actors.supervised import effects
from dagger_actors.supervised.bounds import MailboxSpec
from dagger_actors.testing.simulation import Simulation
from tests.simulation.faulty_disk import FOREVER, FaultyDisk


class Add(msgspec.Struct, frozen=True):
    number: int
    then: str = ""


class Look(msgspec.Struct, frozen=True):
    pass


class Count(msgspec.Struct):
    total: int = 0
    heard: list[str] = msgspec.field(default_factory=list)


class Note(msgspec.Struct, frozen=True):
    text: str


class Diary(Actor):
    """Writes down what it hears, for the test."""

    notes: list[str]

    @handler
    def note(self, note: Note) -> str:
        self.notes.append(note.text)
        return f"noted {note.text}"


class Child(Diary):
    """A child that tells when it begins."""

    def started(self, ctx: ActorContext) -> None:
        del ctx
        self.notes.append("child")


class Counter(Actor, durable=True):
    state: Count

    @handler
    def look(self, _look: Look) -> Count:
        return self.state

    @handler
    def greet(self, text: str, ctx: ActorContext) -> None:
        ctx.find("diary").tell(Note(text))

    @handler
    def add(self, add: Add, ctx: ActorContext) -> int:
        self.state.total += add.number
        diary: Any = ctx.find("diary")
        diary.tell(Note(f"told {self.state.total}"))
        ctx.ask(diary, Note(f"asked {self.state.total}")).then(self.heard)
        ctx.spawn(Child)
        diary.ask(Note(f"unwaited {self.state.total}"), block=False)
        if add.then == "raise":
            raise ValueError("as asked")
        if add.then == "stop":
            ctx.stop()
        if add.then == "exit":
            raise SystemExit
        return self.state.total

    def heard(self, answer: str) -> None:
        self.state.heard.append(answer)


@pytest.fixture
def notes() -> list[str]:
    notes: list[str] = []
    Diary.notes = notes
    return notes


def system_with(sim: Simulation, *agents: Any, **options: Any) -> ActorSystem:
    return sim.system(agents=[ChildSpec(Diary, "diary"), *agents], **options)


def rows(sim: Simulation) -> dict[str, Any]:
    """What is stored, by name."""
    connection = apsw.Connection(str(sim.path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        found = connection.execute("SELECT name, state, version FROM agent_states").fetchall()
    finally:
        connection.close()
    return {name: {**msgspec.msgpack.decode(state), "version": version} for name, state, version in found}


COUNTER = ChildSpec(Counter, "counter")


def test_what_a_turn_did_is_seen_after_its_commit_and_in_order(sim: Simulation, notes: list[str]) -> None:
    """Law: before the commit nobody has an answer, a message, an ask or a child of the turn; then all of them, in order."""
    system = system_with(sim, COUNTER)
    seen: list[list[str]] = []
    told = system.journal.writer.on_commit

    def on_commit(moment: str) -> None:
        assert told is not None
        told(moment)
        if rows(sim)["counter"]["total"] == 0:
            seen.append(list(notes))

    system.journal.writer.on_commit = on_commit
    reply = system.actors["counter"].ask(Add(2), block=False)
    sim.settle()
    assert seen
    assert not any(seen)
    assert reply.get(timeout=0) == 2
    assert notes.count("child") == 1
    assert [note for note in notes if note != "child"] == ["told 2", "asked 2", "unwaited 2"]
    assert rows(sim)["counter"] == {"total": 2, "heard": ["noted asked 2"], "version": 2}


@pytest.mark.parametrize("then", ["raise", "exit"])
def test_a_turn_that_raises_did_nothing(sim: Simulation, notes: list[str], then: str) -> None:
    """Law: its state is that of the last commit again, and its message, ask and child never were."""
    system = system_with(sim, COUNTER)
    counter = system.actors["counter"]
    counter.ask(Add(2))
    sim.settle()
    before, row = list(notes), rows(sim)
    with pytest.raises((ValueError, SystemExit)):
        counter.ask(Add(5, then))
    sim.settle()
    assert notes == before
    assert rows(sim) == row
    assert counter.ask(Look()) == Count(2, ["noted asked 2"])
    assert len(system.actors.temporary()) == 0  # the first incarnation's child went with it


def test_a_turn_that_changes_nothing_commits_nothing(sim: Simulation, notes: list[str]) -> None:
    """Law: it answers and sends at once; the journal is not asked."""
    system = system_with(sim, COUNTER)
    sim.settle()
    commits = sim.fates.commits
    assert system.actors["counter"].ask(Look()) == Count()
    system.actors["counter"].tell("hello")
    sim.settle()
    assert sim.fates.commits == commits
    assert notes == ["hello"]


def test_the_next_process_has_the_state_of_the_last_commit(sim: Simulation, notes: list[str]) -> None:
    """Law: after a death, and after an orderly end, whoever has the name goes on with what is stored."""
    del notes
    first = system_with(sim, COUNTER)
    first.actors["counter"].ask(Add(2))
    second = sim.restart(first)
    assert second.actors["counter"].ask(Add(3)) == 5
    second.stop()
    assert system_with(sim, COUNTER).actors["counter"].ask(Add(1)) == 6


def test_each_of_a_pool_has_a_state_and_so_has_each_path(sim: Simulation, notes: list[str]) -> None:
    """Law: a state belongs to the name in the tree; an instance's has its number."""
    del notes
    system = system_with(
        sim,
        ChildSpec(Counter, "pool", instances=2),
        Supervisor("back", children=(ChildSpec(Counter, "pool-1"),)),
    )
    for number, name in enumerate(("pool-1", "pool-2", "back/pool-1"), 1):
        system.actors[name].ask(Add(number))
    sim.settle()
    assert {name: row["total"] for name, row in rows(sim).items()} == {"pool-1": 1, "pool-2": 2, "back/pool-1": 3}


def test_a_name_that_is_free_again_is_for_the_next_actor_here_or_elsewhere(sim: Simulation, notes: list[str]) -> None:
    """Law: who has stopped for good leaves its state to the next, also to another process while this one lives."""
    del notes
    first, second = system_with(sim), system_with(sim)
    one = first.actors.spawn(Counter, name="c")
    assert one.ask(Add(2)) == 2
    one.stop()
    assert first.actors.spawn(Counter, name="c").ask(Add(3)) == 5
    first.actors["c"].stop()
    sim.settle()
    assert second.actors.spawn(Counter, name="c").ask(Add(4)) == 9


def test_a_durable_actor_without_a_name_is_refused(sim: Simulation, notes: list[str]) -> None:
    """Law: a name that is made up is never found again."""
    del notes
    with pytest.raises(RequestError, match="by its name"):
        system_with(sim).actors.spawn(Counter)


# --- ownership


def test_who_comes_second_is_told_whose_the_actor_is(sim: Simulation, notes: list[str]) -> None:
    """Law: while its owner lives no other system starts it; when that is dead, the next one does."""
    del notes
    first = system_with(sim, COUNTER)
    first.actors["counter"].ask(Add(2))
    with pytest.raises(SupervisorFailed, match=r"StateOwned: the durable actor 'counter' .* \(worker 1\)"):
        system_with(sim, COUNTER)
    sim.kill(first)
    assert system_with(sim, COUNTER).actors["counter"].ask(Add(1)) == 3


def test_a_state_that_was_taken_over_is_never_written_by_its_old_owner(sim: Simulation, notes: list[str]) -> None:
    """Law: the fence refuses the commit, so the turn has done nothing; then the actor is held, and nothing is restarted
    over and over.
    """
    system = system_with(sim, COUNTER)
    other = system_with(sim)
    counter = system.actors["counter"]
    counter.ask(Add(2))
    sim.settle()
    before = list(notes)
    worker = other._store.worker_id
    connection = apsw.Connection(str(sim.path))
    connection.execute("UPDATE agent_states SET owner = ?, epoch = epoch + 1", (worker,))
    connection.close()
    with pytest.raises(OwnershipLost, match="'counter'"):
        counter.ask(Add(3))
    with pytest.raises(StateOwned) as owned:
        counter.ask(Add(4))
    assert owned.value.worker == worker
    sim.settle()
    assert notes == before
    assert rows(sim)["counter"]["total"] == 2
    branch = next(one for one in system.actors.tree().children if one.name == "counter")
    assert (branch.state, branch.restarts) == ("held", 1)
    assert system.actors.is_at_rest()


def test_a_process_that_dies_at_any_step_of_a_start_leaves_nothing_in_the_way_of_the_next(
    sim: Simulation, notes: list[str]
) -> None:
    """Law: whether it has claimed the state or not, has made it or not, the next one starts and counts on."""
    del notes
    counted = 0
    for steps in range(20):
        system = system_with(sim)
        counter = system.actors.spawn(Counter, name="counter")
        reply = counter.ask(Add(1), block=False)
        for _ in range(steps):
            sim.world.step()
        was_answered = reply.is_done()
        sim.kill(system)
        total = rows(sim).get("counter", {"total": 0})["total"]
        assert counted + was_answered <= total <= counted + 1
        counted = total
    assert counted > 3


def test_a_state_is_forgotten_on_request_unless_its_actor_runs(sim: Simulation, notes: list[str]) -> None:
    """Law: here or elsewhere; who starts under the name begins anew."""
    del notes
    first, second = system_with(sim, COUNTER), system_with(sim)
    first.actors["counter"].ask(Add(2))
    sim.settle()
    for system in (first, second):
        with pytest.raises(StateOwned, match="runs in process"):
            system.actors.forget_state("counter")
    first.actors.stop("counter")
    assert second.actors.forget_state("counter")
    assert not second.actors.forget_state("counter")
    first.actors.start(COUNTER)
    assert first.actors["counter"].ask(Add(1)) == 1


# --- states that do not fit


class Older(msgspec.Struct):
    total: str = ""


class Renamed(msgspec.Struct):
    sum: int = 0
    unit: str = "EUR"


class Wider(Count):
    unit: str = "EUR"


def class_with(kind: type[msgspec.Struct], **methods: Any) -> type[Actor]:
    def look(self: Any, _look: Look) -> Any:
        return self.state

    body = {"__annotations__": {"state": kind}, "look": handler(look), **methods}
    return type(Actor)("Changed", (Actor,), body, durable=True)


@pytest.fixture
def stored(sim: Simulation, notes: list[str]) -> Simulation:
    """A file on which ``counter`` has counted to 2 and heard once."""
    del notes
    system = system_with(sim, COUNTER)
    system.actors["counter"].ask(Add(2))
    sim.settle()
    system.stop()
    return sim


def test_a_new_field_with_a_default_needs_no_migration(stored: Simulation) -> None:
    """Law: and what the default is, is stored before anybody can see it."""
    system = system_with(stored, ChildSpec(class_with(Wider), "counter"))
    assert system.actors["counter"].ask(Look()) == Wider(2, ["noted asked 2"], "EUR")
    assert rows(stored)["counter"]["unit"] == "EUR"


@pytest.mark.parametrize("kind", [Renamed, Older])
def test_what_does_not_fit_is_handed_to_migrate_and_committed(stored: Simulation, kind: type[msgspec.Struct]) -> None:
    """Law: a field of another type, and one that is gone, are what ``migrate`` is for; it gives a state or its fields."""

    def migrate(cls: type[Actor], old: dict[str, Any]) -> Any:
        del cls
        return Renamed(old["total"], "USD") if kind is Renamed else {"total": str(old["total"])}

    system = system_with(stored, ChildSpec(class_with(kind, migrate=classmethod(migrate)), "counter"))
    expected = Renamed(2, "USD") if kind is Renamed else Older("2")
    assert system.actors["counter"].ask(Look()) == expected
    assert {**msgspec.to_builtins(expected), "version": 3} == rows(stored)["counter"]


def broken(cls: type[Actor], old: dict[str, Any]) -> Any:
    del cls
    return old["nothing of that name"]


@pytest.mark.parametrize(
    ("kind", "methods", "why"),
    [
        (Renamed, {}, "Renamed has no 'total', 'heard'"),
        (Older, {}, "Older has no 'heard'"),
        (Renamed, {"migrate": classmethod(broken)}, "and migrate: KeyError: 'nothing of that name'"),
        (Renamed, {"migrate": classmethod(lambda _cls, _old: {"sum": "two"})}, "and migrate: .*Expected `int`"),
    ],
)
def test_an_actor_whose_state_cannot_be_read_is_held_and_disturbs_nobody(
    stored: Simulation, notes: list[str], kind: type[msgspec.Struct], methods: dict[str, Any], why: str
) -> None:
    """Law: it is up for its supervisor, never restarted; who asks gets the named error, who tells an undelivered event; the
    stored state stays as it is, and the others run on.
    """
    system = system_with(stored, ChildSpec(class_with(kind, **methods), "counter"), ChildSpec(Counter, "other"))
    row = rows(stored)["counter"]
    held = system.actors["counter"]
    with pytest.raises(StateUnreadable, match=why):
        held.ask(Look())
    held.tell(Look())
    assert system.actors["other"].ask(Add(1)) == 1
    stored.run()
    assert "told 1" in notes
    assert system.actors.undelivered_counts["held"] == 2
    branch = next(one for one in system.actors.tree().children if one.name == "counter")
    assert (branch.state, branch.restarts) == ("held", 0)
    assert rows(stored)["counter"] == row
    system.actors.stop("counter")
    system.actors.start(COUNTER)
    assert system.actors["counter"].ask(Look()) == Count(2, ["noted asked 2"])


def test_a_held_actor_stops_as_any_other(stored: Simulation) -> None:
    """Law: by its ref too, and with its mail before that turned away."""
    system = system_with(stored)
    ref = system.actors.spawn(class_with(Renamed), name="counter")
    ref.tell(Look())
    ref.stop()
    assert not ref.is_alive()
    assert system.actors.undelivered_counts["held"] == 1


def test_a_state_in_a_format_of_tomorrow_is_held(stored: Simulation) -> None:
    """Law: what a newer program wrote is not guessed at."""
    connection = apsw.Connection(str(stored.path))
    connection.execute("UPDATE agent_states SET format = 2")
    connection.close()
    system = system_with(stored, COUNTER)
    with pytest.raises(StateUnreadable, match="a newer program wrote it"):
        system.actors["counter"].ask(Look())


# --- turns that cannot be committed


class Spoil(msgspec.Struct, frozen=True):
    how: str


class Spoiled(Counter):
    mailbox = MailboxSpec(capacity=10)

    @handler
    def spoil(self, spoil: Spoil, ctx: ActorContext) -> None:
        ctx.find("diary").tell(Note("of a turn that cannot be"))
        match spoil.how:
            case "ill-typed":
                self.state.total = "two"  # type: ignore[assignment]
            case "not to be encoded":
                self.state.heard = [object()]  # type: ignore[list-item]
            case "of another class":
                self.state = Note("no state")  # type: ignore[assignment]
            case "too large":
                self.state.heard = ["x" * 1_100_000]
            case "too much":
                for _ in range(effects.MOST):
                    ctx.ref.tell(Look())


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("ill-typed", "Expected `int`, got `str`"),
        ("not to be encoded", "cannot be stored"),
        ("of another class", "its state is a Note, not a Count"),
        ("too large", "1,048,576 are the most"),
        ("too much", "it sends and starts more than 5"),
    ],
)
def test_a_turn_that_cannot_be_committed_fails_as_if_it_had_raised(
    sim: Simulation, notes: list[str], monkeypatch: pytest.MonkeyPatch, how: str, why: str
) -> None:
    """Law: what would not be read again is never stored, and nothing of the turn is seen."""
    monkeypatch.setattr(effects, "MOST", 5)
    system = system_with(sim, ChildSpec(Spoiled, "counter"))
    counter = system.actors["counter"]
    counter.ask(Add(2))
    sim.settle()
    before = list(notes)
    with pytest.raises(TurnRefused, match=why):
        counter.ask(Spoil(how))
    sim.settle()
    assert notes == before
    assert counter.ask(Look()).total == 2


def test_a_disk_that_is_full_fails_the_turn_and_gives_the_next_one_a_chance(sim: Simulation, notes: list[str]) -> None:
    """Law: the asker gets the store's own error, nothing is seen of the turn, and when there is space it goes on."""
    with FaultyDisk("durable-full") as disk:
        system = system_with(sim, COUNTER, vfs="durable-full")
        counter = system.actors["counter"]
        counter.ask(Add(2))
        sim.settle()
        before = list(notes)
        disk.refuse("commit", after=0, times=FOREVER, error="full")
        with pytest.raises(StoreFull):
            counter.ask(Add(3))
        assert notes == before
        disk.heal()
        assert counter.ask(Add(4)) == 6
        system.stop()


# --- coroutines, batches, hooks


class Wait(msgspec.Struct, frozen=True):
    seconds: float
    error: str = ""


class Awaiting(Counter):
    @handler
    async def wait(self, wait: Wait, ctx: ActorContext) -> int:
        diary = ctx.find("diary")
        self.state.total += 1
        diary.tell(Note("held back"))
        self.state.heard.append(await diary.ask(Note("at once")))
        await asyncio.gather(*(asyncio.create_task(self.aside(diary)) for _ in range(2)))
        await asyncio.sleep(wait.seconds)
        if wait.error:
            raise ValueError(wait.error)
        return self.state.total

    async def aside(self, diary: Any) -> None:
        await diary.atell(Note("of a task"))


def test_what_a_coroutine_sends_waits_for_the_commit_and_what_it_awaits_does_not(
    sim: Simulation, notes: list[str]
) -> None:
    """Law: an ask that is awaited is outside the turn; all else, of its tasks too, is part of it."""
    system = system_with(sim, ChildSpec(Awaiting, "counter"))
    reply = system.actors["counter"].ask(Wait(1.0), block=False)
    sim.settle()
    assert notes == ["at once"]
    sim.advance(1.0)
    sim.settle()
    assert reply.get(timeout=0) == 1
    assert notes == ["at once", "held back", "of a task", "of a task"]
    with pytest.raises(ValueError, match="late"):
        system.actors["counter"].ask(Wait(1.0, "late"))
    assert notes[4:] == ["at once"]
    assert system.actors["counter"].ask(Look()) == Count(1, ["noted at once"])


class Helper(Actor):
    @handler
    async def help(self, text: str, ctx: ActorContext) -> None:
        ctx.find("diary").tell(Note(text))

    @handler
    def greet(self, note: Note, ctx: ActorContext) -> None:
        ctx.find("diary").tell(note)


class Helped(Counter):
    @handler
    async def add(self, add: Add, ctx: ActorContext) -> int:
        helper = ctx.find("helper")
        self.state.total += add.number
        await helper.ask("of a coroutine")
        await helper.ask(Note("of a plain handler"))
        await asyncio.sleep(1.0)
        raise ValueError("as asked")


def test_what_others_do_for_a_turn_is_not_held_back_with_it(sim: Simulation, notes: list[str]) -> None:
    """Law: an actor that is asked within a turn has turns of its own, though the loop wakes it in the asker's context."""
    system = system_with(sim, ChildSpec(Helper, "helper"), ChildSpec(Helped, "counter"))
    system.actors["counter"].tell(Add(1))
    sim.settle()
    assert notes == ["of a coroutine", "of a plain handler"]
    sim.run()
    assert rows(sim)["counter"]["total"] == 0


def test_what_a_killed_turn_has_held_back_is_never_seen(sim: Simulation, notes: list[str]) -> None:
    """Law: the coroutine is cut off, and what it would still send in its last steps is dropped as well."""
    system = system_with(sim, ChildSpec(Awaiting, "counter", shutdown_s=0))
    reply = system.actors["counter"].ask(Wait(60.0), block=False)
    sim.settle()
    system.actors.stop("counter")
    sim.run()
    with pytest.raises(ActorStopped):
        reply.get(timeout=0)
    assert notes == ["at once"]
    system.actors.start(ChildSpec(Awaiting, "counter"))
    assert system.actors["counter"].ask(Look()) == Count()


def test_an_ask_that_is_committed_and_not_answered_hears_of_the_kill(sim: Simulation, notes: list[str]) -> None:
    """Law: between the store's word and the turn that takes it up the ask is in nobody's hand, and yet it is answered."""
    del notes
    counter = system_with(sim, COUNTER).actors["counter"]
    reply = counter.ask(Add(2), block=False)
    while rows(sim)["counter"]["total"] == 0 or counter.cell.state != "scheduled":
        assert sim.world.step()
    assert not reply.is_done()
    counter.cell.kill(counter.cell.incarnation)
    with pytest.raises(ActorStopped):
        reply.get(timeout=0)
    assert counter.ask(Look()).total == 2


class Hooked(Actor, durable=True):
    state: Count

    def started(self, ctx: ActorContext) -> None:
        self.state.total += 1
        ctx.find("diary").tell(Note(f"started {self.state.total}"))

    def stopping(self, ctx: ActorContext) -> None:
        self.state.total += 10
        ctx.find("diary").tell(Note(f"stopping {self.state.total}"))

    def unhandled(self, message: object, ctx: ActorContext) -> None:
        del ctx
        self.state.heard.append(str(message))

    @handler(batch=2)
    def batch(self, adds: list[Add]) -> int:
        self.state.total += sum(add.number for add in adds)
        if any(add.then for add in adds):
            raise ValueError("as asked")
        return self.state.total


def test_hooks_and_batches_are_turns_too(sim: Simulation, notes: list[str]) -> None:
    """Law: what ``started``, ``stopping`` and ``unhandled`` change is committed, and a batch is one turn."""
    system = system_with(sim, ChildSpec(Hooked, "hooked"))
    ref = system.actors["hooked"]
    assert rows(sim)["hooked"]["total"] == 1
    replies = [ref.ask(Add(number), block=False) for number in (100, 200)]
    sim.settle()
    assert [reply.get(timeout=0) for reply in replies] == [301, 301]
    ref.tell(Note("x"))
    sim.settle()
    replies = [ref.ask(Add(number, then), block=False) for number, then in ((5, ""), (6, "raise"))]
    sim.settle()
    for reply in replies:
        with pytest.raises(ValueError, match="as asked"):
            reply.get(timeout=0)
    assert rows(sim)["hooked"] == {"total": 302, "heard": ["{'text': 'x'}"], "version": 4}
    system.actors.stop("hooked")
    sim.settle()
    assert rows(sim)["hooked"]["total"] == 312
    assert notes == ["started 1", "started 302", "stopping 312"]


class Timed(Actor, durable=True):
    state: Count

    @handler
    def add(self, add: Add, ctx: ActorContext) -> None:
        ctx.timers.once("again", 0.0, Look())
        ctx.watch(ctx.find("diary"))  # type: ignore[arg-type]
        if add.then:
            raise ValueError("as asked")
        self.state.total += add.number

    @handler
    def look(self, _look: Look) -> None:
        self.state.heard.append(f"timer at {self.state.total}")

    @handler
    def ended(self, ended: Terminated) -> None:
        self.state.heard.append(f"{ended.name} ended")


def test_timers_and_watches_of_a_turn_that_failed_are_gone_with_it(sim: Simulation, notes: list[str]) -> None:
    """Law: their messages lie in the actor's own mailbox, behind the commit, or never come."""
    del notes
    system = system_with(sim, ChildSpec(Timed, "timed"))
    ref = system.actors["timed"]
    ref.tell(Add(7, "raise"))
    sim.run()
    system.actors.stop("diary")
    sim.run()
    assert rows(sim)["timed"] == {"total": 0, "heard": [], "version": 0}
    system.actors.start(ChildSpec(Diary, "diary"))
    ref.tell(Add(2))
    sim.run()
    system.actors.stop("diary")
    sim.run()
    assert rows(sim)["timed"] == {"total": 2, "heard": ["timer at 2", "diary ended"], "version": 3}


# --- full mailboxes


class Narrow(Diary):
    mailbox = MailboxSpec(capacity=1, overflow="reject")


class Flood(msgspec.Struct, frozen=True):
    count: int


class Flooding(Actor, durable=True):
    state: Count

    @handler
    def flood(self, flood: Flood, ctx: ActorContext) -> None:
        self.state.total += 1
        for number in range(flood.count):
            ctx.find("narrow").tell(Note(str(number)))


def test_what_finds_no_room_after_the_commit_is_undelivered(sim: Simulation, notes: list[str]) -> None:
    """Law: a mailbox that rejects and is full now is the handler's error; one that fills up later cannot undo a commit."""
    system = system_with(sim, ChildSpec(Narrow, "narrow"), ChildSpec(Flooding, "flooding"))
    system.actors["flooding"].ask(Flood(3))
    sim.settle()
    assert rows(sim)["flooding"]["total"] == 1
    assert len(notes) + system.actors.undelivered_counts.get("full", 0) == 3
    assert system.actors.undelivered_counts["full"] >= 1
    narrow = system.actors["narrow"].cell
    narrow.push((Note, b"", None, None))
    narrow.is_up = False
    with pytest.raises(MailboxFull):
        system.actors["flooding"].ask(Flood(1))


# --- classes


def test_a_durable_class_that_cannot_be_is_refused_when_it_is_made() -> None:
    """Law: it has a state, by name, and its ``migrate`` needs no instance."""
    with pytest.raises(ActorClassError, match="has no state"):

        class Stateless(Actor, durable=True):
            pass

    class Listed(msgspec.Struct, array_like=True):
        total: int = 0

    with pytest.raises(ActorClassError, match="no array_like Struct"):

        class OfAList(Actor, durable=True):
            state: Listed

    with pytest.raises(ActorClassError, match="it is a class method"):

        class Instance(Actor, durable=True):
            state: Count

            def migrate(self, old: dict[str, Any]) -> Any:  # type: ignore[override]
                return old

    with pytest.raises(ActorClassError, match="durable is True or False"):

        class Wrong(Actor, durable="yes"):  # type: ignore[arg-type]
            state: Count


def test_a_subclass_is_durable_as_its_base_unless_it_says_otherwise() -> None:
    """Law: the option is inherited like the others."""

    class Not(Counter, durable=False):
        pass

    assert Spoiled.traits.codec is not None
    assert Not.traits.codec is None
