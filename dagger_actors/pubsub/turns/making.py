"""What a turn makes of other paradigms: tasks and runs of flows, all of it written with the commit of the turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from dagger_actors.bodies.context import BodyContext
from dagger_actors.core.messages import ArtifactRecord, Turn
from dagger_actors.core.run_rows import NewRun
from dagger_actors.errors import RequestError, SpawnRefused, TurnLimit
from dagger_actors.pubsub.turns.outgoing import LARGEST_TURN, Outgoing
from dagger_actors.pubsub.turns.sources import Spawned, SpawnOptions, StartOptions
from dagger_actors.pubsub.turns.standing import Standing

__all__ = ["MOST_MADE", "MakingContext"]

MOST_MADE: Final = 10_000
"""Tasks of one turn; its runs likewise."""

A_TASK: Final = "the task that ctx.spawn makes"
A_RUN: Final = "the run that ctx.start_flow makes"


class MakingContext(BodyContext):
    """The part of ``TurnContext`` that makes tasks and starts runs."""

    _facts: Standing
    _outgoing: Outgoing
    _spawned: list[Spawned] | None = None
    _spawned_keys: dict[tuple[str, str], int] | None = None
    _started: dict[str, NewRun] | None = None
    _made_size = 0

    def spawn(
        self,
        agent: str | type | Callable[..., Any],
        payload: object,
        key: str | None = None,
        *,
        priority: int = 0,
        delay: float | None = None,
        run_at: datetime | None = None,
        expires: float | datetime | None = None,
        try_count: int | None = None,
    ) -> int:
        """Make a task, written with the commit of this turn: nothing of it runs before.

        Args:
            agent: Class, function or name.
            payload: What its ``execute`` takes.
            key: Unique among the tasks of its agent: a second one is the first one; None = has none.
            priority: Higher goes first.
            delay: Seconds before it may begin, up to a year; not together with ``run_at``.
            run_at: When it may begin; a time without a zone is UTC.
            expires: Seconds, or a time; when it has not begun by then, it is cancelled.
            try_count: Total tries; None = as its agent says.

        Returns:
            Its id; with a ``key``, that of the task that has it already. (Of two turns that make the first task of one key at
            the same moment, only one's id is a task's.)

        Raises:
            SpawnRefused: This system has no task agents.
            UnknownAgent: There is no agent of that name.
            PayloadRefused: Its agent does not take the payload.
            RequestError: An option cannot be.
            TurnLimit: These are more than 10,000 tasks, or 16 MiB.
            AttemptOver: The turn has ended.
        """
        tasks = self._facts.bridges.tasks
        if tasks is None:
            raise SpawnRefused(str(agent), "this system has no task agents; give it some: ActorSystem(agents=[...])")
        self._end.refuse(A_TASK)
        options = SpawnOptions(
            key=key, priority=priority, delay=delay, run_at=run_at, expires=expires, try_count=try_count
        )
        made = tasks.make(agent, payload, options)
        if key is not None:
            known = self._spawned_keys = self._spawned_keys or {}
            first = known.setdefault((made.task.agent, key), made.task.task_key)
            if first != made.task.task_key:
                return first
        self._made_size += len(made.task.payload or "")
        if self._spawned is None:
            self._spawned = []
        self._count(self._spawned, "tasks", "payloads")
        self._end.keep(A_TASK, self._spawned.append, made)
        return made.task.task_key

    def start_flow(
        self,
        flow: str | Path | Mapping[str, object],
        inputs: Mapping[str, Any] | None = None,
        *,
        run_id: str | None = None,
        parallel: int | None = None,
        sequential: bool = False,
        use_cache: bool = True,
    ) -> str:
        """Start a run of a flow, written with the commit of this turn: nothing of it runs before.

        Args:
            flow: A file's path, the same structure as data, or the name of a flow that was loaded: ``system.flows.load``.
            inputs: Its inputs by name.
            run_id: An id of the caller's, so that starting twice is starting once: 1 to 200 printable characters without ``/``,
                which joins the ids of runs inside others; made when it is None.
            parallel: Instead of the flow's ``max_parallel_nodes``; 1 or more.
            sequential: One node at a time.
            use_cache: False = nodes with ``cache`` compute anew, and store what they computed.

        Returns:
            The run's id: ``system.flows.run(...)`` finds it once the turn is committed.

        Raises:
            DefinitionError: The flow cannot run.
            InvalidInputs: It does not take these inputs.
            RunConflict: The run id is that of other work. (Of two turns that start the first run of one id at the same moment,
                one fails with it.)
            RequestError: The run id, or a setting, cannot be.
            TurnLimit: These are more than 10,000 runs, or 16 MiB.
            AttemptOver: The turn has ended.
        """
        options = StartOptions(run_id=run_id, parallel=parallel, sequential=sequential, use_cache=use_cache)
        return self.begin_run(flow, inputs or {}, options)

    def begin_run(self, flow: object, inputs: Mapping[str, Any], options: StartOptions) -> str:
        """``start_flow``, for what starts runs by declaration."""
        flows = self._facts.bridges.flows
        if flows is None:
            raise RequestError("this system runs no flows; start them with one that does: ctx.publish(...)")
        self._end.refuse(A_RUN)
        made = flows.make(flow, inputs, options)
        if self._started is None:
            self._started = {}
        known = self._started
        if made.run_id in known:
            made.refuse_other(known[made.run_id].definition_id, known[made.run_id].inputs)
            return made.run_id
        definition = made.definition
        if definition is not None:
            if any(one.definition_id == made.definition_id for one in known.values()):
                made = msgspec.structs.replace(made, definition=None)  # it comes with that one
            else:
                self._made_size += len(definition[1])
        self._made_size += len(made.inputs) + len(made.config) + len(made.imports)
        self._count(known, "runs", "inputs and settings")
        self._end.keep(A_RUN, known.__setitem__, made.run_id, made)
        return made.run_id

    def _count(self, made: Sequence[Any] | Mapping[str, Any], many: str, much: str) -> None:
        if len(made) >= MOST_MADE or self._made_size > LARGEST_TURN:
            reason = f"it makes more than {MOST_MADE:,} {many} or {LARGEST_TURN:,} bytes of {much}"
            raise TurnLimit(self._facts.subscription, reason)

    def turn(self, artifacts: tuple[ArtifactRecord, ...]) -> Turn:
        """What every body's turn has, and the tasks and runs that it made."""
        turn = super().turn(artifacts)
        if not (self._spawned or self._started):
            return turn
        spawned = self._spawned or ()
        records = tuple(record for one in spawned for record in one.records)
        return msgspec.structs.replace(
            turn,
            artifacts=turn.artifacts + records,
            spawned=tuple(one.task for one in spawned),
            started=tuple((self._started or {}).values()),
        )
