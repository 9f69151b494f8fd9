"""``system.tasks``: submit tasks, wait for them, decide about them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.bodies.loop_guard import refuse_on_loop
from dagger_actors.core.protocols import Write
from dagger_actors.core.tasks import FINAL_TASK, Conflict, NewTask, SubmitTasks
from dagger_actors.errors import RequestRefused, SystemClosed, TaskFailed, TaskNotFound
from dagger_actors.tasks.hub import TaskHub
from dagger_actors.tasks.machine.events import Woken
from dagger_actors.tasks.task import Task

__all__ = ["Tasks"]

UNIT = 1000
"""Tasks of one commit."""

POLL_S = 0.05
"""How often a wait looks at the file, where the end may be another process's doing."""


class Tasks:
    """The task paradigm of one system.

    Args:
        hub: Keeps it going.
    """

    def __init__(self, hub: TaskHub) -> None:
        self._hub = hub
        self._is_closed = False

    # --- submitting

    def submit(
        self,
        agent: str | type | Callable[..., Any],
        payload: Any = None,
        *,
        priority: int = 0,
        depends_on: Sequence[Task | int] = (),
        key: str | None = None,
        on_conflict: Conflict = "existing",
        try_count: int | None = None,
    ) -> Task:
        """Submit a task; it is durable when this returns."""
        refuse_on_loop("tasks.submit()", "await tasks.asubmit(...)")
        return self.submit_many(
            agent,
            [payload],
            priority=priority,
            depends_on=depends_on,
            key=key,
            on_conflict=on_conflict,
            try_count=try_count,
        )[0]

    def submit_many(
        self,
        agent: str | type | Callable[..., Any],
        payloads: Sequence[Any],
        *,
        priority: int = 0,
        depends_on: Sequence[Task | int] = (),
        key: str | None = None,
        on_conflict: Conflict = "existing",
        try_count: int | None = None,
    ) -> list[Task]:
        """Submit many tasks, a thousand to a commit."""
        if self._is_closed:
            raise SystemClosed
        hub = self._hub
        entry = hub.agents.find(agent)
        on = tuple(one.id if isinstance(one, Task) else one for one in depends_on)
        tasks: list[Task] = []
        pending: list[ReplyFuture[list[Any]]] = []
        for start in range(0, len(payloads), UNIT):
            chunk = payloads[start : start + UNIT]
            new: list[NewTask] = []
            for task_key, payload in zip(hub.keys.take(len(chunk)), chunk, strict=True):
                text, limit_key = entry.encode(payload)
                new.append(
                    NewTask(
                        task_key,
                        entry.name,
                        text.decode(),
                        limit_key=limit_key,
                        priority=priority,
                        depends_on=on,
                        key=key,
                        on_conflict=on_conflict,
                        try_count=try_count,
                    )
                )
            pending.append(self._write(new))
            tasks += [Task(one.task_key, self) for one in new]
        for future in pending:
            try:
                hub.runtime.wait(future, None)
            except RequestRefused as error:
                raise error.cause from None
        hub.supervisor.tell(Woken(frozenset((entry.name,))))
        return tasks

    def _write(self, new: list[NewTask]) -> ReplyFuture[list[Any]]:
        now_us = self._hub.runtime.clock.now().wall_us
        if all(one.is_plain for one in new):
            rows = [
                (
                    one.task_key,
                    one.agent,
                    "ready" if one.due_at is None else "pending",
                    one.priority,
                    one.payload,
                    one.payload_artifact_id,
                    one.job_key,
                    one.limit_key,
                    one.due_at,
                    one.expires_at,
                    one.try_count,
                    now_us,
                )
                for one in new
            ]
            return self._hub.ask((), [Write("tasks.insert", rows, len(rows))])
        return self._hub.ask([SubmitTasks(tuple(new), now_us)])

    # --- looking

    def state_of(self, task_id: int) -> str:
        """The state of a task."""
        found = self._hub.store.readers.query("read.task_state", task_id)
        if not found:
            raise TaskNotFound(task_id, str(self._hub.store.path))
        return str(found[0][0])

    def wait_for(self, task_id: int, timeout: float | None) -> None:
        """Block until a task has come to rest."""
        clock, runtime, waiters = self._hub.runtime.clock, self._hub.runtime, self._hub.waiters
        until = None if timeout is None else clock.now().mono_us + round(timeout * 1e6)
        future = waiters.watch(task_id)
        try:
            while self.state_of(task_id) not in FINAL_TASK:
                left = POLL_S
                if until is not None:
                    left = min(POLL_S, (until - clock.now().mono_us) / 1e6)
                    if left <= 0:
                        raise TimeoutError(f"task {task_id} has not ended after {timeout:g} s")
                try:
                    runtime.wait(future, left)
                except TimeoutError:
                    continue
        finally:
            waiters.leave(task_id, future)

    def result_of(self, task_id: int) -> Any:
        """The result of a task that has ended."""
        row = self._hub.store.readers.query("read.task_result", task_id)[0]
        state, result, artifact_id, error = row
        if state != "completed":
            raise TaskFailed(task_id, error or state)
        text = result.encode() if result is not None else self._hub.artifacts.load(artifact_id)
        return msgspec.json.decode(text)

    async def asubmit(self, *args: Any, **options: Any) -> Task:
        """``submit``, without blocking the loop."""
        return await asyncio.to_thread(self.submit, *args, **options)

    def close(self) -> None:
        """Take nothing new."""
        self._is_closed = True
