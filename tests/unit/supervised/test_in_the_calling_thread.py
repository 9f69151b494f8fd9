"""What an idle actor does without a turn of its own: the caller's thread makes it, asks it and ends it."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
import pytest

from dagger_actors.errors import ActorStopped
from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.context import ActorContext
from dagger_actors.supervised.handlers import handler
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
    before = threading.active_count()
    reply = ref.stop(block=False)
    assert reply.is_done()
    assert reply.get(timeout=0) is True
    assert not ref.is_alive()
    assert threading.active_count() == before
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
    before = threading.active_count()
    threads.house.close(PATIENCE_S)
    assert not any(ref.is_alive() for ref in refs)
    assert threading.active_count() == before
