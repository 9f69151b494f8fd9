"""What a database holds of tasks and jobs, to look at; the same for a system and for a reader that changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from dagger_actors.bodies.artifact_ref import ArtifactRef
from dagger_actors.bodies.stored_error import decode_error
from dagger_actors.core.task_states import TASK_TRANSITIONS
from dagger_actors.core.wording import quoted
from dagger_actors.errors import RequestError, TaskNotFound
from dagger_actors.reading.filters import LISTED, check_limit, states_of
from dagger_actors.reading.since import since_us
from dagger_actors.tasks.reports.job_looking import JobArchive
from dagger_actors.tasks.reports.report import (
    AgentSummary,
    TaskAttempt,
    TaskDependency,
    TaskLog,
    TaskReport,
    TaskSummary,
)
from dagger_actors.tasks.reports.rows import TaskRow, summary_of

__all__ = ["LISTED", "TaskArchive", "TaskFilter"]

STATES = (*TASK_TRANSITIONS, "stuck")
MANY_STATES = frozenset({"", "completed"})
"""Those that most tasks are in: the newest ones are found by going back from the last."""
OPEN_STATES = frozenset({"ready", "running"})


class TaskFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which tasks are meant, judged.

    Attributes:
        states: Of these; empty = of any. ``stuck`` is one, too.
        agent: Of this agent; empty = of any.
        job_key: Of this job; None = of any.
        first_us: Made since.
        text: In lower case; empty = whatever they hold.
    """

    states: tuple[str, ...] = ()
    agent: str = ""
    job_key: int | None = None
    first_us: int = 0
    text: str = ""


