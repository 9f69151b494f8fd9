"""The actors that are measured, each role twice: ours, and pykka's ``ThreadingActor``; the messages are the same Structs.

Ours send them over the wire (encoded by the sender, decoded strictly by the handler); pykka hands the object over.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pykka

from dagger_actors import Actor, ActorSystem, handler, tell_all

__all__ = [
    "Add",
    "Breaker",
    "Cast",
    "Fail",
    "Gate",
    "PeerBreaker",
    "Send",
    "Side",
    "Token",
    "Wiring",
    "ours",
    "theirs",
]


class Add(msgspec.Struct, frozen=True):
    """A message as small ones are: a number, a text, a float."""

    number: int
    item: str = "apples"
    price: float = 1.25


class Send(msgspec.Struct, frozen=True):
    """Send so many messages."""

    count: int


class Cast(msgspec.Struct, frozen=True):
    """Send one message to all."""

    number: int


class Token(msgspec.Struct, frozen=True):
    """Goes round."""

    left: int


class Fail(msgspec.Struct, frozen=True):
    """Raise."""


class Gate(msgspec.Struct, frozen=True):
    """Await the gate."""


class Wiring(msgspec.Struct, frozen=True):
    """Whom an actor sends to, and what it does when it has counted so far.

    Attributes:
        to: References; may be filled in later.
        until: Messages that it counts.
        done: Set with the last of them.
    """

    to: list[Any] = []
    until: int = 0
    done: Any = None


class Count(msgspec.Struct):
    """What was counted."""

    so_far: int = 0


class Counter(Actor):
    """Counts messages; answers with the number."""

    config: Wiring
    state: Count

    @handler
    def add(self, add: Add) -> int:
        self.state.so_far += 1
        if self.state.so_far == self.config.until:
            self.config.done.set()
        return add.number + 1


class OnThread(Counter):
    """The same on another thread: an ask has to be handed over."""

    dispatcher = "blocking"


class Sender(Actor):
    """Sends many messages to one."""

    config: Wiring

    @handler
    def send(self, send: Send) -> None:
        (to,) = self.config.to
        for number in range(send.count):
            to.tell(Add(number))


class Caster(Actor):
    """Sends one message to many."""

    config: Wiring

    @handler
    def cast(self, cast: Cast) -> None:
        message = Add(cast.number)
        for to in self.config.to:
            to.tell(message)


class CasterAtOnce(Actor):
    """Sends one message to many at once."""

    config: Wiring

    @handler
    def cast(self, cast: Cast) -> None:
        tell_all(self.config.to, Add(cast.number))


class Link(Actor):
    """One of a ring."""

    config: Wiring

    @handler
    def pass_on(self, token: Token) -> None:
        if token.left:
            self.config.to[0].tell(Token(token.left - 1))
        else:
            self.config.done.set()


class Breaker(Actor):
    """Fails when it is told to, and is restarted."""

    config: Wiring
    state: Count

    @handler
    def fail(self, _fail: Fail) -> None:
        raise ValueError("as it was told")

    @handler
    def add(self, _add: Add) -> None:
        self.config.done.set()


class Waiter(Actor):
    """Awaits a gate; answers on which thread that was."""

    config: Wiring

    @handler
    async def wait(self, _gate: Gate) -> int:
        await self.config.to[0].wait()
        return threading.get_ident()


class Peer(pykka.ThreadingActor):
    """Pykka's actor, with the wiring of ours."""

    def __init__(self, wiring: Wiring) -> None:
        super().__init__()
        self.config = wiring
        self.state = Count()


class PeerCounter(Peer):
    def on_receive(self, message: Add) -> int:
        self.state.so_far += 1
        if self.state.so_far == self.config.until:
            self.config.done.set()
        return message.number + 1


class PeerSender(Peer):
    def on_receive(self, message: Send) -> None:
        (to,) = self.config.to
        for number in range(message.count):
            to.tell(Add(number))


class PeerCaster(Peer):
    def on_receive(self, message: Cast) -> None:
        shared = Add(message.number)
        for to in self.config.to:
            to.tell(shared)


class PeerLink(Peer):
    def on_receive(self, message: Token) -> None:
        if message.left:
            self.config.to[0].tell(Token(message.left - 1))
        else:
            self.config.done.set()


class PeerBreaker(Peer):
    """Starts its successor when it fails: pykka has no restarts."""

    def on_receive(self, message: int) -> None:
        if message == self.config.until:
            self.config.done.set()
            return
        self.state.so_far = message
        raise ValueError("as it was told")

    def on_failure(self, _kind: Any, _error: Any, _traceback: Any) -> None:
        type(self).start(self.config).tell(self.state.so_far + 1)


OURS: dict[str, type[Actor]] = {
    "counter": Counter,
    "on_thread": OnThread,
    "sender": Sender,
    "caster": Caster,
    "caster_at_once": CasterAtOnce,
    "link": Link,
    "waiter": Waiter,
}

THEIRS: dict[str, type[Peer]] = {
    "counter": PeerCounter,
    "on_thread": PeerCounter,
    "sender": PeerSender,
    "caster": PeerCaster,
    "caster_at_once": PeerCaster,
    "link": PeerLink,
}


class Side(NamedTuple):
    """One side of the comparison.

    Attributes:
        start: Starts an actor of a role; its reference has ``tell``, ``ask`` and ``stop``.
        system: Ours, open; None on pykka's side.
    """

    start: Callable[[str, Wiring], Any]
    system: Any = None


@contextmanager
def ours(folder: Path) -> Iterator[Side]:
    """Open a system in a folder."""
    with ActorSystem(folder / "dagger.db") as system:
        yield Side(lambda role, wiring: system.actors.spawn(OURS[role], wiring), system)


@contextmanager
def theirs() -> Iterator[Side]:
    """Stop all of pykka's actors afterwards."""
    try:
        yield Side(lambda role, wiring: THEIRS[role].start(wiring))
    finally:
        pykka.ActorRegistry.stop_all()
