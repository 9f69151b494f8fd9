"""What an idle actor does without a turn of its own: the caller's thread makes it, asks it and ends it."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
import pytest
from pykka import ActorDeadError

from dagger_actors.core import supervision as core
from dagger_actors.errors import ActorStopped
from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.context import ActorContext
from dagger_actors.supervised.handlers import handler
from dagger_actors.supervised.ref import Ref
from dagger_actors.supervised.spec import ChildSpec, Supervisor
from dagger_actors.supervised.supervisor import SupervisorActor
from tests.unit.supervised.conftest import PATIENCE_S, Stage, VirtualStage


class Where(msgspec.Struct, frozen=True):
    """On which thread is this handled?"""


class Wait(msgspec.Struct, frozen=True):
    """Wait for the latch."""


class Local(Actor):
    """Knows which thread made it."""

    def __init__(self) -> None:
        self.made_on = threading.get_ident()

    @handler
    def where(self, _where: Where) -> tuple[int, int]:
        return self.made_on, threading.get_ident()


class Farewell(Local):
    """Has something to say to its stop."""

    said: list[int] = []  # noqa: RUF012

    def stopping(self, ctx: ActorContext) -> None:
        self.said.append(threading.get_ident())


class Failing(Local):
    """Fails when it is asked where it is."""

    @handler
    def where(self, _where: Where) -> None:
        raise ValueError("nowhere")


class Broken(Local):
    """Cannot be made."""

    def __init__(self) -> None:
        raise ValueError("no")


class Slow(Actor):
    """Handles on a thread that may wait."""

    dispatcher = "blocking"
    latch: Any = None
    begun: Any = None

    @handler
    def wait(self, _wait: Wait) -> None:
        self.begun.set()
        assert self.latch.wait(PATIENCE_S)


class Heap(Actor):
    """Gathers messages for a minute."""

    stored: list[int] = []  # noqa: RUF012

    @handler(batch=10, within_s=60.0)
    def store(self, wheres: list[Where]) -> None:
        self.stored.append(len(wheres))


def test_the_first_ask_of_an_idle_actor_makes_it_and_is_answered_on_the_asking_thread(threads: Stage) -> None:
    """Law: no hand-over, though there is no instance yet."""
    here = threading.get_ident()
    assert threads.spawn(Local).ask(Where()) == (here, here)


def test_an_actor_that_cannot_be_made_by_its_first_ask_ends_as_by_any_message(threads: Stage) -> None:
    """Law: the asker hears that it has stopped, and the message is told."""
    ref = threads.spawn(Broken)
    with pytest.raises(ActorStopped):
        ref.ask(Where())
    assert threads.reasons() == [("Where", "stopped")]


def test_an_idle_actor_stops_without_a_turn(threads: Stage) -> None:
    """Law: it has stopped when ``stop`` returns, also when nobody waits, and no thread was started for it."""
    ref = threads.spawn(Local)
    before = set(threading.enumerate())
    reply = ref.stop(block=False)
    assert reply.is_done()
    assert reply.get(timeout=0) is True
    assert not ref.is_alive()
    assert set(threading.enumerate()) <= before
    ref.tell(Where())
    assert threads.reasons() == [("Where", "stopped")]


def test_an_actor_that_hears_of_its_stop_hears_of_it_on_a_thread_of_its_own(threads: Stage) -> None:
    """Law: code of users is not run by whoever stops them; it may be somebody in a hurry."""
    Farewell.said.clear()
    assert threads.spawn(Farewell).stop() is True
    assert len(Farewell.said) == 1
    assert Farewell.said[0] != threading.get_ident()


def test_a_busy_actor_stops_after_the_message_in_hand(threads: Stage) -> None:
    """Law: only an idle one leaves in the caller's thread."""
    Slow.latch, Slow.begun = threading.Event(), threading.Event()
    ref = threads.spawn(Slow)
    ref.tell(Wait())
    assert Slow.begun.wait(PATIENCE_S)
    reply = ref.stop(block=False)
    assert not reply.is_done()
    Slow.latch.set()
    assert reply.get(timeout=PATIENCE_S) is True


def test_an_actor_that_gathers_a_batch_is_not_idle(stage: VirtualStage) -> None:
    """Law: what came before the stop is handled before, in a turn of its own."""
    Heap.stored.clear()
    stage.house.runs_here = True
    ref = stage.spawn(Heap)
    ref.tell(Where())
    stage.settle()
    reply = ref.stop(block=False)
    assert (Heap.stored, reply.is_done()) == ([], False)
    stage.settle()
    assert (Heap.stored, reply.is_done()) == ([1], True)


def test_idle_actors_leave_at_shutdown_without_a_turn(threads: Stage) -> None:
    """Law: a house of many idle actors is left in the time that it takes to tell each of them."""
    refs = [threads.spawn(Local) for _ in range(100)]
    before = set(threading.enumerate())
    threads.house.close(PATIENCE_S)
    assert not any(ref.is_alive() for ref in refs)
    assert set(threading.enumerate()) <= before


def crew_of(threads: Stage) -> tuple[SupervisorActor, Ref]:
    """A supervisor below the keeper that is up, and its one child, which fails."""
    crew = SupervisorActor(Supervisor("crew", [ChildSpec(Failing, "one")]), "crew", threads.house, threads.keeper)  # type: ignore[arg-type]
    crew.begin_on(threads.house.control)
    crew.begin(1)
    assert threads.keeper.hear()[:2] == ("crew", "started")
    return crew, threads.house.find_actor("crew/one")


def test_a_restart_in_place_is_decided_on_the_thread_that_failed(
    threads: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: no hand-over between the failure, its supervisor's decision and the next incarnation; no envelope either."""
    crew, ref = crew_of(threads)
    applied: list[tuple[type, int]] = []
    puts: list[object] = []
    apply = core.SupervisionMachine.apply

    def noted(machine: core.SupervisionMachine, event: core.Event, now_us: int) -> tuple[core.Command, ...]:
        applied.append((type(event), threading.get_ident()))
        return apply(machine, event, now_us)

    monkeypatch.setattr(core.SupervisionMachine, "apply", noted)
    monkeypatch.setattr(type(crew.actor_inbox), "put", lambda _inbox, envelope: puts.append(envelope))
    with pytest.raises(ValueError, match="nowhere"):
        ref.ask(Where())
    here = threading.get_ident()
    assert applied == [(core.Exited, here), (core.Started, here)]
    assert (puts, ref.cell.incarnation) == ([], 2)


def test_a_supervisor_that_fails_by_itself_on_the_thread_of_a_child_has_failed(
    threads: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Law: a defect of ours is its supervisor's to deal with, not the child's; nobody waits for one that is over."""
    crew, ref = crew_of(threads)

    def broken(*_args: object) -> tuple[core.Command, ...]:
        raise RuntimeError("a defect")

    monkeypatch.setattr(core.SupervisionMachine, "apply", broken)
    with pytest.raises(ValueError, match="nowhere"):
        ref.ask(Where())
    name, what, incarnation, error = threads.keeper.hear()
    assert (name, what, incarnation, str(error)) == ("crew", "exited", 1, "a defect")
    assert not ref.is_alive()
    with pytest.raises(ActorDeadError):
        crew.look().get(timeout=0)
    assert "a defect" in caplog.text
