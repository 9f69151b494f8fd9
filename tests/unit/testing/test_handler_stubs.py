"""Stubs for handlers: what the actors of a class do instead, for how long, and that everything else stays theirs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from dagger_actors import Actor, ActorContext, ChildSpec, Supervisor, handler
from dagger_actors.errors import RequestError
from dagger_actors.testing import HandlerCall, Outcomes, Simulation, UnusedStub, simulate


class Ask(msgspec.Struct, frozen=True):
    number: int = 0


class Row(msgspec.Struct, frozen=True):
    number: int = 0


class Look(msgspec.Struct, frozen=True):
    pass


class Plain(Actor):
    seen = 0

    @handler
    def ask(self, ask: Ask) -> int:
        raise AssertionError("the real one ran")

    @handler
    def look(self, look: Look) -> int:
        self.seen += 1
        return self.seen


class Waiting(Plain):
    dispatcher = "blocking"


class Sums(msgspec.Struct):
    looks: int = 0


class Durable(Actor, durable=True):
    state: Sums

    @handler
    def ask(self, ask: Ask) -> int:
        raise AssertionError("the real one ran")

    @handler
    def look(self, look: Look) -> int:
        self.state.looks += 1
        return self.state.looks


class OnLoop(Actor):
    seen = 0

    @handler
    async def ask(self, ask: Ask, ctx: ActorContext) -> int:
        raise AssertionError("the real one ran")

    @handler
    def look(self, look: Look) -> int:
        self.seen += 1
        return self.seen


class Batches(Actor):
    @handler(batch=3)
    def store(self, rows: list[Row]) -> int:
        raise AssertionError("the real one ran")


EVERY = pytest.mark.parametrize("cls", [Plain, Waiting, OnLoop])
DURABLE_TOO = pytest.mark.parametrize("cls", [Plain, Waiting, OnLoop, Durable])


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Actors fail here on purpose."""
    logger = logging.getLogger("dagger_actors.actors")
    before, logger.disabled = logger.disabled, True
    yield
    logger.disabled = before


@DURABLE_TOO
@pytest.mark.parametrize("seed", range(3))
def test_a_stub_answers_after_its_duration_and_the_handler_never_runs(cls: type[Actor], seed: int) -> None:
    """Law: virtual time passes while it runs, on threads or on the loop; its actor takes nothing else meanwhile."""
    with simulate(seed) as sim:
        stub = sim.stub_handler(cls, Ask, returns=lambda ask: ask.number * 2, takes_s=90)
        ref = sim.system(agents=[ChildSpec(cls, "one")]).actors["one"]
        first = ref.ask(Ask(4), block=False)
        look = ref.ask(Look(), block=False)
        sim.advance(89)
        assert not first.is_done()
        assert not look.is_done()
        sim.advance(1)
        assert first.get(timeout=0) == 8
        assert look.get(timeout=0) == 1
        assert stub.calls == [HandlerCall(message=Ask(4), actor="one", incarnation=1, worker="w1", began_s=0.0)]


@EVERY
def test_stubs_of_several_actors_take_their_time_side_by_side(cls: type[Actor]) -> None:
    """Law: whoever waits in a handler holds up itself alone."""
    with simulate(2) as sim:
        sim.stub_handler(cls, Ask, returns=1, takes_s=10)
        system = sim.system()
        replies = [system.actors.spawn(cls).ask(Ask(), block=False) for _ in range(20)]
        sim.run()
        assert [reply.get(timeout=0) for reply in replies] == [1] * 20
        assert sim.now_s == 10


@DURABLE_TOO
def test_what_a_stub_raises_is_the_actors_failure_and_its_supervisor_decides(cls: type[Actor]) -> None:
    """Law: supervision is that of the class: restarts, counted, with a new incarnation, the mailbox kept."""
    with simulate(1) as sim:
        stub = sim.stub_handler(cls, Ask, returns=5, fails=[ValueError("a"), None, KeyError])
        system = sim.system(agents=[Supervisor("crew", (ChildSpec(cls, "one"),), intensity=2)])
        ref = system.actors["crew/one"]
        replies = [ref.ask(Ask(number), block=False) for number in range(4)]
        sim.run()
        outcomes = [outcome_of(reply) for reply in replies]
        assert outcomes == ["ValueError", 5, "KeyError", 5]
        assert [call.incarnation for call in stub.calls] == [1, 2, 2, 3]
        assert [call.message.number for call in stub.calls] == [0, 1, 2, 3]


