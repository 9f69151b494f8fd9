"""Tasks that turns of subscribers make: written in the very transaction that acknowledges the messages of the turn.

So a turn that fails has made none, and one that is taken again after a crash makes each of them once.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dagger_actors.bodies.outputs import INLINE_BYTES
from dagger_actors.core.messages import ArtifactRecord
from dagger_actors.core.protocols import Write
from dagger_actors.core.task_rows import NewTask
from dagger_actors.core.tasks import SubmitTasks, Submitted
from dagger_actors.errors import RequestError
from dagger_actors.pubsub.turns.sources import Spawned, SpawnOptions
from dagger_actors.tasks.agents.doors import AgentName, Doors
from dagger_actors.tasks.handles.given_values import one_try
from dagger_actors.tasks.verbs.wishes import Wishes, judge
from dagger_actors.tasks.working.hub import TaskHub

__all__ = ["TurnTasks"]

_keyed = msgspec.json.Decoder(list[tuple[str, str, int, str]])


class TurnTasks:
    """Implements ``pubsub.turns.sources.TaskBridge``; any thread.

    Args:
        hub: The task paradigm's.
    """

    def __init__(self, hub: TaskHub) -> None:
        self._hub = hub
        self._doors = Doors(hub.agents, hub.store.readers)

    def make(self, agent: AgentName, payload: object, options: SpawnOptions) -> Spawned:
        """Make one, not yet written; it has the id of the task that has its key, if there is one.

        Raises:
            UnknownAgent: There is none of that name.
            ActorClassError: What was given does no tasks.
            PayloadRefused: The agent does not take the payload.
            RequestError: An option cannot be.
        """
        hub = self._hub
        now_us = hub.runtime.clock.now().wall_us
        door = self._doors.find(agent)
        wishes = judge(msgspec.structs.asdict(options), now_us)
        if door.has_one_try and wishes.try_count is not None and wishes.try_count > 1:
            raise RequestError(one_try(wishes.try_count, door.name))
        text, limit_key = door.encode(payload)
        if door.unknown is not None:  # the transaction of the turn would refuse its task
            hub.runtime.wait_in_body(hub.ask((), [Write("task_agents.put", [door.unknown.row(now_us)], 1)]))
        task_key = self._known(door.name, wishes.key) or hub.keys.take()[0]
        return self._new(task_key, door.name, text, limit_key, wishes)

    def _known(self, agent: str, key: str | None) -> int | None:
        """The task that has a key already."""
        if key is None:
            return None
        rows = self._hub.store.readers.query("read.keyed", msgspec.json.encode([(agent, key)]).decode())
        return next((task_key for *_, task_key, _state in _keyed.decode(rows[0][0])), None)

    def _new(self, task_key: int, agent: str, text: bytes, limit_key: str | None, wishes: Wishes) -> Spawned:
        record: ArtifactRecord | None = None
        if len(text) > INLINE_BYTES:
            record = self._hub.artifacts.prepare(text, kind="json", media_type="application/json")
        task = NewTask(
            task_key,
            agent,
            text.decode() if record is None else None,
            None if record is None else record.artifact_id,
            priority=wishes.priority,
            limit_key=limit_key,
            due_at=wishes.due_at,
            expires_at=wishes.expires_at,
            try_count=wishes.try_count,
            key=wishes.key,
            trace=self._hub.trace(),
        )
        return Spawned(task, () if record is None else (record,))

    def waits(self, agent: str) -> bool:
        """Whether who submits tasks to an agent waits for room in its queue."""
        return self._doors.find(agent).overflow == "block"

    def submitted(self, operation: SubmitTasks, answers: Sequence[Submitted]) -> None:
        """Tasks are in the file: their agents go on; never blocks."""
        new = [task for task, answer in zip(operation.tasks, answers, strict=True) if answer.is_new]
        for agent, due_us, expires_us in {(task.agent, task.due_at, task.expires_at): None for task in new}:
            self._hub.has_new(agent, due_us, expires_us)
