"""An actor whose whole life is one turn of a thread: what it is told is there when the turn begins."""

from __future__ import annotations

from typing import ClassVar

from dagger_actors.actors.actor import Actor

__all__ = ["OneTurnActor"]


class OneTurnActor(Actor):
    """Handles what it finds in its mailbox, and is over.

    Attributes:
        known_as: What it is, for whoever tells it something later.
    """

    known_as: ClassVar[str]

    def take_turn(self) -> bool:
        """Handle it; pykka's loop, made for many turns, would cost as much as all the rest of a short attempt."""
        inbox = self.actor_inbox
        try:
            for envelope in inbox.take():
                self.on_receive(envelope.message)
        finally:
            # Actor and mailbox hold each other, and would otherwise have to wait for the collector.
            self.actor_stopped.set()
            inbox.close(self.known_as)
        return False