def outcome_of(reply: Any) -> Any:
    try:
        return reply.get(timeout=0)
    except Exception as error:
        return type(error).__name__


@DURABLE_TOO
def test_outcomes_come_one_after_the_other_and_the_last_one_stays(cls: type[Actor]) -> None:
    """Law: values are returned, exceptions are raised, in the order of the calls."""
    with simulate(1) as sim:
        sim.stub_handler(cls, Ask, returns=Outcomes(1, ValueError("down"), 2))
        ref = sim.system(agents=[ChildSpec(cls, "one")]).actors["one"]
        replies = [ref.ask(Ask(), block=False) for _ in range(5)]
        sim.run()
        assert [outcome_of(reply) for reply in replies] == [1, "ValueError", 2, 2, 2]


def test_a_function_may_have_the_context_and_tell_others() -> None:
    """Law: a stub can do what the handler would have done for others."""
    with simulate(1) as sim:

        def tells(ask: Ask, ctx: ActorContext) -> str:
            ctx.find("other").tell(Look())
            return ctx.name

        sim.stub_handler(Plain, Ask, returns=tells)
        system = sim.system(agents=[ChildSpec(Plain, "one"), ChildSpec(OnLoop, "other")])
        assert system.actors["one"].ask(Ask()) == "one"
        assert system.actors["other"].ask(Look()) == 2


def test_a_batch_is_stubbed_as_a_batch() -> None:
    """Law: the function is given the list that the handler would have been given."""
    with simulate(1) as sim:
        stub = sim.stub_handler(Batches, Row, returns=len)
        ref = sim.system(agents=[ChildSpec(Batches, "one")]).actors["one"]
        replies = [ref.ask(Row(number), block=False) for number in range(3)]
        sim.run()
        assert [reply.get(timeout=0) for reply in replies] == [3, 3, 3]
        assert [call.message for call in stub.calls] == [[Row(0), Row(1), Row(2)]]


@DURABLE_TOO
def test_actors_that_run_hear_of_a_stub_and_of_its_successor(cls: type[Actor]) -> None:
    """Law: from the next message on, also when its turn is waiting already."""
    with simulate(1) as sim:
        ref = sim.system(agents=[ChildSpec(cls, "one")]).actors["one"]
        assert ref.ask(Look()) == 1
        reply = ref.ask(Ask(), block=False)
        sim.stub_handler(cls, Ask, returns=1, takes_s=5)
        sim.run()
        assert reply.get(timeout=0) == 1
        sim.stub_handler(cls, Ask, returns=2)
        assert ref.ask(Ask()) == 2
        assert ref.ask(Look()) == 2


def test_who_inherits_a_handler_has_its_stub_and_who_overrides_it_has_not() -> None:
    """Law: a stub stands in for one piece of code."""

    class Own(Plain):
        @handler
        def ask(self, ask: Ask) -> int:
            return 7

    with simulate(1) as sim:
        sim.stub_handler(Plain, Ask, returns=1)
        system = sim.system()
        assert [system.actors.spawn(cls).ask(Ask()) for cls in (Plain, Waiting, Own)] == [1, 1, 7]


def test_a_stub_ends_with_its_simulation() -> None:
    """Law: the class is as it was, in other simulations and outside, even at the same time."""
    with simulate(1) as one, simulate(1) as other:
        one.stub_handler(Plain, Look, returns=99)
        assert one.system().actors.spawn(Plain).ask(Look()) == 99
        assert other.system().actors.spawn(Plain).ask(Look()) == 1
    assert Plain.traits.table.by_class[Look].call is Plain.look


