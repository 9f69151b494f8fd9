"""The reference to a pooled actor: pykka's, quicker, and with a blocking ask that refuses to starve the pool."""

from __future__ import annotations

import functools
import uuid
import weakref
from asyncio import _get_running_loop
from typing import Any, TypeVar

import pykka
from pykka import ActorDeadError, ActorRef
from pykka._envelope import Envelope  # part of the inbox protocol that pykka documents for new actor types

from dagger_actors.actors.inside import inside
from dagger_actors.actors.mailbox import Mailbox
from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.errors import AskInsideHandler, BlockingCall

__all__ = ["Ref"]

A = TypeVar("A", bound=pykka.Actor)


@functools.cache
def _urn_head() -> str:
    # Random once for a process, then counted: 0.2 us instead of 2, and as unique as somebody in the process can tell.
    return uuid.uuid4().urn[: len("urn:uuid:xxxxxxxx-xxxx-4xxx")]


def urn_of(number: int) -> str:
    """The URN of this process's ``number``-th actor."""
    return f"{_urn_head()}-{0x8000 | number >> 48:04x}-{number & 0xFFFFFFFFFFFF:012x}"


class Ref(ActorRef[A]):
    """pykka's reference, quicker, and with a blocking ask that refuses to starve the pool."""

    actor_inbox: Mailbox
    actor_stopped: Any

    def __init__(self, actor: A) -> None:
        assert isinstance(actor.actor_inbox, Mailbox)
        self._actor_weakref = weakref.ref(actor)
        self.actor_class = actor.__class__
        self._number: int = actor.number  # type: ignore[attr-defined]  # our actors have one
        self.actor_inbox = actor.actor_inbox
        self.actor_stopped = actor.actor_stopped

    @property
    def actor_urn(self) -> str:  # type: ignore[override]  # pykka's attribute, made only when somebody looks
        """The actor's URN."""
        return urn_of(self._number)

    def tell(self, message: Any) -> None:
        """Send a message and go on; never blocks.

        Raises:
            pykka.ActorDeadError: The actor has stopped. (One that stops a moment later hears ``on_undelivered``.)
        """
        if self.actor_stopped.is_set():
            raise ActorDeadError(f"{self} not found")
        self.actor_inbox.put(Envelope(message))

    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any:
        """Send a message and get the reply, or with ``block=False`` a future of it.

        Args:
            message: What to send.
            block: Wait for the reply.
            timeout: Seconds to wait; None waits for ever.

        Raises:
            pykka.ActorDeadError: The actor has stopped, or stops before it handles the message.
            pykka.Timeout: No reply in time.
            AskInsideHandler: A blocking ask inside a handler; nothing was sent.
            BlockingCall: A blocking ask on a running event loop; nothing was sent.
            Exception: What the actor's handler raised.
        """
        if block and inside.turn is not None:
            raise AskInsideHandler(str(self))
        if block and _get_running_loop() is not None:
            raise BlockingCall("ref.ask()", "await ref.ask(..., block=False)")
        future = self.actor_class._create_future()  # noqa: SLF001  as pykka's own ref does
        if isinstance(future, ReplyFuture):
            future.asked = self
        if self.actor_stopped.is_set():
            dead = ActorDeadError(f"{self} not found")
            future.set_exception((ActorDeadError, dead, None))
        else:
            self.actor_inbox.put(Envelope(message, future))
        return future.get(timeout=timeout) if block else future
