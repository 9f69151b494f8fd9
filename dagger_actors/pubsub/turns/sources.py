"""What turns take from their surroundings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from dagger_actors.core.messages import ArtifactRecord
from dagger_actors.core.run_rows import NewRun, StartRuns
from dagger_actors.core.task_rows import NewTask
from dagger_actors.core.tasks import SubmitTasks, Submitted

__all__ = [
    "Bridges",
    "FlowBridge",
    "Publisher",
    "SpawnOptions",
    "Spawned",
    "StartOptions",
    "StateSource",
    "TaskBridge",
]


class Publisher(Protocol):
    """Knows what channels take."""

    def encode(self, channel: str, message: object, /) -> tuple[str, str]:
        """Give the name of a message's class, empty = none, and its JSON text, at most 1 MiB; any thread.

        Raises:
            PublicationRefused: The channel does not take it, or it is too large.
            UnknownChannel: There is no such channel.
        """
        ...

    def is_ephemeral(self, channel: str) -> bool:
        """Whether nothing of a channel is stored."""
        ...


class StateSource(Protocol):
    """Reads states, as of the last commit; any thread, and it may block for a moment."""

    def load(self, group_key: int, keys: Sequence[str], /) -> dict[str, bytes]:
        """Give those states that there are, as MessagePack, by their keys."""
        ...


class SpawnOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What may be given with a task that a turn makes; as in ``TaskContext.spawn``."""

    key: str | None = None
    priority: int = 0
    delay: float | None = None
    run_at: datetime | None = None
    expires: float | datetime | None = None
    try_count: int | None = None


class Spawned(msgspec.Struct, frozen=True):
    """A task to be written with the turn that makes it.

    Attributes:
        task: It.
        records: The artifacts of its payload.
    """

    task: NewTask
    records: tuple[ArtifactRecord, ...] = ()


class StartOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What may be given with a run that a turn starts; as in ``system.flows.start``.

    Attributes:
        is_unique: See ``NewRun``.
    """

    run_id: str | None = None
    parallel: int | None = None
    sequential: bool = False
    use_cache: bool = True
    is_unique: bool = True


class TaskBridge(Protocol):
    """Makes tasks for turns; any thread."""

    def make(self, agent: Any, payload: object, options: SpawnOptions, /) -> Spawned:
        """Make one, its id drawn, not yet written.

        Raises:
            UnknownAgent, PayloadRefused, RequestError, SpawnRefused: It cannot be.
        """
        ...

    def waits(self, agent: str, /) -> bool:
        """Whether who submits tasks to an agent waits for room in its queue."""
        ...

    def submitted(self, operation: SubmitTasks, answers: Sequence[Submitted], /) -> None:
        """Tasks are in the file; never blocks."""
        ...


class FlowBridge(Protocol):
    """Makes runs of flows for turns; any thread."""

    def make(self, flow: Any, inputs: Mapping[str, Any], options: StartOptions, /) -> NewRun:
        """Make one, not yet written.

        Raises:
            DefinitionError, InvalidInputs, RunConflict, RequestError: It cannot be.
        """
        ...

    def started(self, operation: StartRuns, answers: Sequence[bool], /) -> None:
        """Runs are in the file; never blocks."""
        ...


class Bridges(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What turns make of other paradigms.

    Attributes:
        tasks: Makes tasks; None = this system has none.
        flows: Makes runs; None = this system has none.
    """

    tasks: TaskBridge | None = None
    flows: FlowBridge | None = None
