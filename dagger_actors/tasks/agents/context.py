"""What a task's body may ask of the attempt it runs in."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from dagger_actors.bodies.context import Surroundings
from dagger_actors.bodies.publications import PublishingContext
from dagger_actors.bodies.shared import AskedShared
from dagger_actors.bodies.suspend import Suspend
from dagger_actors.bodies.turn_shared import TurnShared
from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.messages import ArtifactRecord, StartAttempt, TaskFacts, Turn
from dagger_actors.core.task_rows import DependencyKind, Wait
from dagger_actors.errors import RequestError, UnknownDependency
from dagger_actors.tasks.agents.growth import Growth, Options
from dagger_actors.tasks.agents.marked import marked
from dagger_actors.tasks.agents.questions import Questions
from dagger_actors.tasks.handles.child import Child
from dagger_actors.tasks.handles.given_values import MAX_PRIORITY, MAX_TRIES, due_of, expires_of, ids_of, whole
from dagger_actors.tasks.handles.outcomes import Outcomes, TaskOutcome
from dagger_actors.tasks.handles.task import Task

__all__ = ["TaskContext"]

logger = logging.getLogger("dagger_actors.run")

ORDINARY = TaskFacts()


class TaskContext(PublishingContext):
    """Given to an ``execute`` that declares a parameter of this type.

    Attributes:
        task_id: The task's id.
        agent: The name of its agent.
        parent: Id of the task that spawned it; None = nobody did.
        attempt: Which attempt this is, from 1; repeats after a crash and after a wait count.
        try_no: The same without those: what ``retry`` of its agent counts.
        idempotency_key: The same for every attempt at this task.
        shared: The shared state: ``get``, ``read``, ``put``, ``delete``, ``increment``; changes are committed with the turn.
    """

    may_suspend = True

    def __init__(self, start: StartAttempt, around: Surroundings) -> None:
        super().__init__(start, around)
        facts = start.task or ORDINARY
        self.task_id = start.run_key
        self.agent = start.action
        self.parent = facts.parent
        self.try_no = facts.try_no
        self._facts = facts
        self._questions = Questions(around.backends.owner)
        self._waits: list[Wait] = []

    @staticmethod
    def write_log(start: StartAttempt, level: int, message: str) -> None:
        """Write what an attempt logged."""
        fields = LogFields(task=start.run_key, agent=start.action, attempt=start.attempt)
        logger.log(level, "task %d of %s: %s", start.run_key, start.action, message, extra=fields)

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt at this task."""
        return f"task/{self.task_id}"

    @functools.cached_property
    def job(self) -> str | None:
        """The id of its job; None = it is of none."""
        return None if self._facts.job_key is None else self._questions.job_id(self._facts.job_key)

    @functools.cached_property
    def shared(self) -> TurnShared:
        """The shared state, as of the last commit and with what this turn has changed."""
        return TurnShared(AskedShared(self._backends.owner), self._mark, self._mask, self._end)

    def _mark(self) -> str | None:
        return None if self.attempt == 1 else self._questions.mark(self.task_id)

    # --- growth

    def spawn(
        self,
        agent: str | type | Callable[..., Any],
        payload: Any,
        key: str | None = None,
        *,
        priority: int = 0,
        depends_on: Iterable[Child | Task | int] = (),
        delay: float | None = None,
        run_at: datetime | None = None,
        expires: float | datetime | None = None,
        try_count: int | None = None,
    ) -> Child:
        """Make a task, of the same job; it is written with the end of this turn, so nothing of it runs before.

        When this body runs again, because it has waited or failed, the same call gives the same child: by ``key``, or by
        its place among the children without one. What was spawned with the end of a turn stays, also when a later attempt
        fails; what an attempt spawns that fails, is not.

        Args:
            agent: Class, function or name.
            payload: What its ``execute`` takes.
            key: Names it among the children of this task; 1 to 200 printable characters, the first one not ``#``.
            priority: Higher goes first.
            depends_on: What must succeed before: other children, tasks, or ids.
            delay: Seconds before it may begin, up to a year; not together with ``run_at``.
            run_at: When it may begin; a time without a zone is UTC.
            expires: Seconds, or a time; when it has not begun by then, it is cancelled.
            try_count: Total tries; None = as its agent says.

        Returns:
            The child; its id is final.

        Raises:
            PayloadRefused: Its agent does not take the payload.
            SpawnMismatch: This body has spawned another task under that name; the attempt has failed for good.
            RequestError: An option cannot be.
            SpawnRefused: Its key cannot be, it would never run, or never again as ``try_count`` says, or these are more than
                100,000 children, or 16 MiB in one turn.
            AttemptOver: The attempt is over.
        """
        now_us = self._clock.now().wall_us
        options = Options(
            priority=whole("priority", priority, -MAX_PRIORITY, MAX_PRIORITY),
            depends_on=ids_of("depends_on", depends_on) if depends_on else (),
            due_at=due_of(delay, run_at, now_us),
            expires_at=expires_of(expires, now_us),
            now_us=now_us,
            try_count=None if try_count is None else whole("try_count", try_count, 1, MAX_TRIES),
        )
        child = self._growth.spawn(agent, payload, key, options)
        kind = None if isinstance(agent, str) else marked(agent)
        if kind is not None:
            self._outcomes.know(child.agent, kind.result)
        return child

    @functools.cached_property
    def _growth(self) -> Growth:
        return Growth(
            self.task_id,
            self._facts,
            ask=self._questions.new,
            ask_children=self._questions.children,
            artifacts=self._artifacts,
            mask=self._mask,
            end=self._end,
        )

    # --- waiting

    def gather(self, tasks: Iterable[Child | Task | int], *, return_errors: bool = False) -> list[Any]:
        """Give the results of tasks when all of them have ended; until then this attempt is over.

        It ends by raising; the task is blocked, holds no place and no thread, and runs again from its beginning when they
        have ended. So what comes before a wait is done anew: spawning gives the same children, ``step`` what it has stored,
        shared changes are made once, ``execute`` counts from the attempt that succeeds.

        Args:
            tasks: Children, tasks, or ids.
            return_errors: Put a ``TaskEnded`` in the place of each that did not succeed.

        Returns:
            Their results, in order; of the type that the agent's body is annotated with, where this process knows it.

        Raises:
            TaskFailed, TaskCancelled, TaskRejected: The first one that has not succeeded, without ``return_errors``.
            UnknownDependency: One of them is not there.
            AttemptOver: The attempt is over.
        """
        return self._awaited(ids_of("gather", tasks), "end", return_errors=return_errors)

    def depend_on(self, *tasks: Child | Task | int) -> list[Any]:
        """Give the results of tasks when all of them have succeeded; until then this attempt is over, as with ``gather``.

        When one of them has failed, the task stays blocked, and says why, until somebody retries that one.

        Args:
            tasks: Children, tasks, or ids.

        Raises:
            UnknownDependency: One of them is not there.
            AttemptOver: The attempt is over.
        """
        return self._awaited(ids_of("depend_on", tasks), "success", return_errors=False)

    def results(self) -> list[Any]:
        """Give the results of what this task was submitted to depend on, in that order.

        Raises:
            TaskFailed, TaskCancelled, TaskRejected: One has not succeeded: it was rejected since this one began.
            RequestError: One was opened again since then, and has not ended; ``depend_on`` waits.
        """
        return self._outcomes.values(self._ended(self._questions.needs(self.task_id)), return_errors=False)

    def result_of(self, task: Child | Task | int) -> Any:
        """Give the result of a task that has ended, such as one that this one depends on.

        Raises:
            TaskFailed, TaskCancelled, TaskRejected: It has not succeeded.
            RequestError: It has not ended; ``gather`` and ``depend_on`` wait.
            UnknownDependency: It is not there.
        """
        return self._outcomes.values(self._ended(ids_of("result_of", [task])), return_errors=False)[0]

    def _ended(self, ids: Sequence[int]) -> list[TaskOutcome]:
        found = self._found(ids)
        for one in found:
            if not one.is_final:
                raise RequestError(f"task {one.task_key} is {one.state}; wait for it with ctx.gather or ctx.depend_on")
        return found

    @functools.cached_property
    def _outcomes(self) -> Outcomes:
        return Outcomes(self._artifacts.load, self._backends.result_type)

    def _awaited(self, ids: Sequence[int], kind: DependencyKind, *, return_errors: bool) -> list[Any]:
        self._end.refuse("the end of another task", "awaited")
        unmet: Sequence[int] = ids
        if not self._growth.has_new(ids):
            found = self._found(ids)
            unmet = [one.task_key for one in found if not (one.is_success or (kind == "end" and one.is_final))]
            if not unmet:
                return self._outcomes.values(found, return_errors=return_errors)
        self._end.keep("what it waits for", self._waits.append, Wait(tuple(dict.fromkeys(unmet)), kind))
        raise Suspend

    def _found(self, ids: Sequence[int]) -> list[TaskOutcome]:
        found = {one.task_key: one for one in self._questions.outcomes(ids)} if ids else {}
        for task_key in ids:
            if task_key not in found:
                raise UnknownDependency(self.task_id, task_key)
        return [found[task_key] for task_key in ids]

    def turn(self, artifacts: tuple[ArtifactRecord, ...]) -> Turn:
        """What every body's turn has; what it spawned, changed of the shared state, and waits for."""
        turn = super().turn(artifacts)
        growth, shared = self.__dict__.get("_growth"), self.__dict__.get("shared")
        if growth is not None and growth.spawned:
            records = (*turn.artifacts, *growth.records)
            turn = msgspec.structs.replace(turn, artifacts=records, spawned=tuple(growth.spawned))
        if shared is not None and shared.changes:
            mark = shared.mark() if self._waits else ""
            turn = msgspec.structs.replace(turn, shared=tuple(shared.changes), mark=mark)
        return msgspec.structs.replace(turn, waits=tuple(self._waits)) if self._waits else turn