class TaskArchive(JobArchive):
    """Reads the tasks of one database; changes nothing.

    Args:
        store: The database.
        now_us: The time now, microseconds UTC.
    """

    # --- one task

    def state(self, task: int) -> str:
        """The state of a task, as of the last commit.

        Raises:
            TaskNotFound: There is none of that id.
        """
        return str(self._state(task)[0])

    def _state(self, task: int) -> tuple[Any, ...]:
        found = self._store.readers.query("read.task_state", _checked_id(task))
        if not found:
            raise TaskNotFound(task, str(self._store.path))
        return found[0]

    def report(self, task: int, *, values: bool = True) -> TaskReport:
        """All that is known of a task.

        Args:
            task: Its id.
            values: False = leave its payload and result out, for which nothing but rows has to be readable.

        Raises:
            TaskNotFound: There is none of that id.
            ArtifactCorrupt, ArtifactMissing: Its payload or result is no longer what it was.
        """
        query = self._store.readers.query
        rows = query("read.task", _checked_id(task))
        if not rows:
            raise TaskNotFound(task, str(self._store.path))
        row = TaskRow(*rows[0])
        return TaskReport(
            id=task,
            agent=row.agent,
            state=row.state,
            is_stuck=bool(row.is_stuck),
            is_held=bool(row.held) and row.state == "ready" and row.due_at is None,
            reason=row.reason,
            payload=self._value(row.payload, row.payload_artifact_id, "json", 0) if values else None,
            result=self._value(row.result, row.result_artifact_id, row.result_kind, row.result_bytes)
            if values
            else None,
            error=None if row.error is None else decode_error(row.error),
            attempts=tuple(_attempt(*found) for found in query("read.task_attempts", task)),
            attempt=row.attempt,
            try_no=row.try_no,
            crash_no=row.crash_no,
            try_count=row.try_count,
            version=row.version,
            priority=row.priority,
            key=row.key,
            limit_key=row.limit_key,
            job=row.job_id,
            parent=row.parent_key,
            children=query("read.child_count", task)[0][0],
            dependencies=tuple(_dependency(*found) for found in query("read.task_dependencies", task)),
            worker_pid=row.pid if row.owner in self._living() else None,
            created_us=row.created_at,
            due_us=row.due_at,
            expires_us=row.expires_at,
            started_us=row.started_at,
            finished_us=row.finished_at,
            updated_us=row.updated_at,
            log=self._logs(task),
        )

    def _value(self, text: str | None, artifact_id: str | None, kind: str | None, size_bytes: int | None) -> Any:
        if artifact_id is None:
            return None if text is None else msgspec.json.decode(text)
        if kind != "json":
            return ArtifactRef(artifact_id=artifact_id, kind=kind or "bytes", size_bytes=size_bytes or 0)
        return msgspec.json.decode(self._store.load_artifact(artifact_id))

    def logs(self, task: int) -> tuple[TaskLog, ...]:
        """What the attempts at a task logged, and printed if they ran in processes; of those that have ended.

        Raises:
            TaskNotFound: There is none of that id.
        """
        self._state(task)
        return self._logs(task)

    def _logs(self, task: int) -> tuple[TaskLog, ...]:
        rows = self._store.readers.query("read.task_logs", task)
        return tuple(TaskLog(attempt=at, text=text, dropped_bytes=dropped) for at, text, dropped in rows)

    # --- lists

    def tasks(
        self,
        *,
        state: str | Sequence[str] = (),
        agent: str | None = None,
        job: str | None = None,
        since: str | datetime | timedelta | None = None,
        text: str | None = None,
        limit: int = LISTED,
    ) -> list[TaskSummary]:
        """The newest tasks, those of the highest ids first.

        Args:
            state: Only in this state, or in one of these; ``stuck`` is blocked by what has failed.
            agent: Only of the agent of this name.
            job: Only of the job of this id.
            since: Only made after this moment: an age such as ``2h``, a date, a time, or the object of either.
            text: Only those whose payload, reason or error holds it, whatever the case of ASCII letters. Payloads as JSON has
                them, and those alone that lie in the database: up to the system's ``artifact_threshold``, 32 KiB by default.
            limit: At most so many; 1 or more.

        Raises:
            RequestError: A filter has a value that it cannot have.
            JobNotFound: There is no such job.
        """
        check_limit(limit)
        wanted = self._filter(state=state, agent=agent, job=job, since=since, text=text)
        keys = self._keys(wanted, limit)
        rows = self._store.readers.query("read.tasks", msgspec.json.encode(keys).decode())
        found = [summary_of(row) for row in rows]
        # Between the two looks one may have moved on.
        return [one for one in found if not wanted.states or _is_in(one, wanted.states)]

    def _filter(
        self,
        *,
        state: str | Sequence[str] = (),
        agent: str | None = None,
        job: str | None = None,
        since: str | datetime | timedelta | None = None,
        text: str | None = None,
    ) -> TaskFilter:
        if agent is not None and not agent:
            raise RequestError("agent is the name of an agent, which is never empty")
        return TaskFilter(
            states=states_of(state, STATES, "task"),
            agent=agent or "",
            job_key=None if job is None else self._job_row(job).job_key,
            first_us=0 if since is None else since_us(since, self._now_us()),
            text=(text or "").lower(),
        )

    def _keys(self, wanted: TaskFilter, limit: int) -> list[int]:
        """The newest ids, each state by the index that has it."""
        query, found = self._store.readers.query, []
        more = (wanted.agent, wanted.first_us, wanted.text, limit)
        for state in wanted.states or ("",):
            if state in OPEN_STATES:
                rows = query("read.task_keys_open", state, *more, wanted.job_key or 0)
            elif state not in MANY_STATES:
                rows = query("read.task_keys_notable", state, *more, wanted.job_key or 0)
            elif wanted.job_key is not None:
                rows = query("read.task_keys_of_job", state, *more, wanted.job_key)
            else:
                rows = query("read.task_keys", state, *more)
            found += [row[0] for row in rows]
        return sorted(set(found), reverse=True)[:limit]

    def agents(self) -> list[AgentSummary]:
        """All agents that the database knows, by name."""
        pids = self._living()
        doing: dict[str, list[int]] = {}
        for name, worker in self._store.readers.query("read.agent_workers"):
            if worker in pids:
                doing.setdefault(name, []).append(pids[worker])
        return [
            AgentSummary(
                name=name,
                place=place,
                open=is_open,
                capacity=capacity,
                overflow=overflow,
                per_key=per_key,
                rate=rate,
                burst=burst,
                payload_schema=msgspec.json.decode(payload),
                result_schema=msgspec.json.decode(result),
                worker_pids=tuple(sorted(doing.get(name, ()))),
            )
            for name, place, is_open, capacity, overflow, per_key, rate, burst, payload, result in self._store.readers.query(
                "read.agents"
            )
        ]

    def can_move(self, agents: Sequence[str]) -> bool:
        """Whether a task of these agents, by name, can still move by itself: it is neither ended, paused nor stuck."""
        return bool(self._store.readers.query("read.tasks_can_move", msgspec.json.encode(agents).decode())[0][0])

    def _living(self) -> dict[int, int]:
        """The processes of the workers that live, by the workers' ids."""
        return {one.worker_id: one.pid for one in self._store.workers().values() if not self._store.is_gone(one)}


def _checked_id(task: int) -> int:
    if type(task) is not int or not -(2**63) <= task < 2**63:
        raise RequestError(f"a task's id is a whole number, not {quoted(task)}")
    return task


def _is_in(task: TaskSummary, states: Sequence[str]) -> bool:
    return task.state in states or (task.is_stuck and "stuck" in states)


def _attempt(
    attempt: int, outcome: str, error: str | None, worker: int, started: int | None, finished: int
) -> TaskAttempt:
    return TaskAttempt(
        attempt=attempt,
        outcome=outcome,
        error=None if error is None else decode_error(error),
        worker=worker,
        started_us=started,
        finished_us=finished,
    )


def _dependency(on: int, kind: Any, met: int, state: Any) -> TaskDependency:
    return TaskDependency(id=on, kind=kind, is_met=bool(met), state=state)
