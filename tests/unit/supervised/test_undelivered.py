"""Undelivered mail: counted by reason, the last of it kept, told to whoever listens."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
import pytest

from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.handlers import handler
from dagger_actors.supervised.house import House
from dagger_actors.supervised.undelivered import CONTENT_BYTES, KEPT, Undelivered, UndeliveredMail
from tests.unit.supervised.conftest import PATIENCE_S, VirtualStage


class Letter(msgspec.Struct, frozen=True):
    text: str


class Mute(Actor):
    @handler
    def hear(self, message: int) -> None: ...


def event(reason: Any = "stopped") -> Undelivered:
    return Undelivered(message="M", to="a", reason=reason, was_ask=False, at_us=1, content=b"")


def test_an_event_says_what_to_whom_when_and_why(stage: VirtualStage) -> None:
    """Law: class, receiver, reason, whether somebody waited, the time, the first bytes."""
    stage.advance(2.0)
    ref = stage.spawn(Mute, name="mute")
    ref.ask(Letter("x" * 5_000), block=False)
    stage.settle()
    (found,) = stage.events
    assert (found.message, found.to, found.reason, found.was_ask) == ("Letter", "mute", "unhandled", True)
    assert found.at_us == stage.world.now().wall_us
    assert found.content == msgspec.msgpack.encode(Letter("x" * 5_000))[:CONTENT_BYTES]
    assert stage.house.mail.last() == (found,)


def test_counts_know_of_all_and_the_last_ones_are_kept() -> None:
    """Law: bounded memory, exact counts."""
    mail = UndeliveredMail(None)
    for _ in range(KEPT + 5):
        mail.tell(event())
    mail.tell(event("full"))
    assert mail.counts == {"stopped": KEPT + 5, "full": 1}
    assert len(mail.last()) == KEPT
    assert [one.reason for one in mail.last(2)] == ["stopped", "full"]


def test_many_threads_count_exactly() -> None:
    """Law: no loss among threads that tell at once."""
    mail, begin = UndeliveredMail(None), threading.Barrier(4)

    def tell() -> None:
        begin.wait(PATIENCE_S)
        for _ in range(3_000):
            mail.tell(event())

    workers = [threading.Thread(target=tell) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(PATIENCE_S)
    assert mail.counts["stopped"] == 12_000


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_a_listener_that_raises_harms_neither_sender_nor_actor(
    stage: VirtualStage, caplog: Any, error: type[BaseException]
) -> None:
    """Law: it is logged; the sender's tell, the actor's turn and its end go on."""

    def listen(_event: Undelivered) -> None:
        raise error

    house = House(stage.runtime, listen=listen)
    ref = house.spawning.spawn(Mute, name="mute")
    ref.tell(Letter("unhandled"))
    stage.settle()
    ref.tell(Letter("queued"))
    ref.cell.kill(1)
    ref.tell(Letter("late"))
    assert house.mail.counts == {"unhandled": 1, "stopped": 2}
    assert "mute" not in house.names.actors
    assert "listener" in caplog.text