@DURABLE_TOO
def test_a_call_that_is_killed_with_its_worker_has_no_effect_and_the_next_worker_is_stubbed_too(
    cls: type[Actor],
) -> None:
    """Law: nothing of a dead worker goes on, not even a stub in its middle."""
    with simulate(1) as sim:
        ended: list[str] = []
        stub = sim.stub_handler(cls, Ask, returns=lambda ask: ended.append("x"), takes_s=10)
        system = sim.system(agents=[ChildSpec(cls, "one")])
        system.actors["one"].tell(Ask(1))
        sim.advance(5)
        again = sim.restart(system)
        again.actors["one"].tell(Ask(2))
        sim.run()
        assert [call.worker for call in stub.calls] == ["w1", "w2"]
        assert ended == ["x"]


@DURABLE_TOO
def test_an_actor_that_is_stopped_while_its_stub_runs_ends_in_time(cls: type[Actor]) -> None:
    """Law: a supervisor's deadline holds for a stub that takes longer, as for any handler."""
    with simulate(1) as sim:
        sim.stub_handler(cls, Ask, takes_s=1000)
        system = sim.system(agents=[ChildSpec(cls, "one", shutdown_s=5.0)])
        reply = system.actors["one"].ask(Ask(), block=False)
        sim.advance(1)
        system.actors.stop("one")
        assert sim.now_s == 6
        assert outcome_of(reply) == "ActorStopped"


def trace(seed: int) -> list[str]:
    with simulate(seed) as sim:
        chosen = sim.world.chance
        for cls in (Plain, Waiting, OnLoop):
            sim.stub_handler(cls, Ask, returns=1, takes_s=chosen.random(), fails=[None, ValueError("x")] * 5)
        system = sim.system(
            agents=[
                Supervisor(
                    "crew", tuple(ChildSpec(cls, cls.__name__) for cls in (Plain, Waiting, OnLoop)), intensity=100
                )
            ]
        )
        for number in range(30):
            system.actors[f"crew/{chosen.choice(['Plain', 'Waiting', 'OnLoop'])}"].tell(Ask(number))
        sim.run()
        return sim.world.trace


@pytest.mark.parametrize("seed", range(3))
def test_equal_seeds_give_equal_courses_with_stubs(seed: int) -> None:
    """Law: stacks of their own change nothing of the order that a seed gives."""
    assert trace(seed) == trace(seed)


def test_what_cannot_be_stubbed_is_refused_when_it_is_written() -> None:
    """Law: a mistake in a stub is the test's, told at once, with what there is."""
    with simulate(1) as sim:
        with pytest.raises(RequestError, match=r"Plain has no @handler for Row .* it takes Ask, Look"):
            sim.stub_handler(Plain, Row)
        with pytest.raises(RequestError, match="of an actor class, not of 'Plain'"):
            sim.stub_handler("Plain", Ask)  # type: ignore[arg-type]
        with pytest.raises(RequestError, match="number of seconds"):
            sim.stub_handler(Plain, Ask, takes_s=-1)
        with pytest.raises(RequestError, match="coroutine"):
            sim.stub_handler(Plain, Ask, returns=asyncio.sleep)
        with pytest.raises(RequestError, match="one outcome or more"):
            Outcomes()
        with pytest.raises(RequestError, match="needs arguments"):
            Outcomes(UnicodeDecodeError)


def test_a_stub_that_stood_in_for_nothing_is_an_error() -> None:
    """Law: a test must not pass because its stub was for somebody else."""

    def body() -> None:
        with simulate(1) as sim:
            sim.stub_handler(OnLoop, Ask)
            sim.stub_handler(Plain, Ask)
            sim.system().actors.spawn(Plain)

    with pytest.raises(UnusedStub, match="no worker has started an actor of class OnLoop"):
        body()


def test_a_stub_refuses_more_calls_than_it_records(monkeypatch: pytest.MonkeyPatch, sim: Simulation) -> None:
    """Law: a loop that calls it for ever does not fill the memory."""
    monkeypatch.setattr("dagger_actors.testing.handler_stubs.MOST_CALLS", 2)
    sim.stub_handler(Plain, Ask, returns=0)
    ref = sim.system().actors.spawn(Plain)
    replies = [ref.ask(Ask(), block=False) for _ in range(3)]
    sim.run()
    assert [outcome_of(reply) for reply in replies] == [0, 0, "RequestError"]
