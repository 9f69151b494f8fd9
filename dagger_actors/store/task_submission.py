"""New tasks: their agents, jobs, keys, parents and dependencies are looked up in a few steps, however many they are."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable
from typing import Any

import apsw
import msgspec

from dagger_actors.core.task_rows import NewTask
from dagger_actors.core.tasks import SubmitTasks, Submitted
from dagger_actors.errors import (
    DependencyCycle,
    JobClosed,
    JobNotFound,
    SpawnMismatch,
    TaskConflict,
    TaskQueueFull,
    UnknownAgent,
    UnknownDependency,
)
from dagger_actors.store.stepping import ask, do, text
from dagger_actors.store.task_ends import cancel_keys
from dagger_actors.store.task_graph import IS_SUCCESS, find_cycle, strand
from dagger_actors.store.task_rows import TaskRow, states_of

__all__ = ["submit"]

BAD_END = frozenset({"failed", "cancelled", "rejected"})


def submit(connection: apsw.Connection, operation: SubmitTasks) -> tuple[Submitted, ...]:
    """Write tasks; answers what became of each.

    Raises:
        UnknownAgent, JobNotFound, UnknownDependency: What one of them names is not there.
        JobClosed, TaskQueueFull: No more of them are taken.
        TaskConflict: Its key is another's, and it says ``reject``; or that one runs, or is of the same operation, and it says
            ``replace``.
        SpawnMismatch: Its parent has spawned another task under that name.
        DependencyCycle: Some of them would wait for each other.
    """
    draft = _Draft(connection, operation)
    draft.settle()
    if draft.fresh:
        _check_doors(connection, draft.fresh)
        draft.write()
    return tuple(draft.answers)


def _check_doors(connection: apsw.Connection, tasks: Iterable[NewTask]) -> None:
    counts = Counter(task.agent for task in tasks)
    rows = msgspec.json.decode(ask(connection, "read.task_agents", text(list(counts))))
    agents = {name: (open_count, capacity) for name, open_count, capacity, *_rest in rows}
    for name, count in counts.items():
        if name not in agents:
            names = msgspec.json.decode(ask(connection, "read.task_agent_names"), type=list[str])
            raise UnknownAgent(name, next(iter(difflib.get_close_matches(name, names, 1)), ""))
        open_count, capacity = agents[name]
        if open_count + count > capacity:
            raise TaskQueueFull(name, capacity)
    job_keys = {task.job_key for task in tasks if task.job_key is not None}
    if not job_keys:
        return
    jobs = {row[0]: row for row in msgspec.json.decode(ask(connection, "read.job_doors", text(list(job_keys))))}
    for job_key in sorted(job_keys):
        if job_key not in jobs:
            raise JobNotFound(str(job_key))
        if jobs[job_key][2]:
            raise JobClosed(jobs[job_key][1])


class _Draft:
    """The tasks of one operation on their way to the file."""

    def __init__(self, connection: apsw.Connection, operation: SubmitTasks) -> None:
        self._connection = connection
        self._tasks = operation.tasks
        self._now_us = operation.now_us
        self.answers: list[Submitted] = []
        self.fresh: list[NewTask] = []
        self._stands_for: dict[int, int] = {}
        """Earlier tasks instead of those of this operation, by the ids that these would have had."""
        self._keys: dict[tuple[str, str], tuple[int, str]] = {}
        self._children: dict[tuple[int, str], tuple[int, str, str | None, str | None]] = {}
        self._displaced: dict[int, int] = {}

    def settle(self) -> None:
        """Find out which of them are new; those that make room for them are cancelled."""
        self._look_up()
        for task in self._tasks:
            earlier = self._earlier(task) if task.key is not None or task.parent_key is not None else None
            if earlier is None:
                self.fresh.append(task)
                self._remember(task)
            else:
                self._stands_for[task.task_key] = earlier
            self.answers.append(Submitted(task.task_key if earlier is None else earlier, earlier is None))
        if self._displaced:
            do(self._connection, "tasks.unkey", text(list(self._displaced)))
            for old, new in self._displaced.items():
                cancel_keys(self._connection, [old], f"replaced by task {new}", self._now_us)

    def _look_up(self) -> None:
        keyed = [(task.agent, task.key) for task in self._tasks if task.key is not None]
        if keyed:
            rows = msgspec.json.decode(ask(self._connection, "read.keyed", text(keyed)))
            self._keys = {(agent, key): (task_key, state) for agent, key, task_key, state in rows}
        spawned = [(task.parent_key, task.spawn_key) for task in self._tasks if task.parent_key is not None]
        if spawned:
            rows = msgspec.json.decode(ask(self._connection, "read.spawned", text(spawned)))
            self._children = {(parent, spawn): tuple(child) for parent, spawn, *child in rows}

    def _remember(self, task: NewTask) -> None:
        if task.key is not None:
            self._keys[task.agent, task.key] = (task.task_key, "new")
        if task.parent_key is not None and task.spawn_key is not None:
            child = (task.task_key, task.agent, task.payload, task.payload_artifact_id)
            self._children[task.parent_key, task.spawn_key] = child

    def _earlier(self, task: NewTask) -> int | None:
        if task.parent_key is not None and task.spawn_key is not None:
            child = self._children.get((task.parent_key, task.spawn_key))
            if child is not None:
                _check_same(task, *child)
                return child[0]
        if task.key is None or (task.agent, task.key) not in self._keys:
            return None
        earlier, state = self._keys[task.agent, task.key]
        if task.on_conflict == "existing":
            return earlier
        if task.on_conflict == "reject" or state in {"running", "new"}:
            raise TaskConflict(task.agent, task.key, earlier, state == "running")
        self._displaced[earlier] = task.task_key
        return None

    def write(self) -> None:
        """Write those that are new, with their dependencies."""
        edges = self._edges()
        found = self._look_at_dependencies(edges)
        lines: list[tuple[int, int, str, int, int]] = []
        blocked: set[int] = set()
        doubtful: list[int] = []
        for task_key, on in edges.items():
            met = [other in found and found[other].state in IS_SUCCESS for other in on]
            lines += [
                (task_key, other, "success", int(is_met), place)
                for place, (other, is_met) in enumerate(zip(on, met, strict=True))
            ]
            if not all(met):
                blocked.add(task_key)
            if any(other in found and (found[other].is_stuck or found[other].state in BAD_END) for other in on):
                doubtful.append(task_key)
        rows = [self._row(task, is_blocked=task.task_key in blocked) for task in self.fresh]
        do(self._connection, "tasks.submit", text(rows))
        if lines:
            do(self._connection, "task_dependencies.put", text(lines))
        if doubtful:
            strand(self._connection, doubtful, self._now_us)

    def _row(self, task: NewTask, *, is_blocked: bool) -> tuple[Any, ...]:
        due_at = task.due_at if task.due_at is not None and task.due_at > self._now_us else None
        state = "pending" if due_at is not None else "blocked" if is_blocked else "ready"
        return (
            task.task_key, task.agent, state, task.priority, task.payload, task.payload_artifact_id, task.job_key,
            task.limit_key, due_at, task.expires_at, task.try_count, self._now_us, task.key, task.parent_key,
            task.spawn_key, task.trace,
        )  # fmt: skip

    def _edges(self) -> dict[int, tuple[int, ...]]:
        edges = {
            task.task_key: tuple(dict.fromkeys(self._stands_for.get(on, on) for on in task.depends_on))
            for task in self.fresh
            if task.depends_on
        }
        cycle = find_cycle(edges)
        if cycle is not None:
            raise DependencyCycle(cycle)
        return edges

    def _look_at_dependencies(self, edges: dict[int, tuple[int, ...]]) -> dict[int, TaskRow]:
        if not edges:
            return {}
        new = {task.task_key for task in self.fresh}
        old = {on for others in edges.values() for on in others} - new
        found = states_of(self._connection, list(old)) if old else {}
        for task_key, others in edges.items():
            for on in others:
                if on not in new and on not in found:
                    raise UnknownDependency(task_key, on)
        return found


def _check_same(task: NewTask, _key: int, agent: str, payload: str | None, artifact_id: str | None) -> None:
    assert task.spawn_key is not None
    if task.agent != agent:
        raise SpawnMismatch(task.spawn_key, "agent", repr(agent), repr(task.agent))
    if (task.payload, task.payload_artifact_id) != (payload, artifact_id):
        before, now = (_shown(*one) for one in ((payload, artifact_id), (task.payload, task.payload_artifact_id)))
        raise SpawnMismatch(task.spawn_key, "payload", before, now)


def _shown(payload: str | None, artifact_id: str | None) -> str:
    if payload is None:
        return f"artifact {artifact_id}"
    return payload if len(payload) <= 80 else payload[:79] + "…"
