"""Operations on tasks on a real file, each in a transaction of its own as the journal runs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from dagger_actors.core.task_leases import Claim, Claimed, ClaimTasks
from dagger_actors.core.task_rows import NewTask
from dagger_actors.core.tasks import SettleEnded, SubmitTasks, TaskOperation
from dagger_actors.errors import DaggerError, RequestRefused
from dagger_actors.store.connection import open_writer, transaction
from dagger_actors.store.migrate import migrate
from dagger_actors.store.operations import Operations
from dagger_actors.store.ownership import reserve
from dagger_actors.store.statements import sql

__all__ = ["TasksOnFile"]


class TasksOnFile:
    """One database with tasks.

    Args:
        path: The database; made.
    """

    def __init__(self, path: Path) -> None:
        self.connection = open_writer(path, synchronous="normal")
        migrate(self.connection, path)
        with transaction(self.connection):
            reserve(self.connection, "task", 1_000_000)  # ids below are the test's own
        self._work = Operations(path)

    def close(self) -> None:
        self.connection.close()

    def agent(
        self,
        name: str,
        *,
        capacity: int = 10_000_000,
        per_key: int | None = None,
        rate: float | None = None,
        burst: float = 1,
    ) -> None:
        with transaction(self.connection):
            self.put("task_agents.put", (name, f"m:{name}", "{}", "{}", capacity, per_key, rate, burst, 0))

    def job(
        self,
        job_key: int,
        *,
        on_failure: str = "continue",
        stall_us: int | None = None,
        stall: str | None = None,
        now_us: int = 0,
    ) -> None:
        with transaction(self.connection):
            self.put("jobs.insert", (job_key, f"job-{job_key}", on_failure, stall_us, stall, now_us))

    def put(self, name: str, *rows: Any) -> int:
        """Execute a statement of the journal's groups inside the running transaction."""
        self.connection.execute(sql(name), (msgspec.json.encode(rows).decode(),))
        return self.connection.changes()

    def run(self, *operations: TaskOperation) -> Any:
        """Run operations in one transaction; the last one's answer. What refused it is raised as whoever asked hears it."""
        try:
            with transaction(self.connection):
                return [self._work.run(self.connection, operation) for operation in operations][-1]
        except RequestRefused as refused:
            raise refused.cause from refused

    def refusal(self, *operations: TaskOperation) -> DaggerError:
        """The error that refuses them; nothing of them stays."""
        before = self.everything()
        try:
            self.run(*operations)
        except DaggerError as error:
            assert self.everything() == before, "half stored"
            return error
        raise AssertionError(f"not refused: {operations}")

    def submit(self, *tasks: NewTask, now_us: int = 0) -> Any:
        return self.run(SubmitTasks(tasks, now_us))

    def claim(
        self, agent: str, count: int = 1, *, owner: int = 1, now_us: int = 0, starts: bool = False
    ) -> tuple[Claimed, ...]:
        return self.run(ClaimTasks(owner, (Claim(agent, count, starts),), now_us)).tasks

    def end(
        self,
        task: Claimed,
        state: str = "completed",
        *,
        owner: int = 1,
        now_us: int = 0,
        due_at: int | None = None,
        more: tuple[TaskOperation, ...] = (),
    ) -> bool:
        """End a leased task as its worker does; False when the lease was lost: nothing is written."""
        is_over = state in {"completed", "failed", "cancelled"}
        row = (
            task.task_key,
            owner,
            task.epoch,
            state,
            task.attempt + 1,
            task.try_no,
            task.crash_no,
            None,
            None,
            None,
            None,
            due_at,
            now_us,
            now_us if is_over else None,
            now_us,
        )
        try:
            with transaction(self.connection):
                if self.put("tasks.end", row) != 1:
                    raise LookupError
                if is_over:
                    self.put("task_dependencies.meet", (task.task_key,))
                    self.put("tasks.unblock", (task.task_key, now_us))
                if state in {"failed", "cancelled"}:
                    self._work.run(self.connection, SettleEnded((task.task_key,), now_us))
                for operation in more:
                    self._work.run(self.connection, operation)
        except LookupError:
            return False
        except RequestRefused as refused:
            raise refused.cause from refused
        return True

    def task(self, task_key: int) -> dict[str, Any]:
        cursor = self.connection.execute("SELECT * FROM tasks WHERE task_key = ?", (task_key,))
        names = [column[0] for column in cursor.get_description()]
        return dict(zip(names, next(cursor), strict=True))

    def states(self) -> dict[int, str]:
        """Every task's state by id; that of a stuck one is ``stuck``, of one that is held, ``held``."""
        return dict(
            self.connection.execute(
                "SELECT task_key, iif(is_stuck, 'stuck', iif(held AND state = 'ready' AND due_at IS NULL, 'held', state)) FROM tasks ORDER BY 1"
            )
        )

    def rows(self, text: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return list(self.connection.execute(text, parameters))

    def everything(self) -> list[list[tuple[Any, ...]]]:
        tables = (
            "tasks",
            "task_dependencies",
            "task_agents",
            "jobs",
            "task_stops",
            "task_attempts",
            "shared_state",
            "shared_scopes",
        )
        return [self.rows(f"SELECT * FROM {table}") for table in tables]
