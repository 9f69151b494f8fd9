"""What grows in a running system has an end: actors, timers, answers, watches, stops, children and their specifications."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagger_actors import ActorSystem, ChildRefused, ChildSpec, MailboxSpec, Ref, Supervisor, Terminated, TooManyActors
from dagger_actors.core.supervision import calls
from dagger_actors.errors import ActorError, ActorLimit, MailboxFull, RequestError
from dagger_actors.supervised import context, overflow, timing
from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.context import ActorContext
from dagger_actors.supervised.handlers import handler
from dagger_actors.supervised.headcount import MAX_ACTORS
from dagger_actors.testing.simulation import simulate
from tests.unit.supervised.conftest import VirtualStage


class Do(msgspec.Struct, frozen=True):
    """One thing an actor is told to do with what it is given."""

    what: str
    number: int = 0


class Doer(Actor):
    """Does it."""

    mailbox = MailboxSpec(capacity=4, overflow="drop_oldest")
    answers: list[object] = []  # noqa: RUF012
    others: list[Ref] = []  # noqa: RUF012

    @handler
    def do(self, order: Do, ctx: ActorContext) -> None:
        match order.what:
            case "spawn":
                ctx.spawn(Doer)
            case "timer":
                ctx.timers.once(str(order.number), 60.0, Do("nothing"))
            case "ask":
                for _ in range(order.number):
                    ctx.ask(self.others[0], Do("nothing")).then(self.answers.append)
            case "watch":
                for other in self.others:
                    ctx.watch(other)
            case "fail":
                raise ValueError(order.what)

    @handler
    def hear(self, end: Terminated) -> None:
        self.answers.append(end.name)


class Echo(Actor):
    """Answers at once, on the thread that asks; so its answers wait for the asker's turn."""

    @handler
    def do(self, order: Do) -> int:
        return order.number


class Unborn(Actor):
    """Cannot be made."""

    def __init__(self) -> None:
        raise ValueError("no")


def crew(name: str) -> Supervisor:
    return Supervisor(name, [ChildSpec(Doer, "a"), ChildSpec(Doer, "b", restart="temporary")])


# --- actors


def test_as_many_actors_as_there_may_be_and_one_more_when_one_has_gone() -> None:
    """Law: whoever starts them: the system, an actor, a supervisor; the refused ones leave nothing behind."""
    with simulate(1) as sim:
        system = sim.system(agents=[ChildSpec(Doer, "first")], max_actors=3)
        system.actors.spawn(Doer, name="second")
        third = system.actors.spawn(Doer)
        with pytest.raises(TooManyActors, match="3 actors and supervisors, as many as it may have"):
            system.actors.spawn(Doer, name="fourth")
        with pytest.raises(ChildRefused, match="TooManyActors"):
            system.actors.start(ChildSpec(Doer, "fourth"))
        with pytest.raises(ChildRefused, match="TooManyActors"):
            system.actors.start(Supervisor("fourth"))
        with pytest.raises(TooManyActors):
            third.ask(Do("spawn"))
        assert not third.is_alive()  # it was its own failure
        system.actors.start(ChildSpec(Doer, "fourth"))
        with pytest.raises(TooManyActors):
            system.actors.spawn(Doer)


@pytest.mark.parametrize("most", [0, -1, 1.5, True, "9", None])
def test_a_number_of_actors_that_is_none_is_refused(most: Any) -> None:
    """Law: nothing accepted and ignored."""
    with pytest.raises(RequestError, match="max_actors is a whole number, 1 or more"):
        ActorSystem(max_actors=most)


def test_more_than_a_million_actors_need_no_option() -> None:
    """Law: what the runtime is made for is within its bounds."""
    assert MAX_ACTORS > 1_000_000
    with ActorSystem() as system:
        assert system.actors._house.headcount.limit == MAX_ACTORS


def acts_on(system: ActorSystem) -> dict[str, Callable[[int], object]]:
    """How to start, stop and break actors."""
    refs: list[Ref] = []

    def told(number: int, what: str) -> None:
        if refs:
            refs[number % len(refs)].tell(Do(what))

    def named(number: int, what: str) -> None:
        system.actors[f"s{number}"].tell(Do(what))  # type: ignore[union-attr]

    return {
        "spawn": lambda _number: refs.append(system.actors.spawn(Doer)),
        "spawn named": lambda number: refs.append(system.actors.spawn(Doer, name=f"n{number}")),
        "spawn wrong": lambda _number: system.actors.spawn(Doer, {"wrong": 1}),
        "spawn below": lambda number: told(number, "spawn"),
        "fail": lambda number: told(number, "fail"),
        "stop": lambda number: refs[number % len(refs)].stop() if refs else None,
        "start": lambda number: system.actors.start(ChildSpec(Doer, f"s{number}", restart="temporary")),
        "start crew": lambda number: system.actors.start(crew(f"s{number}")),
        "fail supervised": lambda number: named(number, "fail"),
        "fail in crew": lambda number: named(f"{number}/a", "fail"),  # type: ignore[arg-type]
        "stop child": lambda number: system.actors.stop(f"s{number}"),
    }


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            (
                "spawn",
                "spawn named",
                "spawn wrong",
                "spawn below",
                "fail",
                "stop",
                "start",
                "start crew",
                "fail supervised",
                "fail in crew",
                "stop child",
            )
        ),
        st.integers(0, 2),
    ),
    max_size=25,
)


