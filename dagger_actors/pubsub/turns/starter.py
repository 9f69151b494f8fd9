"""Makes the bodies of shifts, and the gates where they wait for their places: one for each subscription."""

from __future__ import annotations

from collections.abc import Callable

from pykka._envelope import Envelope  # pykka exports no public name for what its mailboxes hold

from dagger_actors.actors.gate import Gate
from dagger_actors.actors.gates import Gates
from dagger_actors.actors.runtime import Runtime
from dagger_actors.actors.ticket import Ticket
from dagger_actors.bodies.body import FOR_LOOP, FOR_THREADS
from dagger_actors.core.channel_rows import place_of
from dagger_actors.core.messages import A_DELIVERY
from dagger_actors.core.turns import StartShift, encode_turns
from dagger_actors.pubsub.turns.body import AnyShift, LoopShift, ShiftBody
from dagger_actors.pubsub.turns.desk import Desk
from dagger_actors.pubsub.turns.ledger import Ledger

__all__ = ["ShiftStarter"]


class ShiftStarter:
    """Turns starts into bodies, for one member.

    Args:
        runtime: The world.
        gates: All of the system's.
        desks: By the names of their subscriptions.
        on_started: Called, by any thread, when a gate has let something through.

    Attributes:
        gates: By the names of their subscriptions; as many shifts pass at once as its ``concurrency`` says.
    """

    def __init__(
        self, *, runtime: Runtime, gates: Gates, desks: dict[str, Desk], on_started: Callable[[], None]
    ) -> None:
        self._blocking = runtime.blocking
        self._io = runtime.io
        self._desks = desks
        self.gates: dict[str, Gate] = {
            name: gates.open(
                0,
                limit=desk.options.concurrency,
                on_started=on_started,
                name=lambda ticket, name=name: f"message {place_of(ticket.item)[0]} of {name}",  # type: ignore[misc]
                holds=False,
            )
            for name, desk in desks.items()
        }

    def prepare(
        self, start: StartShift, tell: Callable[[bytes], None], arm: Callable[[AnyShift], None] | None = None
    ) -> AnyShift:
        """Make the body of a shift, its start in its mailbox, not yet scheduled: its ticket is to be offered to its gate.

        Args:
            start: The shift.
            tell: Takes encoded messages to the supervisor: ``Progressed``, and ``ShiftEnded`` last; any thread.
            arm: Called when a body whose turns are limited in time has passed its gate; must not block.
        """
        desk = self._desks[start.subscription]
        is_loop = desk.is_for_loop(start.turns)
        ledger = Ledger(start.shift, start.turns, desk.activations, keeps_states=not start.is_ephemeral)
        if not desk.is_shared:
            ledger.take_up()
        actor = (LoopShift if is_loop else ShiftBody)(desk, self.gates[start.subscription], tell, ledger)
        # Held: the gate gives it its one turn.
        inbox = actor.actor_inbox
        inbox.bind_held(actor, FOR_LOOP if is_loop else FOR_THREADS, Envelope(encode_turns(start)))
        first = start.turns[0].deliveries[0]
        actor.ticket = Ticket(
            first.cursor_key,
            A_DELIVERY,
            desk.piece(start.turns[0]),
            first.try_no,
            inbox,
            self._io if is_loop else self._blocking,
            is_thread=not is_loop,
        )
        if actor.timeout_us is not None and arm is not None:
            actor.ticket.on_admit = lambda _ticket: arm(actor)
        return actor
