"""Makes the actor of one attempt: picks where it runs, puts its start into its mailbox, gives it a ticket for the gate."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pykka._envelope import Envelope  # pykka exports no public name for what its mailboxes hold

from dagger_actors.actors.gate import Gate
from dagger_actors.actors.ticket import Ticket
from dagger_actors.bodies.body import FOR_LOOP, FOR_THREADS, BodyActor
from dagger_actors.bodies.loop_body import LoopBody
from dagger_actors.bodies.services import BodyServices
from dagger_actors.bodies.thread_body import ThreadBody
from dagger_actors.core.messages import StartAttempt, encode
from dagger_actors.core.protocols import Dispatcher

__all__ = ["Order", "Spawner"]


class Order(NamedTuple):
    """What an attempt's owner wants of its actor.

    Attributes:
        isolation: ``process`` = in a worker process; else on the loop or on a thread, as its function is written.
        timeout_us: How long it may take from its admission; None = as long as it likes.
        priority: Lower goes first.
        arm: Called when an attempt whose time is limited has passed the gate; must not block.
    """

    isolation: str
    timeout_us: int | None
    priority: int
    arm: Callable[[BodyActor], None]


class Spawner:
    """Turns starts into actors.

    Args:
        services: What body actors share.
        blocking: Gives threads to plain functions.
        io: The event loop.
    """

    def __init__(self, services: BodyServices, *, blocking: Dispatcher, io: Dispatcher) -> None:
        self._services = services
        self._blocking = blocking
        self._io = io

    def prepare(self, start: StartAttempt, order: Order, gate: Gate, tell: Callable[[bytes], None]) -> BodyActor:
        """Make the actor of an attempt, its start message in its mailbox, not yet scheduled.

        Args:
            start: The attempt.
            order: What is wanted of the actor.
            gate: Where its ticket will be offered.
            tell: Takes encoded messages to its owner: ``Progressed``, and ``AttemptEnded`` last; any thread.
        """
        action = self._services.actions.get(start.action)
        is_thread = action is None or not action.is_async
        inside = self._blocking if is_thread else self._io
        kind: type[BodyActor]
        kind, dispatcher = (ThreadBody, FOR_THREADS) if is_thread else (LoopBody, FOR_LOOP)
        is_process = order.isolation == "process" and self._services.pool is not None
        if is_process:
            kind, dispatcher, inside, is_thread = self._process_body(), FOR_THREADS, self._in_processes(), False
        actor = kind(self._services, gate, tell, order.timeout_us)
        # Held: the gate gives it its one turn.
        inbox = actor.actor_inbox
        inbox.bind_held(actor, dispatcher, Envelope(encode(start)))
        ticket = actor.ticket = Ticket(
            start.run_key,
            start.node,
            start.item,
            start.attempt,
            inbox,
            inside,
            is_thread=is_thread,
            is_process=is_process,
            priority=order.priority,
        )
        if order.timeout_us is not None:
            ticket.on_admit = lambda _ticket: order.arm(actor)
        return actor

    def _process_body(self) -> type[BodyActor]:
        # Loaded with the first such attempt: without one, nothing of processes is paid for.
        from dagger_actors.bodies.processes.body import ProcessBody  # noqa: PLC0415

        return ProcessBody

    def _in_processes(self) -> Dispatcher:
        assert self._services.pool is not None
        return self._services.pool.get().dispatcher