@given(steps=STEPS, seed=st.integers(0, 1_000), most=st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_the_headcount_is_that_of_the_actors_that_are_there(steps: list[tuple[str, int]], seed: int, most: int) -> None:
    """Law: however they come and go, also by failing; never more than there may be, and none when all have gone."""
    with simulate(seed) as sim:
        system = sim.system(max_actors=most)
        house = system.actors._house
        acts = acts_on(system)
        for what, number in steps:
            with contextlib.suppress(ActorError):  # it may be refused: a name is taken, there are too many
                acts[what](number)
            assert house.headcount.here <= most
        sim.settle()
        supervised = [one for branch in system.actors.tree().children for one in (branch, *branch.children)]
        there = [one for one in supervised if one.state != "absent"]
        assert house.headcount.here == len(there) + len(system.actors.temporary())
        system.stop()
        assert house.headcount.here == 0


def test_an_actor_that_is_closed_twice_leaves_once(stage: VirtualStage) -> None:
    """Law: its supervisor and the end of the threads may both close it."""
    ref, _other = stage.spawn(Doer), stage.spawn(Doer)
    assert stage.house.headcount.here == 2
    ref.cell.close()
    ref.cell.close()
    assert stage.house.headcount.here == 1


# --- what one actor has


def test_an_actor_has_so_many_timers(stage: VirtualStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: one more is the actor's failure; one that is set anew is not one more."""
    monkeypatch.setattr(timing, "MAX_TIMERS", 3)
    ref = stage.spawn(Doer)
    for number in (0, 1, 2, 2, 0):
        ref.ask(Do("timer", number))
    with pytest.raises(ActorLimit, match="has 3 timers, as many as an actor may have"):
        ref.ask(Do("timer", 3))


def test_an_actor_that_asks_for_more_than_it_looks_at_is_told(
    stage: VirtualStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: answers wait for the end of its turn, so many and no more."""
    monkeypatch.setattr(context, "MAX_ANSWERS", 5)
    gone = stage.spawn(Echo)
    gone.stop()
    Doer.others[:], Doer.answers[:] = [gone], []
    ref = stage.spawn(Doer)
    with pytest.raises(ActorLimit, match="has 5 answers that wait for its turn to end"):
        ref.ask(Do("ask", 6))
    assert ref.is_alive() is False


def test_a_watch_whose_notice_found_no_room_is_over(stage: VirtualStage) -> None:
    """Law: who never hears of an end keeps nothing of it; an actor with a full mailbox would gather the dead."""
    Doer.answers.clear()
    watcher = stage.keep(Doer, capacity=1, overflow="reject")
    Doer.others[:] = [stage.spawn(Echo) for _ in range(5)]
    watcher.tell(Do("watch"))
    stage.settle()
    assert watcher.cell.extra is not None
    assert len(watcher.cell.extra.watching) == 5
    watcher.cell.capacity = 0
    for other in Doer.others:
        other.stop()
    stage.settle()
    assert stage.reasons() == [("Terminated", "full")] * 5
    assert watcher.cell.extra.watching == {}


def test_stops_that_wait_have_an_end(stage: VirtualStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: a full mailbox is no hindrance to a stop, but a thousand stops before it are."""
    monkeypatch.setattr(overflow, "STOPS", 3)
    ref = stage.keep(Echo, capacity=1, overflow="reject")
    replies = [ref.stop(block=False) for _ in range(overflow.FAR_OVER + 3)]
    with pytest.raises(MailboxFull, match="told often enough to stop"):
        ref.stop(block=False)
    stage.settle()
    assert replies[0].get(timeout=0) is True


# --- children


def test_a_supervisor_takes_so_many_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: those that do not run count, for they are kept; what to do is said."""
    monkeypatch.setattr(calls, "MAX_CHILDREN", 2)
    with simulate(1) as sim:
        system = sim.system(agents=[ChildSpec(Doer, "a"), ChildSpec(Doer, "b")])
        with pytest.raises(ChildRefused, match="it has 2 children; delete those that do not run"):
            system.actors.start(ChildSpec(Doer, "c"))
        system.actors.stop("a")
        system.actors.start(ChildSpec(Doer, "c"))


def test_a_supervisor_keeps_nothing_of_children_that_are_gone_or_were_refused() -> None:
    """Law: else a system that starts a child for each piece of work grows for ever."""
    with simulate(1) as sim:
        system = sim.system(agents=[ChildSpec(Doer, "stays")])
        kept = system.actors._supervisor._specs
        for number in range(3):
            system.actors.start(ChildSpec(Doer, f"temporary{number}", restart="temporary"))
            system.actors[f"temporary{number}"].stop()  # type: ignore[union-attr]
            system.actors.start(ChildSpec(Doer, f"permanent{number}"))
            system.actors.stop(f"permanent{number}")
            with pytest.raises(ChildRefused, match="no such child may be here"):
                system.actors.start(ChildSpec(Doer, f"refused{number}", restart="transient", significant=True))
            with pytest.raises(ChildRefused, match="could not be started"):
                system.actors.start(ChildSpec(Unborn, f"unborn{number}"))
        sim.settle()
        assert list(kept) == ["stays"]
