"""What one machine decides between an opening and the next: events go in, and what is to be written gathers in a batch.

So a machine that has crashed is thrown away with its batch, and nobody has to take anything back.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from dagger_actors.core.protocols import Now
from dagger_actors.tasks.machine.events import Answered, Effect, Event, Grant
from dagger_actors.tasks.machine.machine import TaskMachine
from dagger_actors.tasks.working.batch import Batch, Part
from dagger_actors.tasks.working.hands import Hands

__all__ = ["Deciding"]


class Deciding:
    """Applies events to the machine; for its supervisor's thread.

    Args:
        machine: It.
        hands: The bodies; what an attempt has logged is written with its end.
        let_out: Lets out an effect that is caused by no change of ours.

    Attributes:
        machine: As given.
        batch: What it has decided since the last one was taken.
    """

    def __init__(self, machine: TaskMachine, hands: Hands, let_out: Callable[[Effect], None]) -> None:
        self.machine = machine
        self._hands = hands
        self._let_out = let_out
        self.batch = Batch(machine.owner)

    def apply(self, event: Event, now: Now) -> None:
        """Tell the machine of something."""
        decision = self.machine.apply(event, now)
        batch = self.batch
        for end in decision.ends:
            hand = self._hands.get((end.row.task_key, end.row.epoch))
            batch.parts.append(Part(end, hand.captured() if hand is not None else None))
        if decision.ends or decision.released or decision.runs:
            batch.add(decision)
            return
        for effect in decision.effects:
            self._let_out(effect)

    def grant(self, answered: Answered, now: Now) -> list[Grant]:
        """Tell it what was leased; gives what is to begin at once, for the leases are committed already."""
        decision = self.machine.apply(answered, now)
        self.batch.add(msgspec.structs.replace(decision, effects=()))
        return [effect for effect in decision.effects if isinstance(effect, Grant)]

    def take_batch(self) -> Batch:
        """Give what has been decided, and begin anew."""
        batch, self.batch = self.batch, Batch(self.machine.owner)
        return batch
