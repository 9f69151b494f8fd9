"""Tasks on their way to the file: a thousand to a commit, a few commits at once, and what a full queue takes of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.bodies.artifacts import artifact_row
from dagger_actors.bodies.asking import Asking, Await
from dagger_actors.core.messages import ArtifactRecord
from dagger_actors.core.protocols import Write
from dagger_actors.core.task_rows import NewTask
from dagger_actors.core.tasks import SubmitTasks
from dagger_actors.core.wording import counted
from dagger_actors.errors import DaggerError, TaskQueueFull
from dagger_actors.tasks.agents.doors import Door
from dagger_actors.tasks.verbs.wishes import Wishes
from dagger_actors.tasks.working.hub import TaskHub

__all__ = ["Draft", "Sending"]

UNIT = 1000
"""Tasks of one commit."""

UNIT_BYTES = 1024 * 1024
"""Bytes of artifacts of one commit."""

IN_FLIGHT = 3
"""Units that are handed over and not committed: enough that the journal is never idle, and so few that a worker's claim, which
stands behind them, does not wait for long (15 ms each)."""

PATIENCE_S = 30.0
"""How long a full queue is waited for while nothing leaves it."""

POLL_S = 0.02
"""How often a full queue is looked at: another process may be the one that empties it."""


class Draft(msgspec.Struct, gc=False):
    """One payload on its way.

    Attributes:
        text: JSON text.
        limit_key: See ``NewTask``.
        record: The artifact that it is, when it is large.
    """

    text: bytes
    limit_key: str | None
    record: ArtifactRecord | None = None


class Sent(msgspec.Struct):
    """One unit that is handed over.

    Attributes:
        tasks: What it holds.
        records: Its artifacts.
        future: Brings its answers.
    """

    tasks: list[NewTask]
    records: list[ArtifactRecord]
    future: ReplyFuture[list[Any]]


class Sending:
    """Hands units over and waits for them.

    Args:
        hub: Hands them to the store.
        door: Whose they are.
        wishes: What was said with them.
        job_key: Their job's.
        trace: See ``NewTask``.
        room: How many tasks an agent takes at the moment, and its capacity.
        refuse_closed: Raises SystemClosed when the system was left.
    """

    def __init__(
        self,
        hub: TaskHub,
        door: Door,
        wishes: Wishes,
        job_key: int | None,
        *,
        trace: str | None,
        room: Callable[[str], tuple[int, int]],
        refuse_closed: Callable[[], None],
    ) -> None:
        self._hub = hub
        self._door = door
        self._room = room
        self._refuse_closed = refuse_closed
        self._wishes = wishes
        self._job_key = job_key
        self._trace = trace
        self._flying: deque[Sent] = deque()
        self._is_tight = False
        self._made: list[int] = []

    def run(self, drafts: Sequence[tuple[int, Draft]]) -> Asking[list[int]]:
        """Write them all; gives their ids, or those of the tasks that have their keys."""
        try:
            for unit in _units(drafts):
                if len(self._flying) >= IN_FLIGHT:
                    yield from self._landing()
                tasks, records = self._new(unit)
                if self._is_tight:
                    yield from self._squeeze(tasks, records)
                else:
                    self._flying.append(self._send(tasks, records))
            while self._flying:
                yield from self._landing()
        except Exception as error:
            yield from self._count_up(error, len(drafts))
            raise
        return self._made

    def _landing(self) -> Asking[None]:
        sent = self._flying[0]
        try:
            answers = yield Await(sent.future)
        except TaskQueueFull:
            self._flying.popleft()
            if self._door.overflow == "reject":
                raise
            self._is_tight = True
            yield from self._squeeze(sent.tasks, sent.records)
        else:
            self._flying.popleft()
            self._landed(sent.tasks, answers)

    def _landed(self, tasks: Sequence[NewTask], answers: Sequence[Any]) -> None:
        self._made += [one.task_key for one in (answers[0] if answers else tasks)]

    def _count_up(self, error: Exception, count: int) -> Asking[None]:
        """Others are on their way: whoever is told of the error must know what became of them."""
        while self._flying:
            sent = self._flying.popleft()
            try:
                self._landed(sent.tasks, (yield Await(sent.future)))
            except DaggerError:
                continue
        if self._made:
            ids = f"ids {self._made[0]} to {self._made[-1]}"
            error.add_note(f"{counted(len(self._made), 'task')} of {count:,} were submitted all the same, {ids}")

    def _squeeze(self, tasks: list[NewTask], records: list[ArtifactRecord]) -> Asking[None]:
        """Write as many as there is room for, and the rest when there is more."""
        hub, clock = self._hub, self._hub.runtime.clock
        began_us = clock.now().mono_us
        while tasks:
            self._refuse_closed()
            hub.check()
            moved = hub.waiters.next_move()
            room, capacity = self._room(self._door.name)
            if room:
                sent = self._send(tasks[:room], records)
                try:
                    answers = yield Await(sent.future)
                except TaskQueueFull:  # somebody was faster
                    pass
                else:
                    self._landed(sent.tasks, answers)
                    tasks, began_us = tasks[room:], clock.now().mono_us
                    continue
            if clock.now().mono_us - began_us >= PATIENCE_S * 1e6:
                raise TimeoutError(
                    f"the agent {self._door.name!r} has {counted(capacity, 'open task')}, which is its "
                    f"capacity, and for {PATIENCE_S:g} s there was no room for another; start a worker that does them, "
                    "raise the capacity, or submit later"
                )
            try:
                yield Await(moved, POLL_S)
            except TimeoutError:
                continue

    def _new(self, unit: Sequence[tuple[int, Draft]]) -> tuple[list[NewTask], list[ArtifactRecord]]:
        wishes = self._wishes
        tasks = [
            NewTask(
                key,
                self._door.name,
                draft.text.decode() if draft.record is None else None,
                None if draft.record is None else draft.record.artifact_id,
                wishes.priority,
                self._job_key,
                draft.limit_key,
                wishes.due_at,
                wishes.expires_at,
                wishes.try_count,
                wishes.depends_on,
                wishes.key,
                wishes.on_conflict,
                trace=self._trace,
            )
            for key, draft in unit
        ]
        return tasks, [draft.record for _key, draft in unit if draft.record is not None]

    def _send(self, tasks: list[NewTask], records: list[ArtifactRecord]) -> Sent:
        now_us = self._hub.runtime.clock.now().wall_us
        writes: list[Write] = []
        if records:
            writes.append(Write("artifacts.put", [artifact_row(one, now_us) for one in records], None))
        if tasks[0].is_plain:
            rows = [_row(one, now_us) for one in tasks]
            future = self._hub.ask((), [*writes, Write("tasks.insert", rows, len(rows))])
        else:
            future = self._hub.ask([SubmitTasks(tuple(tasks), now_us)], writes)
        # Not only when it is committed: the claim that follows stands behind it in the journal, often in the same commit.
        self._hub.has_new(self._door.name, self._wishes.due_at, self._wishes.expires_at)
        return Sent(tasks, records, future)


def _row(task: NewTask, now_us: int) -> tuple[Any, ...]:
    """As ``tasks.insert`` takes it."""
    return (
        task.task_key, task.agent, "ready" if task.due_at is None else "pending", task.priority, task.payload,
        task.payload_artifact_id, task.job_key, task.limit_key, task.due_at, task.expires_at, task.try_count, now_us,
        task.trace,
    )  # fmt: skip


def _units(drafts: Sequence[tuple[int, Draft]]) -> Iterable[Sequence[tuple[int, Draft]]]:
    first, size_bytes = 0, 0
    for at, (_key, draft) in enumerate(drafts):
        added = 0 if draft.record is None else len(draft.record.data)
        if at - first == UNIT or (at > first and size_bytes + added > UNIT_BYTES):
            yield drafts[first:at]
            first, size_bytes = at, 0
        size_bytes += added
    yield drafts[first:]
