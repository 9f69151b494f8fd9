"""The mailbox of a pooled actor: a queue that asks its dispatcher for a turn when it has something.

Its state, under one lock:

=========  ==========================================================  ====================
state      meaning                                                     a put
=========  ==========================================================  ====================
idle       nothing queued, nobody runs it                              queues and schedules
scheduled  a dispatcher has it: queued there, or running a turn        queues
suspended  not started yet, or its ``async`` handler is awaiting       queues
closed     its actor has stopped                                       is undelivered
=========  ==========================================================  ====================

Guarantees: ``put`` never blocks. At most one turn runs at a time. Envelopes are taken in the order they were put. An
envelope is either taken or refused, so an ask that races a stop is always answered.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from pykka import ActorDeadError
from pykka._envelope import Envelope  # part of the inbox protocol that pykka documents for new actor types
from pykka.messages import _ActorStop

from dagger_actors.actors.inside import inside
from dagger_actors.core.protocols import Dispatcher
from dagger_actors.errors import SystemClosed

__all__ = ["BATCH", "CLOSED", "IDLE", "SCHEDULED", "SUSPENDED", "TURN", "Mailbox", "Parked", "Settled", "Tenant"]

logger = logging.getLogger("dagger_actors.actors")

IDLE, SCHEDULED, SUSPENDED, CLOSED = "idle", "scheduled", "suspended", "closed"

TURN = 64
"""Envelopes taken one by one in one turn: from 5 upwards its cost is spread, and others must not wait long."""

BATCH = 512
"""Envelopes that ``take`` hands over at once, at most."""


class Settled(BaseException):
    """Raised by ``get``: nothing is left and the turn is over; another thread may already run the next one."""


class Parked(BaseException):
    """Raised by ``get``: this turn has had its share, and more is queued."""


class Tenant(Protocol):
    """The actor that a mailbox belongs to."""

    hears_undelivered: ClassVar[bool]
    """Whether ``on_undelivered`` does anything."""

    def take_turn(self) -> bool:
        """Work for a bounded while; True when it wants another turn."""
        ...

    def on_undelivered(self, envelope: Envelope[Any]) -> None:
        """Be told of an envelope that will never be handled."""
        ...


class Mailbox:
    """One actor's queue; ``put`` may be called by any thread, the rest only by the turn that runs.

    It is the ``ActorInbox`` of pykka and the ``Runnable`` of a dispatcher. It holds its actor until that has stopped:
    an ``ActorRef`` holds its actor weakly, but its mailbox for good.
    """

    __slots__ = ("_batch", "_budget", "_dispatcher", "_lane", "_lock", "_name", "_state", "_tenant", "current")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state = SUSPENDED
        # Both lists come into being with the first envelope: an idle actor has none.
        self._lane: list[Envelope[Any]] | None = None
        self._batch: list[Envelope[Any]] | None = None  # taken from the lane, last one first
        self._budget = 0
        self._tenant: Tenant | None = None
        self._dispatcher: Dispatcher | None = None
        self._name: object = "an actor that has not started"
        self.current: Envelope[Any] | None = None

    @property
    def state(self) -> str:
        """One of the four states; already old when it is read outside of a turn."""
        return self._state

    def bind_held(self, tenant: Tenant, dispatcher: Dispatcher, first: Envelope[Any]) -> None:
        """Leave the state it is born in with one envelope queued, and ask for no turn: somebody else gives the first.

        Args:
            tenant: Whose turns it runs.
            dispatcher: Who gives it the turns after the first.
            first: What it starts with.
        """
        assert self._tenant is None, "an actor starts once"
        self._tenant = tenant
        self._dispatcher = dispatcher
        self._lane = [first]
        self._state = SCHEDULED

    def bind(self, tenant: Tenant, dispatcher: Dispatcher, *, at_once: bool) -> None:
        """Leave the state it is born in.

        Args:
            tenant: Whose turns it runs.
            dispatcher: Who gives it turns.
            at_once: Ask for a turn though nothing may be queued; for an actor that has an ``on_start``.
        """
        with self._lock:
            assert self._tenant is None, "an actor starts once"
            self._tenant = tenant
            self._dispatcher = dispatcher
            if not at_once and not self._lane:
                self._state = IDLE
                return
            self._state = SCHEDULED
        self._schedule(dispatcher)

    def put(self, envelope: Envelope[Any]) -> None:
        """Queue an envelope, or refuse it when the actor has stopped: then an ask fails at once. Never blocks."""
        with self._lock:
            state = self._state
            if state is not CLOSED:
                if self._lane is None:
                    self._lane = [envelope]
                else:
                    self._lane.append(envelope)
                if state is not IDLE:
                    return
                self._state = SCHEDULED
        if state is CLOSED:
            self._refuse(envelope, self._tenant, was_queued=False)
            return
        assert self._dispatcher is not None
        self._schedule(self._dispatcher)

    def run_turn(self) -> bool:
        """Give the actor a turn.

        Returns:
            True when it wants another one.
        """
        tenant = self._tenant
        if tenant is None or self._state is CLOSED:
            return False
        self._budget = TURN
        before, inside.turn = inside.turn, self  # a supervisor's turn may run inside the turn of its child
        try:
            return tenant.take_turn()
        finally:
            inside.turn = before

    def run_here(self, action: Callable[[Any], None], argument: object) -> bool:
        """Do something in the calling thread, as a turn of its own, if nothing is queued and no turn runs.

        Args:
            action: What to do; must not raise.
            argument: What with.

        Returns:
            False when it has not been done.
        """
        with self._lock:
            if self._state is not IDLE:
                return False
            self._state = SCHEDULED
        before, inside.turn = inside.turn, self
        try:
            action(argument)
        finally:
            inside.turn = before
        if self.settle():
            assert self._dispatcher is not None
            self._schedule(self._dispatcher)
        return True

    def get(self) -> Envelope[Any]:
        """Take the next envelope; pykka's loop calls this outside of its ``try``, so the raised ones end the turn.

        Raises:
            Settled: Nothing is left, or the actor awaits.
            Parked: The turn has had its share.
        """
        batch = self._batch
        if not batch or self._budget <= 0:
            batch = self._refill(batch)
        self._budget -= 1
        envelope = batch.pop()
        self.current = envelope
        return envelope

    def empty(self) -> bool:
        """Tell whether nothing is queued."""
        return not self._batch and not self._lane

    def take(self, limit: int = BATCH) -> list[Envelope[Any]]:
        """Take what is queued, at most ``limit``; empty when nothing is."""
        with self._lock:
            lane = self._lane
            if lane is None or len(lane) <= limit:
                self._lane = None
                return lane or []
            taken = lane[:limit]
            del lane[:limit]
            return taken

    def give_back(self, envelopes: list[Envelope[Any]]) -> None:
        """Put what ``take`` handed over back in front."""
        with self._lock:
            self._lane = envelopes + (self._lane or [])

    def put_next(self, envelope: Envelope[Any]) -> None:
        """Make ``get`` return this one envelope, which ``take`` handed over, and then end the turn."""
        self._batch = [envelope]
        self._budget = 1

    def settle(self) -> bool:
        """End a turn that used ``take``.

        Returns:
            True when more is queued; False when another thread may already run the next turn.
        """
        with self._lock:
            if self._state is CLOSED:
                return False
            if self._lane:
                return True
            self._state = IDLE
            return False

    def suspend(self) -> None:
        """End the turn after this envelope and take none until ``resume``; the actor's handler awaits."""
        self._budget = 0
        with self._lock:
            self._state = SUSPENDED

    def resume(self, envelope: Envelope[Any] | None) -> bool:
        """Run the turn that follows an await, in this thread.

        Args:
            envelope: Taken before all others; None when there is none.

        Returns:
            True when the actor wants another turn.
        """
        with self._lock:
            assert self._state is SUSPENDED, "only an await that has ended resumes, and only once"
            self._state = SCHEDULED
        if envelope is not None:
            self._batch = self._batch or []
            self._batch.append(envelope)
        return self.run_turn()

    def close(self, name: object) -> None:
        """Refuse what is queued and all that comes.

        Args:
            name: What the actor is called, for whoever asks it from now on; made into text only then.
        """
        with self._lock:
            if self._state is CLOSED:
                return
            self._state = CLOSED
            self._name = name
            batch, lane = self._batch, self._lane
            self._batch = self._lane = self.current = None
            tenant = self._tenant
            # A dead actor is kept only when it wants to hear of what is not delivered.
            if tenant is not None and not tenant.hears_undelivered:
                self._tenant = None
        if batch or lane:
            for envelope in [*reversed(batch or ()), *(lane or ())]:
                self._refuse(envelope, tenant, was_queued=True)

    def _refill(self, batch: list[Envelope[Any]] | None) -> list[Envelope[Any]]:
        with self._lock:
            lane = self._lane
            if self._state is not SCHEDULED:
                raise Settled
            if self._budget <= 0 and (batch or lane):
                raise Parked
            if not lane:
                self._state = IDLE
                self.current = None
                raise Settled
            self._lane = None
        lane.reverse()
        self._batch = lane
        return lane

    def _schedule(self, dispatcher: Dispatcher) -> None:
        try:
            dispatcher.schedule(self)
        except SystemClosed:
            # Nobody will ever run it again: whoever waits must hear that.
            self.close(str(self._tenant))

    def _refuse(self, envelope: Envelope[Any], tenant: Tenant | None, *, was_queued: bool) -> None:
        reply = envelope.reply_to
        is_stop = isinstance(envelope.message, _ActorStop)
        if reply is not None:
            if is_stop and was_queued:
                reply.set(None)  # as pykka: whoever asked it to stop while it was stopping has got what they wanted
            else:
                dead = ActorDeadError(f"{self._name} stopped before handling the message")
                reply.set_exception((ActorDeadError, dead, None))
        if is_stop:
            return
        logger.debug("undelivered: a %s for %s", type(envelope.message).__name__, self._name)
        if tenant is None:
            return
        try:
            tenant.on_undelivered(envelope)
        except Exception:  # the sender must not pay for a mistake in the hook
            logger.exception("on_undelivered of %s failed", self._name)
