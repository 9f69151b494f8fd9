"""The actor of a probe: it has a handler for every message, and answers no ask by itself."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.handlers import Handler
from dagger_actors.supervised.traits import Traits

if TYPE_CHECKING:
    from dagger_actors.supervised.context import ActorContext
    from dagger_actors.supervised.wire import Answer

__all__ = ["ProbeActor"]


class Taker(Protocol):
    """A probe, as its actor sees it."""

    def take(self, message: object, reply: Answer | None = None) -> None:
        """Take what has come."""
        ...

    def end(self) -> None:
        """It is stopped."""
        ...


class ProbeActor(Actor):
    """Hands everything on to its probe, which is its config."""

    def take(self, message: object) -> None:
        """Take any message; the ask, if it is one, stays open, whatever this returns."""
        turn = self.actor_inbox.turn
        (reply,), turn.hand = turn.hand, ()
        self.config.take(message, reply)

    def stopping(self, ctx: ActorContext) -> None:
        """Tell the probe."""
        del ctx
        self.config.end()


class TakesAnything(Traits):
    """Handles messages of every class, each decoded as what it was sent as."""

    def handler_for(self, kind: type) -> Handler | None:
        """The one handler."""
        return Handler(
            decode=partial(msgspec.msgpack.decode, type=kind),
            call=ProbeActor.take,
            is_plain=True,
            wants_context=False,
            is_async=False,
            batch=0,
            within_us=0,
            name="take",
        )

    def make_config(self, given: object) -> Any:
        """The probe itself."""
        return given


ProbeActor.traits = TakesAnything(ProbeActor, {})
