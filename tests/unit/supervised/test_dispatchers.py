"""Where a class says that its handlers run."""

from __future__ import annotations

import asyncio
import threading

import msgspec

from dagger_actors import Actor, ActorSystem, handler


class Where(msgspec.Struct, frozen=True):
    pass


class Place(Actor):
    @handler
    def where(self, question: Where) -> tuple[int, bool]:
        del question
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return threading.get_ident(), False
        return threading.get_ident(), True


class Waits(Place):
    dispatcher = "blocking"


class OnTheLoop(Place):
    dispatcher = "io"


def test_a_handler_runs_where_its_class_says() -> None:
    """Law: an idle actor's ask on the asking thread, unless it may block; one of ``io`` on the loop."""
    with ActorSystem() as system:
        told = {cls: system.actors.spawn(cls).ask(Where()) for cls in (Place, Waits, OnTheLoop)}
    here = threading.get_ident()
    assert {cls: (thread == here, on_loop) for cls, (thread, on_loop) in told.items()} == {
        Place: (True, False),
        Waits: (False, False),
        OnTheLoop: (False, True),
    }
