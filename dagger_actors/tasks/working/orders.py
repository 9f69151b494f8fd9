"""What a task supervisor is told, besides the ends of bodies and what its machine is told as it is."""

from __future__ import annotations

import msgspec

from dagger_actors.core.task_leases import Claimed
from dagger_actors.tasks.machine.events import TaskRef
from dagger_actors.tasks.machine.machine import TaskMachine
from dagger_actors.tasks.working.batch import Batch

__all__ = ["Adopt", "Again", "Denied", "Detach", "GiveUp", "Late", "Reopen", "ShiftEnds", "Stops"]


class Stops(msgspec.Struct, frozen=True):
    """Rows of ``task_stops`` for this worker: ids and epochs of leases that were taken away."""

    leases: tuple[TaskRef, ...]


class Detach(msgspec.Struct, frozen=True):
    """The system is left: begin nothing, answer when nothing runs any more; with ``now`` give back what still runs."""

    now: bool = False


class Adopt(msgspec.Struct, frozen=True):
    """Ends that a dead worker had told and not committed, of tasks that this worker has leased for that."""

    ends: tuple[tuple[Claimed, bytes], ...]


class Late(msgspec.Struct, frozen=True):
    """A timer of an attempt has fired."""

    ref: TaskRef
    is_stuck: bool = False


class Denied(msgspec.Struct, frozen=True):
    """The journal has refused a batch."""

    batch: Batch
    error: Exception


class ShiftEnds(msgspec.Struct, frozen=True):
    """Tasks of a shift have ended.

    Attributes:
        ends: Their encoded ends, in order.
        rest: Those that the shift does not come to, and that have not begun.
    """

    ends: tuple[bytes, ...]
    rest: tuple[TaskRef, ...] = ()


class Again(msgspec.Struct, frozen=True):
    """Hand what the disk refused to it again."""


class GiveUp(msgspec.Struct, frozen=True):
    """Do no task any more: the leases are given back, the bodies are to stop."""


class Reopen(msgspec.Struct, frozen=True):
    """Go on with a new machine.

    Attributes:
        machine: It.
        owned: All leases of this worker, as the file has them.
    """

    machine: TaskMachine
    owned: tuple[TaskRef, ...]
