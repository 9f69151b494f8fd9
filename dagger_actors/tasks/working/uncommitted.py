"""What a task supervisor has decided and the journal has not written, and what follows when it has.

Each batch is a unit of its own. What the disk has refused still holds: it is kept, and handed over again a moment later.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from dagger_actors.core.channels import PublishMessages
from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.protocols import Now, Unit
from dagger_actors.core.task_leases import Claimed
from dagger_actors.tasks.machine.events import Answered, Effect, TaskRef, Woken
from dagger_actors.tasks.working.batch import Batch
from dagger_actors.tasks.working.handover import Services
from dagger_actors.tasks.working.hands import Hands
from dagger_actors.tasks.working.orders import Again, Denied

__all__ = ["Uncommitted"]

logger = logging.getLogger("dagger_actors.tasks")

AGAIN_US = 1_000_000
"""How long to wait before what the disk refused is handed to it again."""


class Uncommitted:
    """Batches on their way.

    Args:
        services: What the supervisor is made with.
        hands: The bodies; those whose ends are written are given up.
        tell: Puts a message into the supervisor's mailbox; any thread.
        let_out: Lets an effect out.
        is_awaited: Whether somebody waits for the last body to end.

    Attributes:
        adopted: What dead workers' bodies had done, until it is written: the leased task and the encoded end, by the lease.
        moot: Answers to claims that want no turn of their own.
    """

    def __init__(
        self,
        services: Services,
        hands: Hands,
        *,
        tell: Callable[[object], None],
        let_out: Callable[[Effect], None],
        is_awaited: Callable[[], bool],
    ) -> None:
        self._services = services
        self._hands = hands
        self._tell = tell
        self._let_out = let_out
        self._is_awaited = is_awaited
        self._put_off: list[Batch] = []
        self.adopted: dict[TaskRef, tuple[Claimed, bytes]] = {}
        self.moot: deque[Answered] = deque()

    @property
    def is_put_off(self) -> bool:
        """Whether the disk takes nothing now, so that nothing is to be claimed."""
        return bool(self._put_off)

    def submit(self, batch: Batch, now: Now) -> None:
        """Hand a batch to the journal; a ``Denied`` says when it is refused."""
        answers: list[Any] = []
        work = batch.work(now.wall_us)
        self._services.journal.submit(
            Unit(
                batch.writes(now.wall_us),
                lambda: self._committed(batch, work, answers),
                lambda error: self._tell(Denied(batch, error)),
                work,
                answered=answers.extend,
            )
        )

    def put_off(self, batch: Batch, error: Exception) -> None:
        """Nothing of it is written, and all of it still holds: it waits for an ``Again``."""
        if not self._put_off:
            logger.error(
                "the ends of tasks cannot be written; trying again: %s", error, extra=LogFields(reason=str(error))
            )
            due = self._services.clock.now().mono_us + AGAIN_US
            self._services.timers.set((id(self), "disk"), due, partial(self._tell, Again()))
        self._put_off.append(batch)

    def take_put_off(self) -> list[Batch]:
        """Take out what was put off, in order."""
        batches, self._put_off = self._put_off, []
        return batches

    def _committed(self, batch: Batch, work: Sequence[Any], answers: list[Any]) -> None:
        """Let out what follows; on the journal's thread, never blocks."""
        if batch.claims:
            answered = Answered(answers[-1], batch.claims)
            if answered.is_moot:  # nearly every end has such a one; a turn for each would cost more than the end
                self.moot.append(answered)
            else:
                self._tell(answered)
        for effect in batch.effects:  # before the hands are given up, or nobody could tell a body to stop
            self._let_out(effect)
        for operation, its_answer in zip(work, answers, strict=True):
            if type(operation) is PublishMessages:
                self._services.appended(operation.messages, its_answer)
        told: list[tuple[int, str]] = []
        for part in batch.parts:
            row = part.end.row
            told.append((row.task_key, row.state))
            self.adopted.pop(part.ref, None)
            if row.due_at is not None:
                self._services.due(row.due_at)
        if told:
            self._services.tally.count(part.end for part in batch.parts)
        # Not earlier: who waits for all to be given up then counts what was done.
        self._hands.give_up(part.ref for part in batch.parts)
        for reply in batch.replies:
            reply.set_once(None)
        if told:
            self._services.told(told)
        if self._is_awaited():
            self._tell(Woken(frozenset()))
