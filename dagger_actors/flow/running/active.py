"""One run that is open in this system: its supervisor, its gate, its way out, and who waits for it."""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec
from pykka._envelope import Envelope  # pykka exports no public name for what its mailboxes hold

from dagger_actors.actors.gate import Gate
from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.actors.ticket import Ticket
from dagger_actors.core.messages import encode
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.definition import FlowDefinition
from dagger_actors.flow.definition.inputs import decode_inputs
from dagger_actors.flow.machine.invocations import RunIdentity
from dagger_actors.flow.running.emitter import Emitter
from dagger_actors.flow.running.supervisor import FlowSupervisor
from dagger_actors.flow.stored.rows import RunRow

__all__ = ["ActiveRun"]


class ActiveRun:
    """One run that is open in this system.

    Attributes:
        actions: What the names of actions mean in it.
        imports: Where they are, as JSON text.
        done: Resolved with the state in which the run came to rest; with an error when it was lost.
        is_bare: Whether it was opened without its code, only to be told something.
        is_held: Whether it is opened pausing, because the run above it pauses.
        cut_off: Attempts that were cut off when the run was lost here before, until what it makes of them is committed.
    """

    def __init__(self, row: RunRow, identity: RunIdentity, definition: FlowDefinition, actions: ActionRegistry) -> None:
        self.run_id = row.run_id
        self.identity = identity
        self.definition = definition
        self.actions = actions
        self.inputs = decode_inputs(row.inputs)
        self.imports = row.imports
        self.done: ReplyFuture[str] = ReplyFuture()
        self.done.asked = f"run {row.run_id!r}"
        self.restarts: deque[int] = deque()
        self.cut_off: list[tuple[Gate, Ticket]] = []
        self.is_bare = False
        self.is_held = False
        self.gate: Gate
        self.emitter: Emitter
        self.supervisor: FlowSupervisor

    def tell(self, message: msgspec.Struct) -> None:
        """Send the supervisor a message."""
        self.supervisor.tell(encode(message))

    def ask(self, message: msgspec.Struct) -> ReplyFuture[Any]:
        """Send the supervisor a message; the answer comes after the commit it leads to."""
        future: ReplyFuture[Any] = ReplyFuture()
        self.supervisor.actor_inbox.put(Envelope(encode(message), reply_to=future))
        return future

    def stop_bodies(self) -> None:
        """Cancel what runs and start nothing more: whatever it comes to, nobody here is told of it."""
        self.gate.hold()
        self.gate.drain()
        for actor in list(self.emitter.actors.values()):
            if actor.ticket.state == "admitted":
                self.gate.abandon(actor.ticket)
            actor.cancel()
        self.gate.close()
