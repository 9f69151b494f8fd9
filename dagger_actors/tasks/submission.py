"""Submitting tasks: judged all, then written a thousand to a commit, with a few commits on their way at once.

What is wrong with any of them is said before one is stored. A full queue takes what there is room for and, where the
agent's ``overflow`` is ``block``, the rest as it drains.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Unpack

import msgspec

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.bodies.artifacts import artifact_row
from dagger_actors.bodies.outputs import INLINE_BYTES
from dagger_actors.core.messages import ArtifactRecord
from dagger_actors.core.protocols import Write
from dagger_actors.core.tasks import NewTask, SubmitTasks
from dagger_actors.core.wording import counted, quoted
from dagger_actors.errors import DaggerError, PayloadRefused, RequestError, TaskQueueFull
from dagger_actors.tasks.asking import Aside, Asking, Await
from dagger_actors.tasks.base import TasksBase
from dagger_actors.tasks.doors import AgentName, Door
from dagger_actors.tasks.task import Task
from dagger_actors.tasks.wishes import GivenWishes, Wishes, judge

__all__ = ["Submission"]

UNIT = 1000
"""Tasks of one commit."""

UNIT_BYTES = 1024 * 1024
"""Bytes of artifacts of one commit."""

IN_FLIGHT = 8
"""Units that are handed over and not committed: enough that the journal is never idle, few enough that memory stays flat."""

MANY = 200
"""Payloads from which an event loop has them judged on a thread."""

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


class Submission(TasksBase):
    """The verbs that submit."""

    def submit(self, agent: AgentName, payload: Any = None, **options: Unpack[GivenWishes]) -> Task:
        """Submit a task; it is durable when this returns.

        Args:
            agent: Its class, its function, or its name; by its name also one that only another process has.
            payload: What its body takes: an instance of the annotated type, or plain data that makes one; at most 1 MiB.
            **options: See ``GivenWishes``.

        Returns:
            A handle, at once.

        Raises:
            UnknownAgent: There is none of that name; names the nearest.
            PayloadRefused: It does not fit, with the path to what does not, or is too large.
            RequestError: An option has a value that it cannot have.
            UnknownDependency, TaskConflict, JobClosed: What it names is not there, taken, or takes no more.
            TaskQueueFull: As many tasks are open as may be, and the agent's ``overflow`` is ``reject``.
            TimeoutError: The same, it is ``block``, and for 30 s nothing has left the queue.
            BlockingCall: On a running event loop; use ``await tasks.asubmit(...)``.
        """
        return self._asker.run(self._submitting(agent, [payload], options), "tasks.submit()", _AWAIT)[0]

    def submit_many(self, agent: AgentName, payloads: Iterable[Any], **options: Unpack[GivenWishes]) -> list[Task]:
        """Submit a task for each payload, a thousand to a commit; all are durable when this returns.

        Args:
            agent: As for ``submit``.
            payloads: Judged all before the first is stored.
            **options: Of each of them; ``key`` is for one.

        Returns:
            Their handles, in order.

        Raises:
            Exception: As ``submit``. When a full queue, or the disk, stops it halfway, a note of the error says how many were
                submitted.
        """
        asking = self._submitting(agent, _listed(payloads), options)
        return self._asker.run(asking, "tasks.submit_many()", "await tasks.asubmit_many(...)")

    async def asubmit(self, agent: AgentName, payload: Any = None, **options: Unpack[GivenWishes]) -> Task:
        """``submit``, without blocking the loop."""
        return (await self._asker.arun(self._submitting(agent, [payload], options)))[0]

    async def asubmit_many(
        self, agent: AgentName, payloads: Iterable[Any], **options: Unpack[GivenWishes]
    ) -> list[Task]:
        """``submit_many``, without blocking the loop."""
        return await self._asker.arun(self._submitting(agent, _listed(payloads), options))

    def _submitting(self, agent: AgentName, payloads: Sequence[Any], given: Mapping[str, Any]) -> Asking[list[Task]]:
        self._refuse_closed()
        self._hub.check()
        door = self._doors.find(agent)
        wishes = judge(given, self._now_us(), count=len(payloads))
        if not payloads:
            return []
        judging = partial(_judged, door, payloads)
        drafts: list[Draft] = (yield Aside(judging)) if len(payloads) >= MANY else judging()
        if any(len(draft.text) > INLINE_BYTES for draft in drafts):
            yield Aside(partial(self._keep_large, drafts))
        if door.unknown is not None:
            yield Await(self._hub.ask((), [Write("task_agents.put", [door.unknown.row(self._now_us())], 1)]))
        job_key = yield from self._job_key(wishes.job)
        keys = yield from self._hub.keys.taking(len(drafts))
        sending = _Sending(self, door, wishes, job_key)
        return (yield from sending.run(list(zip(keys, drafts, strict=True))))

    def _keep_large(self, drafts: Iterable[Draft]) -> None:
        for draft in drafts:
            if len(draft.text) > INLINE_BYTES:
                draft.record = self._hub.artifacts.prepare(draft.text, kind="json", media_type="application/json")

    def _job_key(self, job: Any) -> Asking[int | None]:
        raise NotImplementedError


class _Sending:
    """Hands units over and waits for them."""

    def __init__(self, tasks: Submission, door: Door, wishes: Wishes, job_key: int | None) -> None:
        self._tasks = tasks
        self._hub = tasks._hub  # noqa: SLF001 - a part of it
        self._door = door
        self._wishes = wishes
        self._job_key = job_key
        self._flying: deque[Sent] = deque()
        self._is_tight = False
        self._made: list[Task] = []

    def run(self, drafts: Sequence[tuple[int, Draft]]) -> Asking[list[Task]]:
        """Write them all."""
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
        keys = [one.task_key for one in (answers[0] if answers else tasks)]
        self._made += [self._tasks._task(key) for key in keys]  # noqa: SLF001 - a part of it

    def _count_up(self, error: Exception, count: int) -> Asking[None]:
        """Others are on their way: whoever is told of the error must know what became of them."""
        while self._flying:
            sent = self._flying.popleft()
            try:
                self._landed(sent.tasks, (yield Await(sent.future)))
            except DaggerError:
                continue
        if self._made:
            ids = f"ids {self._made[0].id} to {self._made[-1].id}"
            error.add_note(f"{counted(len(self._made), 'task')} of {count:,} were submitted all the same, {ids}")

    def _squeeze(self, tasks: list[NewTask], records: list[ArtifactRecord]) -> Asking[None]:
        """Write as many as there is room for, and the rest when there is more."""
        hub, clock = self._hub, self._hub.runtime.clock
        began_us = clock.now().mono_us
        while tasks:
            self._tasks._refuse_closed()  # noqa: SLF001 - a part of it
            hub.check()
            moved = hub.waiters.next_move()
            room, capacity = self._tasks._doors.room(self._door.name)  # noqa: SLF001 - a part of it
            if room:
                sent = self._send(tasks[:room], records)
                try:
                    answers = yield Await(sent.future)
                except TaskQueueFull:  # somebody was faster
                    continue
                self._landed(sent.tasks, answers)
                tasks, began_us = tasks[room:], clock.now().mono_us
                continue
            if clock.now().mono_us - began_us >= PATIENCE_S * 1e6:
                raise TimeoutError(
                    f"the agent {self._door.name!r} has {capacity:,} open tasks, which is its capacity, and for "
                    f"{PATIENCE_S:g} s none has ended; start a worker that does them, raise the capacity, or submit later"
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
        future.add_done(partial(self._hub.has_new, self._door.name, self._wishes.due_at, self._wishes.expires_at))
        return Sent(tasks, records, future)


_AWAIT = "await tasks.asubmit(...)"


def _row(task: NewTask, now_us: int) -> tuple[Any, ...]:
    """As ``tasks.insert`` takes it."""
    return (
        task.task_key, task.agent, "ready" if task.due_at is None else "pending", task.priority, task.payload,
        task.payload_artifact_id, task.job_key, task.limit_key, task.due_at, task.expires_at, task.try_count, now_us,
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


def _judged(door: Door, payloads: Sequence[Any]) -> list[Draft]:
    drafts: list[Draft] = []
    for at, payload in enumerate(payloads):
        try:
            drafts.append(Draft(*door.encode(payload)))
        except PayloadRefused as error:
            if len(payloads) > 1:
                error.add_note(f"it is payload {at:,} of {len(payloads):,}, counted from 0; nothing was submitted")
            raise
    return drafts


def _listed(payloads: Iterable[Any]) -> Sequence[Any]:
    if isinstance(payloads, str | bytes | Mapping | msgspec.Struct) or not isinstance(payloads, Iterable):
        raise RequestError(f"payloads are a list with one payload for each task, not {quoted(payloads)}")
    return payloads if isinstance(payloads, list | tuple) else list(payloads)
