"""Waiting for tasks: woken at once by what ends here, by a look at the file for what others do."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.bodies.artifact_ref import ArtifactRef
from dagger_actors.bodies.asking import Aside, Asking, Await
from dagger_actors.bodies.loop_guard import refuse_on_loop
from dagger_actors.bodies.parameters import Parameter
from dagger_actors.bodies.patience import check_timeout
from dagger_actors.bodies.result_check import hint_name
from dagger_actors.core.task_states import FINAL_TASK
from dagger_actors.errors import BlockingCall, InputError, ResultError, TaskNotFound
from dagger_actors.tasks.handles.task import Task, how_it_ended
from dagger_actors.tasks.reports.report import TaskReport
from dagger_actors.tasks.verbs.base import TasksBase
from dagger_actors.tasks.working.hub import TaskHub

__all__ = ["Reopened", "Waiting"]

SUCCESS = frozenset({"completed", "accepted"})


class Reopened(Exception):
    """Somebody has opened a task again since it was seen at rest; nobody outside sees it."""


class Waiting(TasksBase):
    """The verbs that wait for tasks."""

    def __init__(self, hub: TaskHub) -> None:
        super().__init__(hub)
        self._result_types: dict[str, Parameter] = {}

    def get(self, task: int) -> Task:
        """The handle of a task that exists.

        Raises:
            TaskNotFound: There is none of that id.
        """
        self._state(task)
        return self._task(task)

    def wait_for(self, task: int, timeout: float | None) -> TaskReport:
        """Block until a task has come to rest; see ``Task.wait``."""
        check_timeout(timeout)
        self._refuse_to_block(lambda: self._is_at_rest(task), "task.wait()", "await task.await_report()")
        return self._asker.run_here(self._reporting(task, timeout))

    async def await_report(self, task: int) -> TaskReport:
        """``wait_for``, without blocking the loop."""
        return await self._asker.arun(self._reporting(task, None))

    def _reporting(self, task: int, timeout: float | None) -> Asking[TaskReport]:
        while True:
            timeout = yield from self._resting(task, timeout)
            report = self.report(task)
            if _rests(report.state, is_stuck=report.is_stuck):
                return report  # else somebody has opened it again since

    def result_of(self, task: int, timeout: float | None) -> Any:
        """Block until a task has its result; see ``Task.result``."""
        check_timeout(timeout)
        self._refuse_to_block(lambda: self._is_at_rest(task), "task.result()", "await task")
        return self._asker.run_here(self._resulting(task, timeout))

    async def await_result(self, task: int) -> Any:
        """``result_of``, without blocking the loop."""
        return await self._asker.arun(self._resulting(task, None))

    def _resulting(self, task: int, timeout: float | None) -> Asking[Any]:
        while True:
            timeout = yield from self._resting(task, timeout)
            row = self._result_row(task)
            with contextlib.suppress(Reopened):
                return (
                    self._result_in(task, row) if row[4] is None else (yield Aside(partial(self._result_in, task, row)))
                )

    def _refuse_to_block(self, is_over: Callable[[], bool], verb: str, instead: str) -> None:
        """Refuse to wait on a running event loop; what is over, as in a notebook's next cell, needs no waiting."""
        try:
            refuse_on_loop(verb, instead)
        except BlockingCall:
            if not is_over():
                raise

    def _is_at_rest(self, task: int) -> bool:
        state, is_stuck, _version = self._state(task)
        return _rests(state, is_stuck=bool(is_stuck))

    def _resting(self, task: int, timeout: float | None) -> Asking[float | None]:
        """Wait until a task has come to rest; gives what is left of the time-out."""
        self._hub.store.home.check()
        waiters = self._hub.waiters
        if self._hub.failure is not None and self._is_at_rest(task):
            return timeout
        while True:
            # Watched before it is looked at, so that no end falls between the two.
            future = waiters.watch(task)
            try:
                if self._is_at_rest(task):
                    return timeout
                timeout = yield from self._patiently(future, timeout, f"task {task} has not ended")
            finally:
                waiters.leave(task, future)

    def _patiently(self, future: ReplyFuture[None], timeout: float | None, told: str) -> Asking[float | None]:
        """Wait, at most so long; gives what is left of that."""
        clock = self._hub.runtime.clock
        began_us = clock.now().mono_us
        try:
            yield Await(future, None if timeout is None else max(0.0, timeout))
        except TimeoutError:
            raise TimeoutError(f"{told} yet; it goes on") from None
        return None if timeout is None else timeout - (clock.now().mono_us - began_us) / 1e6

    def _result(self, task: int) -> Any:
        """The result of a task that was seen at rest; raises ``Reopened`` where it no longer is."""
        return self._result_in(task, self._result_row(task))

    def _result_row(self, task: int) -> tuple[Any, ...]:
        rows = self._store.readers.query("read.task_result", task)
        if not rows:
            raise TaskNotFound(task, str(self._store.path))
        return rows[0]

    def _result_in(self, task: int, row: tuple[Any, ...]) -> Any:
        state, _is_stuck, agent, text, artifact_id, kind, size_bytes = row
        if state not in SUCCESS:
            report = self.report(task)
            if report.state in SUCCESS or not _rests(report.state, is_stuck=report.is_stuck):
                raise Reopened
            raise how_it_ended(report)
        if artifact_id is not None and kind != "json":
            return ArtifactRef(artifact_id=artifact_id, kind=kind, size_bytes=size_bytes)
        return self._typed(agent, text if artifact_id is None else self._store.load_artifact(artifact_id))

    def _typed(self, agent: str, text: str | bytes) -> Any:
        if agent not in self._hub.agents.names():
            return msgspec.json.decode(text)
        kind = self._result_types.get(agent)
        if kind is None:
            hint = self._hub.agents.get(agent).result_type
            try:
                kind = Parameter(agent, "result", hint, required=True)
            except (TypeError, ValueError, NameError, RecursionError):  # msgspec cannot make one: it stays plain data
                kind = Parameter(agent, "result", Any, required=True)
            self._result_types[agent] = kind
        try:
            return kind.decode(text)
        except InputError as error:
            raise ResultError(agent, hint_name(kind.annotation), "what is stored", error.reason) from None


def _rests(state: str, *, is_stuck: bool) -> bool:
    """Whether a task in such a state does not move by itself."""
    return state in FINAL_TASK or state == "paused" or is_stuck
